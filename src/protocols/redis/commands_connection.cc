// Connections: https://redis.io/docs/latest/commands/?group=connection

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "protocols/redis/call.h"
#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/limits.h"
#include "protocols/redis/numbers.h"
#include "protocols/redis/service.h"
#include "protocols/redis/subcommands.h"

namespace weir::redis {
namespace {

constexpr ByteView kBadName =
    "ERR Client names cannot contain spaces, newlines or special characters.";
constexpr ByteView kNoPassword =
    "ERR AUTH <password> called without any password configured for the default user. Are you sure "
    "your configuration is correct?";

bool printable(ByteView text) {
  return std::ranges::all_of(text, [](char c) { return c >= '!' && c <= '~'; });
}

void wrong_arguments(Call& call) {
  call.fail(fmt::format("ERR wrong number of arguments for '{}' command", call.command->name));
}

void ping(Call& call) {
  if (call.count() > 2) return wrong_arguments(call);
  const ByteView text = call.count() == 2 ? call.args[1] : ByteView();
  if (call.client.protocol == 2 && call.client.subscriptions() > 0) {
    call.reply.array(2);
    call.reply.bulk("pong");
    return call.reply.bulk(text);
  }
  if (call.count() == 2) return call.reply.bulk(text);
  call.reply.simple("PONG");
}

void echo(Call& call) {
  call.reply.bulk(call.args[1]);
}

void quit(Call& call) {
  call.reply.ok();
  call.client.closing = true;
}

void select(Call& call) {
  const auto database = call.integer(1, "ERR value is not an integer or out of range");
  if (!database) return;
  if (*database < 0 || *database >= keyspace::kDatabases)
    return call.fail(errors::kDatabaseOutOfRange);
  call.client.database = call.service.stored_database(static_cast<uint32_t>(*database));
  call.reply.ok();
}

// Whether the password is right has been found out already: Service::awaits_login().
bool authenticate(Call& call, const LoginWords& login) {
  const Logins& logins = call.service.logins();
  call.depends_on(call.service.broker().catalog_depends());
  const bool open = logins.open_to(login.user);
  if (!open && !logins.right(login.user, login.password)) {
    call.service.log_refusal(call.client, "auth", call.command->name, login.user);
    call.fail("WRONGPASS invalid username-password pair or user is disabled.");
    return false;
  }
  call.client.user = open ? ByteView() : login.user;
  call.client.admit(true);
  call.service.refresh_rights(call.client);
  return true;
}

void auth(Call& call) {
  const auto login = login_words(*call.command, call.args);
  if (!login) return call.fail(errors::kSyntax);
  if (call.count() == 2 && !call.service.logins().demanded()) return call.fail(kNoPassword);
  if (authenticate(call, *login)) call.reply.ok();
}

bool set_name(Call& call, ByteView name) {
  if (!printable(name) || name.size() > kClientNameBytesMax) {
    call.fail(kBadName);
    return false;
  }
  call.client.name = name;
  return true;
}

void hello(Call& call) {
  int protocol = call.client.protocol;
  size_t next = 1;
  if (call.count() >= 2) {
    const auto wanted = call.integer(1, "ERR Protocol version is not an integer or out of range");
    if (!wanted) return;
    if (*wanted < 2 || *wanted > 3) return call.fail("NOPROTO unsupported protocol version");
    protocol = static_cast<int>(*wanted);
    next = 2;
  }
  std::optional<ByteView> name;
  while (next < call.count()) {
    const size_t more = call.count() - next - 1;
    if (call.is(next, "auth") && more >= 2) {
      next += 3;
    } else if (call.is(next, "setname") && more >= 1) {
      name = call.args[next + 1];
      if (!printable(*name) || name->size() > kClientNameBytesMax) return call.fail(kBadName);
      next += 2;
    } else {
      return call.fail(fmt::format("ERR Syntax error in HELLO option '{}'", call.args[next]));
    }
  }
  const auto login = login_words(*call.command, call.args);
  if (login && !authenticate(call, *login)) return;
  if (!call.client.admitted) {
    return call.fail(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the "
        "RESP protocol version at the same time");
  }
  if (name) call.client.name = *name;
  call.client.protocol = protocol;
  call.reply.set_protocol(protocol);
  call.reply.map(7);
  call.reply.bulk("server");
  call.reply.bulk("redis");
  call.reply.bulk("version");
  call.reply.bulk(kRedisVersion);
  call.reply.bulk("proto");
  call.reply.integer(protocol);
  call.reply.bulk("id");
  call.reply.integer(static_cast<int64_t>(call.client.id));
  call.reply.bulk("mode");
  call.reply.bulk("standalone");
  call.reply.bulk("role");
  call.reply.bulk("master");
  call.reply.bulk("modules");
  call.reply.array(0);
}

void reset(Call& call) {
  Client& client = call.client;
  call.service.leave_transaction(client);
  call.service.pubsub().forget(client);
  call.service.unmonitor(client);
  client.database = call.service.stored_database(0);
  client.name.clear();
  client.user.clear();
  client.admit(!call.service.logins().demanded());
  call.service.refresh_rights(client);
  client.protocol = 2;
  client.reply_mode = ReplyMode::kOn;
  client.no_evict = client.no_touch = false;
  call.reply.set_protocol(2);
  call.reply.simple("RESET");
}

// ---- CLIENT

}  // namespace

std::string describe_client(const Service& service,
                            const Client& client,
                            Timestamp now,
                            size_t query_bytes) {
  std::string flags;
  if (client.blocked) flags += 'b';
  if (client.in_multi) flags += 'x';
  if (client.subscriptions() > 0) flags += 'P';
  if (client.no_evict) flags += 'e';
  if (client.no_touch) flags += 'T';
  if (flags.empty()) flags = "N";
  return fmt::format(
      "id={} addr={} laddr={} fd=0 name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} "
      "multi={} qbuf={} qbuf-free=0 argv-mem=0 multi-mem={} rbs=0 rbp=0 obl=0 oll=0 omem=0 "
      "tot-mem=0 events=r cmd={} user={} redir=-1 resp={} lib-name={} lib-ver={} watch={}",
      client.id, client.address, client.local_address, client.name,
      (now - client.connected).count() / 1000, (now - client.active).count() / 1000, flags,
      service.number_of(client.database), client.channels.size(), client.patterns.size(),
      client.shard_channels.size(),
      client.in_multi ? static_cast<int64_t>(client.queue.size()) : -1, query_bytes,
      client.queue_bytes, client.last_command, client.user_name(), client.protocol,
      client.library_name, client.library_version, client.watched.size());
}

namespace {

// What the command took on the wire, as an array of bulk strings.
size_t query_bytes(const Call& call) {
  size_t bytes = fmt::formatted_size("*{}\r\n", call.count());
  for (const ByteView word : call.args)
    bytes += fmt::formatted_size("${}\r\n\r\n", word.size()) + word.size();
  return bytes;
}

bool is_of_type(const Client& client, ByteView type) {
  return type == "pubsub" ? client.subscriptions() > 0
                          : type == "normal" && client.subscriptions() == 0;
}

std::optional<std::string> client_type(Call& call, size_t index) {
  for (const ByteView type : {"normal", "master", "replica", "slave", "pubsub"}) {
    if (call.is(index, type)) return std::string(type);
  }
  call.fail(fmt::format("ERR Unknown client type '{}'", call.args[index]));
  return std::nullopt;
}

void client_list(Call& call) {
  std::optional<std::string> type;
  std::vector<uint64_t> ids;
  if (call.count() == 4 && call.is(2, "type")) {
    type = client_type(call, 3);
    if (!type) return;
  } else if (call.count() >= 4 && call.is(2, "id")) {
    for (size_t i = 3; i < call.count(); ++i) {
      const auto id = parse_integer(call.args[i]);
      if (!id) return call.fail("ERR Invalid client ID");
      ids.push_back(static_cast<uint64_t>(*id));
    }
  } else if (call.count() != 2) {
    return call.fail(errors::kSyntax);
  }
  std::string text;
  for (const auto& [id, client] : call.service.clients()) {
    if (type && !is_of_type(*client, *type)) continue;
    if (!ids.empty() && std::ranges::find(ids, id) == ids.end()) continue;
    const bool asks = client.get() == &call.client;
    text += describe_client(call.service, *client, call.now(), asks ? query_bytes(call) : 0);
    text += '\n';
  }
  call.reply.verbatim(text);
}

struct KillFilter {
  std::optional<uint64_t> id;
  std::optional<ByteView> address;
  std::optional<ByteView> local_address;
  std::optional<ByteView> user;
  std::optional<std::string> type;
  bool skip_me = true;

  bool matches(const Client& client) const {
    if (id && client.id != *id) return false;
    if (address && client.address != *address) return false;
    if (local_address && client.local_address != *local_address) return false;
    if (user && *user != client.user_name()) return false;
    return !type || is_of_type(client, *type);
  }
};

bool kill_filter(Call& call, KillFilter& filter) {
  for (size_t i = 2; i < call.count(); i += 2) {
    if (i + 1 >= call.count()) {
      call.fail(errors::kSyntax);
      return false;
    }
    const ByteView value = call.args[i + 1];
    if (call.is(i, "id")) {
      const auto id = parse_integer(value);
      if (!id || *id < 1) {
        call.fail("ERR client-id should be greater than 0");
        return false;
      }
      filter.id = static_cast<uint64_t>(*id);
    } else if (call.is(i, "type")) {
      filter.type = client_type(call, i + 1);
      if (!filter.type) return false;
    } else if (call.is(i, "addr")) {
      filter.address = value;
    } else if (call.is(i, "laddr")) {
      filter.local_address = value;
    } else if (call.is(i, "user")) {
      if (value != kDefaultUser && !call.service.broker().catalog().access().find_user(value)) {
        call.fail(fmt::format("ERR No such user '{}'", value));
        return false;
      }
      filter.user = value;
    } else if (call.is(i, "skipme") && (call.is(i + 1, "yes") || call.is(i + 1, "no"))) {
      filter.skip_me = call.is(i + 1, "yes");
    } else {
      call.fail(errors::kSyntax);
      return false;
    }
  }
  return true;
}

void client_kill(Call& call) {
  KillFilter filter;
  const bool old_form = call.count() == 3;
  if (old_form) {
    filter.address = call.args[2];
    filter.skip_me = false;
  } else if (call.count() < 3) {
    return call.fail("ERR wrong number of arguments for 'client|kill' command");
  } else if (!kill_filter(call, filter)) {
    return;
  }
  std::vector<std::shared_ptr<Client>> victims;
  for (const auto& [id, client] : call.service.clients()) {
    if (filter.matches(*client) && !(filter.skip_me && client.get() == &call.client))
      victims.push_back(client);
  }
  for (const auto& victim : victims) {
    if (victim.get() == &call.client) {
      call.client.closing = true;
    } else {
      call.service.kill(*victim, true);
    }
  }
  if (!old_form) return call.reply.integer(static_cast<int64_t>(victims.size()));
  if (victims.empty()) return call.fail("ERR No such client");
  call.reply.ok();
}

void client_unblock(Call& call) {
  bool with_error = false;
  if (call.count() == 4) {
    if (!call.is(3, "timeout") && !call.is(3, "error")) {
      return call.fail("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    }
    with_error = call.is(3, "error");
  }
  const auto id = call.integer(2);
  if (!id) return;
  const auto found = call.service.clients().find(static_cast<uint64_t>(*id));
  const bool done =
      found != call.service.clients().end() && call.service.unblock(*found->second, with_error);
  call.reply.integer(done ? 1 : 0);
}

void client_setinfo(Call& call) {
  std::string* target = call.is(2, "lib-name")  ? &call.client.library_name
                        : call.is(2, "lib-ver") ? &call.client.library_version
                                                : nullptr;
  if (target == nullptr)
    return call.fail(fmt::format("ERR Unrecognized option '{}'", call.args[2]));
  if (!printable(call.args[3]) || call.args[3].size() > kClientNameBytesMax) {
    const ByteView option = call.is(2, "lib-name") ? "lib-name" : "lib-ver";
    return call.fail(
        fmt::format("ERR {} cannot contain spaces, newlines or special characters.", option));
  }
  *target = call.args[3];
  call.reply.ok();
}

void client_reply(Call& call) {
  if (call.is(2, "on")) {
    call.client.reply_mode = ReplyMode::kOn;
    return call.reply.ok();
  }
  if (call.is(2, "off")) {
    call.client.reply_mode = ReplyMode::kOff;
  } else if (call.is(2, "skip")) {
    if (call.client.reply_mode == ReplyMode::kOn) call.client.reply_mode = ReplyMode::kSkipNext;
  } else {
    call.fail(errors::kSyntax);
  }
}

void client_switch(Call& call, bool& what) {
  if (!call.is(2, "on") && !call.is(2, "off")) return call.fail(errors::kSyntax);
  what = call.is(2, "on");
  call.reply.ok();
}

void client_no_evict(Call& call) {
  client_switch(call, call.client.no_evict);
}
void client_no_touch(Call& call) {
  client_switch(call, call.client.no_touch);
}
void client_id(Call& call) {
  call.reply.integer(static_cast<int64_t>(call.client.id));
}
void client_info(Call& call) {
  call.reply.verbatim(describe_client(call.service, call.client, call.now(), query_bytes(call)) +
                      "\n");
}

// Tracking is never on.
void client_getredir(Call& call) {
  call.reply.integer(-1);
}
void client_trackinginfo(Call& call) {
  call.reply.map(3);
  call.reply.bulk("flags");
  call.reply.set(1);
  call.reply.bulk("off");
  call.reply.bulk("redirect");
  call.reply.integer(-1);
  call.reply.bulk("prefixes");
  call.reply.array(0);
}

void client_getname(Call& call) {
  if (call.client.name.empty()) return call.reply.null();
  call.reply.bulk(call.client.name);
}

void client_setname(Call& call) {
  if (set_name(call, call.args[2])) call.reply.ok();
}

void client_help(Call& call) {
  constexpr ByteView kLines[] = {"GETNAME",
                                 "    The name of this connection.",
                                 "GETREDIR",
                                 "    Where invalidations go; there is no tracking.",
                                 "ID",
                                 "    The number of this connection.",
                                 "INFO",
                                 "    This connection, as LIST shows it.",
                                 "KILL <ip:port> | <option> <value> ...",
                                 "    Ends connections: ADDR, ID, LADDR, SKIPME, TYPE, USER.",
                                 "LIST [TYPE <type>] [ID <id> ...]",
                                 "    Connections, a line each.",
                                 "NO-EVICT ON|OFF",
                                 "    Does nothing.",
                                 "NO-TOUCH ON|OFF",
                                 "    Does nothing.",
                                 "REPLY ON|OFF|SKIP",
                                 "    Whether commands are answered.",
                                 "SETINFO <attribute> <value>",
                                 "    The client library's name or version.",
                                 "SETNAME <name>",
                                 "    Names this connection.",
                                 "TRACKINGINFO",
                                 "    There is no tracking.",
                                 "UNBLOCK <id> [TIMEOUT|ERROR]",
                                 "    Ends the wait of a connection."};
  answer_help(call, kLines);
}

using namespace flag;

constexpr Subcommand kClientSubcommands[] = {
    {"client|getname", 2, 0, client_getname},
    {"client|getredir", 2, 0, client_getredir},
    {"client|help", 2, 0, client_help},
    {"client|id", 2, 0, client_id},
    {"client|info", 2, 0, client_info},
    {"client|kill", -3, kAdmin, client_kill},
    {"client|list", -2, kAdmin, client_list},
    {"client|no-evict", 3, kAdmin, client_no_evict},
    {"client|no-touch", 3, 0, client_no_touch},
    {"client|reply", 3, 0, client_reply},
    {"client|setinfo", 4, 0, client_setinfo},
    {"client|setname", 3, 0, client_setname},
    {"client|trackinginfo", 2, 0, client_trackinginfo},
    {"client|unblock", -3, kAdmin, client_unblock},
};

constexpr Command kCommands[] = {
    {"auth",
     -2,
     kFast | kNoAuth | kPassword,
     {},
     "connection",
     "@connection",
     "1.0.0",
     "Authenticates the connection.",
     auth},
    {"client",
     -2,
     kAdmin,
     {},
     "connection",
     "@connection",
     "2.4.0",
     "Asks about and steers connections.",
     run_subcommand,
     kClientSubcommands},
    {"echo", 2, kFast, {}, "connection", "@connection", "1.0.0", "Gives the argument back.", echo},
    {"hello",
     -1,
     kFast | kNoAuth | kPassword,
     {},
     "connection",
     "@connection",
     "6.0.0",
     "Chooses the protocol and introduces both sides.",
     hello},
    {"ping",
     -1,
     kFast | kInSubscription,
     {},
     "connection",
     "@connection",
     "1.0.0",
     "Answers PONG.",
     ping},
    {"quit",
     -1,
     kFast | kNoAuth | kInSubscription | kNotQueued,
     {},
     "connection",
     "@connection",
     "1.0.0",
     "Closes the connection.",
     quit},
    {"reset",
     1,
     kFast | kNoAuth | kInSubscription | kNotQueued,
     {},
     "connection",
     "@connection",
     "6.2.0",
     "Puts the connection back to its first state.",
     reset},
    {"select", 2, kFast, {}, "connection", "@connection", "1.0.0", "Changes the database.", select},
};

}  // namespace

std::span<const Command> connection_commands() {
  return kCommands;
}

}  // namespace weir::redis
