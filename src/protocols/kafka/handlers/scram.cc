#include "protocols/kafka/handlers/scram.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"

namespace weir::kafka {
namespace {

template <typename Result>
void set_error(Result& result, KafkaError error, std::string_view message) {
  result.error_code = wire_code(error);
  result.error_message = Bytes::copy_of(message);
}

bool is_hash(int8_t mechanism) {
  return mechanism == static_cast<int8_t>(ScramHash::kSha256) ||
         mechanism == static_cast<int8_t>(ScramHash::kSha512);
}

DescribeUserScramCredentialsResponse::User described(const catalog::User& user) {
  DescribeUserScramCredentialsResponse::User result;
  result.user = Bytes::copy_of(user.name);
  for (const auto& [hash, credential] : user.credentials) {
    auto& info = result.credential_infos.emplace_back();
    info.mechanism = static_cast<int8_t>(hash);
    info.iterations = static_cast<int32_t>(credential.iterations);
  }
  return result;
}

DescribeUserScramCredentialsResponse describe(Engine& engine,
                                              const Call& call,
                                              const DescribeUserScramCredentialsRequest& request) {
  DescribeUserScramCredentialsResponse response;
  if (!Authorizer(engine.broker, call).cluster(Operation::kDescribe)) {
    set_error(response, KafkaError::kClusterAuthorizationFailed, "not allowed on this cluster");
    return response;
  }
  const catalog::Access& access = engine.broker.catalog().access();
  if (!request.users || request.users->empty()) {
    for (const auto& [name, user] : access.users()) {
      if (!user->credentials.empty()) response.results.push_back(described(*user));
    }
    return response;
  }
  std::map<std::string_view, int> times;
  for (const auto& user : *request.users) ++times[user.name.view()];
  for (const auto& [name, count] : times) {
    const auto user = access.find_user(name);
    auto& result = response.results.emplace_back();
    if (user && !user->credentials.empty() && count == 1) {
      result = described(*user);
      continue;
    }
    result.user = Bytes::copy_of(name);
    if (count > 1) {
      set_error(result, KafkaError::kDuplicateResource, "the user is named more than once");
    } else {
      set_error(result, KafkaError::kResourceNotFound, "the user has no SCRAM credentials");
    }
  }
  return response;
}

// What a request wants of one user.
struct Wish {
  std::vector<const AlterUserScramCredentialsRequest::Deletion*> deletions;
  std::vector<const AlterUserScramCredentialsRequest::Upsertion*> upsertions;
};

std::unexpected<std::pair<KafkaError, std::string>> refused(KafkaError error, std::string text) {
  return std::unexpected(std::pair(error, std::move(text)));
}
using Checked = std::expected<void, std::pair<KafkaError, std::string>>;

Checked check(const Wish& wish, std::string_view name) {
  std::set<int8_t> mechanisms;
  const auto check_mechanism = [&](int8_t mechanism) -> Checked {
    if (!is_hash(mechanism)) {
      return refused(KafkaError::kUnsupportedSaslMechanism, "the mechanism is unknown");
    }
    if (mechanisms.insert(mechanism).second) return {};
    return refused(KafkaError::kDuplicateResource, "a mechanism is named more than once");
  };
  if (name.empty()) return refused(KafkaError::kUnacceptableCredential, "the name is empty");
  for (const auto* deletion : wish.deletions) {
    if (auto checked = check_mechanism(deletion->mechanism); !checked) return checked;
  }
  for (const auto* upsertion : wish.upsertions) {
    if (auto checked = check_mechanism(upsertion->mechanism); !checked) return checked;
    if (upsertion->iterations < static_cast<int32_t>(kScramIterationsMin) ||
        upsertion->iterations > static_cast<int32_t>(kScramIterationsMax)) {
      return refused(
          KafkaError::kUnacceptableCredential,
          fmt::format("{} to {} iterations are allowed", kScramIterationsMin, kScramIterationsMax));
    }
    if (upsertion->salt.empty() || upsertion->salted_password.size() !=
                                       key_bytes(static_cast<ScramHash>(upsertion->mechanism))) {
      return refused(KafkaError::kUnacceptableCredential,
                     "the salt is empty, or the salted password is not whole");
    }
  }
  return {};
}

Checked change(Engine& engine, const std::string& name, const Wish& wish) {
  if (auto checked = check(wish, name); !checked) return checked;
  const auto known = engine.broker.catalog().access().find_user(name);
  catalog::User user = known ? *known : catalog::User();
  user.name = name;
  for (const auto* deletion : wish.deletions) {
    if (user.credentials.erase(static_cast<ScramHash>(deletion->mechanism)) == 0) {
      return refused(KafkaError::kResourceNotFound, "the user has no such credential");
    }
  }
  for (const auto* upsertion : wish.upsertions) {
    const auto hash = static_cast<ScramHash>(upsertion->mechanism);
    user.credentials[hash] =
        credential_of(hash, upsertion->salted_password.view(), upsertion->salt.view(),
                      static_cast<uint32_t>(upsertion->iterations));
  }
  const auto done = user.credentials.empty() && user.properties.empty()
                        ? engine.broker.remove_user(name, engine.now())
                        : engine.broker.put_user(user, engine.now());
  if (done) return {};
  const bool unacceptable =
      done.error().code == ErrorCode::kInvalidArgument || done.error().code == ErrorCode::kTooLarge;
  return refused(
      unacceptable ? KafkaError::kUnacceptableCredential : topic_error(done.error().code),
      done.error().message);
}

AlterUserScramCredentialsResponse alter(Engine& engine,
                                        const Call& call,
                                        const AlterUserScramCredentialsRequest& request) {
  std::map<std::string, Wish> wishes;
  for (const auto& one : request.deletions) {
    wishes[std::string(one.name.view())].deletions.push_back(&one);
  }
  for (const auto& one : request.upsertions) {
    wishes[std::string(one.name.view())].upsertions.push_back(&one);
  }
  const bool allowed = Authorizer(engine.broker, call).cluster(Operation::kAlter);
  AlterUserScramCredentialsResponse response;
  for (const auto& [name, wish] : wishes) {
    auto& result = response.results.emplace_back();
    result.user = Bytes::copy_of(name);
    if (!allowed) {
      set_error(result, KafkaError::kClusterAuthorizationFailed, "not allowed on this cluster");
    } else if (const auto changed = change(engine, name, wish); !changed) {
      set_error(result, changed.error().first, changed.error().second);
    }
  }
  return response;
}

}  // namespace

void DescribeUserScramCredentialsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        const auto response = describe(engine, call, request);
        call.answer(response, engine.broker.catalog_depends());
      });
}

void AlterUserScramCredentialsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        const auto response = alter(engine, call, request);
        call.answer(response, engine.broker.catalog_depends());
      });
}

}  // namespace weir::kafka
