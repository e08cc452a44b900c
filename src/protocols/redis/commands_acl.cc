// Users: https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
//
// They are the catalog's, shared with the other protocols; docs/security.md says what of Redis'
// rules there is.

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/credentials/scram.h"
#include "protocols/redis/acl_commands.h"
#include "protocols/redis/acl_rules.h"
#include "protocols/redis/call.h"
#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/login.h"
#include "protocols/redis/service.h"
#include "protocols/redis/subcommands.h"

namespace weir::redis {
namespace {

using catalog::User;

constexpr std::string_view kOnePassword =
    "users have one password, of which only keys that verify it are kept: '>' sets it, 'resetpass' "
    "removes it";

std::string hex(ByteView bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

// The user "default" as long as the catalog has none of that name: everybody, without a password,
// unless everybody has to log in.
User open_default(Call& call) {
  User user;
  user.name = kDefaultUser;
  user.enabled = !call.service.logins().demanded();
  user.properties[std::string(kNoPasswordProperty)] = "1";
  user.properties[std::string(kRightsProperty)] = AclRules::all().text();
  return user;
}

// Those of the catalog by name, and "default".
std::vector<User> all_users(Call& call) {
  call.depends_on(call.service.broker().catalog_depends());
  std::vector<User> users;
  if (!call.service.logins().has_default()) users.push_back(open_default(call));
  for (const auto& [name, user] : call.service.broker().catalog().access().users()) {
    users.push_back(*user);
  }
  return users;
}

// As he was made, also while he is disabled.
AclRules rules_shown(Call& call, User user) {
  user.enabled = true;
  return call.service.logins().rules_of(user);
}

// Nobody can log in with the verifier that stands for the password.
std::vector<std::string> passwords_of(const User& user) {
  if (user.credentials.empty()) return {};
  return {hex(user.credentials.begin()->second.stored_key)};
}

bool has_no_password(const User& user) {
  return user.properties.contains(std::string(kNoPasswordProperty));
}

std::vector<std::string> flags_of(const User& user) {
  std::vector<std::string> flags{user.enabled ? "on" : "off"};
  if (has_no_password(user)) flags.emplace_back("nopass");
  flags.emplace_back("sanitize-payload");
  return flags;
}

std::string line_of(const User& user, const AclRules& rules) {
  std::string line = "user " + user.name;
  for (const std::string& flag : flags_of(user)) line += " " + flag;
  for (const std::string& password : passwords_of(user)) line += " #" + password;
  return line + " " + rules.text();
}

void whoami(Call& call) {
  call.reply.bulk(call.client.user_name());
}

void users(Call& call) {
  const auto all = all_users(call);
  call.reply.array(all.size());
  for (const User& user : all) call.reply.bulk(user.name);
}

void list(Call& call) {
  const auto all = all_users(call);
  call.reply.array(all.size());
  for (const User& user : all) call.reply.bulk(line_of(user, rules_shown(call, user)));
}

void strings(Call& call, const std::vector<std::string>& words) {
  call.reply.array(words.size());
  for (const std::string& word : words) call.reply.bulk(word);
}

void describe(Call& call, const AclSelector& selector) {
  call.reply.bulk("commands");
  call.reply.bulk(selector.commands_text());
  call.reply.bulk("keys");
  call.reply.bulk(selector.keys_text());
  call.reply.bulk("channels");
  call.reply.bulk(selector.channels_text());
}

void get_user(Call& call) {
  const auto all = all_users(call);
  const auto found = std::ranges::find(all, call.args[2], &User::name);
  if (found == all.end()) return call.reply.null();
  const AclRules rules = rules_shown(call, *found);
  call.reply.map(6);
  call.reply.bulk("flags");
  strings(call, flags_of(*found));
  call.reply.bulk("passwords");
  strings(call, passwords_of(*found));
  describe(call, rules.root());
  call.reply.bulk("selectors");
  call.reply.array(rules.further().size());
  for (const AclSelector& selector : rules.further()) {
    call.reply.map(3);
    describe(call, selector);
  }
}

// ---- ACL SETUSER

// A user while rules change him.
struct Change {
  User user;
  AclRules rules;
  std::optional<ScramCredentials> new_credentials;  // of the last password among the rules
  bool passwords_demanded = false;
};

void remove_password(Change& change) {
  change.user.credentials.clear();
  change.user.properties.erase(std::string(kNoPasswordProperty));
}

// Why not, if it cannot be.
std::string_view set_password(Change& change, ByteView password) {
  if (password.empty() || password.size() > kPasswordBytesMax)
    return "a password has 1 to 1024 bytes";
  if (!change.new_credentials) return "passwords cannot be set in a transaction";
  remove_password(change);
  change.user.credentials = *change.new_credentials;
  return {};
}

std::string_view apply_rule(Change& change, ByteView rule) {
  std::string word(rule.substr(0, 32));
  std::ranges::transform(word, word.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (word == "on" || word == "off") {
    change.user.enabled = word == "on";
  } else if (word == "nopass") {
    if (change.passwords_demanded) return "everybody has to log in here (redis.auth)";
    remove_password(change);
    change.user.properties[std::string(kNoPasswordProperty)] = "1";
  } else if (word == "resetpass") {
    remove_password(change);
  } else if (word == "reset") {
    remove_password(change);
    change.user.enabled = false;
    change.rules.reset();
  } else if (rule.starts_with('>')) {
    return set_password(change, rule.substr(1));
  } else if (rule.starts_with('#') || rule.starts_with('<') || rule.starts_with('!')) {
    return kOnePassword;
  } else if (word != "sanitize-payload" && word != "skip-sanitize-payload") {
    return change.rules.apply(rule);
  }
  return {};
}

// The rules among the arguments, those of one selector put together; nothing when a bracket is not
// closed.
std::optional<std::vector<std::string>> rules_of(Call& call) {
  std::vector<std::string> rules;
  for (size_t i = 3; i < call.count(); ++i) {
    rules.emplace_back(call.args[i]);
    if (!call.args[i].starts_with('(')) continue;
    const ByteView begin = call.args[i];
    while (!rules.back().ends_with(')') && i + 1 < call.count()) {
      rules.back() += ' ';
      rules.back() += call.args[++i];
    }
    if (rules.back().ends_with(')')) continue;
    call.fail(fmt::format("ERR Unmatched parenthesis in acl selector starting at '{}'.",
                          begin.substr(0, 128)));
    return std::nullopt;
  }
  return rules;
}

// "default" as he is without anybody in the catalog.
bool is_open_default(const Change& change) {
  return change.user.name == kDefaultUser && change.user.enabled && has_no_password(change.user) &&
         change.rules.text() == AclRules::all().text();
}

void store(Call& call, Change& change, bool known) {
  broker::Broker& broker = call.service.broker();
  if (is_open_default(change)) {
    if (known) {
      const auto removed = broker.remove_user(change.user.name, call.now());
      if (!removed) return call.fail(removed.error());
      call.depends_on(*removed);
    }
    return call.reply.ok();
  }
  change.user.properties[std::string(kRightsProperty)] = change.rules.text();
  const auto put = broker.put_user(change.user, call.now());
  if (!put) return call.fail(fmt::format("ERR {}", put.error().message));
  call.depends_on(*put);
  call.reply.ok();
}

void set_user(Call& call) {
  Change change;
  change.new_credentials = std::exchange(call.client.new_credentials, std::nullopt);
  change.passwords_demanded = call.service.options().login.required;
  const std::string name(call.args[2]);
  if (std::ranges::any_of(name, [](unsigned char c) { return c == 0 || std::isspace(c) != 0; }))
    return call.fail("ERR Usernames can't contain spaces or null characters");
  const auto rules = rules_of(call);
  if (!rules) return;
  const auto known = call.service.broker().catalog().access().find_user(name);
  if (known) {
    change.user = *known;
  } else if (name == kDefaultUser) {
    change.user = open_default(call);
    change.user.enabled = true;
  } else {
    change.user.name = name;
    change.user.enabled = false;
  }
  change.rules = rules_shown(call, change.user);
  for (const std::string& rule : *rules) {
    const std::string_view refused = apply_rule(change, rule);
    if (!refused.empty()) {
      return call.fail(fmt::format("ERR Error in ACL SETUSER modifier '{}': {}",
                                   ByteView(rule).substr(0, rule.starts_with('>') ? 1 : 128),
                                   refused));
    }
  }
  store(call, change, known != nullptr);
  call.service.refresh_rights(call.client);
  call.service.end_forbidden_subscriptions(call, name);
}

void delete_users(Call& call) {
  const auto names = call.args.subspan(2);
  if (std::ranges::find(names, kDefaultUser) != names.end()) {
    return call.fail("ERR The 'default' user cannot be removed");
  }
  int64_t removed = 0;
  for (const ByteView name : names) {
    const auto gone = call.service.broker().remove_user(name, call.now());
    if (!gone) continue;
    call.depends_on(*gone);
    ++removed;
    std::vector<std::shared_ptr<Client>> victims;
    for (const auto& [id, client] : call.service.clients()) {
      if (client->user == name) victims.push_back(client);
    }
    for (const auto& victim : victims) {
      if (victim.get() == &call.client) {
        call.client.closing = true;
      } else {
        call.service.kill(*victim, true);
      }
    }
  }
  call.reply.integer(removed);
}

void generate_password(Call& call) {
  int64_t bits = 256;
  if (call.count() == 3) {
    const auto wanted = call.integer_between(
        2, 1, 4096,
        "ERR ACL GENPASS argument must be the number of bits for the output password, a positive "
        "number up to 4096");
    if (!wanted) return;
    bits = *wanted;
  }
  const auto digits = static_cast<size_t>((bits + 3) / 4);
  call.reply.bulk(hex(random_bytes((digits + 1) / 2)).substr(0, digits));
}

void no_file(Call& call) {
  call.fail(
      "ERR This Redis instance is not configured to use an ACL file. You may want to specify users "
      "via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis "
      "configuration file set) in order to store users in the Redis configuration.");
}

void help(Call& call) {
  constexpr ByteView kLines[] = {"CAT [<category>]",
                                 "    All categories, or the commands of one.",
                                 "DELUSER <username> [<username> ...]",
                                 "    Deletes users and ends their connections.",
                                 "DRYRUN <username> <command> [<arg> ...]",
                                 "    Whether the user might run this.",
                                 "GETUSER <username>",
                                 "    What is known of a user.",
                                 "GENPASS [<bits>]",
                                 "    A password made at random.",
                                 "LIST",
                                 "    All users as lines of rules.",
                                 "LOG [<count> | RESET]",
                                 "    Who was refused what.",
                                 "SETUSER <username> <rule> [<rule> ...]",
                                 "    Makes or changes a user; durable when it is answered.",
                                 "USERS",
                                 "    The names of all users.",
                                 "WHOAMI",
                                 "    The user of this connection."};
  answer_help(call, kLines);
}

using namespace flag;
constexpr Subcommand kSubcommands[] = {
    {"acl|cat", -2, 0, acl_categories},
    {"acl|deluser", -3, kAdmin, delete_users},
    {"acl|dryrun", -4, kAdmin, acl_dry_run},
    {"acl|genpass", -2, 0, generate_password},
    {"acl|getuser", 3, kAdmin, get_user},
    {"acl|help", 2, 0, help},
    {"acl|list", 2, kAdmin, list},
    {"acl|load", 2, kAdmin, no_file},
    {"acl|log", -2, kAdmin, acl_log},
    {"acl|save", 2, kAdmin, no_file},
    {"acl|setuser", -3, kAdmin, set_user},
    {"acl|users", 2, kAdmin, users},
    {"acl|whoami", 2, 0, whoami},
};

constexpr Command kCommands[] = {
    {"acl",
     -2,
     kAdmin | kPassword,
     {},
     "server",
     "",
     "6.0.0",
     "Asks about users and changes them.",
     run_subcommand,
     kSubcommands},
};

}  // namespace

std::span<const Command> acl_commands() {
  return kCommands;
}

}  // namespace weir::redis
