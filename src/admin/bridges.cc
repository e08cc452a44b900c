// Bridges: what moves by itself inside the broker. docs/bridges.md describes them.

#include "admin/bridges.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "admin/api.h"

namespace weir::admin {
namespace {

using broker::Broker;
using catalog::BridgeTrigger;
using catalog::Kind;

std::string_view word_of(BridgeTrigger trigger) {
  switch (trigger) {
    case BridgeTrigger::kRecord: return "record";
    case BridgeTrigger::kAck: return "ack";
    case BridgeTrigger::kDeadLetter: return "dead-letter";
    case BridgeTrigger::kExpiry: return "expiry";
    case BridgeTrigger::kMessage: return "message";
  }
  return "record";
}

// "topic:payments"; an end that is gone has no kind any more.
std::string end_text(const Broker& broker, const catalog::Name& name) {
  const catalog::Thing* thing = broker.catalog().find(name);
  if (thing == nullptr) return name.name;
  return fmt::format("{}:{}", admin::word_of(thing->kind), name.name);
}

std::string bridge_json(const Broker& broker, const Broker::BridgeStatus& status) {
  const catalog::Bridge& bridge = *status.bridge;
  const std::string_view state = bridge.paused             ? "paused"
                                 : !status.problem.empty() ? "problem"
                                                           : "running";
  const broker::BridgeCounts& counts = status.counts;
  JsonObject object;
  object.text("name", bridge.name)
      .text("namespace", bridge.from.space)
      .text("from", end_text(broker, bridge.from))
      .text("to", end_text(broker, bridge.to))
      .text("on", word_of(bridge.trigger))
      .text("filter", bridge.filter)
      .text("group", bridge.group)
      .text("deduplication", bridge.deduplication)
      .text("delay", bridge.delay)
      .text("priority", bridge.priority)
      .text("state", state)
      .integer("moved", static_cast<int64_t>(counts.moved))
      .integer("moved_per_minute", std::llround(counts.per_second * 60))
      .integer("last_moved_ms", counts.last_moved.ms())
      .integer("passed_over", static_cast<int64_t>(counts.passed_over))
      .integer("failures", static_cast<int64_t>(counts.failures))
      .integer("lag", status.lag)
      .integer("missed", static_cast<int64_t>(status.missed))
      .text("problem", status.problem);
  return object.integer("created_ms", bridge.created.ms()).done();
}

// "topic:payments" or "queue:payment-work": the kind is said so that a slip of the name shows.
Result<catalog::Name> parse_end(const Broker& broker,
                                const std::string& space,
                                const std::string& text) {
  const size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  if (colon == std::string::npos || (kind != "topic" && kind != "queue")) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is not of the form topic:NAME or queue:NAME", text));
  }
  catalog::Name name{space, text.substr(colon + 1)};
  const auto found = find_thing(broker, name, kind == "topic" ? Kind::kTopic : Kind::kQueue);
  if (!found) return std::unexpected(found.error());
  return name;
}

Result<BridgeTrigger> parse_trigger(const std::string& word) {
  for (const auto trigger :
       {BridgeTrigger::kRecord, BridgeTrigger::kAck, BridgeTrigger::kDeadLetter,
        BridgeTrigger::kExpiry, BridgeTrigger::kMessage}) {
    if (word_of(trigger) == word) return trigger;
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("on must be record, ack, dead-letter, expiry or message, not {}", word));
}

Result<Answer> list(Broker& broker, const Ask& ask) {
  auto page = Page::of(broker, ask);
  if (!page) return std::unexpected(page.error());
  for (const Broker::BridgeStatus& status : broker.bridges()) {
    if (status.bridge->name < page->from()) continue;
    if (!page->has_room(status.bridge->name)) break;
    page->add(bridge_json(broker, status));
  }
  return page->answer("bridges");
}

}  // namespace

Result<Answer> bridge_answer(const Broker& broker,
                             const std::string& name,
                             int status,
                             broker::Depends depends) {
  for (const Broker::BridgeStatus& bridge : broker.bridges()) {
    if (bridge.bridge->name == name) {
      return answered(status, bridge_json(broker, bridge), depends);
    }
  }
  return fail(ErrorCode::kNotFound, fmt::format("there is no bridge {}", name));
}

namespace {

Result<Answer> describe(Broker& broker, const Ask& ask) {
  return bridge_answer(broker, ask.request.name("name"), 200, broker.catalog_depends());
}

Result<Answer> create(Broker& broker, const Ask& ask) {
  Fields fields(ask.body);
  catalog::Bridge bridge;
  bridge.name = fields.required_text("name");
  const std::string from = fields.required_text("from");
  const std::string to = fields.required_text("to");
  const std::string* on = fields.text("on");
  if (const std::string* filter = fields.text("filter")) bridge.filter = *filter;
  if (const std::string* group = fields.text("group")) bridge.group = *group;
  if (const std::string* id = fields.text("deduplication")) bridge.deduplication = *id;
  if (const std::string* delay = fields.text("delay")) bridge.delay = *delay;
  if (const std::string* priority = fields.text("priority")) bridge.priority = *priority;
  if (const auto read = fields.finish(); !read) return std::unexpected(read.error());
  if (on != nullptr) {
    const auto trigger = parse_trigger(*on);
    if (!trigger) return std::unexpected(trigger.error());
    bridge.trigger = *trigger;
  }
  auto source = parse_end(broker, ask.space(), from);
  if (!source) return std::unexpected(source.error());
  auto target = parse_end(broker, ask.space(), to);
  if (!target) return std::unexpected(target.error());
  bridge.from = std::move(*source);
  bridge.to = std::move(*target);
  const auto created = broker.create_bridge(bridge, ask.now);
  if (!created) return std::unexpected(created.error());
  return bridge_answer(broker, bridge.name, 201, *created);
}

Result<Answer> set_paused(Broker& broker, const Ask& ask, bool paused) {
  const std::string& name = ask.request.name("name");
  const auto changed = broker.pause_bridge(name, paused, ask.now);
  if (!changed) return std::unexpected(changed.error());
  return bridge_answer(broker, name, 200, *changed);
}

Result<Answer> pause(Broker& broker, const Ask& ask) {
  return set_paused(broker, ask, true);
}

Result<Answer> resume(Broker& broker, const Ask& ask) {
  return set_paused(broker, ask, false);
}

Result<Answer> remove(Broker& broker, const Ask& ask) {
  const std::string& name = ask.request.name("name");
  const auto removed = broker.remove_bridge(name, ask.now);
  if (!removed) return std::unexpected(removed.error());
  return answered(200, JsonObject().text("name", name).flag("removed", true).done(), *removed);
}

}  // namespace

void add_bridge_endpoints(const Api& api) {
  api.add("GET", "/api/v1/bridges", list);
  api.add("POST", "/api/v1/bridges", create);
  api.add("GET", "/api/v1/bridges/{name}", describe);
  api.add("DELETE", "/api/v1/bridges/{name}", remove);
  api.add("POST", "/api/v1/bridges/{name}/pause", pause);
  api.add("POST", "/api/v1/bridges/{name}/resume", resume);
  add_bridge_seek_endpoint(api);
}

}  // namespace weir::admin
