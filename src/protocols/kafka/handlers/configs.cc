#include "protocols/kafka/handlers/configs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/group_config.h"
#include "protocols/kafka/group_text.h"
#include "protocols/kafka/settings_answer.h"
#include "protocols/kafka/topic_config.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

constexpr int8_t kTopicResource = 2;
constexpr int8_t kBrokerResource = 4;
constexpr int8_t kGroupResource = 32;

struct Refusal {
  KafkaError error = KafkaError::kNone;
  std::string message;

  explicit operator bool() const { return error != KafkaError::kNone; }
};

Refusal no_such_resource() {
  return {KafkaError::kInvalidRequest, "only topics, groups and brokers have settings here"};
}

Refusal check_allowed(const Authorizer& authorizer,
                      Operation operation,
                      int8_t type,
                      std::string_view name) {
  if (type == kTopicResource) {
    if (authorizer.topic(operation, name)) return {};
    return {KafkaError::kTopicAuthorizationFailed, "not allowed on this topic"};
  }
  if (type == kGroupResource) {
    if (authorizer.group(operation, name)) return {};
    return {KafkaError::kGroupAuthorizationFailed, "not allowed on this group"};
  }
  if (authorizer.cluster(operation)) return {};
  return {KafkaError::kClusterAuthorizationFailed, "not allowed on this cluster"};
}

// Clients name the broker by its id, or leave the name empty and mean all brokers.
bool names_this_broker(std::string_view name, const Config& config) {
  return name.empty() || name == std::to_string(config.node_id);
}

// ---- describe

bool is_wanted(const std::optional<std::vector<Bytes>>& names, std::string_view name) {
  return !names ||
         std::ranges::any_of(*names, [&](const Bytes& one) { return one.view() == name; });
}

void complete(DescribeConfigsResponse::Config& answer,
              const Setting& setting,
              const DescribeConfigsRequest& request) {
  answer.config_type = static_cast<int8_t>(setting.type);
  if (request.include_documentation) answer.documentation = wire::literal(setting.meaning);
  if (request.include_synonyms)
    answer.synonyms.push_back({answer.name, answer.value, answer.config_source});
}

// Of a group that is not there, too: what it would begin with.
void describe_group(Engine& engine,
                    const Config& config,
                    const DescribeConfigsRequest& request,
                    const DescribeConfigsRequest::Resource& resource,
                    std::vector<DescribeConfigsResponse::Config>& configs) {
  const broker::GroupCell* cell = engine.groups.find(text_of(resource.resource_name));
  for (const Setting& setting : group_settings()) {
    if (!is_wanted(resource.configuration_keys, setting.name)) continue;
    const SettingValue value =
        group_setting(cell ? cell->settings : group::Settings(), setting, config);
    auto& answer =
        configs.emplace_back(setting_answer<DescribeConfigsResponse::Config>(setting, value));
    if (!value.is_default) answer.config_source = static_cast<int8_t>(SettingSource::kGroup);
    complete(answer, setting, request);
  }
}

Refusal describe(Engine& engine,
                 const Config& config,
                 const DescribeConfigsRequest& request,
                 const DescribeConfigsRequest::Resource& resource,
                 std::vector<DescribeConfigsResponse::Config>& configs) {
  const std::string_view name = resource.resource_name.view();
  if (resource.resource_type == kTopicResource) {
    const broker::Thing* thing = find_topic(engine.broker, name);
    if (!thing) return {KafkaError::kUnknownTopicOrPartition, "there is no such topic"};
    for (const Setting& setting : topic_settings()) {
      if (!is_wanted(resource.configuration_keys, setting.name)) continue;
      auto& answer = configs.emplace_back(setting_answer<DescribeConfigsResponse::Config>(
          setting, topic_setting(*thing, setting, config)));
      complete(answer, setting, request);
    }
    return {};
  }
  if (resource.resource_type == kGroupResource) {
    describe_group(engine, config, request, resource, configs);
    return {};
  }
  if (resource.resource_type != kBrokerResource) return no_such_resource();
  if (!names_this_broker(name, config)) {
    return {KafkaError::kInvalidRequest, fmt::format("there is only broker {}", config.node_id)};
  }
  for (const auto& [setting, value] : broker_settings(config)) {
    if (!is_wanted(resource.configuration_keys, setting.name)) continue;
    const bool is_default = value == setting.default_value;
    auto& answer = configs.emplace_back(
        setting_answer<DescribeConfigsResponse::Config>(setting, {value, is_default}));
    answer.read_only = true;
    if (!is_default) answer.config_source = static_cast<int8_t>(SettingSource::kStaticBroker);
    complete(answer, setting, request);
  }
  return {};
}

// ---- change

// The topic that a request wants to change; a refusal otherwise.
Refusal find_changeable(Engine& engine, int8_t type, const Bytes& name, broker::Thing& thing) {
  if (type == kBrokerResource) {
    return {KafkaError::kInvalidRequest, "settings of the broker are in its configuration file"};
  }
  if (type != kTopicResource) return no_such_resource();
  const broker::Thing* found = find_topic(engine.broker, name.view());
  if (!found) return {KafkaError::kUnknownTopicOrPartition, "there is no such topic"};
  if (found->kind != catalog::Kind::kTopic) {
    return {KafkaError::kPolicyViolation, "this is a queue; change it where it was made"};
  }
  thing = *found;
  return {};
}

Refusal store(Engine& engine,
              const broker::Thing& thing,
              bool validate_only,
              broker::Depends& depends) {
  if (validate_only) return {};
  const auto altered = engine.broker.alter(thing, engine.now());
  if (!altered) return {topic_error(altered.error().code), altered.error().message};
  add(depends, altered->depends);
  return {};
}

Refusal store_group(Engine& engine,
                    const Config& config,
                    const std::string& group,
                    const group::Settings& settings,
                    bool validate_only,
                    broker::Depends& depends) {
  if (group.empty()) return {KafkaError::kInvalidRequest, "the group needs a name"};
  const auto fit = check_group_settings(settings, config);
  if (!fit) return {KafkaError::kInvalidConfig, fit.error().message};
  if (validate_only) return {};
  const auto changed = engine.groups.change_settings(group, settings);
  if (!changed) return {group_error(changed.error().code), changed.error().message};
  add(depends, *changed);
  return {};
}

Refusal replace_group(Engine& engine,
                      const Config& config,
                      const AlterConfigsRequest::Resource& resource,
                      bool validate_only,
                      broker::Depends& depends) {
  group::Settings settings;
  for (const AlterConfigsRequest::Config& wanted : resource.configs) {
    const auto set = set_group_setting(wanted.name.view(), text_of(wanted.value), settings);
    if (!set) return {KafkaError::kInvalidConfig, set.error().message};
  }
  return store_group(engine, config, text_of(resource.resource_name), settings, validate_only,
                     depends);
}

Refusal change_group(Engine& engine,
                     const Config& config,
                     const IncrementalAlterConfigsRequest::Resource& resource,
                     bool validate_only,
                     broker::Depends& depends) {
  const broker::GroupCell* cell = engine.groups.find(text_of(resource.resource_name));
  group::Settings settings = cell ? cell->settings : group::Settings();
  for (const IncrementalAlterConfigsRequest::Config& wanted : resource.configs) {
    enum : int8_t { kSet = 0, kDelete = 1 };
    if (wanted.config_operation != kSet && wanted.config_operation != kDelete) {
      return {KafkaError::kInvalidConfig, "settings of a group are set or deleted"};
    }
    const bool deletes = wanted.config_operation == kDelete;
    if (!deletes && !wanted.value) {
      return {KafkaError::kInvalidRequest, "a value to set must not be null"};
    }
    const auto set = set_group_setting(wanted.name.view(),
                                       deletes ? std::nullopt : text_of(wanted.value), settings);
    if (!set) return {KafkaError::kInvalidConfig, set.error().message};
  }
  return store_group(engine, config, text_of(resource.resource_name), settings, validate_only,
                     depends);
}

Refusal replace_all(Engine& engine,
                    const Config& config,
                    const AlterConfigsRequest::Resource& resource,
                    bool validate_only,
                    broker::Depends& depends) {
  if (resource.resource_type == kGroupResource) {
    return replace_group(engine, config, resource, validate_only, depends);
  }
  broker::Thing thing;
  if (auto refusal =
          find_changeable(engine, resource.resource_type, resource.resource_name, thing)) {
    return refusal;
  }
  for (const Setting& setting : topic_settings()) {
    const auto reset =
        set_topic_setting(setting.name, std::nullopt, config, thing.log_policy, thing.properties);
    if (!reset) return {KafkaError::kInvalidConfig, reset.error().message};
  }
  for (const AlterConfigsRequest::Config& wanted : resource.configs) {
    const auto set = set_topic_setting(wanted.name.view(), text_of(wanted.value), config,
                                       thing.log_policy, thing.properties);
    if (!set) return {KafkaError::kInvalidConfig, set.error().message};
  }
  return store(engine, thing, validate_only, depends);
}

// A list with `changed` added or taken out; words keep their order.
std::string changed_list(std::string_view present, std::string_view changed, bool append) {
  const auto words_of = [](std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
      const size_t comma = std::min(text.find(','), text.size());
      if (comma > 0) words.emplace_back(text.substr(0, comma));
      text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return words;
  };
  std::vector<std::string> words = words_of(present);
  for (const std::string& word : words_of(changed)) {
    const bool there = std::ranges::find(words, word) != words.end();
    if (append && !there) words.push_back(word);
    if (!append) std::erase(words, word);
  }
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

Refusal change_one(const IncrementalAlterConfigsRequest::Config& wanted,
                   const Config& config,
                   broker::Thing& thing) {
  enum : int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };
  const Setting* setting = find_topic_setting(wanted.name.view());
  if (!setting) return {KafkaError::kInvalidConfig, "there is no such topic setting"};
  std::optional<std::string> value = text_of(wanted.value);
  if (wanted.config_operation == kAppend || wanted.config_operation == kSubtract) {
    if (setting->type != SettingType::kList || !value) {
      return {KafkaError::kInvalidConfig, "only lists can be appended to or subtracted from"};
    }
    value = changed_list(topic_setting(thing, *setting, config).value, *value,
                         wanted.config_operation == kAppend);
  } else if (wanted.config_operation == kDelete) {
    value.reset();
  } else if (wanted.config_operation != kSet) {
    return {KafkaError::kInvalidRequest, "there is no such operation"};
  } else if (!value) {
    return {KafkaError::kInvalidRequest, "a value to set must not be null"};
  }
  const auto set =
      set_topic_setting(setting->name, value, config, thing.log_policy, thing.properties);
  if (!set) return {KafkaError::kInvalidConfig, set.error().message};
  return {};
}

Refusal change_some(Engine& engine,
                    const Config& config,
                    const IncrementalAlterConfigsRequest::Resource& resource,
                    bool validate_only,
                    broker::Depends& depends) {
  if (resource.resource_type == kGroupResource) {
    return change_group(engine, config, resource, validate_only, depends);
  }
  broker::Thing thing;
  if (auto refusal =
          find_changeable(engine, resource.resource_type, resource.resource_name, thing)) {
    return refusal;
  }
  for (const IncrementalAlterConfigsRequest::Config& wanted : resource.configs) {
    if (auto refusal = change_one(wanted, config, thing)) return refusal;
  }
  return store(engine, thing, validate_only, depends);
}

template <typename Response, typename Request, typename Change>
void change(Engine& engine, Call call, const Request& request, Change change) {
  Response response;
  broker::Depends depends;
  const Authorizer authorizer(engine.broker, call);
  for (const auto& resource : request.resources) {
    auto& answer = response.responses.emplace_back();
    answer.resource_type = resource.resource_type;
    answer.resource_name = resource.resource_name;
    Refusal refusal = check_allowed(authorizer, Operation::kAlterConfigs, resource.resource_type,
                                    resource.resource_name.view());
    if (!refusal) {
      refusal = change(engine, call.config(), resource, request.validate_only, depends);
    }
    if (refusal) {
      answer.error_code = wire_code(refusal.error);
      answer.error_message = Bytes::copy_of(refusal.message);
    }
  }
  call.answer(response, depends);
}

}  // namespace

void DescribeConfigsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        DescribeConfigsResponse response;
        const Authorizer authorizer(engine.broker, call);
        for (const Request::Resource& resource : request.resources) {
          auto& answer = response.results.emplace_back();
          answer.resource_type = resource.resource_type;
          answer.resource_name = resource.resource_name;
          Refusal refusal = check_allowed(authorizer, Operation::kDescribeConfigs,
                                          resource.resource_type, resource.resource_name.view());
          if (!refusal)
            refusal = describe(engine, call.config(), request, resource, answer.configs);
          if (refusal) {
            answer.error_code = wire_code(refusal.error);
            answer.error_message = Bytes::copy_of(refusal.message);
          }
        }
        call.answer(response, engine.broker.catalog_depends());
      });
}

void AlterConfigsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        change<AlterConfigsResponse>(engine, std::move(call), request, replace_all);
      });
}

void IncrementalAlterConfigsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        change<IncrementalAlterConfigsResponse>(engine, std::move(call), request, change_some);
      });
}

// Topics, groups that were given settings, and this broker. Version 0 asks for client metrics, of
// which there are none.
void ListConfigResourcesHandler::handle(Call call, Request request) {
  call.engine().call([call = std::move(call),
                      request = std::move(request)](Engine& engine) mutable {
    ListConfigResourcesResponse response;
    if (!Authorizer(engine.broker, call).cluster(Operation::kDescribeConfigs)) {
      response.error_code = wire_code(KafkaError::kClusterAuthorizationFailed);
      return call.answer(response);
    }
    const auto wanted = [&](int8_t type) {
      return request.resource_types.empty() ||
             std::ranges::find(request.resource_types, type) != request.resource_types.end();
    };
    if (call.version() >= 1 && wanted(kTopicResource)) {
      engine.broker.catalog().each_thing("", "", [&](const broker::Thing& thing) {
        if (is_valid_topic_name(thing.name.name)) {
          response.config_resources.push_back({Bytes::copy_of(thing.name.name), kTopicResource});
        }
        return true;
      });
    }
    if (call.version() >= 1 && wanted(kGroupResource)) {
      engine.broker.catalog().each_group([&](const broker::Name& name, CellId) {
        const broker::GroupCell* cell =
            name.space.empty() ? engine.groups.find(name.name) : nullptr;
        if (cell && !cell->settings.empty()) {
          response.config_resources.push_back({Bytes::copy_of(name.name), kGroupResource});
        }
        return true;
      });
    }
    if (call.version() >= 1 && wanted(kBrokerResource)) {
      response.config_resources.push_back(
          {Bytes::copy_of(std::to_string(call.config().node_id)), kBrokerResource});
    }
    call.answer(response, engine.broker.catalog_depends());
  });
}

}  // namespace weir::kafka
