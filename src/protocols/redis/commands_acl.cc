// Users: https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
//
// They are the catalog's, shared with the other protocols; docs/security.md says what of Redis'
// rules there is: a password, on and off, and rights of the kind all or nothing.

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/credentials/scram.h"
#include "protocols/redis/call.h"
#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/login.h"
#include "protocols/redis/service.h"
#include "protocols/redis/subcommands.h"

namespace weir::redis {
namespace {

using catalog::User;

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

// Nobody can log in with the verifier that stands for the password.
std::vector<std::string> passwords_of(const User& user) {
  if (user.credentials.empty()) return {};
  return {hex(user.credentials.begin()->second.stored_key)};
}

std::vector<std::string> flags_of(const User& user) {
  std::vector<std::string> flags{user.enabled ? "on" : "off"};
  if (user.credentials.empty() && user.name == kDefaultUser) flags.emplace_back("nopass");
  flags.emplace_back("sanitize-payload");
  return flags;
}

std::string line_of(const User& user, const Rights& rights) {
  std::string line = "user " + user.name;
  for (const std::string& flag : flags_of(user)) line += " " + flag;
  for (const std::string& password : passwords_of(user)) line += " #" + password;
  if (rights.keys) line += " ~*";
  line += rights.channels ? " &*" : " resetchannels";
  return line + (rights.commands ? " +@all" : " -@all");
}

void whoami(Call& call) {
  call.reply.bulk(call.client.user.empty() ? kDefaultUser : std::string_view(call.client.user));
}

void users(Call& call) {
  const auto all = all_users(call);
  call.reply.array(all.size());
  for (const User& user : all) call.reply.bulk(user.name);
}

void list(Call& call) {
  const auto all = all_users(call);
  call.reply.array(all.size());
  for (const User& user : all) {
    call.reply.bulk(line_of(user, call.service.logins().rights_of(user)));
  }
}

void strings(Call& call, const std::vector<std::string>& words) {
  call.reply.array(words.size());
  for (const std::string& word : words) call.reply.bulk(word);
}

void get_user(Call& call) {
  const auto all = all_users(call);
  const auto found = std::ranges::find(all, call.args[2], &User::name);
  if (found == all.end()) return call.reply.null();
  const Rights rights = call.service.logins().rights_of(*found);
  call.reply.map(6);
  call.reply.bulk("flags");
  strings(call, flags_of(*found));
  call.reply.bulk("passwords");
  strings(call, passwords_of(*found));
  call.reply.bulk("commands");
  call.reply.bulk(rights.commands ? "+@all" : "-@all");
  call.reply.bulk("keys");
  call.reply.bulk(rights.keys ? "~*" : "");
  call.reply.bulk("channels");
  call.reply.bulk(rights.channels ? "&*" : "");
  call.reply.bulk("selectors");
  call.reply.array(0);
}

// One rule of ACL SETUSER; why not, if it cannot be.
std::string apply_rule(User& user, Rights& rights, ByteView rule) {
  const auto is_any = [&](std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, rule) != words.end();
  };
  if (is_any({"on", "off"})) {
    user.enabled = rule == "on";
  } else if (rule.starts_with('>')) {
    const ByteView password = rule.substr(1);
    if (password.empty() || password.size() > kPasswordBytesMax) return "the password is empty";
    user.credentials = credentials_of(password);
  } else if (is_any({"resetpass"})) {
    user.credentials.clear();
  } else if (is_any({"~*", "allkeys", "resetkeys"})) {
    rights.keys = rule != "resetkeys";
  } else if (is_any({"&*", "allchannels", "resetchannels"})) {
    rights.channels = rule != "resetchannels";
  } else if (is_any({"+@all", "allcommands", "-@all", "nocommands"})) {
    rights.commands = is_any({"+@all", "allcommands"});
  } else if (is_any({"reset"})) {
    user.enabled = false;
    user.credentials.clear();
    rights = {};
  } else if (!is_any({"sanitize-payload", "skip-sanitize-payload", "clearselectors"})) {
    return "users have one password of their own, and all rights or none";
  }
  return {};
}

void set_user(Call& call) {
  broker::Broker& broker = call.service.broker();
  const std::string name(call.args[2]);
  const auto known = broker.catalog().access().find_user(name);
  const bool is_default = name == kDefaultUser;
  User user = known ? *known : User();
  user.name = name;
  if (!known) user.enabled = is_default;
  Rights rights = known        ? call.service.logins().rights_of(user)
                  : is_default ? Rights::all()
                               : Rights();
  bool open = false;
  for (const ByteView rule : call.args.subspan(3)) {
    open = is_default && rule == "nopass";
    const std::string refused = open ? std::string() : apply_rule(user, rights, rule);
    if (!refused.empty()) {
      return call.fail(fmt::format("ERR Error in ACL SETUSER modifier '{}': {}",
                                   rule.substr(0, rule.starts_with('>') ? 1 : 128), refused));
    }
  }
  if (open || (is_default && !known && user.credentials.empty())) {
    // "default" without a password is nobody in the catalog.
    if (known) {
      const auto removed = broker.remove_user(name, call.now());
      if (!removed) return call.fail(removed.error());
      call.depends_on(*removed);
    }
    return call.reply.ok();
  }
  user.properties[std::string(kRightsProperty)] = rights.text();
  const auto put = broker.put_user(user, call.now());
  if (!put) return call.fail(fmt::format("ERR {}", put.error().message));
  call.depends_on(*put);
  call.reply.ok();
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

// All categories, or the commands of one.
void categories(Call& call) {
  if (call.count() > 3) return fail_subcommand(call);
  std::vector<ByteView> names;
  for (const Command* row : all_commands()) {
    for (const std::string_view category : categories_of(*row)) {
      if (call.count() == 2) names.push_back(category);
      if (call.count() == 3 && call.is(2, category)) names.push_back(row->name);
    }
  }
  if (names.empty()) return call.fail(fmt::format("ERR Unknown category '{}'", call.args[2]));
  std::ranges::sort(names);
  const auto rest = std::ranges::unique(names);
  names.erase(rest.begin(), rest.end());
  call.reply.array(names.size());
  for (const ByteView name : names) call.reply.bulk(name);
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

constexpr Subcommand kSubcommands[] = {
    {"acl|cat", -2, categories},
    {"acl|deluser", -3, delete_users},
    {"acl|genpass", -2, generate_password},
    {"acl|getuser", 3, get_user},
    {"acl|list", 2, list},
    {"acl|setuser", -3, set_user},
    {"acl|users", 2, users},
    {"acl|whoami", 2, whoami},
};

void acl(Call& call) {
  run_subcommand(call, kSubcommands);
}

using namespace flag;

constexpr Command kCommands[] = {
    {"acl", -2, kAdmin, {}, "server", "@admin", "6.0.0", "Asks about users and changes them.", acl},
};

}  // namespace

std::span<const Command> acl_commands() {
  return kCommands;
}

}  // namespace weir::redis
