// ACL CAT, DRYRUN and LOG: https://redis.io/docs/latest/commands/?group=server

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "protocols/redis/acl_commands.h"
#include "protocols/redis/acl_rules.h"
#include "protocols/redis/call.h"
#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/service.h"
#include "protocols/redis/subcommands.h"

namespace weir::redis {
namespace {

constexpr size_t kShownBytesMax = 128;

void commands_of(Call& call, std::string_view category) {
  std::vector<std::string_view> names;
  const auto add = [&](const Command& command, const Subcommand* subcommand) {
    const auto categories = categories_of(command, subcommand);
    if (std::ranges::find(categories, category) != categories.end())
      names.push_back(full_name(command, subcommand));
  };
  for (const Command* command : all_commands()) {
    add(*command, nullptr);
    for (const Subcommand& subcommand : command->subcommands) add(*command, &subcommand);
  }
  call.reply.array(names.size());
  for (const std::string_view name : names) call.reply.bulk(name);
}

std::string verdict(const Asked& asked, std::string_view user, Denial denial) {
  switch (denial.what) {
    case Denied::kNot: break;
    case Denied::kCommand:
      return fmt::format("User {} has no permissions to run the '{}' command", user, asked.name());
    case Denied::kKey:
      return fmt::format("User {} has no permissions to access the '{}' key", user,
                         asked.arguments[denial.argument]);
    case Denied::kChannel:
      return fmt::format("User {} has no permissions to access the '{}' channel", user,
                         asked.arguments[denial.argument]);
  }
  return "OK";
}

void describe(Call& call, const AclLog::Entry& entry) {
  call.reply.map(10);
  call.reply.bulk("count");
  call.reply.integer(entry.count);
  call.reply.bulk("reason");
  call.reply.bulk(entry.reason);
  call.reply.bulk("context");
  call.reply.bulk(entry.context);
  call.reply.bulk("object");
  call.reply.bulk(entry.object);
  call.reply.bulk("username");
  call.reply.bulk(entry.user);
  call.reply.bulk("age-seconds");
  call.reply.real(static_cast<double>((call.now() - entry.created).count()) / 1000);
  call.reply.bulk("client-info");
  call.reply.bulk(entry.client);
  call.reply.bulk("entry-id");
  call.reply.integer(entry.id);
  call.reply.bulk("timestamp-created");
  call.reply.integer(entry.created.ms());
  call.reply.bulk("timestamp-last-updated");
  call.reply.integer(entry.updated.ms());
}

}  // namespace

void acl_categories(Call& call) {
  if (call.count() > 3) return fail_subcommand(call);
  const auto all = all_categories();
  if (call.count() == 2) {
    call.reply.array(all.size());
    for (const std::string_view category : all) call.reply.bulk(category);
    return;
  }
  const auto found =
      std::ranges::find_if(all, [&](std::string_view category) { return call.is(2, category); });
  if (found == all.end()) {
    return call.fail(
        fmt::format("ERR Unknown category '{}'", call.args[2].substr(0, kShownBytesMax)));
  }
  commands_of(call, *found);
}

void acl_dry_run(Call& call) {
  call.depends_on(call.service.broker().catalog_depends());
  const ByteView name = call.args[2];
  const auto user = call.service.broker().catalog().access().find_user(name);
  if (!user && name != kDefaultUser) {
    return call.fail(fmt::format("ERR User '{}' not found", name.substr(0, kShownBytesMax)));
  }
  const auto arguments = call.args.subspan(3);
  const Command* command = find_command(arguments[0]);
  const Subcommand* subcommand =
      command == nullptr ? nullptr : find_subcommand(*command, arguments);
  if (command == nullptr ||
      (!command->subcommands.empty() && subcommand == nullptr && arguments.size() > 1)) {
    return call.fail(
        fmt::format("ERR Command '{}' not found", arguments[0].substr(0, kShownBytesMax)));
  }
  const int arity = subcommand == nullptr ? command->arity : subcommand->arity;
  if (!arity_fits(arity, arguments.size())) {
    return call.fail(fmt::format("ERR wrong number of arguments for '{}' command",
                                 full_name(*command, subcommand)));
  }
  const Asked asked{*command, subcommand, arguments};
  const Denial denial = user ? call.service.logins().rules_of(*user).judge(asked) : Denial{};
  if (denial.what == Denied::kNot) return call.reply.ok();
  call.reply.bulk(verdict(asked, name, denial));
}

void acl_log(Call& call) {
  constexpr int64_t kEntriesDefault = 10;
  if (call.count() > 3) return fail_subcommand(call);
  AclLog& log = call.service.acl_log();
  if (call.count() == 3 && call.is(2, "reset")) {
    log.reset();
    return call.reply.ok();
  }
  int64_t wanted = kEntriesDefault;
  if (call.count() == 3) {
    const auto count = call.integer(2);
    if (!count) return;
    wanted = std::max<int64_t>(*count, 0);
  }
  const auto& entries = log.newest_first();
  const size_t count = std::min(entries.size(), static_cast<size_t>(wanted));
  call.reply.array(count);
  for (size_t i = 0; i < count; ++i) describe(call, entries[i]);
}

}  // namespace weir::redis
