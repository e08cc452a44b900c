#include "protocols/kafka/handlers/acls.h"

#include <vector>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"

namespace weir::kafka {
namespace {

using catalog::AccessRule;
using catalog::Pattern;
using catalog::Permission;

constexpr int8_t kAny = 1;
// Of patterns: literal ones of the name and of "*", and those of its prefixes.
constexpr int8_t kMatching = 2;

template <typename Enum>
bool is_one_of(int8_t code, Enum first, Enum last) {
  return code >= static_cast<int8_t>(first) && code <= static_cast<int8_t>(last);
}

bool is_type(int8_t code) {
  return is_one_of(code, ResourceType::kTopic, ResourceType::kUser);
}
bool is_pattern(int8_t code) {
  return is_one_of(code, Pattern::kLiteral, Pattern::kPrefixed);
}
bool is_operation(int8_t code) {
  return is_one_of(code, Operation::kAll, Operation::kTwoPhaseCommit);
}
bool is_permission(int8_t code) {
  return is_one_of(code, Permission::kDeny, Permission::kAllow);
}

// DescribeAcls and the filters of DeleteAcls have the same fields.
template <typename Filter>
class Sieve {
 public:
  explicit Sieve(const Filter& filter) : filter_(filter) {}

  bool is_understood() const {
    return (filter_.resource_type_filter == kAny || is_type(filter_.resource_type_filter)) &&
           (filter_.pattern_type_filter == kAny || filter_.pattern_type_filter == kMatching ||
            is_pattern(filter_.pattern_type_filter)) &&
           (filter_.operation == kAny || is_operation(filter_.operation)) &&
           (filter_.permission_type == kAny || is_permission(filter_.permission_type));
  }
  bool passes(const AccessRule& rule) const {
    return fits(filter_.resource_type_filter, rule.type) &&
           fits(filter_.principal_filter, rule.principal) && fits(filter_.host_filter, rule.host) &&
           fits(filter_.operation, rule.operation) &&
           fits(filter_.permission_type, rule.permission) && fits_name(rule);
  }

 private:
  template <typename Enum>
  static bool fits(int8_t wanted, Enum value) {
    return wanted == kAny || wanted == static_cast<int8_t>(value);
  }
  static bool fits(const std::optional<Bytes>& wanted, const std::string& value) {
    return !wanted || wanted->view() == value;
  }
  bool fits_name(const AccessRule& rule) const {
    if (filter_.pattern_type_filter != kMatching) {
      return fits(filter_.pattern_type_filter, rule.pattern) &&
             fits(filter_.resource_name_filter, rule.name);
    }
    if (!filter_.resource_name_filter) return true;
    const ByteView name = filter_.resource_name_filter->view();
    if (rule.pattern == Pattern::kPrefixed) return name.starts_with(rule.name);
    return rule.name == name || rule.name == catalog::kAnyName;
  }

  const Filter& filter_;
};

template <typename Filter>
std::vector<AccessRule> matching(const broker::Broker& broker, const Filter& filter) {
  const Sieve sieve(filter);
  std::vector<AccessRule> found;
  for (const AccessRule& rule : broker.catalog().access().rules()) {
    if (sieve.passes(rule)) found.push_back(rule);
  }
  return found;
}

// Empty when the rule is in order.
std::string_view mistake_of(const CreateAclsRequest::Creation& creation) {
  const ByteView principal = creation.principal.view();
  const size_t colon = principal.find(':');
  if (!is_type(creation.resource_type)) return "the resource type is none that has rules";
  if (!is_pattern(creation.resource_pattern_type)) return "a pattern is literal or prefixed";
  if (!is_operation(creation.operation)) return "the operation is none that a rule can be about";
  if (!is_permission(creation.permission_type)) return "a rule allows or denies";
  if (colon == ByteView::npos || colon == 0 || colon + 1 == principal.size()) {
    return "a principal is written TYPE:NAME, as in User:alice";
  }
  const bool cluster = creation.resource_type == static_cast<int8_t>(ResourceType::kCluster);
  if (cluster && creation.resource_name.view() != kClusterName) {
    return "the only name of a cluster is kafka-cluster";
  }
  return {};
}

AccessRule rule_of(const CreateAclsRequest::Creation& creation) {
  return {.type = static_cast<ResourceType>(creation.resource_type),
          .pattern = static_cast<Pattern>(creation.resource_pattern_type),
          .name = std::string(creation.resource_name.view()),
          .principal = std::string(creation.principal.view()),
          .host = std::string(creation.host.view()),
          .operation = static_cast<Operation>(creation.operation),
          .permission = static_cast<Permission>(creation.permission_type)};
}

template <typename Result>
void set_error(Result& result, KafkaError error, std::string_view message) {
  result.error_code = wire_code(error);
  result.error_message = Bytes::copy_of(message);
}

KafkaError error_of(ErrorCode code) {
  return code == ErrorCode::kInvalidArgument || code == ErrorCode::kTooLarge
             ? KafkaError::kInvalidRequest
             : topic_error(code);
}

constexpr std::string_view kNotAllowed = "not allowed on this cluster";

DescribeAclsResponse describe(const Engine& engine,
                              const Call& call,
                              const DescribeAclsRequest& request) {
  DescribeAclsResponse response;
  if (!Authorizer(engine.broker, call).cluster(Operation::kDescribe)) {
    set_error(response, KafkaError::kClusterAuthorizationFailed, kNotAllowed);
    return response;
  }
  if (!Sieve(request).is_understood()) {
    set_error(response, KafkaError::kInvalidRequest, "the filter is not understood");
    return response;
  }
  // Rules of one resource stand together.
  const AccessRule* last = nullptr;
  const auto found = matching(engine.broker, request);
  for (const AccessRule& rule : found) {
    if (last == nullptr || last->type != rule.type || last->pattern != rule.pattern ||
        last->name != rule.name) {
      auto& resource = response.resources.emplace_back();
      resource.resource_type = static_cast<int8_t>(rule.type);
      resource.resource_name = Bytes::copy_of(rule.name);
      resource.pattern_type = static_cast<int8_t>(rule.pattern);
    }
    auto& acl = response.resources.back().acls.emplace_back();
    acl.principal = Bytes::copy_of(rule.principal);
    acl.host = Bytes::copy_of(rule.host);
    acl.operation = static_cast<int8_t>(rule.operation);
    acl.permission_type = static_cast<int8_t>(rule.permission);
    last = &rule;
  }
  return response;
}

CreateAclsResponse create(Engine& engine, const Call& call, const CreateAclsRequest& request) {
  CreateAclsResponse response;
  response.results.resize(request.creations.size());
  const bool allowed = Authorizer(engine.broker, call).cluster(Operation::kAlter);
  const broker::Broker::Turn turn(engine.broker, engine.now());
  for (size_t i = 0; i < request.creations.size(); ++i) {
    auto& result = response.results[i];
    const std::string_view mistake = mistake_of(request.creations[i]);
    if (!allowed) {
      set_error(result, KafkaError::kClusterAuthorizationFailed, kNotAllowed);
    } else if (!turn.ok()) {
      set_error(result, topic_error(turn.status().error().code), turn.status().error().message);
    } else if (!mistake.empty()) {
      set_error(result, KafkaError::kInvalidRequest, mistake);
    } else {
      const AccessRule rule = rule_of(request.creations[i]);
      const auto added = engine.broker.add_rules({&rule, 1}, engine.now());
      if (!added) set_error(result, error_of(added.error().code), added.error().message);
    }
  }
  return response;
}

void remove(Engine& engine,
            const DeleteAclsRequest::Filter& filter,
            DeleteAclsResponse::FilterResult& result) {
  if (!Sieve(filter).is_understood()) {
    return set_error(result, KafkaError::kInvalidRequest, "the filter is not understood");
  }
  const std::vector<AccessRule> found = matching(engine.broker, filter);
  if (found.empty()) return;
  const auto removed = engine.broker.remove_rules(found, engine.now());
  if (!removed) {
    return set_error(result, topic_error(removed.error().code), removed.error().message);
  }
  for (const AccessRule& rule : found) {
    auto& acl = result.matching_acls.emplace_back();
    acl.resource_type = static_cast<int8_t>(rule.type);
    acl.resource_name = Bytes::copy_of(rule.name);
    acl.pattern_type = static_cast<int8_t>(rule.pattern);
    acl.principal = Bytes::copy_of(rule.principal);
    acl.host = Bytes::copy_of(rule.host);
    acl.operation = static_cast<int8_t>(rule.operation);
    acl.permission_type = static_cast<int8_t>(rule.permission);
  }
}

DeleteAclsResponse remove_all(Engine& engine, const Call& call, const DeleteAclsRequest& request) {
  DeleteAclsResponse response;
  const bool allowed = Authorizer(engine.broker, call).cluster(Operation::kAlter);
  const broker::Broker::Turn turn(engine.broker, engine.now(), broker::Admission::kRelease);
  for (const DeleteAclsRequest::Filter& filter : request.filters) {
    auto& result = response.filter_results.emplace_back();
    if (!allowed) {
      set_error(result, KafkaError::kClusterAuthorizationFailed, kNotAllowed);
    } else {
      remove(engine, filter, result);
    }
  }
  return response;
}

}  // namespace

void DescribeAclsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        const auto response = describe(engine, call, request);
        call.answer(response, engine.broker.catalog_depends());
      });
}

void CreateAclsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        const auto response = create(engine, call, request);
        call.answer(response, engine.broker.catalog_depends());
      });
}

void DeleteAclsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        const auto response = remove_all(engine, call, request);
        call.answer(response, engine.broker.catalog_depends());
      });
}

}  // namespace weir::kafka
