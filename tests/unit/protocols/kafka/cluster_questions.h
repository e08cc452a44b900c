#pragma once
// What the rare requests about the cluster answer to somebody who may do nothing.

#include "protocols/kafka/gen/delegation_tokens.h"
#include "protocols/kafka/gen/features.h"
#include "protocols/kafka/gen/log_dirs.h"
#include "protocols/kafka/gen/quorum.h"
#include "tests/unit/protocols/kafka/acls.h"

namespace weir::kafka {

inline Questions quorum_questions() {
  return {
      {CreateDelegationTokenRequest::kKey,
       {wire_code(KafkaError::kDelegationTokenAuthorizationFailed),
        [](Client& client) {
          CreateDelegationTokenRequest request;
          request.owner_principal_type = wire::literal("User");
          request.owner_principal_name = wire::literal("bob");
          return one<CreateDelegationTokenResponse>(client, 3, request).error_code;
        }}},
      {AlterReplicaLogDirsRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          AlterReplicaLogDirsRequest request;
          request.dirs.push_back({wire::literal("weir"), {{orders(), {0}}}});
          return one<AlterReplicaLogDirsResponse>(client, 2, request)
              .results.at(0)
              .partitions.at(0)
              .error_code;
        }}},
      {DescribeQuorumRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          return one<DescribeQuorumResponse>(client, 2, DescribeQuorumRequest()).error_code;
        }}},
      {UpdateFeaturesRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          return one<UpdateFeaturesResponse>(client, 2, UpdateFeaturesRequest()).error_code;
        }}},
      {UnregisterBrokerRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          return one<UnregisterBrokerResponse>(client, 0, UnregisterBrokerRequest()).error_code;
        }}},
      {AddRaftVoterRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          return one<AddRaftVoterResponse>(client, 1, AddRaftVoterRequest()).error_code;
        }}},
      {RemoveRaftVoterRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          return one<RemoveRaftVoterResponse>(client, 0, RemoveRaftVoterRequest()).error_code;
        }}},
  };
}

}  // namespace weir::kafka
