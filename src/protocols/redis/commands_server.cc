// The server itself: https://redis.io/docs/latest/commands/?group=server

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/glob.h"
#include "protocols/redis/info.h"
#include "protocols/redis/service.h"
#include "protocols/redis/subcommands.h"

namespace weir::redis {
namespace {

void info(Call& call) {
  std::vector<std::string> sections;
  for (const ByteView section : call.args.subspan(1)) sections.emplace_back(section);
  call.reply.verbatim(info_text(call.service, sections));
}

// ---- CONFIG

void config_get(Call& call) {
  std::vector<std::pair<ByteView, ByteView>> found;
  for (const auto& [name, value] : call.service.config().values()) {
    const bool wanted = std::ranges::any_of(call.args.subspan(2), [&](ByteView pattern) {
      std::string lower(pattern);
      std::ranges::transform(lower, lower.begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      return glob_matches(lower, name);
    });
    if (wanted) found.emplace_back(name, value);
  }
  call.reply.map(found.size());
  for (const auto& [name, value] : found) {
    call.reply.bulk(name);
    call.reply.bulk(value);
  }
}

void config_set(Call& call) {
  if (call.count() % 2 != 0)
    return call.fail("ERR wrong number of arguments for 'config|set' command");
  Config& config = call.service.config();
  for (size_t i = 2; i < call.count(); i += 2) {
    for (size_t earlier = 2; earlier < i; earlier += 2) {
      if (call.args[earlier] == call.args[i]) {
        return call.fail(fmt::format(
            "ERR CONFIG SET failed (possibly related to argument '{}') - duplicate parameter",
            call.args[i]));
      }
    }
    if (!config.known(call.args[i])) {
      return call.fail(fmt::format(
          "ERR Unknown option or number of arguments for CONFIG SET - '{}'", call.args[i]));
    }
  }
  for (size_t i = 2; i < call.count(); i += 2) {
    const std::string problem = config.set(call.args[i], call.args[i + 1]);
    if (!problem.empty()) {
      return call.fail(fmt::format("ERR CONFIG SET failed (possibly related to argument '{}') - {}",
                                   call.args[i], problem));
    }
  }
  call.reply.ok();
}

void config_resetstat(Call& call) {
  call.service.statistics().reset();
  call.reply.ok();
}

void config_rewrite(Call& call) {
  call.fail("ERR The server is running without a config file");
}

void config_help(Call& call) {
  constexpr ByteView kLines[] = {"GET <pattern> [<pattern> ...]",
                                 "    The parameters whose names match.",
                                 "SET <parameter> <value> [<parameter> <value> ...]",
                                 "    Changes parameters until the next restart.",
                                 "RESETSTAT",
                                 "    Begins the counters of INFO anew.",
                                 "REWRITE",
                                 "    Refused: there is no file."};
  answer_help(call, kLines);
}

// ---- the rest

void time(Call& call) {
  const int64_t ms = call.now().ms();
  call.reply.array(2);
  call.reply.bulk_integer(ms / 1000);
  call.reply.bulk_integer(ms % 1000 * 1000);
}

// There are no replicas; what was answered is on the disk already.
void wait(Call& call) {
  if (!call.integer_between(1, 0, INT64_MAX, "ERR value is out of range, must be positive")) return;
  if (!call.integer_between(2, 0, INT64_MAX, "ERR timeout is negative")) return;
  call.reply.integer(0);
}

void waitaof(Call& call) {
  const auto local =
      call.integer_between(1, 0, 1, "ERR value is out of range, must be between 0 and 1");
  if (!local) return;
  if (!call.integer_between(2, 0, INT64_MAX, errors::kNotPositive)) return;
  if (!call.integer_between(3, 0, INT64_MAX, "ERR timeout is negative")) return;
  call.buffer.depends_on(call.service.last_lsn());
  call.reply.array(2);
  call.reply.integer(1);
  call.reply.integer(0);
}

void role(Call& call) {
  call.reply.array(3);
  call.reply.bulk("master");
  call.reply.integer(static_cast<int64_t>(call.service.broker().next_lsn().value()));
  call.reply.array(0);
}

// Every answered write is durable, so there is nothing left to save.
void save(Call& call) {
  call.reply.ok();
}
void bgsave(Call& call) {
  call.reply.simple("Background saving started");
}
void lastsave(Call& call) {
  call.reply.integer(call.now().ms() / 1000);
}

// The end of the text is what tools look for.
void lolwut(Call& call) {
  call.reply.verbatim(
      fmt::format("Weir {}\nRedis ver. {}\n", call.service.options().weir_version, kRedisVersion));
}

void module_list(Call& call) {
  call.reply.array(0);
}

void no_modules(Call& call) {
  call.fail("ERR modules are not supported by this server");
}

using namespace flag;
constexpr Subcommand kConfig[] = {
    {"config|get", -3, kAdmin, config_get},
    {"config|help", 2, 0, config_help},
    {"config|resetstat", 2, kAdmin, config_resetstat},
    {"config|rewrite", 2, kAdmin, config_rewrite},
    {"config|set", -4, kAdmin, config_set},
};
constexpr Subcommand kModule[] = {
    {"module|list", 2, kAdmin, module_list},
    {"module|load", -3, kAdmin, no_modules},
    {"module|loadex", -3, kAdmin, no_modules},
    {"module|unload", 3, kAdmin, no_modules},
};
constexpr Command kCommands[] = {
    {"bgsave",
     -1,
     kAdmin | kNoMulti,
     {},
     "server",
     "@admin",
     "1.0.0",
     "Does nothing: every answered write is durable.",
     bgsave},
    {"config",
     -2,
     kAdmin,
     {},
     "server",
     "",
     "2.0.0",
     "Reads and sets parameters.",
     run_subcommand,
     kConfig},
    {"info", -1, 0, {}, "server", "@dangerous", "1.0.0", "Tells about the server.", info},
    {"lastsave",
     1,
     kFast,
     {},
     "server",
     "@admin @dangerous",
     "1.0.0",
     "The time of the last durable write.",
     lastsave},
    {"lolwut",
     -1,
     kReadonly | kFast,
     {},
     "server",
     "@read",
     "5.0.0",
     "Says which server this is.",
     lolwut},
    {"module",
     -2,
     kAdmin,
     {},
     "server",
     "",
     "4.0.0",
     "Asks about modules; there are none.",
     run_subcommand,
     kModule},
    {"role",
     1,
     kFast,
     {},
     "server",
     "@admin @dangerous",
     "2.8.12",
     "The replication role: a master without replicas.",
     role},
    {"save",
     1,
     kAdmin | kNoMulti,
     {},
     "server",
     "@admin",
     "1.0.0",
     "Does nothing: every answered write is durable.",
     save},
    {"time", 1, kFast, {}, "server", "@fast", "2.6.0", "The time of the server.", time},
    {"wait", 3, 0, {}, "generic", "@connection", "3.0.0", "Counts replicas: none.", wait},
    {"waitaof",
     4,
     0,
     {},
     "generic",
     "@connection",
     "7.2.0",
     "Waits until all writes are durable.",
     waitaof},
};

}  // namespace

std::span<const Command> server_commands() {
  return kCommands;
}

}  // namespace weir::redis
