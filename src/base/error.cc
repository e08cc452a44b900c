#include "base/error.h"

namespace weir {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid argument";
    case ErrorCode::kNotFound: return "not found";
    case ErrorCode::kAlreadyExists: return "already exists";
    case ErrorCode::kWrongKind: return "wrong kind";
    case ErrorCode::kOffsetOutOfRange: return "offset out of range";
    case ErrorCode::kCorruptBatch: return "corrupt batch";
    case ErrorCode::kUnsupportedFormat: return "unsupported format";
    case ErrorCode::kTooLarge: return "too large";
    case ErrorCode::kOutOfOrderSequence: return "out of order sequence";
    case ErrorCode::kDuplicateSequence: return "duplicate sequence";
    case ErrorCode::kProducerFenced: return "producer fenced";
    case ErrorCode::kUnknownProducer: return "unknown producer";
    case ErrorCode::kLeaseNotHeld: return "lease not held";
    case ErrorCode::kInvalidHandle: return "invalid handle";
    case ErrorCode::kLimitReached: return "limit reached";
    case ErrorCode::kUnknownMember: return "unknown member";
    case ErrorCode::kIllegalGeneration: return "illegal generation";
    case ErrorCode::kRebalanceInProgress: return "rebalance in progress";
    case ErrorCode::kInconsistentProtocol: return "inconsistent protocol";
    case ErrorCode::kFencedInstance: return "fenced instance";
    case ErrorCode::kGroupNotEmpty: return "group not empty";
    case ErrorCode::kStorageUnavailable: return "storage unavailable";
    case ErrorCode::kStorageCorrupt: return "storage corrupt";
    case ErrorCode::kOverloaded: return "overloaded";
    case ErrorCode::kShuttingDown: return "shutting down";
    case ErrorCode::kTimedOut: return "timed out";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kRefused: return "refused";
  }
  return "unknown error";
}

}  // namespace weir
