#include "protocols/kafka/errors.h"

namespace weir::kafka {

KafkaError topic_error(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return KafkaError::kInvalidRecord;
    case ErrorCode::kNotFound: return KafkaError::kUnknownTopicOrPartition;
    case ErrorCode::kAlreadyExists: return KafkaError::kTopicAlreadyExists;
    case ErrorCode::kWrongKind: return KafkaError::kTopicAlreadyExists;
    case ErrorCode::kOffsetOutOfRange: return KafkaError::kOffsetOutOfRange;
    case ErrorCode::kCorruptBatch: return KafkaError::kCorruptMessage;
    case ErrorCode::kUnsupportedFormat: return KafkaError::kInvalidRecord;
    case ErrorCode::kTooLarge: return KafkaError::kMessageTooLarge;
    case ErrorCode::kOutOfOrderSequence: return KafkaError::kOutOfOrderSequenceNumber;
    case ErrorCode::kDuplicateSequence: return KafkaError::kDuplicateSequenceNumber;
    case ErrorCode::kProducerFenced: return KafkaError::kInvalidProducerEpoch;
    case ErrorCode::kUnknownProducer: return KafkaError::kUnknownProducerId;
    case ErrorCode::kLeaseNotHeld: return KafkaError::kInvalidRequest;
    case ErrorCode::kInvalidHandle: return KafkaError::kInvalidRequest;
    case ErrorCode::kLimitReached: return KafkaError::kPolicyViolation;
    case ErrorCode::kUnknownMember: return KafkaError::kUnknownMemberId;
    case ErrorCode::kIllegalGeneration: return KafkaError::kIllegalGeneration;
    case ErrorCode::kRebalanceInProgress: return KafkaError::kRebalanceInProgress;
    case ErrorCode::kInconsistentProtocol: return KafkaError::kInconsistentGroupProtocol;
    case ErrorCode::kFencedInstance: return KafkaError::kFencedInstanceId;
    case ErrorCode::kGroupNotEmpty: return KafkaError::kNonEmptyGroup;
    // Retriable for every client; it asks for metadata first, which paces it.
    case ErrorCode::kStorageUnavailable: return KafkaError::kKafkaStorageError;
    case ErrorCode::kStorageCorrupt: return KafkaError::kUnknownServerError;
    case ErrorCode::kOverloaded: return KafkaError::kRequestTimedOut;
    case ErrorCode::kShuttingDown: return KafkaError::kNotLeaderOrFollower;
    case ErrorCode::kTimedOut: return KafkaError::kRequestTimedOut;
    case ErrorCode::kUnsupported: return KafkaError::kInvalidRequest;
    case ErrorCode::kRefused: return KafkaError::kPolicyViolation;
  }
  return KafkaError::kUnknownServerError;
}

// What a group can meet that topics do not, or that has another name there.
KafkaError group_error(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return KafkaError::kInvalidRequest;
    case ErrorCode::kNotFound: return KafkaError::kGroupIdNotFound;
    case ErrorCode::kTooLarge: return KafkaError::kOffsetMetadataTooLarge;
    case ErrorCode::kLimitReached: return KafkaError::kGroupMaxSizeReached;
    case ErrorCode::kStorageUnavailable:
    case ErrorCode::kOverloaded:
    case ErrorCode::kShuttingDown:
    case ErrorCode::kTimedOut: return KafkaError::kCoordinatorNotAvailable;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kWrongKind:
    case ErrorCode::kOffsetOutOfRange:
    case ErrorCode::kCorruptBatch:
    case ErrorCode::kUnsupportedFormat:
    case ErrorCode::kOutOfOrderSequence:
    case ErrorCode::kDuplicateSequence:
    case ErrorCode::kProducerFenced:
    case ErrorCode::kUnknownProducer:
    case ErrorCode::kLeaseNotHeld:
    case ErrorCode::kInvalidHandle:
    case ErrorCode::kUnknownMember:
    case ErrorCode::kIllegalGeneration:
    case ErrorCode::kRebalanceInProgress:
    case ErrorCode::kInconsistentProtocol:
    case ErrorCode::kFencedInstance:
    case ErrorCode::kGroupNotEmpty:
    case ErrorCode::kStorageCorrupt:
    case ErrorCode::kUnsupported:
    case ErrorCode::kRefused: return topic_error(code);
  }
  return KafkaError::kUnknownServerError;
}

KafkaError group_error(const std::optional<ErrorCode>& code) {
  return code ? group_error(*code) : KafkaError::kNone;
}

}  // namespace weir::kafka
