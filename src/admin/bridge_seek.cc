// Where a bridge goes on in its topic: ?to=earliest or latest, ?time_ms= (the first record of that
// time or later), or ?partition=&offset=.

#include <fmt/format.h>

#include <memory>
#include <utility>
#include <vector>

#include "admin/bridges.h"

namespace weir::admin {
namespace {

using broker::Broker;

// One request while records are looked for by their time. State shard.
struct Seek {
  Broker& broker;
  std::string name;
  Timestamp now;
  std::vector<std::pair<uint32_t, Offset>> positions;
  size_t under_way = 1;  // the one who starts it
  std::optional<Error> error;
  net::HttpResponder responder;

  void finish() {
    if (--under_way > 0) return;
    Result<Answer> result = error ? std::unexpected(*error) : seek();
    Answer answer = result ? std::move(*result) : refused(broker, result.error());
    responder.send(std::move(answer.response), answer.depends.lsn, answer.depends.durability);
  }

  Result<Answer> seek() {
    const auto sought = broker.seek_bridge(name, positions, now);
    if (!sought) return std::unexpected(sought.error());
    return bridge_answer(broker, name, 200, *sought);
  }
};

void find_by_time(const std::shared_ptr<Seek>& seek, uint32_t partition, CellId log, Timestamp t) {
  ++seek->under_way;
  seek->broker.find_by_time(log, t, broker::Visibility::kApplied,
                            [seek, partition, log](Result<broker::FoundOffset> found) {
                              const log::Log* still = seek->broker.find_log(log);
                              if (!found) {
                                seek->error = found.error();
                              } else if (still != nullptr) {
                                const Offset place =
                                    found->record ? found->record->offset : still->end();
                                seek->positions.emplace_back(partition, place);
                              }
                              seek->finish();
                            });
}

Result<void> start(const std::shared_ptr<Seek>& seek, const Ask& ask) {
  const catalog::Bridge* bridge = seek->broker.catalog().find_bridge(seek->name);
  if (bridge == nullptr)
    return fail(ErrorCode::kNotFound, fmt::format("there is no bridge {}", seek->name));
  const catalog::Thing* from = seek->broker.catalog().find(bridge->from);
  if (from == nullptr || from->kind != catalog::Kind::kTopic) return {};  // refused by the broker
  const std::string to = ask.parameter("to");
  const auto time = ask.number("time_ms", -1, 0, INT64_MAX);
  const auto partition = ask.number("partition", -1, 0, UINT32_MAX);
  const auto offset = ask.number("offset", -1, 0, INT64_MAX);
  for (const auto* number : {&time, &partition, &offset}) {
    if (!*number) return std::unexpected(number->error());
  }
  const bool ends = to == "earliest" || to == "latest";
  const int given = (to.empty() ? 0 : 1) + (*time < 0 ? 0 : 1) + (*offset < 0 ? 0 : 1);
  if (given != 1 || (!to.empty() && !ends) || (*offset < 0) != (*partition < 0)) {
    return fail(ErrorCode::kInvalidArgument,
                "say where to: to=earliest, to=latest, time_ms=, or partition= and offset=");
  }
  if (*offset >= 0) {
    seek->positions.emplace_back(static_cast<uint32_t>(*partition), Offset(*offset));
    return {};
  }
  const std::vector<CellId> logs = from->logs;
  for (uint32_t i = 0; i < logs.size(); ++i) {
    if (*time >= 0) {
      find_by_time(seek, i, logs[i], Timestamp(*time));
      continue;
    }
    const log::Log* log = seek->broker.find_log(logs[i]);
    seek->positions.emplace_back(i, to == "earliest" ? log->start() : log->end());
  }
  return {};
}

}  // namespace

void add_bridge_seek_endpoint(const Api& api) {
  api.router.add(
      "POST", "/api/v1/bridges/{name}/seek",
      [&owned = api.broker, &clock = api.clock](Request request, net::HttpResponder responder) {
        owned.call([&clock, request = std::move(request),
                    responder = std::move(responder)](Broker& broker) mutable {
          const Ask ask{std::move(request), {}, clock.now()};
          const auto seek = std::make_shared<Seek>(Seek{.broker = broker,
                                                        .name = ask.request.name("name"),
                                                        .now = ask.now,
                                                        .positions = {},
                                                        .error = {},
                                                        .responder = std::move(responder)});
          if (const auto started = start(seek, ask); !started) seek->error = started.error();
          seek->finish();
        });
      });
}

}  // namespace weir::admin
