#pragma once
// Coordinator: the groups of this broker. It keeps the calls that wait for a rebalance, the clock
// of every group's members, and the retention of committed offsets; what a group is lies in
// core/group, in its cell.
//
// A group's members are in the machine of the classic protocol or in that of KIP-848. The first
// member of the new protocol takes a group of classic consumers over; when only classic ones are
// left, it becomes a classic group again (migration.cc). Members of Kafka Streams' own protocol are
// in a third, and never among others (streams.cc).
//
// Thread: the state shard's.

#include <absl/container/flat_hash_map.h>

#include <functional>
#include <string>

#include "broker/broker.h"
#include "broker/group_cell.h"
#include "protocols/kafka/call.h"
#include "protocols/kafka/config.h"
#include "protocols/kafka/group_topics.h"
#include "runtime/clock.h"

namespace weir::kafka {

class Mutations;

class Coordinator {
 public:
  Coordinator(broker::Broker& broker, runtime::Clock& clock, const Config& config);

  using JoinDone = std::move_only_function<void(const group::JoinAnswer&)>;
  using SyncDone = std::move_only_function<void(const group::SyncAnswer&)>;

  // Exactly one call back, within the call or later. The group is made by the first join.
  void join(const std::string& group, group::JoinRequest request, JoinDone done);
  void sync(const std::string& group, const group::SyncRequest& request, SyncDone done);
  std::optional<ErrorCode> heartbeat(const std::string& group,
                                     const std::string& member_id,
                                     const std::optional<std::string>& instance_id,
                                     int32_t generation);
  std::optional<ErrorCode> leave(const std::string& group, const group::LeavingMember& who);

  // KIP-848. The error is one of a heartbeat's; GROUP_ID_NOT_FOUND for a group of another kind.
  struct Beat {
    KafkaError error = KafkaError::kNone;
    group::HeartbeatAnswer answer{};
    Milliseconds interval{0};  // until the next one
  };
  Beat beat(const std::string& group, const group::ConsumerHeartbeat& request);

  // KIP-1071. `peer`: for whom internal topics are made; `mutations`: where they count.
  struct StreamsBeat {
    KafkaError error = KafkaError::kNone;
    std::string message{};
    group::StreamsAnswer answer{};
    Milliseconds interval{0};  // until the next one
  };
  StreamsBeat beat(const std::string& group,
                   const group::StreamsHeartbeat& request,
                   const Peer& peer,
                   Mutations& mutations);

  // May this caller commit, or see what is committed? `epoch` is its generation or member epoch.
  KafkaError may_commit(const std::string& group,
                        const std::string& member_id,
                        const std::optional<std::string>& instance_id,
                        int32_t epoch,
                        bool knows_epochs);
  KafkaError may_fetch(const std::string& group,
                       const std::optional<std::string>& member_id,
                       int32_t epoch);

  // A group's own settings; the group is made when there is none.
  Result<broker::Depends> change_settings(const std::string& group,
                                          const group::Settings& settings);

  // Null when there is no such group.
  broker::GroupCell* find(const std::string& group);
  // Journals the event and applies it. Empty events change nothing.
  Result<broker::Depends> change_offsets(const std::string& group,
                                         const group::OffsetsEvent& event,
                                         bool create);
  // kNotFound, kGroupNotEmpty.
  Result<broker::Depends> remove(const std::string& group);
  // A topic is gone: its offsets go from every group.
  void forget_topic(const catalog::Uuid& topic);

  Timestamp now() { return clock_.now(); }

 private:
  struct Timer {
    broker::WaiterId waiter;
    Timestamp due;
  };

  broker::GroupCell* find_or_make(const std::string& group, std::optional<ErrorCode>& error);
  broker::GroupCell& prepared(CellId id);
  void deliver(const group::Answers& answers);
  void give_up();
  void arm(const std::string& group, const broker::GroupCell& cell);
  // After anything that changed the members.
  void settle(const std::string& group, broker::GroupCell& cell, group::Answers& answers);
  // After a join was refused: a group that was made for it is not kept.
  void forget_unused(const std::string& group);

  // streams.cc: members of another protocol come, and what an application had is forgotten.
  KafkaError forget_topology(const std::string& group, broker::GroupCell& cell);

  // migration.cc
  bool upgrade(broker::GroupCell& cell, group::Answers& answers);
  void downgrade_if_due(broker::GroupCell& cell, group::Answers& answers);
  void join_consumers(const std::string& group,
                      broker::GroupCell& cell,
                      const group::JoinRequest& request,
                      JoinDone done);
  void sync_consumers(broker::GroupCell& cell, const group::SyncRequest& request, SyncDone done);
  void on_timer(const std::string& group);
  void arm_retention();
  void expire_offsets();

  broker::Broker& broker_;
  GroupTopics topics_;
  runtime::Clock& clock_;
  const Config& config_;
  group::Ticket last_ticket_ = 0;
  absl::flat_hash_map<group::Ticket, JoinDone> joins_;
  absl::flat_hash_map<group::Ticket, SyncDone> syncs_;
  absl::flat_hash_map<std::string, Timer> timers_;
  // Before it nobody knows since when a group has been empty.
  Timestamp started_;
  bool retention_armed_ = false;
};

}  // namespace weir::kafka
