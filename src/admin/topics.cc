// Topics, and the log of a queue as one: listing, creation, removal.

#include <fmt/format.h>

#include <utility>

#include "admin/api.h"
#include "broker/event_store.h"

namespace weir::admin {
namespace {

using broker::Broker;
using catalog::Kind;
using catalog::Thing;

constexpr int64_t kPartitionsMax = 10'000;
// Partitions that are described one by one; of more only the sums are shown.
constexpr size_t kPartitionsShown = 1000;

// How far the index of the keys' versions is.
std::string versions_json(const Broker& broker, const Thing& thing) {
  const auto state = broker.events().state(thing.logs.front());
  if (!state) return "{}";
  JsonObject object;
  object
      .text("state", state->complete          ? "ready"
                     : state->problem.empty() ? "rebuilding"
                                              : "problem")
      .integer("keys", static_cast<int64_t>(state->keys))
      .integer("counted_to", state->next.value())
      .integer("bytes", static_cast<int64_t>(state->bytes));
  if (!state->complete) object.text("problem", state->problem);
  return object.done();
}

std::string topic_json(const Broker& broker, const Thing& thing) {
  JsonList partitions;
  int64_t records = 0;
  uint64_t bytes = 0;
  for (size_t i = 0; i < thing.logs.size(); ++i) {
    const log::Log* log = broker.find_log(thing.logs[i]);
    if (log == nullptr) continue;
    const Offset end = broker.visible_end(thing.logs[i], broker::Visibility::kSafe);
    records += end - std::min(log->start(), end);
    bytes += log->bytes();
    if (i >= kPartitionsShown) continue;
    partitions.raw(JsonObject()
                       .integer("partition", static_cast<int64_t>(i))
                       .integer("start", log->start().value())
                       .integer("end", end.value())
                       .integer("bytes", static_cast<int64_t>(log->bytes()))
                       .done());
  }
  JsonObject object;
  object.text("name", thing.name.name)
      .text("namespace", thing.name.space)
      .text("kind", word_of(thing.kind))
      .text("origin", word_of(thing.origin))
      .integer("created_ms", thing.created.ms())
      .integer("partition_count", static_cast<int64_t>(thing.logs.size()))
      .integer("records", records)
      .integer("bytes", static_cast<int64_t>(bytes));
  write_log_policy(object, thing.log_policy);
  object.flag("events", broker::has_versions(thing));
  if (broker::has_versions(thing)) object.raw("versions", versions_json(broker, thing));
  return object.raw("partitions", partitions.done()).done();
}

Result<Answer> list(Broker& broker, const Ask& ask) {
  auto page = Page::of(broker, ask);
  if (!page) return std::unexpected(page.error());
  broker.catalog().each_thing(ask.space(), page->from(), [&](const Thing& thing) {
    if (!page->has_room(thing.name.name)) return false;
    page->looked_at(thing.logs.size());
    if (thing.kind == Kind::kTopic) page->add(topic_json(broker, thing));
    return true;
  });
  return page->answer("topics");
}

Result<Answer> describe(Broker& broker, const Ask& ask) {
  const auto thing = find_any(broker, ask.named());
  if (!thing) return std::unexpected(thing.error());
  return answered(200, topic_json(broker, **thing), broker.catalog_depends());
}

void read_events_flag(Fields& fields, catalog::Properties& properties) {
  const auto versions = fields.flag("events");
  if (!versions) return;
  const std::string property(broker::kEventsProperty);
  if (*versions) {
    properties[property] = "true";
  } else {
    properties.erase(property);
  }
}

Result<Answer> create(Broker& broker, const Ask& ask) {
  Fields fields(ask.body);
  broker::TopicSpec spec;
  spec.name = {ask.space(), fields.required_text("name")};
  spec.origin = catalog::Origin::kAdmin;
  spec.partitions =
      static_cast<uint32_t>(fields.integer("partitions", 1, kPartitionsMax).value_or(1));
  read_log_policy(fields, spec.log);
  read_events_flag(fields, spec.properties);
  if (const auto read = fields.finish(); !read) return std::unexpected(read.error());
  const auto created = broker.create_topic(spec, ask.now);
  if (!created) return std::unexpected(created.error());
  return answered(201, topic_json(broker, *created->thing), created->depends);
}

Result<Answer> alter(Broker& broker, const Ask& ask) {
  const auto known = find_thing(broker, ask.named(), Kind::kTopic);
  if (!known) return std::unexpected(known.error());
  Thing altered = **known;
  Fields fields(ask.body);
  read_log_policy(fields, altered.log_policy);
  read_events_flag(fields, altered.properties);
  const auto partitions = fields.integer("partitions", 1, kPartitionsMax);
  if (const auto read = fields.finish(); !read) return std::unexpected(read.error());
  const Broker::Turn turn(broker, ask.now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  if (partitions && static_cast<size_t>(*partitions) != altered.logs.size()) {
    const auto more =
        broker.add_partitions(altered.name, static_cast<uint32_t>(*partitions), ask.now);
    if (!more) return std::unexpected(more.error());
    altered.logs = more->thing->logs;
  }
  const auto changed = broker.alter(altered, ask.now);
  if (!changed) return std::unexpected(changed.error());
  return answered(200, topic_json(broker, *changed->thing), changed->depends);
}

Result<Answer> remove(Broker& broker, const Ask& ask) {
  return remove_thing(broker, ask, Kind::kTopic);
}

}  // namespace

void add_topic_endpoints(const Api& api) {
  api.add("GET", "/api/v1/topics", list);
  api.add("POST", "/api/v1/topics", create);
  api.add("GET", "/api/v1/topics/{name}", describe);
  api.add("PATCH", "/api/v1/topics/{name}", alter);
  api.add("DELETE", "/api/v1/topics/{name}", remove);
}

}  // namespace weir::admin
