// Event sourcing: appends with expected versions, the events of a key, its snapshot and state.
// docs/event-sourcing.md tells the ideas, docs/admin-api.md the fields.

#include "admin/events.h"

#include <fmt/format.h>

#include <memory>
#include <utility>
#include <vector>

#include "admin/api.h"
#include "admin/record_json.h"
#include "broker/event_store.h"

namespace weir::admin {
namespace {

using broker::Broker;
using broker::EventStore;
using catalog::Thing;

constexpr size_t kEventsMax = 1000;

// The headers that the members of an event become; a client may not give them twice.
constexpr std::string_view kOwnHeaders[] = {events::kHeaderExpectedVersion, events::kHeaderEventId,
                                            events::kHeaderEventType};

Result<SentRecord> parse_event(const Json& json) {
  Fields fields(json);
  SentRecord event;
  event.key = fields.required_text("key");
  const auto header = [&](std::string_view member, std::string_view name) {
    if (const std::string* text = fields.text(member)) {
      event.headers.push_back({std::string(name), *text});
    }
  };
  header("type", events::kHeaderEventType);
  header("id", events::kHeaderEventId);
  const Json& expected = json["expected"];
  if (expected.is(Json::Kind::kInteger)) {
    (void)fields.integer("expected", 0, UINT32_MAX);
    event.headers.push_back(
        {std::string(events::kHeaderExpectedVersion), std::to_string(expected.integer())});
  } else {
    header("expected", events::kHeaderExpectedVersion);
  }
  if (const std::string* value = fields.text("value")) event.value = *value;
  if (const std::string* base64 = fields.text("value_base64")) {
    auto bytes = from_base64(*base64);
    if (!bytes || event.value) fields.mistake("value_base64 is no base64, or value stands beside");
    if (bytes) event.value = std::move(*bytes);
  }
  if (const std::vector<Json>* headers = fields.list("headers")) {
    if (headers->size() > kHeadersMax) fields.mistake("too many headers");
    for (const Json& one : *headers) {
      SentRecord::Header given{one["name"].text(), one["value"].text()};
      for (const std::string_view own : kOwnHeaders) {
        if (given.name == own) fields.mistake(fmt::format("{} is a member of its own", own));
      }
      if (given.name.empty()) fields.mistake("a header needs a name");
      event.headers.push_back(std::move(given));
    }
  }
  if (const auto read = fields.finish(); !read) return std::unexpected(read.error());
  return event;
}

Result<std::vector<SentRecord>> parse_events(const Json& body) {
  Fields fields(body);
  const std::vector<Json>* items = fields.list("events");
  if (const auto read = fields.finish(); !read) return std::unexpected(read.error());
  if (items == nullptr || items->empty() || items->size() > kEventsMax) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("events must hold 1 to {} events", kEventsMax));
  }
  std::vector<SentRecord> events;
  for (const Json& item : *items) {
    auto event = parse_event(item);
    if (!event) return std::unexpected(event.error());
    events.push_back(std::move(*event));
  }
  return events;
}

Answer conflict_answer(const broker::VersionConflict& conflict,
                       const Error& error,
                       broker::Depends depends) {
  JsonObject body;
  body.text("code", "version_conflict").text("message", error.message);
  body.text("key", conflict.key).text("expected", conflict.expected.text());
  if (conflict.current) body.integer("current", *conflict.current);
  return answered(409, JsonObject().raw("error", body.done()).done(), depends);
}

// All events of one request are one batch, and so one commit.
Result<Answer> append(Broker& broker, const Ask& ask) {
  const auto thing = find_versioned(broker, ask.named());
  if (!thing) return std::unexpected(thing.error());
  const CellId log = (*thing)->logs.front();
  if (const auto ready = broker.events().index(log); !ready) {
    return std::unexpected(ready.error());
  }
  const auto events = parse_events(ask.body);
  if (!events) return std::unexpected(events.error());
  std::string bytes;
  log::BatchBuilder builder(bytes);
  for (const SentRecord& event : *events) {
    const auto headers = header_views(event);
    builder.add({event.key, event.value, headers, ask.now});
  }
  const log::BatchHeader header = builder.finish();
  const auto done = broker.append(log, {header, Bytes::take(std::move(bytes))}, ask.now);
  if (!done) {
    const auto& conflict = broker.events().conflict();
    if (!conflict) return std::unexpected(done.error());
    return conflict_answer(*conflict, done.error(), broker.log_depends(log));
  }
  const auto index = broker.events().index(log);
  JsonList stored;
  for (size_t i = 0; i < events->size(); ++i) {
    const Offset offset = done->base_offset + static_cast<int64_t>(i);
    stored.raw(JsonObject()
                   .text("key", *(*events)[i].key)
                   .integer("version", (*index)->version_at(offset).value_or(0))
                   .integer("position", offset.value())
                   .done());
  }
  return answered(
      done->duplicate ? 200 : 201,
      JsonObject().flag("duplicate", done->duplicate).raw("events", stored.done()).done(),
      done->depends);
}

Result<Answer> snapshot(Broker& broker, const Ask& ask) {
  Fields fields(ask.body);
  EventStore::Snapshot snapshot;
  snapshot.key = ask.request.name("key");
  const auto version = fields.integer("version", 0, UINT32_MAX);
  snapshot.value = fields.required_text("value");
  if (!version) fields.mistake("version is missing: the last one that the snapshot contains");
  if (const auto read = fields.finish(); !read) return std::unexpected(read.error());
  snapshot.version = static_cast<events::Version>(*version);
  const auto stored = broker.events().put_snapshot(ask.named(), snapshot, ask.now);
  if (!stored) return std::unexpected(stored.error());
  return answered(200, JsonObject().text("key", snapshot.key).integer("version", *version).done(),
                  *stored);
}

std::string key_json(const EventStore::KeyRead& request, const EventStore::KeyEvents& found) {
  JsonObject answer;
  answer.text("key", request.key);
  if (found.last) answer.integer("version", *found.last);
  if (found.snapshot) {
    JsonObject snapshot;
    snapshot.integer("version", *found.snapshot_version)
        .text("value", found.snapshot->record.value.value_or(""));
    answer.raw("snapshot", snapshot.done());
  }
  JsonList events;
  size_t told = 0;
  for (; told < found.records.size() && events.bytes() < Page::kBytesMax; ++told) {
    events.raw(event_json(found.records[told].record, found.versions[told]));
  }
  answer.raw("events", events.done());
  // Where to go on, in the same direction.
  if (told > 0 && request.backwards && found.versions[told - 1] > 0) {
    answer.integer("next", int64_t{found.versions[told - 1]} - 1);
  } else if (told > 0 && !request.backwards && found.versions[told - 1] < *found.last) {
    answer.integer("next", int64_t{found.versions[told - 1]} + 1);
  }
  return answer.done();
}

void read_key(Broker& broker,
              const Ask& ask,
              bool with_snapshot,
              const std::shared_ptr<net::HttpResponder>& responder) {
  const auto send = [&broker, responder](Result<Answer> result) {
    Answer answer = result ? std::move(*result) : refused(broker, result.error());
    responder->send(std::move(answer.response), answer.depends.lsn, answer.depends.durability);
  };
  const auto limit = ask.number("limit", kPageDefault, 1, kPageMax);
  if (!limit) return send(std::unexpected(limit.error()));
  const auto from = ask.number("from", -1, 0, UINT32_MAX);
  if (!from) return send(std::unexpected(from.error()));
  const std::string direction = ask.parameter("direction");
  if (!direction.empty() && direction != "forwards" && direction != "backwards") {
    return send(fail(ErrorCode::kInvalidArgument, "direction must be forwards or backwards"));
  }
  EventStore::KeyRead request{.topic = ask.named(),
                              .key = ask.request.name("key"),
                              .from = {},
                              .backwards = direction == "backwards",
                              .limit = static_cast<uint32_t>(*limit),
                              .with_snapshot = with_snapshot};
  if (*from >= 0) request.from = static_cast<uint64_t>(*from);
  broker.events().read_key(request, [send, request](Result<EventStore::KeyEvents> found) {
    if (!found) return send(std::unexpected(found.error()));
    const broker::Depends depends = found->depends;
    send(answered(200, key_json(request, *found), depends));
  });
}

void add_key_endpoint(const Api& api, std::string_view pattern, bool with_snapshot) {
  api.router.add("GET", pattern,
                 [&owned = api.broker, &clock = api.clock, with_snapshot](
                     Request request, net::HttpResponder responder) {
                   auto shared = std::make_shared<net::HttpResponder>(std::move(responder));
                   owned.call([&clock, with_snapshot, request = std::move(request),
                               shared = std::move(shared)](Broker& broker) mutable {
                     const Ask ask{std::move(request), {}, clock.now()};
                     read_key(broker, ask, with_snapshot, shared);
                   });
                 });
}

}  // namespace

Result<const Thing*> find_versioned(const Broker& broker, const catalog::Name& name) {
  const auto thing = find_thing(broker, name, catalog::Kind::kTopic);
  if (!thing) return thing;
  if (!broker::has_versions(**thing)) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} has no versions of keys: make a topic with \"events\": true "
                            "(weir topic create --events)",
                            name.name));
  }
  return thing;
}

std::string event_json(const log::ReadRecord& record, std::optional<events::Version> version) {
  JsonObject event;
  event.integer("position", record.offset.value());
  if (record.key) event.text("key", *record.key);
  if (version) event.integer("version", *version);
  const auto member = [&](std::string_view name, std::string_view header) {
    if (const auto text = record.headers.find(header)) event.text(name, *text);
  };
  member("type", events::kHeaderEventType);
  member("id", events::kHeaderEventId);
  event.integer("timestamp_ms", record.timestamp.ms());
  if (record.value && is_utf8(*record.value)) event.text("value", *record.value);
  if (record.value && !is_utf8(*record.value)) {
    event.text("value_base64", to_base64(*record.value));
  }
  JsonList headers;
  for (const log::RecordHeader& header : record.headers) {
    if (std::ranges::find(kOwnHeaders, header.key) != std::end(kOwnHeaders)) continue;
    headers.raw(
        JsonObject().text("name", header.key).text("value", header.value.value_or("")).done());
  }
  if (!headers.empty()) event.raw("headers", headers.done());
  return event.done();
}

void add_event_endpoints(const Api& api) {
  api.add("POST", "/api/v1/topics/{name}/events", append, true);
  api.add("PUT", "/api/v1/topics/{name}/keys/{key}/snapshot", snapshot, true);
  add_key_endpoint(api, "/api/v1/topics/{name}/keys/{key}/events", false);
  add_key_endpoint(api, "/api/v1/topics/{name}/keys/{key}/state", true);
  add_event_feed(api);
}

}  // namespace weir::admin
