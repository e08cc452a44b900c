// Who may do what: the checks before a command runs, and work on passwords.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "protocols/redis/acl_rules.h"
#include "protocols/redis/call.h"
#include "protocols/redis/errors.h"
#include "protocols/redis/service.h"
#include "protocols/redis/subcommands.h"

namespace weir::redis {
namespace {

std::string lower(ByteView text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return result;
}

std::string_view reason_of(Denied what) {
  switch (what) {
    case Denied::kNot: break;
    case Denied::kCommand: return "command";
    case Denied::kKey: return "key";
    case Denied::kChannel: return "channel";
  }
  return {};
}

// The last password among the rules of ACL SETUSER, which takes the place of those before it.
std::optional<ByteView> new_password(const Command& command,
                                     const Subcommand* subcommand,
                                     std::span<const ByteView> arguments) {
  if (command.name != "acl" || subcommand == nullptr || subcommand->name != "acl|setuser")
    return {};
  std::optional<ByteView> last;
  for (const ByteView rule : arguments.subspan(std::min<size_t>(arguments.size(), 3))) {
    if (rule.size() > 1 && rule.size() <= kPasswordBytesMax + 1 && rule.starts_with('>'))
      last = rule.substr(1);
  }
  return last;
}

}  // namespace

std::string Service::refusal(const Client& client,
                             const Command& command,
                             const Subcommand* subcommand,
                             std::span<const ByteView> arguments) {
  if (!arity_fits(command.arity, arguments.size())) {
    return "ERR wrong number of arguments for '" + std::string(command.name) + "' command";
  }
  if (!command.subcommands.empty()) {
    std::string mistake = subcommand_mistake(command, subcommand, arguments);
    if (!mistake.empty()) return mistake;
  }
  if (std::string denied = denial(client, {command, subcommand, arguments}); !denied.empty())
    return denied;
  if ((command.flags & flag::kDenyOom) != 0 && out_of_memory())
    return std::string(errors::kOutOfMemory);
  if (client.protocol == 2 && client.subscriptions() > 0 &&
      (command.flags & flag::kInSubscription) == 0) {
    return "ERR Can't execute '" + lower(arguments[0]) +
           "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
           "context";
  }
  if (client.in_multi && (command.flags & flag::kNoMulti) != 0) {
    return "ERR Command not allowed inside a transaction";
  }
  return {};
}

bool Service::out_of_memory() const {
  return config_.maxmemory() != 0 && keyspace_.used_bytes() > config_.maxmemory();
}

std::string Service::denial(const Client& client, const Asked& asked) {
  if (!client.admitted) {
    if ((asked.command.flags & flag::kNoAuth) != 0) return {};
    return "NOAUTH Authentication required.";
  }
  if (!client.known || client.known->rules.everything()) return {};
  const Denial denial = client.known->rules.judge(asked);
  switch (denial.what) {
    case Denied::kNot: return {};
    case Denied::kCommand:
      log_refusal(client, reason_of(denial.what), asked.name(), client.user_name());
      return "NOPERM User " + std::string(client.user_name()) + " has no permissions to run the '" +
             std::string(asked.name()) + "' command";
    case Denied::kKey:
      log_refusal(client, reason_of(denial.what), asked.arguments[denial.argument],
                  client.user_name());
      return "NOPERM No permissions to access a key";
    case Denied::kChannel:
      log_refusal(client, reason_of(denial.what), asked.arguments[denial.argument],
                  client.user_name());
      return "NOPERM No permissions to access a channel";
  }
  return {};
}

std::string Service::late_denial(const Call& call, const Command& command) {
  const KnownUser* known = call.client.known.get();
  if (known == nullptr || known->rules.everything()) return {};
  const Asked asked{command, find_subcommand(command, call.args), call.args};
  const Denial denial = known->rules.judge(asked);
  if (denial.what == Denied::kNot) return {};
  const bool is_command = denial.what == Denied::kCommand;
  log_refusal(call.client, reason_of(denial.what),
              is_command ? asked.name() : call.args[denial.argument], call.client.user_name());
  std::string text =
      "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC "
      "call. This command is no longer allowed for the following reason: ";
  text += is_command                    ? "no permission to execute the command or subcommand"
          : denial.what == Denied::kKey ? "no permission to touch the specified keys"
                                        : "no permission to access one of the channels used as "
                                          "arguments to the command";
  return text;
}

void Service::log_refusal(const Client& client,
                          std::string_view reason,
                          std::string_view object,
                          std::string_view user) {
  acl_log_.add({.reason = reason,
                .context = client.in_multi ? "multi" : "toplevel",
                .object = std::string(object.substr(0, AclLog::kObjectBytesMax)),
                .user = std::string(user.substr(0, AclLog::kObjectBytesMax)),
                .client = describe_client(*this, client, segment_now_),
                .created = segment_now_,
                .updated = segment_now_},
               config_.acl_log_entries());
}

void Service::end_forbidden_subscriptions(Call& call, std::string_view user) {
  std::vector<std::shared_ptr<Client>> victims;
  for (const auto& [id, client] : clients_) {
    if (client->user_name() != user || client->subscriptions() == 0) continue;
    refresh_rights(*client);
    if (!client->known) continue;
    const AclRules& rules = client->known->rules;
    const auto hears = [&](const absl::btree_set<std::string>& names, bool are_patterns) {
      return std::ranges::all_of(
          names, [&](const std::string& name) { return rules.may_hear(name, are_patterns); });
    };
    if (!hears(client->channels, false) || !hears(client->shard_channels, false) ||
        !hears(client->patterns, true)) {
      victims.push_back(client);
    }
  }
  for (const auto& victim : victims) {
    if (victim.get() == &call.client) {
      call.client.closing = true;
    } else {
      kill(*victim, true);
    }
  }
}

// ---- passwords

bool Service::awaits_password(const std::shared_ptr<Client>& client,
                              const Command& command,
                              std::span<const ByteView> arguments,
                              Progress& progress) {
  if (progress.prepared) return false;
  const Subcommand* subcommand = find_subcommand(command, arguments);
  const auto login = login_words(command, arguments);
  const bool compares =
      login && !logins_.open_to(login->user) && logins_.unknown(login->user, login->password);
  // Who may not set passwords, or does so in a transaction, makes no work.
  const auto password = new_password(command, subcommand, arguments);
  const bool makes_keys =
      password && client->admitted && !client->in_multi &&
      (!client->known ||
       client->known->rules.judge({command, subcommand, arguments}).what == Denied::kNot);
  if (!compares && !makes_keys) return false;
  progress.prepared = client->logging_in = true;
  // It may be settled at once, while the caller still holds the segment.
  const auto parked = std::make_shared<bool>(false);
  const auto settled = [this, client, parked] {
    client->logging_in = false;
    if (*parked) advance_waiting(client);
  };
  if (compares) {
    logins_.compare(login->user, login->password, settled);
  } else {
    logins_.derive(*password, [client, settled](ScramCredentials credentials) {
      client->new_credentials = std::move(credentials);
      settled();
    });
  }
  *parked = true;
  return client->logging_in;
}

}  // namespace weir::redis
