// MEMORY: https://redis.io/docs/latest/commands/?group=server
//
// What is told is what the keyspace counts itself; of the allocator nothing is known here.

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/service.h"
#include "protocols/redis/subcommands.h"

namespace weir::redis {
namespace {

constexpr size_t kKeyOverheadBytes = 120;

void memory_usage(Call& call) {
  for (size_t i = 3; i < call.count(); i += 2) {
    if (!call.is(i, "samples") || i + 1 >= call.count()) return call.fail(errors::kSyntax);
    const auto samples = call.integer(i + 1);
    if (!samples) return;
    if (*samples < 0) return call.fail(errors::kSyntax);
  }
  const auto* state = call.keys.find(call.database(), call.args[2]);
  if (state != nullptr) {
    return call.reply.integer(static_cast<int64_t>(keyspace::memory_of(state->value) +
                                                   call.args[2].size() + kKeyOverheadBytes));
  }
  const catalog::Thing* stream = call.service.find_stream(call.database(), call.args[2]);
  if (stream == nullptr) return call.reply.null();
  const log::Log* log = call.service.broker().find_log(stream->logs.front());
  call.reply.integer(log == nullptr ? 0 : static_cast<int64_t>(log->memory_bytes()));
}

void memory_stats(Call& call) {
  Service& service = call.service;
  const auto used = static_cast<int64_t>(service.keyspace().used_bytes());
  std::vector<uint32_t> filled;
  int64_t keys = 0;
  for (uint32_t number = 0; number < keyspace::kDatabases; ++number) {
    const size_t count = service.key_count(service.stored_database(number));
    if (count > 0) filled.push_back(number);
    keys += static_cast<int64_t>(count);
  }
  const std::pair<ByteView, int64_t> before[] = {
      {"total.allocated", used}, {"startup.allocated", 0}, {"replication.backlog", 0},
      {"clients.slaves", 0},     {"cluster.links", 0},     {"aof.buffer", 0},
      {"lua.caches", 0},         {"functions.caches", 0}};
  const std::pair<ByteView, int64_t> behind[] = {
      {"keys.count", keys},
      {"keys.bytes-per-key", keys == 0 ? 0 : used / keys},
      {"dataset.bytes", used}};
  const auto pair = [&](const std::pair<ByteView, int64_t>& field) {
    call.reply.bulk(field.first);
    call.reply.integer(field.second);
  };
  call.reply.map(std::size(before) + filled.size() + std::size(behind) + 1);
  for (const auto& field : before) pair(field);
  for (const uint32_t number : filled) {
    call.reply.bulk(fmt::format("db.{}", number));
    call.reply.map(2);
    pair({"overhead.hashtable.main", 0});
    pair({"overhead.hashtable.expires", 0});
  }
  for (const auto& field : behind) pair(field);
  call.reply.bulk("dataset.percentage");
  call.reply.real(used == 0 ? 0 : 100);
}

void memory_doctor(Call& call) {
  const uint64_t most = call.service.config().maxmemory();
  const size_t used = call.service.keyspace().used_bytes();
  if (most != 0 && used > most) {
    return call.reply.verbatim(fmt::format(
        "Keys take {} bytes, above maxmemory ({}): commands that need memory are refused.\n", used,
        most));
  }
  call.reply.verbatim(fmt::format("Keys take {} bytes; nothing is wrong.\n", used));
}

void memory_malloc_stats(Call& call) {
  call.reply.bulk("Stats not supported for the current allocator");
}

// Freed memory is the allocator's to give back.
void memory_purge(Call& call) {
  call.reply.ok();
}

void memory_help(Call& call) {
  constexpr ByteView kLines[] = {"DOCTOR",
                                 "    Whether something is wrong.",
                                 "MALLOC-STATS",
                                 "    What the allocator says; nothing here.",
                                 "PURGE",
                                 "    Does nothing.",
                                 "STATS",
                                 "    What keys take, in all.",
                                 "USAGE <key> [SAMPLES <count>]",
                                 "    About how many bytes a key takes; all elements are counted."};
  answer_help(call, kLines);
}

using namespace flag;
constexpr Subcommand kMemory[] = {{"memory|doctor", 2, 0, memory_doctor},
                                  {"memory|help", 2, 0, memory_help},
                                  {"memory|malloc-stats", 2, 0, memory_malloc_stats},
                                  {"memory|purge", 2, 0, memory_purge},
                                  {"memory|stats", 2, 0, memory_stats},
                                  {"memory|usage", -3, kReadonly, memory_usage}};

constexpr Command kCommands[] = {
    {"memory",
     -2,
     kReadonly,
     {2, 2, 1},
     "server",
     "",
     "4.0.0",
     "Estimates what keys take.",
     run_subcommand,
     kMemory},
};

}  // namespace

std::span<const Command> memory_commands() {
  return kCommands;
}

}  // namespace weir::redis
