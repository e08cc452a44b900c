#include "admin/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace weir::admin {
namespace {

using catalog::Kind;
using catalog::Thing;

constexpr int64_t kRetentionMax = int64_t{1} << 60;

std::string_view word_of(Durability durability) {
  switch (durability) {
    case Durability::kFsync: return "fsync";
    case Durability::kOs: return "os";
    case Durability::kTransient: return "transient";
  }
  return "fsync";
}

// Whether an error is of the machine alone, and says nothing of stored state.
bool is_stateless(ErrorCode code) {
  return code == ErrorCode::kStorageUnavailable || code == ErrorCode::kOverloaded ||
         code == ErrorCode::kShuttingDown;
}

}  // namespace

std::string Ask::parameter(std::string_view name) const {
  return net::query_parameter(request.http.query(), name);
}

std::string Ask::space() const {
  return parameter("namespace");
}

catalog::Name Ask::named(std::string_view placeholder) const {
  return {space(), request.name(placeholder)};
}

Result<int64_t> Ask::number(std::string_view name,
                            int64_t fallback,
                            int64_t least,
                            int64_t most) const {
  if (!net::has_query_parameter(request.http.query(), name)) return fallback;
  const std::string text = parameter(name);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} must be a whole number from {} to {}", name, least, most));
  }
  return value;
}

void Api::add(std::string method,
              std::string_view pattern,
              Handler handler,
              bool brings_data) const {
  router.add(
      std::move(method), pattern,
      [&broker = broker, &clock = clock, bounds = bounds, handler, brings_data](
          Request request, net::HttpResponder responder) {
        Json body;
        if (!request.http.body.empty()) {
          auto parsed = Json::parse(request.http.body);
          if (!parsed) return responder.send(error_response(parsed.error()));
          body = std::move(*parsed);
        }
        responder.set_producing(brings_data);
        broker.call([handler, &clock, bounds, request = std::move(request), body = std::move(body),
                     responder = std::move(responder)](broker::Broker& self) mutable {
          const Ask ask{std::move(request), std::move(body), clock.now(), bounds};
          auto result = handler(self, ask);
          Answer answer = result ? std::move(*result) : refused(self, result.error());
          responder.send(std::move(answer.response), answer.depends.lsn, answer.depends.durability);
        });
      });
}

void add_broker_endpoints(Router& router,
                          runtime::Owned<broker::Broker>& broker,
                          runtime::Clock& clock,
                          const QueueBounds& bounds) {
  const Api api{router, broker, clock, bounds};
  add_topic_endpoints(api);
  add_queue_endpoints(api);
  add_group_endpoints(api);
  add_bridge_endpoints(api);
  add_produce_endpoints(api);
  add_browse_endpoints(api);
  add_event_endpoints(api);
  add_message_endpoints(api);
  add_redrive_endpoints(api);
  add_user_endpoints(api);
}

Result<Page> Page::of(const broker::Broker& broker, const Ask& ask) {
  const auto limit = ask.number("limit", kPageDefault, 1, kPageMax);
  if (!limit) return std::unexpected(limit.error());
  Page page;
  page.limit_ = static_cast<size_t>(*limit);
  page.from_ = ask.parameter("from");
  page.depends_ = broker.catalog_depends();
  return page;
}

bool Page::has_room(std::string name) {
  const bool room = count_ < limit_ && looks_ < kLooksMax && items_.bytes() < kBytesMax;
  if (!room) next_ = std::move(name);
  return room;
}

void Page::add(std::string_view json, broker::Depends depends) {
  items_.raw(json);
  depends_ = both(depends_, depends);
  ++count_;
}

Answer Page::answer(std::string_view key) {
  JsonObject page;
  page.raw(key, items_.done());
  if (!next_.empty()) page.text("next", next_);
  return answered(200, page.done(), depends_);
}

Answer answered(int status, std::string json, broker::Depends depends) {
  return {net::HttpResponse::json(status, std::move(json) + "\n"), depends};
}

broker::Depends both(broker::Depends a, broker::Depends b) {
  return {std::max(a.lsn, b.lsn), std::min(a.durability, b.durability)};
}

Answer refused(const broker::Broker& broker, const Error& error) {
  return {error_response(error),
          is_stateless(error.code) ? broker::Depends{} : broker.catalog_depends()};
}

Result<const Thing*> find_any(const broker::Broker& broker, const catalog::Name& name) {
  const Thing* thing = broker.catalog().find(name);
  if (thing == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no topic or queue {}", name.name));
  }
  return thing;
}

Result<const Thing*> find_thing(const broker::Broker& broker,
                                const catalog::Name& name,
                                Kind kind) {
  const Thing* thing = broker.catalog().find(name);
  if (thing == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no {} {}", word_of(kind), name.name));
  }
  if (thing->kind != kind) {
    return fail(ErrorCode::kWrongKind, fmt::format("{} is a {}, not a {}", name.name,
                                                   word_of(thing->kind), word_of(kind)));
  }
  return thing;
}

Result<Answer> remove_thing(broker::Broker& broker, const Ask& ask, Kind kind) {
  const catalog::Name name = ask.named();
  if (const auto found = find_thing(broker, name, kind); !found) {
    return std::unexpected(found.error());
  }
  const auto removed = broker.remove(name, ask.now);
  if (!removed) return std::unexpected(removed.error());
  return answered(200, JsonObject().text("name", name.name).flag("removed", true).done(), *removed);
}

void read_log_policy(Fields& fields, catalog::LogPolicy& policy) {
  if (const auto ms = fields.integer("retention_ms", catalog::kUnlimited, kRetentionMax)) {
    policy.retention_ms = *ms;
  }
  if (const auto bytes = fields.integer("retention_bytes", catalog::kUnlimited, kRetentionMax)) {
    policy.retention_bytes = *bytes;
  }
  if (const auto until = fields.integer("locked_until_ms", 0, kRetentionMax)) {
    policy.locked_until = Timestamp(*until);
  }
  if (const std::string* word = fields.text("durability")) {
    bool known = false;
    for (const auto durability : {Durability::kFsync, Durability::kOs, Durability::kTransient}) {
      if (word_of(durability) != *word) continue;
      policy.durability = durability;
      known = true;
    }
    if (!known) fields.mistake("durability must be fsync, os or transient");
  }
}

void write_log_policy(JsonObject& object, const catalog::LogPolicy& policy) {
  object.integer("retention_ms", policy.retention_ms)
      .integer("retention_bytes", policy.retention_bytes)
      .flag("compacted", policy.compaction.has_value())
      .integer("locked_until_ms", policy.locked_until.ms())
      .text("durability", word_of(policy.durability));
}

std::string_view word_of(Kind kind) {
  switch (kind) {
    case Kind::kTopic: return "topic";
    case Kind::kQueue: return "queue";
  }
  return "topic";
}

std::string_view word_of(catalog::Origin origin) {
  switch (origin) {
    case catalog::Origin::kNone: return "none";
    case catalog::Origin::kKafka: return "kafka";
    case catalog::Origin::kSqs: return "sqs";
    case catalog::Origin::kRedis: return "redis";
    case catalog::Origin::kAmqp: return "amqp";
    case catalog::Origin::kAdmin: return "admin";
  }
  return "none";
}

}  // namespace weir::admin
