// COMMAND: https://redis.io/docs/latest/commands/command/

#include "protocols/redis/command.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/glob.h"
#include "protocols/redis/key_use.h"
#include "protocols/redis/subcommands.h"

namespace weir::redis {
namespace {

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

void describe(Call& call, const Command& command, const Subcommand* subcommand = nullptr) {
  const bool is_container = subcommand == nullptr && !command.subcommands.empty();
  const uint32_t flags = subcommand != nullptr ? subcommand->flags
                         : is_container        ? 0
                                               : command.flags;
  // A subcommand that need not have so many arguments has no keys ("object|help").
  const bool keyless = subcommand != nullptr && std::abs(subcommand->arity) <= command.keys.first;
  const KeyPositions keys = is_container || keyless ? KeyPositions{} : command.keys;
  const auto has = [&](const FlagName& name) { return (flags & name.bit) != 0; };
  call.reply.array(10);
  call.reply.bulk(full_name(command, subcommand));
  call.reply.integer(subcommand != nullptr ? subcommand->arity : command.arity);
  call.reply.set(static_cast<size_t>(std::ranges::count_if(kFlagNames, has)));
  for (const FlagName& name : kFlagNames) {
    if (has(name)) call.reply.simple(name.name);
  }
  call.reply.integer(keys.first);
  call.reply.integer(keys.last);
  call.reply.integer(keys.step);
  const auto categories = categories_of(command, subcommand);
  call.reply.set(categories.size());
  for (const std::string_view category : categories) call.reply.simple("@" + std::string(category));
  call.reply.array(0);  // tips
  call.reply.array(0);  // key specifications
  call.reply.array(is_container ? command.subcommands.size() : 0);
  if (!is_container) return;
  for (const Subcommand& each : command.subcommands) describe(call, command, &each);
}

void command_info(Call& call) {
  if (call.count() == 2) {
    call.reply.array(all_commands().size());
    for (const Command* command : all_commands()) describe(call, *command);
    return;
  }
  call.reply.array(call.count() - 2);
  for (const ByteView name : call.args.subspan(2)) {
    const auto [command, subcommand] = find_full_name(name);
    if (command != nullptr) {
      describe(call, *command, subcommand);
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

// "RW access" as a set of words.
void answer_words(Call& call, std::string_view words) {
  call.reply.set(static_cast<size_t>(std::ranges::count(words, ' ')) + 1);
  for (size_t from = 0; from < words.size();) {
    const size_t end = std::min(words.find(' ', from), words.size());
    call.reply.simple(words.substr(from, end - from));
    from = end + 1;
  }
}

// Which commands COMMAND LIST lists.
bool is_listed(const Call& call, const Command& command, const Subcommand* subcommand) {
  if (call.count() == 2) return true;
  if (call.is(3, "pattern")) return glob_matches(call.args[4], full_name(command, subcommand));
  if (call.is(3, "module")) return false;
  const auto categories = categories_of(command, subcommand);
  return std::ranges::any_of(categories,
                             [&](std::string_view category) { return call.is(4, category); });
}

void command_list(Call& call) {
  const bool filtered = call.count() == 5 && call.is(2, "filterby") &&
                        (call.is(3, "pattern") || call.is(3, "aclcat") || call.is(3, "module"));
  if (call.count() != 2 && !filtered) return call.fail(errors::kSyntax);
  std::vector<std::string_view> listed;
  for (const Command* command : all_commands()) {
    if (is_listed(call, *command, nullptr)) listed.push_back(command->name);
    for (const Subcommand& subcommand : command->subcommands) {
      if (is_listed(call, *command, &subcommand)) listed.push_back(subcommand.name);
    }
  }
  call.reply.array(listed.size());
  for (const std::string_view name : listed) call.reply.bulk(name);
}

void list_keys(Call& call, bool with_use) {
  const Command* command = find_command(call.args[2]);
  if (command == nullptr) return call.fail("ERR Invalid command specified");
  const KeyPositions& positions = command->keys;
  if (positions.step == 0 && positions.numkeys == 0 && !positions.streams) {
    return call.fail("ERR The command has no key arguments");
  }
  const auto arguments = call.args.subspan(2);
  if (!arity_fits(command->arity, arguments.size())) {
    return call.fail("ERR Invalid number of arguments specified for command");
  }
  const auto keys = key_indexes(*command, arguments);
  // Scripts may do without.
  if (keys.empty() && command->group != "scripting") {
    return call.fail("ERR Invalid arguments specified for command");
  }
  call.reply.array(keys.size());
  for (size_t nth = 0; nth < keys.size(); ++nth) {
    if (with_use) call.reply.array(2);
    call.reply.bulk(arguments[keys[nth]]);
    if (with_use) answer_words(call, key_use(*command, arguments, nth));
  }
}

void command_getkeys(Call& call) {
  list_keys(call, false);
}

void command_getkeysandflags(Call& call) {
  list_keys(call, true);
}

void command_count(Call& call) {
  call.reply.integer(static_cast<int64_t>(all_commands().size()));
}

void command_help(Call& call) {
  constexpr ByteView kLines[] = {"(no subcommand)",
                                 "    What is known of all commands.",
                                 "COUNT",
                                 "    How many commands there are.",
                                 "DOCS [<command> ...]",
                                 "    What commands do.",
                                 "GETKEYS <full-command>",
                                 "    Which of the arguments are keys.",
                                 "GETKEYSANDFLAGS <full-command>",
                                 "    The same, with what the command does with each.",
                                 "INFO [<command> ...]",
                                 "    What is known of commands.",
                                 "LIST [FILTERBY (MODULE|ACLCAT|PATTERN) <value>]",
                                 "    The names of commands."};
  answer_help(call, kLines);
}

constexpr Subcommand kSubcommands[] = {{"command|count", 2, 0, command_count},
                                       {"command|docs", -2, 0, command_docs},
                                       {"command|getkeys", -3, 0, command_getkeys},
                                       {"command|getkeysandflags", -3, 0, command_getkeysandflags},
                                       {"command|help", 2, 0, command_help},
                                       {"command|info", -2, 0, command_info},
                                       {"command|list", -2, 0, command_list}};

void command(Call& call) {
  if (call.subcommand != nullptr) return run_subcommand(call);
  call.reply.array(all_commands().size());
  for (const Command* row : all_commands()) describe(call, *row);
}

constexpr Command kCommands[] = {
    {"command",
     -1,
     0,
     {},
     "server",
     "@connection",
     "2.8.13",
     "Asks about commands.",
     command,
     kSubcommands},
};

}  // namespace

std::span<const Command> command_commands() {
  return kCommands;
}

}  // namespace weir::redis
