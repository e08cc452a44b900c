// Users: who can log in. docs/security.md tells what for.

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "admin/api.h"
#include "base/credentials/scram.h"

namespace weir::admin {
namespace {

using broker::Broker;

constexpr int kCreated = 201;
constexpr int kDone = 200;

// What a client asks for, with the password hashed already.
struct Change {
  std::string name;
  std::optional<ScramCredentials> credentials;
  std::optional<bool> enabled;
  std::optional<bool> redis;  // all rights there, or none
};

// As ACL SETUSER of Redis would have it (protocols/redis/login.h).
constexpr std::string_view kRedisRights = "redis.rights";
constexpr std::string_view kAllRedisRights = "~* &* +@all";

void set_redis(catalog::User& user, const std::optional<bool>& all) {
  if (all) user.properties[std::string(kRedisRights)] = *all ? kAllRedisRights : "";
}

std::string_view name_of(ScramHash hash) {
  return hash == ScramHash::kSha256 ? "SCRAM-SHA-256" : "SCRAM-SHA-512";
}

std::string user_json(const catalog::User& user) {
  JsonList mechanisms;
  for (const auto& [hash, credential] : user.credentials) {
    mechanisms.raw(json_string(name_of(hash)));
  }
  return JsonObject()
      .text("name", user.name)
      .flag("enabled", user.enabled)
      .raw("credentials", mechanisms.done())
      .text("redis", user.properties.contains(std::string(kRedisRights))
                         ? user.properties.at(std::string(kRedisRights))
                         : std::string())
      .done();
}

std::unexpected<Error> unknown(const std::string& name) {
  return fail(ErrorCode::kNotFound, fmt::format("there is no user {}", name));
}

Result<Answer> list(Broker& broker, const Ask& ask) {
  auto page = Page::of(broker, ask);
  if (!page) return std::unexpected(page.error());
  const auto& users = broker.catalog().access().users();
  for (auto it = users.lower_bound(page->from()); it != users.end(); ++it) {
    if (!page->has_room(it->first)) break;
    page->add(user_json(*it->second));
  }
  return page->answer("users");
}

Result<Answer> describe(Broker& broker, const Ask& ask) {
  const std::string& name = ask.request.name("name");
  const auto user = broker.catalog().access().find_user(name);
  if (!user) return unknown(name);
  return answered(kDone, user_json(*user), broker.catalog_depends());
}

Result<Answer> remove(Broker& broker, const Ask& ask) {
  const std::string& name = ask.request.name("name");
  const auto removed = broker.remove_user(name, ask.now);
  if (!removed) return std::unexpected(removed.error());
  return answered(kDone, JsonObject().text("name", name).flag("removed", true).done(), *removed);
}

Result<Answer> put(Broker& broker, const catalog::User& user, int status, Timestamp now) {
  const auto done = broker.put_user(user, now);
  if (!done) return std::unexpected(done.error());
  return answered(status, user_json(user), *done);
}

Result<Answer> create(Broker& broker, Change& change, Timestamp now) {
  if (broker.catalog().access().find_user(change.name)) {
    return fail(ErrorCode::kAlreadyExists, fmt::format("user {} exists already", change.name));
  }
  catalog::User user;
  user.name = std::move(change.name);
  user.enabled = change.enabled.value_or(true);
  set_redis(user, change.redis);
  user.credentials = std::move(*change.credentials);
  return put(broker, user, kCreated, now);
}

Result<Answer> alter(Broker& broker, Change& change, Timestamp now) {
  const auto known = broker.catalog().access().find_user(change.name);
  if (!known) return unknown(change.name);
  catalog::User user = *known;
  if (change.enabled) user.enabled = *change.enabled;
  set_redis(user, change.redis);
  if (change.credentials) user.credentials = std::move(*change.credentials);
  return put(broker, user, kDone, now);
}

// Hashing a password takes milliseconds: here, where the connection's shard still is.
Result<Change> read_change(const Request& request, bool creates) {
  const auto body = Json::parse(request.http.body);
  if (!body) return std::unexpected(body.error());
  Fields fields(*body);
  Change change;
  change.name = creates ? fields.required_text("name") : request.name("name");
  std::string password;
  if (creates) password = fields.required_text("password");
  const std::string* given = fields.text("password");
  if (given != nullptr) password = *given;
  change.enabled = fields.flag("enabled");
  change.redis = fields.flag("redis");
  if (given != nullptr && (password.empty() || password.size() > kPasswordBytesMax)) {
    fields.mistake(fmt::format("a password has 1 to {} bytes", kPasswordBytesMax));
  }
  if (const auto read = fields.finish(); !read) return std::unexpected(read.error());
  if (given != nullptr) change.credentials = credentials_of(password);
  return change;
}

using ChangeHandler = Result<Answer> (*)(Broker& broker, Change& change, Timestamp now);

void add_change(const Api& api, std::string method, std::string_view pattern, ChangeHandler run) {
  const bool creates = run == create;
  api.router.add(std::move(method), pattern,
                 [&broker = api.broker, &clock = api.clock, run, creates](
                     const Request& request, net::HttpResponder responder) {
                   auto change = read_change(request, creates);
                   if (!change) return responder.send(error_response(change.error()));
                   broker.call([run, &clock, change = std::move(*change),
                                responder = std::move(responder)](Broker& self) mutable {
                     auto result = run(self, change, clock.now());
                     Answer answer = result ? std::move(*result) : refused(self, result.error());
                     responder.send(std::move(answer.response), answer.depends.lsn,
                                    answer.depends.durability);
                   });
                 });
}

}  // namespace

void add_user_endpoints(const Api& api) {
  api.add("GET", "/api/v1/users", list);
  add_change(api, "POST", "/api/v1/users", create);
  api.add("GET", "/api/v1/users/{name}", describe);
  add_change(api, "PATCH", "/api/v1/users/{name}", alter);
  api.add("DELETE", "/api/v1/users/{name}", remove);
}

}  // namespace weir::admin
