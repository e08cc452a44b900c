// What took long: https://redis.io/docs/latest/commands/slowlog/ and .../commands/latency/

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/service.h"
#include "protocols/redis/slow_log.h"
#include "protocols/redis/subcommands.h"

namespace weir::redis {
namespace {

using namespace flag;

// ---- SLOWLOG

void slowlog_get(Call& call) {
  constexpr int64_t kEntriesDefault = 10;
  if (call.count() > 3) return fail_subcommand(call);
  int64_t wanted = kEntriesDefault;
  if (call.count() == 3) {
    const auto count =
        call.integer_between(2, -1, INT64_MAX, "ERR count should be greater than or equal to -1");
    if (!count) return;
    wanted = *count;
  }
  const auto& entries = call.service.slow_log().newest_first();
  const size_t count =
      wanted == -1 ? entries.size() : std::min(entries.size(), static_cast<size_t>(wanted));
  call.reply.array(count);
  for (size_t i = 0; i < count; ++i) {
    const SlowLog::Entry& entry = entries[i];
    call.reply.array(6);
    call.reply.integer(entry.id);
    call.reply.integer(entry.at_s);
    call.reply.integer(entry.taken_us);
    call.reply.array(entry.arguments.size());
    for (const std::string& argument : entry.arguments) call.reply.bulk(argument);
    call.reply.bulk(entry.address);
    call.reply.bulk(entry.name);
  }
}

void slowlog_len(Call& call) {
  call.reply.integer(static_cast<int64_t>(call.service.slow_log().newest_first().size()));
}

void slowlog_reset(Call& call) {
  call.service.slow_log().reset();
  call.reply.ok();
}

void slowlog_help(Call& call) {
  constexpr ByteView kLines[] = {
      "GET [<count>]",
      "    The newest entries (10 if not said, -1: all), each with id, time, microseconds,",
      "    arguments, address and name of the client.",
      "LEN",
      "    The number of entries.",
      "RESET",
      "    Forget all entries."};
  answer_help(call, kLines);
}

constexpr Subcommand kSlowlog[] = {{"slowlog|get", -2, kAdmin, slowlog_get},
                                   {"slowlog|help", 2, 0, slowlog_help},
                                   {"slowlog|len", 2, kAdmin, slowlog_len},
                                   {"slowlog|reset", 2, kAdmin, slowlog_reset}};

// ---- LATENCY

void latency_latest(Call& call) {
  const auto& all = call.service.latency().all();
  call.reply.array(all.size());
  for (const auto& [event, series] : all) {
    call.reply.array(4);
    call.reply.bulk(event);
    call.reply.integer(series.samples.back().at_s);
    call.reply.integer(series.samples.back().worst_ms);
    call.reply.integer(series.worst_ms);
  }
}

void latency_history(Call& call) {
  const auto& all = call.service.latency().all();
  const auto found = all.find(call.args[2]);
  if (found == all.end()) return call.reply.array(0);
  call.reply.array(found->second.samples.size());
  for (const LatencyEvents::Sample& sample : found->second.samples) {
    call.reply.array(2);
    call.reply.integer(sample.at_s);
    call.reply.integer(sample.worst_ms);
  }
}

void latency_reset(Call& call) {
  LatencyEvents& events = call.service.latency();
  size_t gone = 0;
  for (const ByteView event : call.args.subspan(2)) gone += events.reset(event);
  if (call.count() == 2) gone = events.reset_all();
  call.reply.integer(static_cast<int64_t>(gone));
}

void latency_graph(Call& call) {
  if (!call.service.latency().all().contains(call.args[2])) {
    return call.fail(fmt::format("ERR No samples available for event '{}'", call.args[2]));
  }
  call.fail("ERR graphs are not drawn by this server: LATENCY HISTORY gives the samples");
}

void latency_doctor(Call& call) {
  const LatencyEvents& events = call.service.latency();
  if (call.service.config().latency_from_ms() == 0) {
    return call.reply.verbatim(
        "Latency is not watched: CONFIG SET latency-monitor-threshold <milliseconds> begins it.\n");
  }
  if (events.all().empty()) return call.reply.verbatim("No latency spike was observed.\n");
  std::string text = "Latency spikes were observed:\n";
  for (const auto& [event, series] : events.all()) {
    int64_t sum = 0;
    for (const LatencyEvents::Sample& sample : series.samples) sum += sample.worst_ms;
    const size_t count = series.samples.size();
    fmt::format_to(std::back_inserter(text), "{}: {} samples, {} ms on average, {} ms at worst\n",
                   event, count, sum / static_cast<int64_t>(count), series.worst_ms);
  }
  call.reply.verbatim(text + "SLOWLOG GET shows the commands.\n");
}

struct Tracked {
  std::string_view name;
  const CommandStatistics& counters;
};

// The command and its subcommands, as far as they have run.
void add_tracked(Call& call, const Command& command, std::vector<Tracked>& all) {
  const auto add = [&](const Subcommand* subcommand) {
    const auto& counters = call.service.statistics().of(command_number(command, subcommand));
    if (counters.latency) all.push_back({full_name(command, subcommand), counters});
  };
  add(nullptr);
  for (const Subcommand& subcommand : command.subcommands) add(&subcommand);
}

void describe(Call& call, const Tracked& tracked) {
  std::vector<std::pair<int64_t, uint64_t>> steps;  // microseconds, calls up to them
  uint64_t calls = 0;
  for (size_t i = 0; i < LatencyHistogram::kBuckets; ++i) {
    const uint64_t count = tracked.counters.latency->count(i);
    calls += count;
    if (count > 0) steps.emplace_back(LatencyHistogram::bound_ns(i) / 1000, calls);
  }
  call.reply.bulk(tracked.name);
  call.reply.map(2);
  call.reply.bulk("calls");
  call.reply.integer(static_cast<int64_t>(calls));
  call.reply.bulk("histogram_usec");
  call.reply.map(steps.size());
  for (const auto& [microseconds, count] : steps) {
    call.reply.integer(microseconds);
    call.reply.integer(static_cast<int64_t>(count));
  }
}

void latency_histogram(Call& call) {
  // The counters stay where they are once all have their place.
  call.service.statistics().of(command_numbers() - 1);
  std::vector<Tracked> tracked;
  if (call.count() == 2) {
    for (const Command* command : all_commands()) add_tracked(call, *command, tracked);
  }
  for (const ByteView name : call.args.subspan(2)) {
    const auto [command, subcommand] = find_full_name(name);
    if (command == nullptr) continue;
    if (subcommand == nullptr) {
      add_tracked(call, *command, tracked);
      continue;
    }
    const auto& counters = call.service.statistics().of(command_number(*command, subcommand));
    if (counters.latency) tracked.push_back({subcommand->name, counters});
  }
  call.reply.map(tracked.size());
  for (const Tracked& each : tracked) describe(call, each);
}

void latency_help(Call& call) {
  constexpr ByteView kLines[] = {"DOCTOR",
                                 "    What was observed, in words.",
                                 "HISTOGRAM [<command> ...]",
                                 "    How long the calls of commands took, by powers of two.",
                                 "HISTORY <event>",
                                 "    The samples of an event: command, fast-command.",
                                 "LATEST",
                                 "    The latest sample of every event.",
                                 "RESET [<event> ...]",
                                 "    Forget the samples of these events, or all."};
  answer_help(call, kLines);
}

constexpr Subcommand kLatency[] = {
    {"latency|doctor", 2, kAdmin, latency_doctor},
    {"latency|graph", 3, kAdmin, latency_graph},
    {"latency|help", 2, 0, latency_help},
    {"latency|histogram", -2, kAdmin, latency_histogram},
    {"latency|history", 3, kAdmin, latency_history},
    {"latency|latest", 2, kAdmin, latency_latest},
    {"latency|reset", -2, kAdmin, latency_reset},
};

constexpr Command kCommands[] = {
    {"latency",
     -2,
     kAdmin,
     {},
     "server",
     "",
     "2.8.13",
     "Asks about latency spikes.",
     run_subcommand,
     kLatency},
    {"slowlog",
     -2,
     kAdmin,
     {},
     "server",
     "",
     "2.2.12",
     "Asks about slow commands.",
     run_subcommand,
     kSlowlog},
};

}  // namespace

void Service::measure(const Call& call, const Command& command, int64_t began_ns) {
  measured_until_ns_ = monotonic_ns_();
  const int64_t taken_ns = measured_until_ns_ - began_ns;
  CommandStatistics& counters = statistics_.of(command_number(command, call.subcommand));
  counters.taken_ns += taken_ns;
  if (config_.tracks_latency() && !call.blocked) {
    if (!counters.latency) counters.latency = std::make_unique<LatencyHistogram>();
    counters.latency->add(taken_ns);
  }
  if (taken_ns >= config_.noteworthy_ns()) note(call, command, taken_ns);
}

void Service::note(const Call& call, const Command& command, int64_t taken_ns) {
  const int64_t now_s = call.now().ms() / 1000;
  const int64_t taken_ms = taken_ns / 1'000'000;
  if (config_.latency_from_ms() > 0 && taken_ms >= config_.latency_from_ms()) {
    latency_.add((command.flags & kFast) != 0 ? "fast-command" : "command", now_s, taken_ms);
  }
  // Of a transaction, its commands are shown; of one that waits, the run that answers it.
  const int64_t from_us = config_.slow_from_us();
  if (from_us < 0 || taken_ns / 1000 < from_us || call.blocked || command.name == "exec") return;
  slow_log_.add({.at_s = now_s,
                 .taken_us = taken_ns / 1000,
                 .arguments = SlowLog::shown(command, call.args),
                 .address = call.client.address,
                 .name = call.client.name},
                config_.slow_entries());
}

std::span<const Command> slow_commands() {
  return kCommands;
}

}  // namespace weir::redis
