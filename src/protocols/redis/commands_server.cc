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

namespace weir::redis {
namespace {

void unknown_subcommand(Call& call, ByteView container) {
  call.fail(fmt::format("ERR unknown subcommand '{}'. Try {} HELP.", call.args[1].substr(0, 128),
                        container));
}

void wrong_arguments(Call& call, ByteView container, ByteView sub) {
  call.fail(fmt::format("ERR wrong number of arguments for '{}|{}' command", container, sub));
}

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
  if (call.count() % 2 != 0) return wrong_arguments(call, "config", "set");
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

void config(Call& call) {
  if (call.is(1, "get"))
    return call.count() < 3 ? wrong_arguments(call, "config", "get") : config_get(call);
  if (call.is(1, "set"))
    return call.count() < 4 ? wrong_arguments(call, "config", "set") : config_set(call);
  if (call.is(1, "resetstat")) {
    call.service.statistics().reset();
    return call.reply.ok();
  }
  if (call.is(1, "rewrite")) return call.fail("ERR The server is running without a config file");
  unknown_subcommand(call, "CONFIG");
}

// ---- COMMAND

struct FlagName {
  uint32_t bit;
  std::string_view name;
};
constexpr FlagName kFlagNames[] = {
    {flag::kWrite, "write"},
    {flag::kReadonly, "readonly"},
    {flag::kDenyOom, "denyoom"},
    {flag::kFast, "fast"},
    {flag::kBlocking, "blocking"},
    {flag::kPubsub, "pubsub"},
    {flag::kNoMulti, "no_multi"},
    {flag::kAdmin, "admin"},
    {flag::kMovableKeys, "movablekeys"},
    {flag::kNoAuth, "no_auth"},
};

void describe(Call& call, const Command& command) {
  size_t flags = 0;
  for (const FlagName& name : kFlagNames) flags += (command.flags & name.bit) != 0 ? 1 : 0;
  call.reply.array(10);
  call.reply.bulk(command.name);
  call.reply.integer(command.arity);
  call.reply.set(flags);
  for (const FlagName& name : kFlagNames) {
    if ((command.flags & name.bit) != 0) call.reply.simple(name.name);
  }
  call.reply.integer(command.keys.first);
  call.reply.integer(command.keys.last);
  call.reply.integer(command.keys.step);
  call.reply.set(1);
  call.reply.simple(command.category);
  for (int empty = 0; empty < 3; ++empty)
    call.reply.array(0);  // tips, key specifications, subcommands
}

void command_info(Call& call) {
  if (call.count() == 2) {
    call.reply.array(all_commands().size());
    for (const Command* command : all_commands()) describe(call, *command);
    return;
  }
  call.reply.array(call.count() - 2);
  for (const ByteView name : call.args.subspan(2)) {
    if (const Command* command = find_command(name)) {
      describe(call, *command);
    } else {
      call.reply.null_array();
    }
  }
}

void command_docs(Call& call) {
  std::vector<const Command*> wanted;
  if (call.count() == 2) wanted = all_commands();
  for (const ByteView name : call.args.subspan(2)) {
    if (const Command* command = find_command(name)) wanted.push_back(command);
  }
  call.reply.map(wanted.size());
  for (const Command* command : wanted) {
    call.reply.bulk(command->name);
    call.reply.map(3);
    call.reply.bulk("summary");
    call.reply.bulk(command->summary);
    call.reply.bulk("since");
    call.reply.bulk(command->since);
    call.reply.bulk("group");
    call.reply.bulk(command->group);
  }
}

void command_list(Call& call) {
  const bool filtered = call.count() == 5 && call.is(2, "filterby");
  const bool known =
      filtered && (call.is(3, "pattern") || call.is(3, "aclcat") || call.is(3, "module"));
  if (call.count() != 2 && !known) return call.fail(errors::kSyntax);
  std::vector<const Command*> names;
  for (const Command* command : all_commands()) {
    if (filtered && call.is(3, "pattern") && !glob_matches(call.args[4], command->name)) continue;
    if (filtered && call.is(3, "aclcat") && command->category.substr(1) != call.args[4]) continue;
    if (filtered && call.is(3, "module")) continue;
    names.push_back(command);
  }
  call.reply.array(names.size());
  for (const Command* command : names) call.reply.bulk(command->name);
}

void command_getkeys(Call& call) {
  if (call.count() < 3) return wrong_arguments(call, "command", "getkeys");
  const Command* command = find_command(call.args[2]);
  if (command == nullptr) return call.fail("ERR Invalid command specified");
  const auto arguments = call.args.subspan(2);
  const auto count = static_cast<int>(arguments.size());
  if (command->arity > 0 ? count != command->arity : count < -command->arity) {
    return call.fail("ERR Invalid number of arguments specified for command");
  }
  const auto keys = key_indexes(*command, arguments);
  if (keys.empty()) return call.fail("ERR The command has no key arguments");
  call.reply.array(keys.size());
  for (const size_t index : keys) call.reply.bulk(arguments[index]);
}

void command(Call& call) {
  if (call.count() == 1) {
    call.reply.array(all_commands().size());
    for (const Command* row : all_commands()) describe(call, *row);
    return;
  }
  if (call.is(1, "count")) return call.reply.integer(static_cast<int64_t>(all_commands().size()));
  if (call.is(1, "info")) return command_info(call);
  if (call.is(1, "docs")) return command_docs(call);
  if (call.is(1, "list")) return command_list(call);
  if (call.is(1, "getkeys")) return command_getkeys(call);
  unknown_subcommand(call, "COMMAND");
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

void memory(Call& call) {
  if (!call.is(1, "usage")) return unknown_subcommand(call, "MEMORY");
  if (call.count() != 3 && !(call.count() == 5 && call.is(3, "samples")))
    return call.fail(errors::kSyntax);
  const auto* state = call.keys.find(call.database(), call.args[2]);
  if (state != nullptr) {
    return call.reply.integer(
        static_cast<int64_t>(keyspace::memory_of(state->value) + call.args[2].size() + 120));
  }
  const catalog::Thing* stream = call.service.find_stream(call.database(), call.args[2]);
  if (stream == nullptr) return call.reply.null();
  const log::Log* log = call.service.broker().find_log(stream->logs.front());
  call.reply.integer(log == nullptr ? 0 : static_cast<int64_t>(log->memory_bytes()));
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

void module(Call& call) {
  if (call.is(1, "list") && call.count() == 2) return call.reply.array(0);
  if (call.is(1, "load") || call.is(1, "loadex") || call.is(1, "unload"))
    return call.fail("ERR modules are not supported by this server");
  unknown_subcommand(call, "MODULE");
}

using namespace flag;
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
    {"command", -1, 0, {}, "server", "@connection", "2.8.13", "Asks about commands.", command},
    {"config", -2, kAdmin, {}, "server", "@admin", "2.0.0", "Reads and sets parameters.", config},
    {"info", -1, 0, {}, "server", "@dangerous", "1.0.0", "Tells about the server.", info},
    {"lastsave",
     1,
     kFast,
     {},
     "server",
     "@admin",
     "1.0.0",
     "The time of the last durable write.",
     lastsave},
    {"memory",
     -2,
     kReadonly,
     {2, 2, 1},
     "server",
     "@read",
     "4.0.0",
     "Estimates the memory of a key.",
     memory},
    {"module",
     -2,
     kAdmin,
     {},
     "server",
     "@admin",
     "4.0.0",
     "Asks about modules; there are none.",
     module},
    {"role",
     1,
     kFast,
     {},
     "server",
     "@admin",
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
