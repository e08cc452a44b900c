#pragma once
// What a batch of records says to the versions of its log: the key of each record, and two headers
// that a producer may give it, whatever protocol it speaks.

#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "core/events/version_index.h"
#include "core/log/record_batch.h"

namespace weir::events {

// "any", "none", "exists" or a decimal version.
inline constexpr std::string_view kHeaderExpectedVersion = "weir-expected-version";
// Who sends it again gets the first answer.
inline constexpr std::string_view kHeaderEventId = "weir-event-id";
// What kind of event it is; subscriptions choose by it.
inline constexpr std::string_view kHeaderEventType = "weir-event-type";
// Of a snapshot: the last version that it contains.
inline constexpr std::string_view kHeaderSnapshotVersion = "weir-snapshot-version";

// kInvalidArgument: a header that cannot be read, or one that needs a key on a record without one.
Result<Incoming> incoming_of(const VersionIndex& index,
                             const std::optional<ByteView>& key,
                             const log::HeaderList& headers);

// Of each record of a batch as it comes in. kCorruptBatch when it cannot be opened.
Result<std::vector<Incoming>> incoming_of(const VersionIndex& index,
                                          const log::BatchHeader& header,
                                          ByteView batch);

// The key of one record of a batch, for a message.
std::string key_of(const log::BatchHeader& header, ByteView batch, size_t record);

}  // namespace weir::events
