// Looking at a queue's messages without taking them: a page of them, counts by a part, and sending
// some of them on to another queue. A request reads one stretch of the queue's log, so that nobody
// waits for it for long, and says where to go on.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "admin/api.h"
#include "admin/message_filter.h"
#include "admin/record_json.h"
#include "broker/redrive.h"

namespace weir::admin {
namespace {

using broker::Broker;
using catalog::Kind;
using catalog::Thing;

constexpr size_t kReadBytes = size_t{256} << 10;
constexpr size_t kAnswerBytesMax = size_t{512} << 10;
// Bounds of one answer's counts; what is longer or beyond is counted by its beginning, or on the
// next page.
constexpr size_t kValuesMax = 1000;
constexpr size_t kValueBytesMax = 256;

enum class State : uint8_t { kSettled, kReady, kDelayed, kInFlight };

std::string_view word_of(State state) {
  switch (state) {
    case State::kSettled: return "settled";
    case State::kReady: return "ready";
    case State::kDelayed: return "delayed";
    case State::kInFlight: return "in-flight";
  }
  return "settled";
}

// The states of messages, asked for in the order of their offsets.
class States {
 public:
  explicit States(const queue::Queue& queue) : queue_(queue) {}

  State of(Offset offset) {
    if (queue_.is_settled(offset)) return State::kSettled;
    if (queue_.lease_of(offset)) return State::kInFlight;
    if (next_ready_ < offset) {
      const auto ready = queue_.ready_from(offset, 1);
      next_ready_ = ready.empty() ? queue_.end() : ready.front();
    }
    return next_ready_ == offset ? State::kReady : State::kDelayed;
  }

 private:
  const queue::Queue& queue_;
  Offset next_ready_{-1};
};

// What a request asks for.
struct Wanted {
  std::optional<State> state;  // none: all that is not settled
  MessageFilter filter;
  Offset from;
  size_t limit = 0;
  std::optional<MessagePart> by;  // count by this
};

// One request while it reads; state shard.
struct Look {
  Broker& broker;
  catalog::Name name;
  catalog::Uuid uuid;
  Wanted wanted;
  net::HttpResponder responder;

  void send(Answer answer) {
    responder.send(std::move(answer.response), answer.depends.lsn, answer.depends.durability);
  }
  void refuse(const Error& error) { send(refused(broker, error)); }
};

Result<Wanted> parse_wanted(const Ask& ask, bool counting) {
  Wanted wanted;
  const std::string state = ask.parameter("state");
  if (!state.empty() && state != "all") {
    for (const State one : {State::kReady, State::kDelayed, State::kInFlight}) {
      if (word_of(one) == state) wanted.state = one;
    }
    if (!wanted.state) {
      return fail(ErrorCode::kInvalidArgument, "state must be ready, delayed, in-flight or all");
    }
  }
  auto filter = MessageFilter::parse(ask.parameter("filter"));
  if (!filter) return std::unexpected(filter.error());
  wanted.filter = std::move(*filter);
  const auto from = ask.number("from", 0, 0, INT64_MAX);
  if (!from) return std::unexpected(from.error());
  wanted.from = Offset(*from);
  const auto limit = ask.number("limit", kPageDefault, 1, kPageMax);
  if (!limit) return std::unexpected(limit.error());
  wanted.limit = static_cast<size_t>(*limit);
  if (!counting) return wanted;
  auto part = MessagePart::parse(ask.parameter("by"));
  if (!part) return std::unexpected(part.error());
  wanted.by = std::move(*part);
  return wanted;
}

std::string message_json(const Thing& thing,
                         const queue::Queue& queue,
                         State state,
                         const log::ReadRecord& record) {
  JsonObject message;
  message.integer("offset", record.offset.value())
      .text("state", word_of(state))
      .text("message_id", broker::to_string(broker::message_id_of(thing.uuid, record)))
      .integer("sent_ms", broker::first_sent_at(record).ms())
      .integer("receives", queue.deliveries_of(record.offset).first);
  if (const auto lease = queue.lease_of(record.offset)) {
    if (lease->deadline != Timestamp::never()) message.integer("due_ms", lease->deadline.ms());
  }
  message.raw("record", record_json(0, record));
  return message.done();
}

// What one stretch of records gives: messages, or counts.
class Found {
 public:
  Found(const Thing& thing, const queue::Queue& queue, const Wanted& wanted)
      : thing_(thing), queue_(queue), wanted_(wanted), states_(queue) {}

  bool full() const {
    return count_ >= wanted_.limit || messages_.bytes() > kAnswerBytesMax ||
           values_.size() >= kValuesMax;
  }
  void look_at(const log::ReadRecord& record) {
    const State state = states_.of(record.offset);
    if (state == State::kSettled || (wanted_.state && state != *wanted_.state)) return;
    if (!wanted_.filter.passes(record)) return;
    if (!wanted_.by) {
      messages_.raw(message_json(thing_, queue_, state, record));
      ++count_;
      return;
    }
    if (auto value = wanted_.by->of(record)) {
      value->resize(std::min(value->size(), kValueBytesMax));
      ++values_[std::move(*value)];
    } else {
      ++without_;
    }
  }
  std::string json(std::optional<Offset> next) {
    JsonObject page;
    if (!wanted_.by) {
      page.raw("messages", messages_.done());
    } else {
      JsonList counts;
      for (const auto& [value, count] : values_) {
        JsonObject one;
        if (is_utf8(value)) {
          one.text("value", value);
        } else {
          one.text("value_base64", to_base64(value));
        }
        counts.raw(one.integer("count", count).done());
      }
      page.raw("counts", counts.done()).integer("without", without_);
    }
    if (next) page.integer("next", next->value());
    return page.done();
  }

 private:
  const Thing& thing_;
  const queue::Queue& queue_;
  const Wanted& wanted_;
  States states_;
  size_t count_ = 0;
  JsonList messages_;
  std::map<std::string, int64_t> values_;
  int64_t without_ = 0;
};

void answer_page(const std::shared_ptr<Look>& look, const broker::ReadAnswer& read) {
  const auto known = find_thing(look->broker, look->name, Kind::kQueue);
  if (!known) return look->refuse(known.error());
  const Thing& thing = **known;
  if (thing.uuid != look->uuid) return look->refuse({ErrorCode::kNotFound, "it was replaced"});
  const CellId log_id = thing.logs.front();
  const auto depends = [&] {
    return both(both(read.depends, look->broker.catalog_depends()),
                look->broker.queue_depends(thing.queue));
  };
  std::vector<log::StoredBatch> batches;
  Offset next = read.batches.empty() ? read.end : look->wanted.from;
  for (const broker::StoredEntry& entry : read.batches) {
    batches.push_back({entry.event, entry.payload});
    if (const auto header = log::parse_header(entry.payload)) {
      next = std::min(read.end, std::max(next, header->end_offset()));
    }
  }
  const queue::Queue* queue = look->broker.find_queue(thing.queue, look->broker.now());
  Found found(thing, *queue, look->wanted);
  log::RecordReader reader(batches, look->wanted.from, read.end,
                           look->broker.find_log(log_id)->deletions());
  log::ReadRecord record;
  while (reader.next(record)) {
    if (found.full()) {
      next = record.offset;
      break;
    }
    found.look_at(record);
  }
  if (reader.error()) return look->refuse(*reader.error());
  std::optional<Offset> more;
  if (next < read.end) more = next;
  look->send(answered(200, found.json(more), depends()));
}

// The first offset that may hold something wanted.
Offset begin_of(const Look& look, const queue::Queue& queue, const log::Log& log) {
  const Offset from = std::max({look.wanted.from, queue.floor(), log.start()});
  if (look.wanted.state == State::kReady) {
    const auto ready = queue.ready_from(from, 1);
    return ready.empty() ? queue.end() : ready.front();
  }
  if (look.wanted.state == State::kInFlight) {
    constexpr size_t kScannedMax = 10'000;
    const auto page = queue.pending({.first = from, .count = 1, .scanned_max = kScannedMax});
    if (!page.leases.empty()) return page.leases.front().offset;
    return page.next.value_or(queue.end());
  }
  return from;
}

void start_look(Broker& broker, const Ask& ask, bool counting, net::HttpResponder responder) {
  const auto look = std::make_shared<Look>(Look{broker, ask.named(), {}, {}, std::move(responder)});
  auto wanted = parse_wanted(ask, counting);
  if (!wanted) return look->refuse(wanted.error());
  look->wanted = std::move(*wanted);
  const auto thing = find_thing(broker, look->name, Kind::kQueue);
  if (!thing) return look->refuse(thing.error());
  look->uuid = (*thing)->uuid;
  const CellId log = (*thing)->logs.front();
  const queue::Queue* queue = broker.find_queue((*thing)->queue, ask.now);
  const Offset end = broker.visible_end(log, broker::Visibility::kSafe);
  look->wanted.from = std::min(begin_of(*look, *queue, *broker.find_log(log)), end);
  broker.read({.log = log, .from = look->wanted.from, .bytes_max = kReadBytes, .end = {}},
              [look](Result<broker::ReadAnswer> read) {
                if (!read) return look->refuse(read.error());
                answer_page(look, *read);
              });
}

void add_look(const Api& api, std::string_view pattern, bool counting) {
  api.router.add("GET", pattern,
                 [&owned = api.broker, &clock = api.clock, counting](Request request,
                                                                     net::HttpResponder responder) {
                   owned.call([&clock, counting, request = std::move(request),
                               responder = std::move(responder)](Broker& broker) mutable {
                     const Ask ask{std::move(request), {}, clock.now()};
                     start_look(broker, ask, counting, std::move(responder));
                   });
                 });
}

}  // namespace

void add_message_endpoints(const Api& api) {
  add_look(api, "/api/v1/queues/{name}/messages", false);
  add_look(api, "/api/v1/queues/{name}/counts", true);
}

}  // namespace weir::admin
