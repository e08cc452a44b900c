#include "protocols/redis/errors.h"

namespace weir::redis::errors {
namespace {

std::string_view words_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kWrongKind: return kWrongType;
    case ErrorCode::kNotFound: return kNoSuchKey;
    case ErrorCode::kInvalidArgument: return "ERR invalid argument";
    case ErrorCode::kAlreadyExists: return "BUSYKEY Target key name already exists.";
    case ErrorCode::kOffsetOutOfRange: return kIndexOutOfRange;
    case ErrorCode::kCorruptBatch: return "ERR corrupt record batch";
    case ErrorCode::kUnsupportedFormat: return "ERR unsupported record format";
    case ErrorCode::kTooLarge: return "ERR value exceeds the maximum size of a commit";
    case ErrorCode::kOutOfOrderSequence: return "ERR out of order sequence";
    case ErrorCode::kDuplicateSequence: return "ERR duplicate sequence";
    case ErrorCode::kProducerFenced: return "ERR producer fenced";
    case ErrorCode::kUnknownProducer: return "ERR unknown producer";
    case ErrorCode::kLeaseNotHeld: return "ERR lease not held";
    case ErrorCode::kInvalidHandle: return "ERR invalid handle";
    case ErrorCode::kLimitReached: return "ERR limit reached";
    case ErrorCode::kUnknownMember: return "ERR unknown member";
    case ErrorCode::kIllegalGeneration: return "ERR illegal generation";
    case ErrorCode::kRebalanceInProgress: return "ERR rebalance in progress";
    case ErrorCode::kInconsistentProtocol: return "ERR inconsistent group protocol";
    case ErrorCode::kFencedInstance: return "ERR fenced instance";
    case ErrorCode::kGroupNotEmpty: return "ERR group not empty";
    case ErrorCode::kStorageUnavailable: return "MISCONF the journal cannot be written";
    case ErrorCode::kStorageCorrupt: return "ERR stored bytes fail their checksum";
    case ErrorCode::kOverloaded: return "OOM too many undurable bytes under way, try again";
    case ErrorCode::kShuttingDown: return "ERR the broker is shutting down";
    case ErrorCode::kTimedOut: return "ERR timed out";
    case ErrorCode::kUnsupported: return "ERR unsupported";
    case ErrorCode::kRefused: return "ERR refused";
  }
  return "ERR unknown error";
}

}  // namespace

std::string wire_text(const Error& error) {
  std::string text(words_of(error.code));
  const bool exact = error.code == ErrorCode::kWrongKind || error.code == ErrorCode::kNotFound;
  if (!exact && !error.message.empty()) text += ": " + error.message;
  return text;
}

}  // namespace weir::redis::errors
