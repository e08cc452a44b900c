#include "protocols/kafka/handlers/acls.h"
#include "protocols/kafka/handlers/api_versions.h"
#include "protocols/kafka/handlers/configs.h"
#include "protocols/kafka/handlers/consumer_groups.h"
#include "protocols/kafka/handlers/delegation_tokens.h"
#include "protocols/kafka/handlers/features.h"
#include "protocols/kafka/handlers/fetch.h"
#include "protocols/kafka/handlers/group_admin.h"
#include "protocols/kafka/handlers/group_membership.h"
#include "protocols/kafka/handlers/group_offsets.h"
#include "protocols/kafka/handlers/handler.h"
#include "protocols/kafka/handlers/log_dirs.h"
#include "protocols/kafka/handlers/metadata.h"
#include "protocols/kafka/handlers/offsets.h"
#include "protocols/kafka/handlers/produce.h"
#include "protocols/kafka/handlers/producer_id.h"
#include "protocols/kafka/handlers/quorum.h"
#include "protocols/kafka/handlers/quotas.h"
#include "protocols/kafka/handlers/replicas.h"
#include "protocols/kafka/handlers/sasl.h"
#include "protocols/kafka/handlers/scram.h"
#include "protocols/kafka/handlers/streams_groups.h"
#include "protocols/kafka/handlers/telemetry.h"
#include "protocols/kafka/handlers/topics.h"

namespace weir::kafka {

std::span<const HandlerEntry> all_handlers() {
  static constexpr HandlerEntry kAll[] = {
      handler_entry<ProduceHandler>(),
      handler_entry<FetchHandler>(),
      handler_entry<ListOffsetsHandler>(),
      handler_entry<MetadataHandler>(),
      handler_entry<OffsetCommitHandler>(),
      handler_entry<OffsetFetchHandler>(),
      handler_entry<FindCoordinatorHandler>(),
      handler_entry<JoinGroupHandler>(),
      handler_entry<HeartbeatHandler>(),
      handler_entry<LeaveGroupHandler>(),
      handler_entry<SyncGroupHandler>(),
      handler_entry<DescribeGroupsHandler>(),
      handler_entry<ListGroupsHandler>(),
      handler_entry<SaslHandshakeHandler>(),
      handler_entry<ApiVersionsHandler>(),
      handler_entry<CreateTopicsHandler>(),
      handler_entry<DeleteTopicsHandler>(),
      handler_entry<DeleteRecordsHandler>(),
      handler_entry<InitProducerIdHandler>(),
      handler_entry<OffsetForLeaderEpochHandler>(),
      handler_entry<DescribeAclsHandler>(),
      handler_entry<CreateAclsHandler>(),
      handler_entry<DeleteAclsHandler>(),
      handler_entry<DescribeConfigsHandler>(),
      handler_entry<AlterConfigsHandler>(),
      handler_entry<AlterReplicaLogDirsHandler>(),
      handler_entry<DescribeLogDirsHandler>(),
      handler_entry<SaslAuthenticateHandler>(),
      handler_entry<CreatePartitionsHandler>(),
      handler_entry<CreateDelegationTokenHandler>(),
      handler_entry<RenewDelegationTokenHandler>(),
      handler_entry<ExpireDelegationTokenHandler>(),
      handler_entry<DescribeDelegationTokenHandler>(),
      handler_entry<DeleteGroupsHandler>(),
      handler_entry<ElectLeadersHandler>(),
      handler_entry<IncrementalAlterConfigsHandler>(),
      handler_entry<AlterPartitionReassignmentsHandler>(),
      handler_entry<ListPartitionReassignmentsHandler>(),
      handler_entry<OffsetDeleteHandler>(),
      handler_entry<DescribeClientQuotasHandler>(),
      handler_entry<AlterClientQuotasHandler>(),
      handler_entry<DescribeUserScramCredentialsHandler>(),
      handler_entry<AlterUserScramCredentialsHandler>(),
      handler_entry<DescribeQuorumHandler>(),
      handler_entry<UpdateFeaturesHandler>(),
      handler_entry<DescribeClusterHandler>(),
      handler_entry<DescribeProducersHandler>(),
      handler_entry<UnregisterBrokerHandler>(),
      handler_entry<ConsumerGroupHeartbeatHandler>(),
      handler_entry<ConsumerGroupDescribeHandler>(),
      handler_entry<GetTelemetrySubscriptionsHandler>(),
      handler_entry<PushTelemetryHandler>(),
      handler_entry<ListConfigResourcesHandler>(),
      handler_entry<DescribeTopicPartitionsHandler>(),
      handler_entry<AddRaftVoterHandler>(),
      handler_entry<RemoveRaftVoterHandler>(),
      handler_entry<StreamsGroupHeartbeatHandler>(),
      handler_entry<StreamsGroupDescribeHandler>(),
  };
  return kAll;
}

const HandlerEntry* find_handler(int16_t key) {
  for (const HandlerEntry& handler : all_handlers()) {
    if (handler.key == key) return &handler;
  }
  return nullptr;
}

}  // namespace weir::kafka
