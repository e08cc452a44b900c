#pragma once
// StreamsGroup: the members of an application of Kafka Streams, among whom the broker shares out
// the application's tasks (KIP-1071). As in a consumer group (consumer_group.h) members tell by
// heartbeats what they have, and each is led from there to what it shall have; the epochs are the
// same three. A task is active with one member, and may be standby in other processes.
//
// The first member brings the topology, which holds while anybody is in the group. Whoever joins
// with an older one is told so; another one, also a newer one, is refused. (Apache Kafka 4.3
// refuses it in an empty group, too.) Nobody gets tasks while topics are missing or do not fit
// together.
//
// Invariants
//  - A task is active with at most one member at a time, also while it is taken from one and given
//    to another.
//  - A process has a task once: active, standby, or being revoked.
//  - A member's epoch never exceeds the target's, nor the target's the group's.
//
// But for the topology (topology.h) nothing of this is an event: after a restart everybody is
// unknown and joins again.
// Thread: the state shard's. Pure: time, the view of topics and who makes them are arguments.

#include <absl/container/btree_map.h>

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "core/group/consumer_group.h"
#include "core/group/task_assignor.h"
#include "core/group/topology.h"

namespace weir::group {

// Who makes internal topics.
class TopicMaker {
 public:
  virtual ~TopicMaker() = default;
  // What went wrong; empty when all of them are there now.
  virtual std::string make(const std::vector<InternalTopic>& topics) = 0;
};

struct StreamsConfig {
  Milliseconds session_timeout{45'000};
  size_t members_max = 10'000;
  size_t tasks_max = 100'000;
  uint32_t standbys = 0;
  // The first members of an empty group wait so long for more.
  Milliseconds initial_delay{0};
  // Tasks are shared out at most once in this time.
  Milliseconds assignment_interval{1'000};
  // Topics are looked at again for a group at most once in this time.
  Milliseconds refresh_every{1'000};
};

// Partitions of parts of the topology, by name, as a member tells them.
using NamedTasks = std::vector<std::pair<std::string, std::vector<int32_t>>>;
struct OwnedTasks {
  NamedTasks active;
  NamedTasks standby;
};

// Where a client can be asked for its state.
struct Endpoint {
  std::string host;
  uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
};

// What is not given has not changed since the last one.
struct StreamsHeartbeat {
  std::string member_id;  // never empty
  int32_t epoch = kJoinEpoch;
  int32_t endpoint_epoch = 0;
  std::optional<std::string> rack{};
  std::optional<Milliseconds> rebalance_timeout{};
  std::optional<Topology> topology{};  // given by whoever joins, and only then
  std::optional<OwnedTasks> owned{};
  std::optional<std::string> process{};
  std::optional<Endpoint> endpoint{};
  std::optional<std::map<std::string, std::string>> tags{};
  bool shutdown = false;  // all members shall end
  std::string client_id{};
  std::string client_host{};
};

struct StreamsAnswer {
  int32_t epoch = 0;
  std::optional<Assignment> assigned{};  // when it changed, or may not have arrived
  std::vector<StatusReport> statuses{};
  int32_t endpoint_epoch = 0;
  bool tells_endpoints = false;            // the member has another list of them
  std::optional<Milliseconds> again_in{};  // tasks will be shared out then
};

struct StreamsRefusal {
  Denial denial;
  std::string detail{};
};

class StreamsGroup {
 public:
  enum class State : uint8_t { kEmpty, kNotReady, kAssigning, kReconciling, kStable };
  enum class MemberState : uint8_t { kStable, kUnrevoked, kUnreleased };

  struct Member {
    std::string id;
    std::optional<std::string> rack;
    std::string client_id;
    std::string client_host;
    Milliseconds rebalance_timeout{0};
    std::string process;  // the one that it joined with
    std::optional<Endpoint> endpoint;
    std::map<std::string, std::string> tags;
    int32_t topology_epoch = 0;

    int32_t epoch = kJoinEpoch;
    int32_t previous_epoch = kJoinEpoch;
    MemberState state = MemberState::kStable;
    Assignment assigned;
    Assignment revoking;  // taken from it, and not yet given up by it
    Assignment target;
    // At which epoch each active task became its own, those being revoked among them.
    absl::btree_map<Task, int32_t> active_since;

    Timestamp session_deadline;
    Timestamp revoke_deadline = Timestamp::never();
  };
  using Members = std::map<std::string, Member>;  // nodes stay where they are

  explicit StreamsGroup(const StreamsConfig& config = {}) : config_(config) {}
  // For what happens from now on.
  void configure(const StreamsConfig& config) { config_ = config; }
  // The topology that the group had, or none any more. It must be empty.
  void restore(std::optional<Topology> topology);

  // kUnknownMember, kFencedEpoch, kFull, kOtherTopology, kInvalidTopology, kInvalidTask.
  std::expected<StreamsAnswer, StreamsRefusal> heartbeat(const StreamsHeartbeat& beat,
                                                         const TopicView& topics,
                                                         TopicMaker& maker,
                                                         Timestamp now);
  // May this caller commit, or see what is committed? As in a consumer group, but that a member may
  // still commit with an older epoch for tasks that were its own then: may_commit_at says for which
  // partitions. kUnknownMember, kStaleEpoch.
  std::optional<Denial> may_commit(const std::string& member_id, int32_t epoch) const;
  bool may_commit_at(const std::string& member_id,
                     int32_t epoch,
                     const std::string& topic,
                     uint32_t partition) const;
  std::optional<Denial> may_fetch(const std::optional<std::string>& member_id, int32_t epoch) const;

  // What is due by now: silent members, those that do not give tasks up in time.
  void expire(Timestamp now);
  Timestamp next_deadline() const;

  State state() const;
  int32_t epoch() const { return epoch_; }
  int32_t target_epoch() const { return target_epoch_; }
  const Members& members() const { return members_; }
  // Since when it is empty; only while it is.
  Timestamp empty_since() const { return empty_since_; }
  // Nothing before anybody has joined.
  const std::optional<Topology>& topology() const { return topology_; }
  const TaskPlan& plan() const { return plan_; }
  bool reads(const std::string& topic) const;

 private:
  using Refused = std::optional<StreamsRefusal>;

  std::expected<StreamsAnswer, StreamsRefusal> leave(const StreamsHeartbeat& beat, Timestamp now);
  Refused check_member(const StreamsHeartbeat& beat) const;
  // True when the topology is another one now.
  std::expected<bool, StreamsRefusal> take_topology(const StreamsHeartbeat& beat,
                                                    const TopicView& topics,
                                                    TopicMaker& maker,
                                                    Timestamp now);
  std::expected<TaskPlan, StreamsRefusal> look(const Topology& topology,
                                               const TopicView& topics,
                                               TopicMaker& maker,
                                               Timestamp now);
  // True when something else comes of the topology now.
  std::expected<bool, StreamsRefusal> refresh(const TopicView& topics,
                                              TopicMaker& maker,
                                              Timestamp now);
  Member& begin(const StreamsHeartbeat& beat, Timestamp now);
  static bool update(Member& member, const StreamsHeartbeat& beat);
  void remove(const std::string& id, Timestamp now);
  // Sharing out waits until then, if it waits.
  std::optional<Timestamp> delayed_until(Timestamp now) const;
  void share_out_again(Timestamp now);
  // By number; kInvalidTask for what is neither a task nor the member's.
  std::expected<Assignment, StreamsRefusal> numbered(const OwnedTasks& owned,
                                                     const Member& member) const;
  Refused number(const NamedTasks& named, const Tasks& known, Tasks& tasks) const;
  void report(const Member& member, std::vector<StatusReport>& statuses) const;

  // reconciliation (streams_reconcile.cc)
  void reconcile(Member& member, const std::optional<Assignment>& owned, Timestamp now);
  void lead_on(Member& member,
               int32_t epoch,
               const std::optional<Assignment>& owned,
               Timestamp now);
  void take_up(Member& member, int32_t epoch, MemberState state);
  // Takes what nobody else has; true when that is all.
  bool hold_free(Member& member, const Assignment& kept);
  bool is_free(const Member& member, const Task& task, bool active) const;
  void hold(Member& member, const Task& task, bool active);
  void let_go(Member& member, const Assignment& tasks);

  StreamsConfig config_;
  int32_t epoch_ = 0;
  int32_t target_epoch_ = 0;
  Members members_;
  std::optional<Topology> topology_;
  TaskPlan plan_;
  uint32_t standbys_ = 0;  // of the present target
  absl::btree_map<Task, const Member*> active_;
  absl::btree_map<std::pair<std::string, Task>, const Member*> in_process_;
  int32_t endpoint_epoch_ = 0;
  std::optional<std::string> shutdown_by_;
  uint64_t seen_version_ = 0;
  Timestamp refresh_due_;
  Timestamp first_share_ = Timestamp::never();  // while the first members wait for more
  Timestamp next_share_;
  Timestamp empty_since_;
};

// As Kafka's clients spell them.
std::string_view to_string(StreamsGroup::State state);

}  // namespace weir::group
