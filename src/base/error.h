#pragma once
// Operating errors are values: Result<T> carries an ErrorCode in broker terms and a text that names
// the thing, the reason and the way out. Each protocol turns an ErrorCode into its own wire error
// in one total switch without a default.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

enum class ErrorCode : uint8_t {
  kInvalidArgument,     // a value out of its documented range
  kNotFound,            // no such topic, queue, group, partition or key
  kAlreadyExists,       // the name is taken by a thing of the same kind
  kWrongKind,           // the name is taken by a thing of another kind
  kOffsetOutOfRange,    // below the start or beyond the end of a log
  kCorruptBatch,        // a record batch whose bytes do not agree with themselves
  kUnsupportedFormat,   // a record batch of an old magic, or an unknown compression
  kTooLarge,            // above a configured or protocol limit
  kOutOfOrderSequence,  // idempotent producer: a gap
  kDuplicateSequence,   // idempotent producer: older than the window
  kProducerFenced,      // a newer epoch of the producer exists
  kUnknownProducer,     // no state for the producer id
  kLeaseNotHeld,        // settle or extend of a lease that has ended
  kInvalidHandle,       // a lease token that this broker never made
  kLimitReached,        // in flight, queue length, deduplication ids, FIFO window, connections
  kUnknownMember,       // group membership
  kIllegalGeneration,
  kRebalanceInProgress,
  kInconsistentProtocol,
  kFencedInstance,
  kGroupNotEmpty,
  kStorageUnavailable,  // disk full or failing: retry later
  kStorageCorrupt,      // stored bytes fail their checksum
  kOverloaded,          // too many undurable bytes under way: retry later
  kShuttingDown,
  kTimedOut,
  kUnsupported,  // a thing that this broker does not do (yet)
  kRefused,      // a rule of the house forbids it (FLUSHALL on a queue of another protocol)
};

std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code;
  std::string message;
};

template <typename T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string message = {}) {
  return std::unexpected(Error{code, std::move(message)});
}

}  // namespace weir
