#pragma once
// What Kafka calls the reasons for which a consumer group denies something.

#include "core/group/consumer_group.h"
#include "protocols/kafka/errors.h"

namespace weir::kafka {

KafkaError denial_error(group::Denial denial);
inline KafkaError denial_error(const std::optional<group::Denial>& denial) {
  return denial ? denial_error(*denial) : KafkaError::kNone;
}
// The same in a person's words.
std::string_view denial_text(group::Denial denial);
// For the answers of the classic protocol.
ErrorCode classic_error(group::Denial denial);

}  // namespace weir::kafka
