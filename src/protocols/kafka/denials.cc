#include "protocols/kafka/denials.h"

namespace weir::kafka {

using group::Denial;

KafkaError denial_error(Denial denial) {
  switch (denial) {
    case Denial::kUnknownMember: return KafkaError::kUnknownMemberId;
    case Denial::kFencedEpoch: return KafkaError::kFencedMemberEpoch;
    case Denial::kStaleEpoch: return KafkaError::kStaleMemberEpoch;
    case Denial::kFencedInstance: return KafkaError::kFencedInstanceId;
    case Denial::kUnreleasedInstance: return KafkaError::kUnreleasedInstanceId;
    case Denial::kFull: return KafkaError::kGroupMaxSizeReached;
    case Denial::kIllegalGeneration: return KafkaError::kIllegalGeneration;
    case Denial::kRebalanceInProgress: return KafkaError::kRebalanceInProgress;
    case Denial::kInconsistentProtocol: return KafkaError::kInconsistentGroupProtocol;
    case Denial::kInvalidTopology: return KafkaError::kStreamsInvalidTopology;
    case Denial::kOtherTopology:
    case Denial::kInvalidTask: return KafkaError::kInvalidRequest;
  }
  return KafkaError::kUnknownServerError;
}

std::string_view denial_text(Denial denial) {
  switch (denial) {
    case Denial::kUnknownMember: return "there is no such member in this group";
    case Denial::kFencedEpoch:
    case Denial::kStaleEpoch: return "the member is at another epoch";
    case Denial::kFencedInstance: return "another member has this instance id now";
    case Denial::kUnreleasedInstance: return "the member with this instance id has not left";
    case Denial::kFull: return "the group takes no more members";
    case Denial::kIllegalGeneration: return "the member is in another generation";
    case Denial::kRebalanceInProgress: return "the group rebalances; join again";
    case Denial::kInconsistentProtocol: return "the group's members do it another way";
    case Denial::kOtherTopology: return "the group has another topology";
    case Denial::kInvalidTopology: return "nothing can be made of the topology";
    case Denial::kInvalidTask: return "there is no such task";
  }
  return "";
}

ErrorCode classic_error(Denial denial) {
  switch (denial) {
    case Denial::kUnknownMember:
    case Denial::kUnreleasedInstance: return ErrorCode::kUnknownMember;
    case Denial::kFencedInstance: return ErrorCode::kFencedInstance;
    case Denial::kFull: return ErrorCode::kLimitReached;
    case Denial::kFencedEpoch:
    case Denial::kStaleEpoch:
    case Denial::kIllegalGeneration: return ErrorCode::kIllegalGeneration;
    case Denial::kRebalanceInProgress: return ErrorCode::kRebalanceInProgress;
    case Denial::kOtherTopology:
    case Denial::kInvalidTopology:
    case Denial::kInvalidTask:
    case Denial::kInconsistentProtocol: return ErrorCode::kInconsistentProtocol;
  }
  return ErrorCode::kUnknownMember;
}

}  // namespace weir::kafka
