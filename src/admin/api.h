#pragma once
// The JSON API over the broker, /api/v1: what the command line asks and the console will.
// docs/admin-api.md describes it. Each noun has a file of its own with handlers; api.cc carries a
// request to the state shard and its answer back.
//
// Durability: an answer leaves when everything that it tells has reached the watermark of its
// policy; an error that comes of stored state waits for the catalog.
//
// Thread: the body is parsed on the connection's shard; handlers run on the state shard and never
// block.

#include <cstdint>
#include <string>
#include <string_view>

#include "admin/fields.h"
#include "admin/json.h"
#include "admin/router.h"
#include "base/error.h"
#include "base/time.h"
#include "broker/broker.h"
#include "runtime/clock.h"
#include "runtime/owned.h"

namespace weir::admin {

// What queues and their messages may be.
struct QueueBounds {
  int64_t delay_ms = 15 * 60'000;
  int64_t message_bytes = 1 << 20;
};

// A request as a handler sees it.
struct Ask {
  Request request;
  Json body;  // null when there is none
  Timestamp now;
  QueueBounds bounds = {};

  // ?namespace= and the name in the path.
  catalog::Name named(std::string_view placeholder = "name") const;
  std::string space() const;
  std::string parameter(std::string_view name) const;
  // A whole number from the query; `fallback` when absent. kInvalidArgument.
  Result<int64_t> number(std::string_view name,
                         int64_t fallback,
                         int64_t least,
                         int64_t most) const;
};

struct Answer {
  net::HttpResponse response;
  broker::Depends depends;
};

using Handler = Result<Answer> (*)(broker::Broker& broker, const Ask& ask);

struct Api {
  Router& router;
  runtime::Owned<broker::Broker>& broker;
  runtime::Clock& clock;
  QueueBounds bounds;

  // `brings_data`: the client is not read while too much waits for the disk.
  void add(std::string method,
           std::string_view pattern,
           Handler handler,
           bool brings_data = false) const;
};

// All of them must outlive the router.
void add_broker_endpoints(Router& router,
                          runtime::Owned<broker::Broker>& broker,
                          runtime::Clock& clock,
                          const QueueBounds& bounds = {});

// One file each.
void add_topic_endpoints(const Api& api);
void add_queue_endpoints(const Api& api);
void add_group_endpoints(const Api& api);
void add_bridge_endpoints(const Api& api);
void add_produce_endpoints(const Api& api);
void add_browse_endpoints(const Api& api);
void add_event_endpoints(const Api& api);
void add_message_endpoints(const Api& api);
void add_redrive_endpoints(const Api& api);
void add_user_endpoints(const Api& api);

// ---- what handlers share

inline constexpr int64_t kPageDefault = 100;
inline constexpr int64_t kPageMax = 1000;

// One page of a listing: ?limit= items from ?from= on, less when that would be too much at once. It
// is full, too, when so much was looked at (things, partitions, committed offsets), wanted or not,
// or when so many bytes were written.
class Page {
 public:
  static constexpr size_t kLooksMax = 10'000;
  static constexpr size_t kBytesMax = size_t{512} << 10;

  static Result<Page> of(const broker::Broker& broker, const Ask& ask);

  // The first name that is wanted.
  const std::string& from() const { return from_; }

  // Ask before each item: false, and the page goes on at `name` when it is asked for again.
  bool has_room(std::string name);
  void looked_at(size_t count) { looks_ += count; }
  void add(std::string_view json, broker::Depends depends = {});
  // has_room() said no.
  bool ended() const { return !next_.empty(); }

  // {"KEY":[...],"next":"..."}; without `next` it was the last page.
  Answer answer(std::string_view key);

 private:
  std::string from_;
  size_t limit_ = 0;
  size_t count_ = 0;
  size_t looks_ = 0;
  JsonList items_;
  std::string next_;
  broker::Depends depends_;
};

Answer answered(int status, std::string json, broker::Depends depends);
// What depends on both.
broker::Depends both(broker::Depends a, broker::Depends b);
// The error's response, and when it may leave.
Answer refused(const broker::Broker& broker, const Error& error);

// kNotFound; kWrongKind when the name belongs to the other kind.
Result<const catalog::Thing*> find_thing(const broker::Broker& broker,
                                         const catalog::Name& name,
                                         catalog::Kind kind);
// Either kind. kNotFound.
Result<const catalog::Thing*> find_any(const broker::Broker& broker, const catalog::Name& name);

// Removes the thing of that kind and answers so.
Result<Answer> remove_thing(broker::Broker& broker, const Ask& ask, catalog::Kind kind);

// retention_ms, retention_bytes, locked_until_ms, durability.
void read_log_policy(Fields& fields, catalog::LogPolicy& policy);
void write_log_policy(JsonObject& object, const catalog::LogPolicy& policy);
std::string_view word_of(catalog::Kind kind);
std::string_view word_of(catalog::Origin origin);

}  // namespace weir::admin
