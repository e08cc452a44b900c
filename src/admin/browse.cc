// Browsing a log: the records of a topic's partition or of a queue, as far as they are safe.
// Reading changes nothing. With ?wait_ms= an answer without records waits for the next one.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>
#include <vector>

#include "admin/api.h"
#include "admin/record_json.h"

namespace weir::admin {
namespace {

using broker::Broker;
using catalog::Thing;

// About so much is read and told at a time: it is formatted on the state shard.
constexpr size_t kReadBytes = size_t{256} << 10;
constexpr size_t kAnswerBytesMax = size_t{512} << 10;
constexpr int64_t kWaitMax = 30'000;
constexpr size_t kPositionsMax = 1000;

struct Position {
  uint32_t partition = 0;
  Offset offset;
};

// Whether the client is still there, and what waits for it. State shard.
struct Patience {
  broker::WaiterId waiter;
  bool gone = false;
};

// One request while it reads and waits. Lives in the callbacks that may continue it; state shard.
struct Browse {
  Broker& broker;
  catalog::Name name;
  std::vector<Position> positions;  // the first with something to read is answered
  size_t limit = 0;
  Timestamp deadline;
  net::HttpResponder responder;

  void send(Answer answer) {
    responder.send(std::move(answer.response), answer.depends.lsn, answer.depends.durability);
  }
  void refuse(const Error& error) { send(refused(broker, error)); }
};

Result<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > INT64_MAX) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} is no offset", text));
  }
  return value;
}

// "0:120,1:88": partition and offset.
Result<std::vector<Position>> parse_positions(std::string_view text) {
  std::vector<Position> positions;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const size_t colon = one.find(':');
    if (colon == std::string_view::npos || positions.size() == kPositionsMax) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("positions are PARTITION:OFFSET with commas between them, at most {}",
                              kPositionsMax));
    }
    const auto partition = parse_number(one.substr(0, colon));
    const auto offset = parse_number(one.substr(colon + 1));
    if (!partition) return std::unexpected(partition.error());
    if (!offset) return std::unexpected(offset.error());
    positions.push_back({static_cast<uint32_t>(std::min<uint64_t>(*partition, UINT32_MAX)),
                         Offset(static_cast<int64_t>(*offset))});
  }
  return positions;
}

Result<std::string> page_text(const Position& position,
                              const log::Log* log,
                              const broker::ReadAnswer& read,
                              size_t limit) {
  std::vector<log::StoredBatch> batches;
  Offset next = read.batches.empty() ? read.end : position.offset;
  for (const broker::StoredEntry& entry : read.batches) {
    batches.push_back({entry.event, entry.payload});
    if (const auto header = log::parse_header(entry.payload)) {
      next = std::min(read.end, std::max(next, header->end_offset()));
    }
  }
  log::RecordReader reader(batches, position.offset, read.end,
                           log == nullptr ? nullptr : log->deletions());
  JsonList records;
  log::ReadRecord record;
  size_t count = 0;
  Offset read_to;
  while (reader.next(record)) {
    if (count == limit || records.bytes() > kAnswerBytesMax) {
      next = record.offset;
      break;
    }
    records.raw(record_json(position.partition, record));
    ++count;
    read_to = record.offset.next();
  }
  if (reader.error()) {
    if (count == 0) return std::unexpected(*reader.error());
    next = read_to;
  }
  return JsonObject()
      .integer("partition", position.partition)
      .integer("start", read.start.value())
      .integer("end", read.end.value())
      .integer("next", next.value())
      .raw("records", records.done())
      .done();
}

void answer(const std::shared_ptr<Browse>& browse, const Position& position, CellId log_id) {
  browse->broker.read(
      {.log = log_id, .from = position.offset, .bytes_max = kReadBytes, .end = {}},
      [browse, position, log_id](Result<broker::ReadAnswer> read) {
        if (!read) return browse->refuse(read.error());
        auto text = page_text(position, browse->broker.find_log(log_id), *read, browse->limit);
        if (!text) return browse->refuse(text.error());
        browse->send(
            answered(200, std::move(*text), both(read->depends, browse->broker.catalog_depends())));
      });
}

// Answers from the first partition that has something, with `last` in any case. True: answered, now
// or when the bytes are there.
bool try_read(const std::shared_ptr<Browse>& browse, bool last) {
  const auto thing = find_any(browse->broker, browse->name);
  if (!thing) {
    browse->refuse(thing.error());
    return true;
  }
  const std::vector<CellId>& logs = (*thing)->logs;
  for (Position& position : browse->positions) {
    if (position.partition >= logs.size()) {
      browse->refuse(
          {ErrorCode::kInvalidArgument,
           fmt::format("{} has the partitions 0 to {}", browse->name.name, logs.size() - 1)});
      return true;
    }
    const CellId log = logs[position.partition];
    // What was removed meanwhile is passed over; an offset beyond the end is a mistake, which
    // read() explains.
    position.offset = std::max(position.offset, browse->broker.find_log(log)->start());
    if (position.offset == browse->broker.visible_end(log, broker::Visibility::kSafe)) continue;
    answer(browse, position, log);
    return true;
  }
  if (last) answer(browse, browse->positions.front(), logs[browse->positions.front().partition]);
  return last;
}

// Everything in positions was found to be at its end.
void wait_for_more(const std::shared_ptr<Browse>& browse, Patience& patience) {
  const Thing& thing = **find_any(browse->broker, browse->name);
  std::vector<broker::WaitKey> keys;
  for (const Position& position : browse->positions) {
    keys.push_back(Broker::safe_key(thing.logs[position.partition]));
  }
  patience.waiter = browse->broker.wait(
      keys, browse->deadline, broker::WaitMode::kAll, [browse](broker::WakeReason reason) {
        return try_read(browse, reason != broker::WakeReason::kChanged);
      });
}

// Takes the responder only when it succeeds.
Result<std::shared_ptr<Browse>> parse(Broker& broker,
                                      const Ask& ask,
                                      net::HttpResponder& responder) {
  const auto limit = ask.number("limit", kPageDefault, 1, kPageMax);
  if (!limit) return std::unexpected(limit.error());
  const auto wait = ask.number("wait_ms", 0, 0, kWaitMax);
  if (!wait) return std::unexpected(wait.error());
  const auto partition = ask.number("partition", 0, 0, UINT32_MAX);
  if (!partition) return std::unexpected(partition.error());
  const auto offset = ask.number("offset", 0, 0, INT64_MAX);
  if (!offset) return std::unexpected(offset.error());
  auto positions = parse_positions(ask.parameter("positions"));
  if (!positions) return std::unexpected(positions.error());
  if (positions->empty()) {
    positions->push_back({static_cast<uint32_t>(*partition), Offset(*offset)});
  }
  return std::make_shared<Browse>(Browse{.broker = broker,
                                         .name = ask.named(),
                                         .positions = std::move(*positions),
                                         .limit = static_cast<size_t>(*limit),
                                         .deadline = ask.now + Milliseconds(*wait),
                                         .responder = std::move(responder)});
}

void start(Broker& broker, const Ask& ask, Patience& patience, net::HttpResponder responder) {
  auto parsed = parse(broker, ask, responder);
  if (!parsed) {
    Answer answer = refused(broker, parsed.error());
    return responder.send(std::move(answer.response), answer.depends.lsn,
                          answer.depends.durability);
  }
  const bool waits = (*parsed)->deadline > ask.now && !patience.gone;
  if (!try_read(*parsed, !waits)) wait_for_more(*parsed, patience);
}

}  // namespace

void add_browse_endpoints(const Api& api) {
  api.router.add(
      "GET", "/api/v1/topics/{name}/records",
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
          start(broker, ask, *patience, std::move(responder));
        });
      });
}

}  // namespace weir::admin
