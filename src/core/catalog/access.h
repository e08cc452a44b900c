#pragma once
// Access: who may log in, who may do what, and how much. Users with verifiers of their passwords,
// rules (access lists) and quotas; a part of the catalog's cell. decide_* refuse or return an
// event; apply is total. An event carries the whole new value.
//
// The codes of resource types, patterns, operations and permissions are those that Kafka's
// protocol gives them (KIP-11, KIP-290), so that a rule is stored as it was said.
//
// Events (first byte is the kind; the numbers go on from those of catalog.h):
//   8 user put       user                  9 user removed     name
//  10 rules put      varint count, rules  11 rules removed    varint count, rules
//  12 quota put      entity, values; without values it is removed
//
// Thread: one; the state shard's. A found user is immutable and may be kept and read anywhere.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/credentials/scram.h"
#include "base/error.h"
#include "base/wire.h"

namespace weir::catalog {

// ---- users

struct User {
  std::string name;
  bool enabled = true;
  ScramCredentials credentials;  // none: nobody can log in with that name
  // What only one front end understands, by its own name ("redis.rights").
  std::map<std::string, std::string> properties;

  bool operator==(const User&) const = default;
};

// ---- rules

enum class ResourceType : uint8_t {
  kTopic = 2,
  kGroup = 3,
  kCluster = 4,
  kTransactionalId = 5,
  kDelegationToken = 6,
  kUser = 7,
};
enum class Pattern : uint8_t { kLiteral = 3, kPrefixed = 4 };
enum class Operation : uint8_t {
  kAll = 2,
  kRead = 3,
  kWrite = 4,
  kCreate = 5,
  kDelete = 6,
  kAlter = 7,
  kDescribe = 8,
  kClusterAction = 9,
  kDescribeConfigs = 10,
  kAlterConfigs = 11,
  kIdempotentWrite = 12,
  kCreateTokens = 13,
  kDescribeTokens = 14,
  kTwoPhaseCommit = 15,
};
enum class Permission : uint8_t { kDeny = 2, kAllow = 3 };

inline constexpr std::string_view kAnyName =
    "*";  // of a resource with Pattern::kLiteral, and hosts
inline constexpr std::string_view kAnyPrincipal = "User:*";

struct AccessRule {
  ResourceType type = ResourceType::kTopic;
  Pattern pattern = Pattern::kLiteral;
  std::string name;
  std::string principal;  // "User:alice"
  std::string host;       // an address, or "*"
  Operation operation = Operation::kAll;
  Permission permission = Permission::kAllow;

  auto operator<=>(const AccessRule&) const = default;
};

// Who wants to do what with what.
struct Question {
  ResourceType type;
  std::string_view name;
  Operation operation;
  std::string_view principal;
  std::string_view host;
};

enum class Verdict : uint8_t {
  kAllowed,
  kDenied,  // a rule forbids it, or there are rules about the resource and none allows it
  kNoRule,  // no rule says anything about the resource
};

// ---- quotas

enum class QuotaKind : uint8_t { kUser = 0, kClientId = 1, kIp = 2 };

struct QuotaPart {
  QuotaKind kind = QuotaKind::kUser;
  bool is_default = false;  // of everybody who has none of his own; the name is empty then
  std::string name;

  auto operator<=>(const QuotaPart&) const = default;
};
// Ascending by kind, each kind at most once.
using QuotaEntity = std::vector<QuotaPart>;

struct Quota {
  QuotaEntity entity;
  std::map<std::string, double> values;  // by the names of KIP-13, KIP-219 and KIP-599

  bool operator==(const Quota&) const = default;
};

struct AccessLimits {
  size_t users_max = 10'000;
  size_t rules_max = 20'000;
  size_t quotas_max = 10'000;
  size_t name_bytes_max = 512;  // of users, resources, principals, hosts
  size_t properties_bytes_max = 16 << 10;
};

class Access {
 public:
  explicit Access(AccessLimits limits = {}) : limits_(limits) {}

  using Users = std::map<std::string, std::shared_ptr<const User>, std::less<>>;
  using Rules = std::set<AccessRule>;
  using Quotas = std::map<QuotaEntity, std::map<std::string, double>>;

  // Null when there is none.
  std::shared_ptr<const User> find_user(std::string_view name) const;
  const Users& users() const { return users_; }
  const Rules& rules() const { return rules_; }
  const Quotas& quotas() const { return quotas_; }

  // A rule that denies is stronger than any that allows. Who may read, write, delete or alter may
  // describe; who may alter configs may describe them.
  Verdict judge(const Question& question) const;
  // Whether some resource of the type, whatever its name, may be used so.
  bool allows_any(const Question& question) const;

  // kInvalidArgument, kTooLarge, kLimitReached.
  Result<std::string> decide_put_user(const User& user) const;
  // kNotFound.
  Result<std::string> decide_remove_user(std::string_view name) const;
  // kInvalidArgument, kTooLarge, kLimitReached.
  Result<std::string> decide_add_rules(std::span<const AccessRule> rules) const;
  std::string remove_rules(std::span<const AccessRule> rules) const;
  Result<std::string> decide_put_quota(const Quota& quota) const;

  // False: it is no event of this kind, or cannot be understood; nothing is changed then.
  bool apply(uint8_t kind, Reader& reader);

  void save(Writer& writer) const;
  // Into an empty one; a mistake fails the reader.
  void load(Reader& reader);

 private:
  void put(const AccessRule& rule);
  void erase(const AccessRule& rule);
  template <typename Visit>
  void each_rule_about(const Question& question, Visit visit) const;

  AccessLimits limits_;
  Users users_;
  Rules rules_;
  // How many prefixed rules have a name of that length: what a look-up has to try.
  std::map<size_t, size_t> prefix_lengths_;
  Quotas quotas_;
};

Result<void> check_user(const User& user, const AccessLimits& limits);
Result<void> check_rule(const AccessRule& rule, const AccessLimits& limits);
Result<void> check_quota(const Quota& quota, const AccessLimits& limits);

}  // namespace weir::catalog
