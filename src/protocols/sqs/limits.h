#pragma once
// Limits of SQS as published (Amazon SQS developer guide, "Quotas"; API reference of each action).

#include <cstddef>
#include <cstdint>

namespace weir::sqs {

// A request is a batch, escaped and wrapped.
inline constexpr size_t kRequestBytesOfMessage = 4;  // for each byte of the largest message
inline constexpr size_t kJsonDepthMax = 16;
inline constexpr size_t kQueryPairsMax = 2048;  // ten messages of ten attributes, and room
inline constexpr size_t kQueryDepthMax = 10;
inline constexpr size_t kMessageBytesMax = size_t{1} << 20;  // and of a batch, as published
inline constexpr size_t kMessageBytesMinMax = 1024;          // the smallest MaximumMessageSize
inline constexpr size_t kBatchEntriesMax = 10;
inline constexpr size_t kEntryIdBytesMax = 80;
inline constexpr size_t kQueueNameBytesMax = 80;
inline constexpr size_t kAttributesMax = 10;
inline constexpr size_t kAttributeNameBytesMax = 256;
inline constexpr size_t kIdBytesMax = 128;  // message group, deduplication and attempt ids
inline constexpr int64_t kReceiveMax = 10;
inline constexpr int64_t kWaitSecondsMax = 20;
inline constexpr int64_t kVisibilitySecondsMax = 43'200;
inline constexpr int64_t kDelaySecondsMax = 900;
inline constexpr int64_t kRetentionSecondsMin = 60;
inline constexpr int64_t kRetentionSecondsMax = 1'209'600;
inline constexpr int64_t kRetentionSecondsDefault = 345'600;
inline constexpr int64_t kListMax = 1000;
inline constexpr int64_t kReceivesMaxMax = 1000;
inline constexpr size_t kRedriveSourcesMax = 10;
inline constexpr size_t kLabelBytesMax = 80;
inline constexpr size_t kPolicyActionsMax = 7;  // of a statement
inline constexpr size_t kPolicyStatementsMax = 20;
inline constexpr int64_t kMoveRateMax = 500;  // messages in a second
inline constexpr size_t kTagsMax = 50;
inline constexpr size_t kTagKeyBytesMax = 128;
inline constexpr size_t kTagValueBytesMax = 256;

// What an operator may allow beyond that: some of the largest messages and their answers must fit
// into one commit and into memory.
inline constexpr size_t kMessageBytesMost = size_t{16} << 20;
inline constexpr size_t kRequestBytesMost = kRequestBytesOfMessage * kMessageBytesMost;
inline constexpr size_t kAnswerBytesMost = size_t{64} << 20;  // of bodies in one receive

// The limits in force.
struct Bounds {
  int64_t delay_seconds = kDelaySecondsMax;
  size_t message_bytes = kMessageBytesMax;
};

}  // namespace weir::sqs
