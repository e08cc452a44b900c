#pragma once
// ConsumerGroup: a group whose partitions the broker shares out (KIP-848). Members tell by
// heartbeats what they subscribe to and what they own; each is led from what it has to what it
// shall have, one after the other, while the rest go on reading.
//
// Three epochs: the group's grows with every change of members, subscriptions or topics; the
// target's is the group epoch for which partitions were shared out; a member's is the target epoch
// that it has taken up. A member that shall lose partitions stays at its epoch until it no longer
// owns them (kUnrevoked); one that shall get partitions that others still own waits for them
// (kUnreleased).
//
// Members of the classic protocol may be among the others while a group is moved from one protocol
// to the other: they join, sync and beat as ever, and their generation is their epoch
// (consumer_classic.cc).
//
// Invariants
//  - A partition belongs to at most one member at a time: assigned to it, or being revoked from it.
//  - A member's epoch never exceeds the target's, nor the target's the group's.
//  - Only a member that is in the group at that epoch commits.
//
// Nothing of this is an event: after a restart everybody is unknown and joins again.
// Thread: the state shard's. Pure: time, fresh ids and the view of topics are arguments.

#include <absl/container/btree_map.h>

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "core/group/assignor.h"
#include "core/group/membership.h"
#include "core/group/offsets.h"
#include "core/group/topic_view.h"

namespace weir::group {

// Why a member's request is not done.
enum class Denial : uint8_t {
  kUnknownMember,
  kFencedEpoch,         // an epoch that is not the member's: it gives everything up and joins again
  kStaleEpoch,          // the same, of a commit
  kFencedInstance,      // another member has this instance id now
  kUnreleasedInstance,  // the member with this instance id has not left
  kFull,
  kIllegalGeneration,  // the classic words for the same
  kRebalanceInProgress,
  kInconsistentProtocol,
  // Of streams groups.
  kOtherTopology,
  kInvalidTopology,
  kInvalidTask,
};

struct ConsumerConfig {
  Milliseconds session_timeout{45'000};
  size_t members_max = 10'000;
  Assignor assignor = Assignor::kUniform;  // for groups whose members do not choose
  // Topics are looked at again for a group at most once in this time.
  Milliseconds refresh_every{1'000};
};

inline constexpr int32_t kJoinEpoch = 0;
inline constexpr int32_t kLeaveEpoch = -1;
inline constexpr int32_t kStaticLeaveEpoch = -2;  // a static member that will come back

// What is not given has not changed since the last one.
struct ConsumerHeartbeat {
  std::string member_id;  // never empty
  std::optional<std::string> instance_id{};
  int32_t epoch = kJoinEpoch;
  std::optional<std::string> rack{};
  std::optional<Milliseconds> rebalance_timeout{};
  std::optional<std::vector<std::string>> names{};
  std::optional<std::string> pattern{};  // empty: none any more
  std::optional<Assignor> assignor{};
  std::optional<Partitions> owned{};
  std::string client_id{};
  std::string client_host{};
  std::string reader{};  // who that is, in words of the topics' view

  // A member that sends everything wants to be told everything.
  bool is_full() const { return epoch == kJoinEpoch || (rebalance_timeout && names && owned); }
};

struct HeartbeatAnswer {
  int32_t epoch = 0;
  std::optional<Partitions> assigned{};  // when it changed, or was asked for
};

// ---- members of the classic protocol

struct ClassicSide {
  Milliseconds session_timeout{0};
  std::vector<Protocol> protocols;  // as they joined, preferred first
};

struct ClassicJoin {
  std::string member_id;  // never empty
  std::optional<std::string> instance_id{};
  bool is_new = false;  // the id was made for this request
  std::string client_id{};
  std::string client_host{};
  Milliseconds session_timeout{0};
  Milliseconds rebalance_timeout{0};
  std::vector<Protocol> protocols{};
  // What the preferred protocol's metadata says.
  std::vector<std::string> names{};
  Partitions owned{};
};

struct ClassicJoined {
  int32_t generation = 0;
  std::string protocol;
};

// A member as it comes over from a classic group.
struct ClassicMember {
  ClassicJoin join;
  Partitions assigned;
};

class ConsumerGroup {
 public:
  enum class State : uint8_t { kEmpty, kAssigning, kReconciling, kStable };
  enum class MemberState : uint8_t { kStable, kUnrevoked, kUnreleased };

  struct Member {
    std::string id;
    std::optional<std::string> instance_id;
    std::optional<std::string> rack;
    std::string client_id;
    std::string client_host;
    std::string reader;
    Milliseconds rebalance_timeout{0};
    std::vector<std::string> names;
    std::string pattern;  // empty: none
    std::optional<Assignor> assignor;
    std::optional<ClassicSide> classic;

    int32_t epoch = kJoinEpoch;
    int32_t previous_epoch = kJoinEpoch;
    MemberState state = MemberState::kStable;
    TopicIds topics;  // what the subscription comes to
    Partitions assigned;
    Partitions revoking;  // taken from it, and not yet given up by it
    Partitions target;

    Timestamp session_deadline;
    Timestamp revoke_deadline = Timestamp::never();
    Timestamp join_deadline = Timestamp::never();  // classic: it was told to join again
    Timestamp sync_deadline = Timestamp::never();  // classic: it has joined
  };
  using Members = std::map<std::string, Member>;  // nodes stay where they are

  explicit ConsumerGroup(const ConsumerConfig& config = {}) : config_(config) {}
  // For what happens from now on.
  void configure(const ConsumerConfig& config) { config_ = config; }

  // kUnknownMember, kFencedEpoch, kFencedInstance, kUnreleasedInstance, kFull.
  std::expected<HeartbeatAnswer, Denial> heartbeat(const ConsumerHeartbeat& beat,
                                                   const TopicView& topics,
                                                   Timestamp now);
  // May this caller commit, or see what is committed? A negative epoch is somebody from outside,
  // who may commit while the group is empty and look at any time. kUnknownMember, kStaleEpoch;
  // kIllegalGeneration for a classic member.
  std::optional<Denial> may_commit(const std::string& member_id, int32_t epoch) const;
  std::optional<Denial> may_fetch(const std::optional<std::string>& member_id, int32_t epoch) const;

  // What is due by now: silent members, those that do not give partitions up in time.
  void expire(Timestamp now);
  Timestamp next_deadline() const;

  State state() const;
  int32_t epoch() const { return epoch_; }
  int32_t target_epoch() const { return target_epoch_; }
  // What most members want.
  Assignor assignor() const;
  const Members& members() const { return members_; }
  // Since when it is empty; only while it is.
  Timestamp empty_since() const { return empty_since_; }
  bool reads(TopicId topic) const { return sizes_.contains(topic); }

  // ---- classic members (consumer_classic.cc)

  // The group takes over a classic one. It must be empty.
  void adopt(std::vector<ClassicMember> members, int32_t generation, Timestamp now);
  // True when there are members and all of them are classic: the group can be a classic one again.
  bool all_classic() const;
  // Everybody is gone to a classic group, which goes on from the epoch.
  void hand_over(Timestamp now);

  bool has_member(const std::string& member_id) const { return members_.contains(member_id); }
  // kUnknownMember, kFencedInstance, kFull, kInconsistentProtocol.
  std::expected<ClassicJoined, Denial> join(const ClassicJoin& request,
                                            const TopicView& topics,
                                            Timestamp now);
  // What is assigned. kUnknownMember, kFencedInstance, kIllegalGeneration, kInconsistentProtocol,
  // kRebalanceInProgress.
  std::expected<Partitions, Denial> sync(const SyncRequest& request, Timestamp now);
  std::optional<Denial> classic_heartbeat(const std::string& member_id,
                                          const std::optional<std::string>& instance_id,
                                          int32_t generation,
                                          Timestamp now);
  std::optional<Denial> leave(const LeavingMember& who, Timestamp now);

 private:
  using Known = std::expected<Member*, Denial>;

  Known find_or_add(const ConsumerHeartbeat& beat, Timestamp now);
  Known find_static(const ConsumerHeartbeat& beat, const std::string& instance_id);
  Known find_classic(const std::string& member_id, const std::optional<std::string>& instance_id);
  static std::optional<Denial> check_epoch(const Member& member, const ConsumerHeartbeat& beat);
  std::expected<HeartbeatAnswer, Denial> leave_by_heartbeat(const ConsumerHeartbeat& beat,
                                                            Timestamp now);
  Member& add(const std::string& id, const std::optional<std::string>& instance_id);
  // The member goes on under another id, with what it has.
  Member& rename(const std::string& old_id, const std::string& id);
  void remove(const std::string& id, Timestamp now);
  static bool update(Member& member, const ConsumerHeartbeat& beat);

  // Brings epochs and targets up to date; `changed`: a member or its subscription did.
  void rebalance(bool changed, const TopicView& topics, Timestamp now);
  bool refresh(const TopicView& topics);
  void share_out_again();

  // reconciliation (reconcile.cc)
  void reconcile(Member& member, const std::optional<Partitions>& owned, Timestamp now);
  void lead_on(Member& member,
               int32_t epoch,
               const std::optional<Partitions>& owned,
               Timestamp now);
  void take_up(Member& member, int32_t epoch, MemberState state);
  void hold(const Member& member, const Partitions& partitions);
  void let_go(const Member& member, const Partitions& partitions);
  bool waits_for_others(const Member& member) const;

  ConsumerConfig config_;
  int32_t epoch_ = 0;
  int32_t target_epoch_ = 0;
  Members members_;
  absl::btree_map<std::string, std::string> static_ids_;  // instance id to member id
  absl::btree_map<TopicPartition, const Member*> holders_;
  TopicSizes sizes_;  // of all topics that somebody subscribes to
  uint64_t seen_version_ = 0;
  Timestamp refresh_due_;
  Timestamp empty_since_;
};

// As Kafka's clients spell them.
std::string_view to_string(ConsumerGroup::State state);

}  // namespace weir::group
