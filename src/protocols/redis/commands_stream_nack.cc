// Giving pending entries back: XNACK. https://redis.io/docs/latest/commands/xnack/

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/stream_arguments.h"

namespace weir::redis {
namespace {

// What becomes of the number of deliveries.
enum class Mode : uint8_t {
  kSilent,  // this one does not count
  kFail,    // it counts
  kFatal,   // as if there had been too many
};

struct NackArguments {
  Mode mode = Mode::kFail;
  std::optional<uint32_t> deliveries;  // RETRYCOUNT
  bool force = false;
  std::vector<StreamId> ids;
};

std::optional<Mode> mode_argument(Call& call, size_t index) {
  if (call.is(index, "silent")) return Mode::kSilent;
  if (call.is(index, "fail")) return Mode::kFail;
  if (call.is(index, "fatal")) return Mode::kFatal;
  call.fail("ERR mode must be SILENT, FAIL, or FATAL");
  return std::nullopt;
}

// IDS n id ... at `index`; moves to the last of them. Where the first stands and how many there
// are; nothing when the call has failed.
std::optional<std::pair<size_t, size_t>> ids_option(Call& call, size_t& index) {
  const auto count =
      call.integer_between(index + 1, 1, INT32_MAX, "ERR numids must be a positive integer");
  if (!count) return std::nullopt;
  const std::pair<size_t, size_t> ids(index + 2, static_cast<size_t>(*count));
  if (ids.second > call.count() - ids.first) {
    call.fail("ERR number of IDs doesn't match numids");
    return std::nullopt;
  }
  index = ids.first + ids.second - 1;
  return ids;
}

// Nothing when the call has failed.
std::optional<NackArguments> nack_arguments(Call& call) {
  NackArguments arguments;
  const auto mode = mode_argument(call, 3);
  if (!mode) return std::nullopt;
  arguments.mode = *mode;
  std::optional<std::pair<size_t, size_t>> ids;
  for (size_t i = 4; i < call.count(); ++i) {
    const bool has_value = i + 1 < call.count();
    if (has_value && call.is(i, "ids")) {
      ids = ids_option(call, i);
      if (!ids) return std::nullopt;
    } else if (call.is(i, "force")) {
      arguments.force = true;
    } else if (has_value && call.is(i, "retrycount")) {
      const auto deliveries = call.integer(++i);
      if (!deliveries) return std::nullopt;
      if (*deliveries < 0) {
        call.fail("ERR Invalid RETRYCOUNT value, must be >= 0");
        return std::nullopt;
      }
      arguments.deliveries =
          static_cast<uint32_t>(std::min<int64_t>(*deliveries, queue::kDeliveriesMax));
    } else {
      call.fail(fmt::format("ERR Unrecognized XNACK option '{}'", call.args[i].substr(0, 128)));
      return std::nullopt;
    }
  }
  if (!ids) {
    call.fail("ERR syntax error, expected IDS keyword");
    return std::nullopt;
  }
  for (size_t i = ids->first; i < ids->first + ids->second; ++i) {
    const auto id = id_argument(call, i);
    if (!id) return std::nullopt;
    arguments.ids.push_back(*id);
  }
  return arguments;
}

// One command at work on the offsets of its IDs.
struct Nack {
  Service& service;
  CellId cell;
  CellId log;
  NackArguments arguments;
  Timestamp now;
  Dependence depends;
  int64_t done = 0;
  std::optional<Error> error;

  std::optional<queue::Claim> claim_of(const queue::Queue& queue, Offset offset) const {
    const auto lease = queue.lease_of(offset);
    if (!lease) {
      const log::Log* records = service.broker().find_log(log);
      const bool there =
          records != nullptr && offset >= records->start() && !records->deleted(offset);
      if (!arguments.force || !there) return std::nullopt;
    }
    const uint32_t before = lease ? lease->deliveries : 0;
    uint32_t after = before;
    if (arguments.deliveries) {
      after = *arguments.deliveries;
    } else if (arguments.mode == Mode::kSilent) {
      after = before == 0 ? 0 : before - 1;
    } else if (arguments.mode == Mode::kFatal) {
      after = queue::kDeliveriesMax;
    }
    return queue::Claim{offset, after, false};
  }

  // Entries of one rank are taken in the order of their offsets.
  void give_back(const queue::Queue& queue, const std::vector<queue::Claim>& run) {
    if (run.empty() || error) return;
    const auto decision =
        queue.decide_claim(queue::kNobody, run, queue.next_release_rank(), arguments.force);
    const auto applied = decision ? service.broker().apply(cell, decision->events, now)
                                  : std::unexpected(decision.error());
    if (!applied) {
      error = applied.error();
      return;
    }
    depends.add(*applied);
    done += static_cast<int64_t>(run.size());
  }

  std::string run(const std::vector<std::optional<Offset>>& offsets) {
    std::vector<queue::Claim> run;
    const queue::Queue* queue = service.broker().find_queue(cell, now);
    for (const auto& offset : offsets) {
      if (queue == nullptr || !offset) continue;
      if (!run.empty() && *offset <= run.back().offset) {
        give_back(*queue, run);
        run.clear();
      }
      if (const auto claim = claim_of(*queue, *offset)) run.push_back(*claim);
    }
    if (queue != nullptr) give_back(*queue, run);
    std::string text;
    ReplyWriter writer(text, 2);
    error ? writer.error(errors::wire_text(*error)) : writer.integer(done);
    return text;
  }
};

void xnack(Call& call) {
  const auto stream = stream_argument(call, 1);
  if (!stream) return;
  const auto group = group_of(call, *stream, call.args[2]);
  if (!group) {
    return call.fail(
        fmt::format("NOGROUP No such key '{}' or consumer group '{}'", call.args[1], call.args[2]));
  }
  auto arguments = nack_arguments(call);
  if (!arguments) return;
  auto ids = arguments->ids;
  auto nack = std::make_shared<Nack>(
      Nack{call.service, group->cell, stream->log, std::move(*arguments), call.now(), {}, 0, {}});
  call.service.streams().offsets_of(
      stream->log, std::move(ids),
      [nack, database = call.database(), key = std::string(call.args[1]),
       hole = call.buffer.leave_hole()](const std::vector<std::optional<Offset>>& offsets) mutable {
        auto text = nack->run(offsets);
        // Whoever waits with CLAIM may have them at once.
        if (nack->done > 0) nack->service.group_changed(database, key);
        hole.fill(std::move(text), nack->depends);
      });
}

using namespace flag;
constexpr KeyPositions kOne{1, 1, 1};
constexpr Command kCommands[] = {
    {"xnack", -7, kWrite | kFast, kOne, "stream", "@stream", "8.8.0",
     "Gives pending entries back without acknowledging them.", xnack},
};

}  // namespace

std::span<const Command> stream_nack_commands() {
  return kCommands;
}

}  // namespace weir::redis
