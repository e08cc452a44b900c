#pragma once
// Attributes: of queues (names, ranges, and what they mean to the broker), and of messages (how
// they stand in a record).
//
// A queue's own policies are the truth where the broker has a word for them, so a queue made
// through another protocol shows the right values; the rest are properties "sqs.<Name>", tags
// "sqs.tag:<key>".

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "broker/types.h"
#include "protocols/sqs/digest.h"
#include "protocols/sqs/errors.h"
#include "protocols/sqs/limits.h"
#include "protocols/sqs/names.h"
#include "protocols/sqs/value.h"

namespace weir::sqs {

using AttributeMap = std::vector<std::pair<std::string, std::string>>;

// ---- queues

// How an attribute is set: with its queue or later, and within which limits.
struct Setting {
  bool creating = false;
  Bounds bounds;
};
// Sets one attribute on a thing. InvalidAttributeName, InvalidAttributeValue,
// InvalidParameterValue.
Outcome<void> set_queue_attribute(broker::Thing& thing,
                                  std::string_view name,
                                  std::string_view value,
                                  const Setting& setting);
// What GetQueueAttributes shows for a name; nothing when the queue has none. InvalidAttributeName
// when nobody has it.
Outcome<std::optional<std::string>> queue_attribute(const broker::Thing& thing,
                                                    const queue::Counts& counts,
                                                    const Account& account,
                                                    std::string_view name);
// Every name that queue_attribute knows, in the order in which AWS documents them.
std::span<const std::string_view> queue_attribute_names();

bool is_fifo(const broker::Thing& thing);
// RedrivePolicy and RedriveAllowPolicy, JSON within JSON; "" takes them away (redrive.cc).
// InvalidParameterValue, InvalidAttributeValue.
Outcome<void> set_redrive_policy(broker::Thing& thing, std::string_view value);
Outcome<void> set_redrive_allow_policy(broker::Thing& thing, std::string_view value);
// The tag weir:history keeps what was acknowledged: "30m", "1h", "2d". InvalidParameterValue.
Outcome<Milliseconds> parse_history(std::string_view text);
inline constexpr std::string_view kHistoryTag = "weir:history";
inline constexpr std::string_view kTagPrefix = "sqs.tag:";

// ---- messages

// The member MessageAttributes of a request. InvalidParameterValue.
Outcome<std::vector<MessageAttribute>> message_attributes(const Value* given);
// Those of the record that the filter passes: "All", ".*", a name, "prefix.*".
std::vector<MessageAttribute> stored_attributes(const log::ReadRecord& record,
                                                std::span<const std::string> filter);
// Ids of groups, deduplication and receive attempts: alphanumeric and punctuation, 1 to 128.
bool is_valid_id(std::string_view id);
// Characters that a body or attribute value may hold (XML 1.0).
bool has_valid_characters(std::string_view text);

// Headers of records that hold what SQS knows and no other protocol does.
inline constexpr std::string_view kTypeHeader = "weir.type:";  // + attribute name; absent: String
inline constexpr std::string_view kDedupHeader = "weir.dedup-id";
inline constexpr std::string_view kTraceHeader = "weir.aws-trace";
inline constexpr std::string_view kReservedPrefix = "weir.";

}  // namespace weir::sqs
