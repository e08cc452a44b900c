#pragma once
// How a setting is shown; two answers have the same fields under other types.

#include "protocols/kafka/topic_config.h"
#include "protocols/wire/types.h"

namespace weir::kafka {

// Kafka's ConfigSource codes.
enum class SettingSource : int8_t { kTopic = 1, kStaticBroker = 4, kDefault = 5, kGroup = 8 };

template <typename Answer>
Answer setting_answer(const Setting& setting, const SettingValue& value) {
  Answer answer;
  answer.name = wire::literal(setting.name);
  answer.value = Bytes::copy_of(value.value);
  answer.config_source =
      static_cast<int8_t>(value.is_default ? SettingSource::kDefault : SettingSource::kTopic);
  return answer;
}

}  // namespace weir::kafka
