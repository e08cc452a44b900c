#include <fmt/format.h>

#include "protocols/sqs/attributes.h"
#include "protocols/sqs/call.h"
#include "protocols/sqs/json.h"
#include "protocols/sqs/limits.h"

namespace weir::sqs {
namespace {

size_t tag_count(const broker::Thing& thing) {
  size_t count = 0;
  for (const auto& [key, value] : thing.properties) count += key.starts_with(kTagPrefix) ? 1 : 0;
  return count;
}

Answer altered(const Environment& environment, const broker::Thing& thing) {
  const auto changed = environment.broker.alter(thing, environment.now);
  if (!changed) return std::unexpected(to_fault(changed.error()));
  return Reply{"{}", changed->depends};
}

}  // namespace

Outcome<void> set_tag(broker::Thing& thing, const std::string& key, const std::string& value) {
  if (key.empty() || key.size() > kTagKeyBytesMax || value.size() > kTagValueBytesMax) {
    return invalid_parameter(
        fmt::format("Tag key must be 1 to {} and tag value at most {} letters long.",
                    kTagKeyBytesMax, kTagValueBytesMax));
  }
  if (key == kHistoryTag) {
    const auto history = parse_history(value);
    if (!history) return std::unexpected(history.error());
    thing.queue_policy.history_ms = history->count();
  }
  thing.properties[std::string(kTagPrefix) + key] = value;
  if (tag_count(thing) > kTagsMax) {
    return invalid_parameter(fmt::format("Too many tags added for queue {}.", thing.name.name));
  }
  return {};
}

Answer tag_queue(const Environment& environment, const Call& call) {
  const auto queue = find_queue(environment, call);
  if (!queue) return std::unexpected(queue.error());
  const auto tags = text_map(call.input, "Tags");
  if (!tags) return std::unexpected(tags.error());
  if (*tags == nullptr || (*tags)->members.empty()) return missing_parameter("Tags");
  broker::Thing thing = *queue->thing;
  for (const Member& tag : (*tags)->members) {
    if (const auto set = set_tag(thing, tag.name, tag.value.text); !set)
      return std::unexpected(set.error());
  }
  return altered(environment, thing);
}

Answer untag_queue(const Environment& environment, const Call& call) {
  const auto queue = find_queue(environment, call);
  if (!queue) return std::unexpected(queue.error());
  const auto keys = texts(call.input, "TagKeys");
  if (!keys) return std::unexpected(keys.error());
  if (keys->empty()) {
    return invalid_parameter("Tag keys must be between 1 and 128 characters in length.");
  }
  broker::Thing thing = *queue->thing;
  for (const std::string& key : *keys) {
    thing.properties.erase(std::string(kTagPrefix) + key);
    if (key == kHistoryTag) thing.queue_policy.history_ms = 0;
  }
  return altered(environment, thing);
}

Answer list_queue_tags(const Environment& environment, const Call& call) {
  const auto queue = find_queue(environment, call);
  if (!queue) return std::unexpected(queue.error());
  JsonWriter json;
  json.begin_object();
  if (tag_count(*queue->thing) > 0) {
    json.begin_object("Tags");
    for (const auto& [key, value] : queue->thing->properties) {
      if (key.starts_with(kTagPrefix))
        json.member(std::string_view(key).substr(kTagPrefix.size()), value);
    }
    json.end_object();
  }
  json.end_object();
  return Reply{json.take(), environment.broker.catalog_depends()};
}

}  // namespace weir::sqs
