// The subscription to a topic with versions: its events in their total order from a position on, by
// key prefix and type. With ?wait_ms= an answer without events waits for the next one, so that who
// asks again with `next` first catches up and then follows.

#include <algorithm>
#include <memory>
#include <utility>

#include "admin/events.h"
#include "broker/event_store.h"

namespace weir::admin {
namespace {

using broker::Broker;

constexpr size_t kReadBytes = size_t{256} << 10;
constexpr int64_t kWaitMax = 30'000;

struct Patience {
  broker::WaiterId waiter;
  bool gone = false;
};

// One request while it reads and waits; state shard.
struct Feed {
  Broker& broker;
  catalog::Name name;
  Offset from;
  std::string prefix;
  std::string type;
  size_t limit = 0;
  Timestamp deadline;
  std::shared_ptr<Patience> patience;
  net::HttpResponder responder;

  void send(Answer answer) {
    responder.send(std::move(answer.response), answer.depends.lsn, answer.depends.durability);
  }
  void refuse(const Error& error) { send(refused(broker, error)); }
  bool wants(const log::ReadRecord& record) const {
    if (!prefix.empty() && !record.key.value_or("").starts_with(prefix)) return false;
    return type.empty() || record.headers.find(events::kHeaderEventType) == type;
  }
};

using FeedPtr = std::shared_ptr<Feed>;

void go_on(const FeedPtr& feed, bool last);

// Told what was read; what was all passed over moves the position on.
void take(const FeedPtr& feed, const broker::ReadAnswer& read, CellId log, bool last) {
  const auto index = feed->broker.events().index(log);
  if (!index) return feed->refuse(index.error());
  std::vector<log::StoredBatch> batches;
  for (const auto& entry : read.batches) batches.push_back({entry.event, entry.payload});
  log::RecordReader records(batches, feed->from, read.end);
  log::ReadRecord record;
  JsonList events;
  size_t told = 0;
  while (told < feed->limit && events.bytes() < Page::kBytesMax && records.next(record)) {
    feed->from = record.offset.next();
    if (!feed->wants(record)) continue;
    events.raw(
        event_json(record, *index == nullptr ? std::nullopt : (*index)->version_at(record.offset)));
    ++told;
  }
  if (records.error()) return feed->refuse(*records.error());
  // A bounded stretch for each request: only at the end it waits on.
  const bool waits = told == 0 && !last && feed->deadline > feed->broker.now();
  if (waits && feed->from == feed->broker.visible_end(log, broker::Visibility::kSafe)) {
    return go_on(feed, false);
  }
  feed->send(answered(200,
                      JsonObject()
                          .integer("next", feed->from.value())
                          .integer("end", read.end.value())
                          .raw("events", events.done())
                          .done(),
                      both(read.depends, feed->broker.catalog_depends())));
}

// Reads on, or waits at the end; `last`: answers in any case.
void go_on(const FeedPtr& feed, bool last) {
  const auto thing = find_versioned(feed->broker, feed->name);
  if (!thing) return feed->refuse(thing.error());
  const CellId log = (*thing)->logs.front();
  const Offset end = feed->broker.visible_end(log, broker::Visibility::kSafe);
  if (feed->from == end && !last && !feed->patience->gone) {
    const broker::WaitKey key = Broker::safe_key(log);
    feed->patience->waiter = feed->broker.wait(
        {&key, 1}, feed->deadline, broker::WaitMode::kAll, [feed](broker::WakeReason reason) {
          go_on(feed, reason != broker::WakeReason::kChanged);
          return true;
        });
    return;
  }
  feed->broker.read({.log = log, .from = feed->from, .bytes_max = kReadBytes, .end = {}},
                    [feed, log, last](Result<broker::ReadAnswer> read) {
                      if (!read) return feed->refuse(read.error());
                      take(feed, *read, log, last);
                    });
}

void start(Broker& broker,
           const Ask& ask,
           const std::shared_ptr<Patience>& patience,
           net::HttpResponder responder) {
  const auto refuse = [&](const Error& error) {
    Answer answer = refused(broker, error);
    responder.send(std::move(answer.response), answer.depends.lsn, answer.depends.durability);
  };
  const auto limit = ask.number("limit", kPageDefault, 1, kPageMax);
  if (!limit) return refuse(limit.error());
  const auto wait = ask.number("wait_ms", 0, 0, kWaitMax);
  if (!wait) return refuse(wait.error());
  const auto from = ask.number("from", 0, 0, INT64_MAX);
  if (!from) return refuse(from.error());
  auto feed = std::make_shared<Feed>(Feed{.broker = broker,
                                          .name = ask.named(),
                                          .from = Offset(*from),
                                          .prefix = ask.parameter("prefix"),
                                          .type = ask.parameter("type"),
                                          .limit = static_cast<size_t>(*limit),
                                          .deadline = ask.now + Milliseconds(*wait),
                                          .patience = patience,
                                          .responder = std::move(responder)});
  go_on(feed, *wait == 0);
}

}  // namespace

void add_event_feed(const Api& api) {
  api.router.add(
      "GET", "/api/v1/topics/{name}/events",
      [&owned = api.broker, &clock = api.clock](Request request, net::HttpResponder responder) {
        const auto patience = std::make_shared<Patience>();
        responder.on_abandoned([&owned, patience] {
          owned.call([patience](Broker& broker) {
            patience->gone = true;
            broker.cancel_wait(patience->waiter);
          });
        });
        owned.call([&clock, patience, request = std::move(request),
                    responder = std::move(responder)](Broker& broker) mutable {
          const Ask ask{std::move(request), {}, clock.now()};
          start(broker, ask, patience, std::move(responder));
        });
      });
}

}  // namespace weir::admin
