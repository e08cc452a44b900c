// Groups: Kafka's consumer groups (members, committed offsets, lag) and the groups of Redis streams
// (consumers and what is pending with them).

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "admin/api.h"
#include "broker/group_cell.h"

namespace weir::admin {
namespace {

using broker::Broker;
using broker::GroupCell;
using catalog::Thing;

// What a page shows of one group at most.
constexpr size_t kOffsetsShown = 1000;
constexpr size_t kMembersShown = 1000;
// A page's cursor says which kind of group comes next, and from which name.
constexpr std::string_view kFromConsumers = "c:";
constexpr std::string_view kFromStreams = "s:";

struct Described {
  std::string json;
  broker::Depends depends;
};

// ---- Kafka's

// Of any machine: the classic protocol's, KIP-848's or that of Kafka Streams.
template <typename Members>
std::string members_json(const Members& members) {
  JsonList list;
  size_t shown = 0;
  for (const auto& [id, member] : members) {
    if (shown++ == kMembersShown) break;
    JsonObject one;
    one.text("id", id).text("client", member.client_id).text("host", member.client_host);
    if constexpr (requires { member.instance_id; }) {
      if (member.instance_id) one.text("instance", *member.instance_id);
    }
    list.raw(one.done());
  }
  return list.done();
}

std::string_view state_of(const GroupCell& group) {
  switch (group.kind) {
    case broker::GroupKind::kClassic: return group::to_string(group.members.state());
    case broker::GroupKind::kConsumer: return group::to_string(group.consumers.state());
    case broker::GroupKind::kStreams: return group::to_string(group.streams.state());
  }
  return "";
}

void add_members(const GroupCell& group, JsonObject& object) {
  switch (group.kind) {
    case broker::GroupKind::kClassic:
      object.integer("generation", group.members.generation())
          .text("assignor", group.members.protocol())
          .raw("members", members_json(group.members.members()));
      return;
    case broker::GroupKind::kConsumer:
      object.integer("generation", group.consumers.epoch())
          .text("assignor", group::to_string(group.consumers.assignor()))
          .raw("members", members_json(group.consumers.members()));
      return;
    case broker::GroupKind::kStreams:
      object.integer("generation", group.streams.epoch())
          .text("assignor", "sticky")
          .raw("members", members_json(group.streams.members()));
      return;
  }
}

Described consumer_group(Broker& broker, const catalog::Name& name, CellId id, bool details) {
  const auto& group = broker.cell<GroupCell>(id);
  JsonList offsets;
  int64_t lag = 0;
  size_t shown = 0;
  for (const auto& [partition, committed] : group.offsets.all()) {
    const Thing* thing =
        broker.catalog().find(catalog::Uuid{partition.topic.high, partition.topic.low});
    if (thing == nullptr || partition.partition >= thing->logs.size()) continue;
    const CellId log_id = thing->logs[partition.partition];
    const int64_t end = broker.visible_end(log_id, broker::Visibility::kSafe).value();
    const int64_t start = broker.find_log(log_id)->start().value();
    // Clients may commit -1 or -2: from the end, from the start.
    const int64_t behind = std::max<int64_t>(0, end - std::max(committed.offset, start));
    lag += behind;
    if (!details || shown++ >= kOffsetsShown) continue;
    offsets.raw(JsonObject()
                    .text("topic", thing->name.name)
                    .integer("partition", partition.partition)
                    .integer("offset", committed.offset)
                    .integer("end", end)
                    .integer("lag", behind)
                    .done());
  }
  JsonObject object;
  object.text("name", name.name)
      .text("namespace", name.space)
      .text("kind", "consumer")
      .text("state", state_of(group))
      .integer("member_count", static_cast<int64_t>(group.members.members().size() +
                                                    group.consumers.members().size() +
                                                    group.streams.members().size()))
      .integer("lag", lag);
  if (details) add_members(group, object);
  if (details) object.raw("offsets", offsets.done());
  return {object.done(), both(broker.catalog_depends(), broker.cell_depends(id))};
}

// ---- Redis streams'

std::string consumers_json(const queue::Queue& state) {
  JsonList list;
  size_t shown = 0;
  for (const auto& [id, consumer] : state.consumers().all()) {
    if (shown++ == kMembersShown) break;
    list.raw(JsonObject()
                 .text("name", consumer.name)
                 .integer("pending", static_cast<int64_t>(consumer.held.count()))
                 .integer("active_ms", consumer.active.ms())
                 .done());
  }
  return list.done();
}

Described stream_group(Broker& broker,
                       const Thing& topic,
                       const std::string& name,
                       CellId id,
                       Timestamp now,
                       bool details) {
  const queue::Queue* state = broker.find_queue(id, now);
  const queue::Counts counts = state == nullptr ? queue::Counts{} : state->counts();
  const int64_t lag = state == nullptr ? 0 : state->end() - std::min(state->next(), state->end());
  JsonObject object;
  object.text("name", name)
      .text("namespace", topic.name.space)
      .text("kind", "stream")
      .text("topic", topic.name.name)
      .integer("pending", static_cast<int64_t>(counts.leased))
      .integer("lag", lag);
  if (state != nullptr) {
    object.integer("next", state->next().value())
        .integer("member_count", static_cast<int64_t>(state->consumers().size()));
    if (details) object.raw("consumers", consumers_json(*state));
  }
  return {object.done(), both(broker.catalog_depends(), broker.queue_depends(id))};
}

// ---- listing: consumer groups by name first, then stream groups by topic

void list_consumer_groups(Broker& broker,
                          const std::string& space,
                          std::string_view from,
                          Page& page) {
  broker.catalog().each_group([&](const catalog::Name& name, CellId id) {
    if (name.space != space || name.name < from) return true;
    if (!page.has_room(std::string(kFromConsumers) + name.name)) return false;
    page.looked_at(1 + broker.cell<GroupCell>(id).offsets.all().size());
    const Described group = consumer_group(broker, name, id, false);
    page.add(group.json, group.depends);
    return true;
  });
}

// All groups of a topic come on one page.
void list_stream_groups(
    Broker& broker, const std::string& space, std::string_view from, Timestamp now, Page& page) {
  broker.catalog().each_thing(space, from, [&](const Thing& thing) {
    if (!page.has_room(std::string(kFromStreams) + thing.name.name)) return false;
    page.looked_at(1 + thing.stream_groups.size());
    for (const auto& [name, id] : thing.stream_groups) {
      const Described group = stream_group(broker, thing, name, id, now, false);
      page.add(group.json, group.depends);
    }
    return true;
  });
}

Result<Answer> list(Broker& broker, const Ask& ask) {
  auto page = Page::of(broker, ask);
  if (!page) return std::unexpected(page.error());
  std::string_view from = page->from();
  const bool streams_only = from.starts_with(kFromStreams);
  if (streams_only || from.starts_with(kFromConsumers)) from.remove_prefix(2);
  if (!streams_only) list_consumer_groups(broker, ask.space(), from, *page);
  if (!page->ended()) {
    const std::string_view topic = streams_only ? from : std::string_view();
    list_stream_groups(broker, ask.space(), topic, ask.now, *page);
  }
  return page->answer("groups");
}

Result<Answer> describe_stream_group(Broker& broker, const Ask& ask, const std::string& topic) {
  const std::string& name = ask.request.name("name");
  const auto thing = find_any(broker, {ask.space(), topic});
  if (!thing) return std::unexpected(thing.error());
  const auto group = (*thing)->stream_groups.find(name);
  if (group == (*thing)->stream_groups.end()) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no group {} of {}", name, topic));
  }
  Described described = stream_group(broker, **thing, name, group->second, ask.now, true);
  return answered(200, std::move(described.json), described.depends);
}

// ?topic= names the topic of a stream group.
Result<Answer> describe(Broker& broker, const Ask& ask) {
  if (const std::string topic = ask.parameter("topic"); !topic.empty()) {
    return describe_stream_group(broker, ask, topic);
  }
  const catalog::Name name = ask.named();
  const auto id = broker.catalog().find_group(name);
  if (!id) {
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no consumer group {}; a stream's group is named together "
                            "with its topic",
                            name.name));
  }
  Described described = consumer_group(broker, name, *id, true);
  return answered(200, std::move(described.json), described.depends);
}

}  // namespace

void add_group_endpoints(const Api& api) {
  api.add("GET", "/api/v1/groups", list);
  api.add("GET", "/api/v1/groups/{name}", describe);
}

}  // namespace weir::admin
