#pragma once
// Membership: who is in a classic consumer group, and the rebalances that give every member its
// share. Source: Kafka's group protocol (KIP-62 rebalance timeout, KIP-134 initial delay, KIP-345
// static members, KIP-394 known members, KIP-814 skipped assignment).
//
// Join and sync may have to wait for others. The caller hands in a Ticket with each; every call
// returns the answers that became ready, of this or of earlier tickets. A ticket is answered
// exactly once. Nothing is called back.
//
// Membership is volatile: after a restart everybody is unknown and joins again. That is why nothing
// here is an event.
//
// Invariants
//  - In kStable and kCompletingRebalance every member belongs to the present generation;
//  assignments are handed out for
//    the present generation only.
//  - A member has at most one waiting join and one waiting sync; a second one of the same kind ends
//  the first.
//  - The number of members is bounded by the configuration; ids that were handed out but not used
//  yet count too.
//
// Thread: the state shard's. Pure: time and fresh ids are arguments.

#include <absl/container/btree_map.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"

namespace weir::group {

enum class State : uint8_t { kEmpty, kPreparingRebalance, kCompletingRebalance, kStable, kDead };

// As Kafka's clients spell them.
std::string_view to_string(State state);

struct MembershipConfig {
  // How long the first join of an empty group waits for further members. Kafka waits 3 s; here a
  // lone consumer starts at once and a second one costs a rebalance.
  Milliseconds initial_delay{0};
  size_t members_max = 10'000;
};

// Chosen by the caller; names a request that waits for its answer.
using Ticket = uint64_t;

struct Protocol {
  std::string name;
  Bytes metadata;  // what the member brings, opaque

  bool operator==(const Protocol&) const = default;
};

struct JoinRequest {
  std::string member_id;                   // empty: a newcomer
  std::optional<std::string> instance_id;  // of a static member
  std::string fresh_member_id;             // for a newcomer: unique, made by the caller
  std::string client_id;
  std::string client_host;
  std::string protocol_type;
  std::vector<Protocol> protocols;  // preferred first
  Milliseconds session_timeout{0};
  Milliseconds rebalance_timeout{0};
  // A dynamic newcomer is only told its id and has to come again with it, so that a lost answer
  // leaves no ghost.
  bool id_required_first = false;
  bool skip_assignment_supported = false;
};

struct JoinedMember {
  std::string member_id;
  std::optional<std::string> instance_id;
  Bytes metadata;  // for the chosen protocol
};

struct JoinAnswer {
  Ticket ticket = 0;
  std::optional<ErrorCode> error{};  // with an error only member_id counts
  bool id_required = false;          // come again with member_id
  int32_t generation = -1;
  std::string protocol_type{};
  std::string protocol{};
  std::string leader{};
  std::string member_id{};
  bool skip_assignment = false;
  std::vector<JoinedMember> members{};  // for the leader only
};

struct SyncRequest {
  std::string member_id;
  std::optional<std::string> instance_id;
  int32_t generation = -1;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol;
  std::vector<std::pair<std::string, Bytes>> assignments;  // from the leader: by member
};

struct SyncAnswer {
  Ticket ticket = 0;
  std::optional<ErrorCode> error{};
  std::string protocol_type{};
  std::string protocol{};
  Bytes assignment{};
};

struct Answers {
  std::vector<JoinAnswer> joins;
  std::vector<SyncAnswer> syncs;

  bool empty() const { return joins.empty() && syncs.empty(); }
};

struct LeavingMember {
  std::string member_id;  // may be empty for a static member
  std::optional<std::string> instance_id;
};

class Membership {
 public:
  struct Member {
    std::string id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;
    std::vector<Protocol> protocols;
    Milliseconds session_timeout{0};
    Milliseconds rebalance_timeout{0};
    Bytes assignment;
    Timestamp session_deadline;
    std::optional<Ticket> join;  // waits for the others to join
    std::optional<Ticket> sync;  // waits for the leader's assignment
    bool synced = false;         // in the present generation

    bool waits() const { return join.has_value() || sync.has_value(); }
    const Protocol* find(std::string_view protocol) const;
  };

  explicit Membership(MembershipConfig config = {}) : config_(config) {}
  // For what happens from now on.
  void configure(const MembershipConfig& config) { config_ = config; }

  // kInconsistentProtocol, kUnknownMember, kFencedInstance, kLimitReached (as the answer's error).
  void join(const JoinRequest& request, Ticket ticket, Timestamp now, Answers& answers);
  // Checked in this order: kUnknownMember, kFencedInstance, kIllegalGeneration,
  // kInconsistentProtocol, kRebalanceInProgress.
  void sync(const SyncRequest& request, Ticket ticket, Timestamp now, Answers& answers);
  // kUnknownMember, kFencedInstance, kIllegalGeneration, kRebalanceInProgress (the member stays,
  // and has to join again).
  std::optional<ErrorCode> heartbeat(const std::string& member_id,
                                     const std::optional<std::string>& instance_id,
                                     int32_t generation,
                                     Timestamp now);
  // kUnknownMember, kFencedInstance.
  std::optional<ErrorCode> leave(const LeavingMember& who, Timestamp now, Answers& answers);
  // May this caller commit offsets? A negative generation without a member is somebody from
  // outside, who may while the group is empty. kUnknownMember, kFencedInstance, kIllegalGeneration,
  // kRebalanceInProgress. Counts as a heartbeat.
  std::optional<ErrorCode> may_commit(const std::string& member_id,
                                      const std::optional<std::string>& instance_id,
                                      int32_t generation,
                                      Timestamp now);

  // A group moves between this protocol and KIP-848's. What waits is told that the group
  // rebalances; then nobody is left.
  void hand_over(Timestamp now, Answers& answers);
  // Members come over, each with what it brings and its timeouts, and have to join again. The group
  // must be empty.
  void adopt(std::vector<Member> members,
             const std::string& protocol_type,
             int32_t generation,
             Timestamp now,
             Answers& answers);

  // What is due by now: silent members, the end of a rebalance.
  void expire(Timestamp now, Answers& answers);
  Timestamp next_deadline() const;

  State state() const { return state_; }
  int32_t generation() const { return generation_; }
  const std::string& protocol_type() const { return protocol_type_; }
  const std::string& protocol() const { return protocol_; }  // empty outside of a generation
  const std::string& leader() const { return leader_; }
  const absl::btree_map<std::string, Member>& members() const { return members_; }
  // Since when it is empty; only while it is.
  Timestamp empty_since() const { return empty_since_; }

 private:
  // joining (membership.cc)
  void join_newcomer(const JoinRequest& request, Ticket ticket, Timestamp now, Answers& answers);
  void join_known(const JoinRequest& request, Ticket ticket, Timestamp now, Answers& answers);
  void add_and_rebalance(const std::string& id,
                         const JoinRequest& request,
                         Ticket ticket,
                         Timestamp now,
                         Answers& answers);
  void update_and_rebalance(
      Member& member, const JoinRequest& request, Ticket ticket, Timestamp now, Answers& answers);
  void replace_static(const std::string& old_id,
                      const JoinRequest& request,
                      Ticket ticket,
                      Timestamp now,
                      Answers& answers);
  bool supports(const JoinRequest& request) const;
  std::optional<ErrorCode> check(const std::string& member_id,
                                 const std::optional<std::string>& instance_id) const;
  JoinAnswer present_generation(const Member& member, Ticket ticket) const;
  std::vector<JoinedMember> members_with_metadata() const;
  static void refuse(Ticket ticket,
                     ErrorCode error,
                     const std::string& member_id,
                     Answers& answers);

  // rebalancing (rebalance.cc)
  void prepare_rebalance(Timestamp now, Answers& answers);
  void complete_join_if_ready(Timestamp now, Answers& answers);
  void on_rebalance_deadline(Timestamp now, Answers& answers);
  void complete_join(Timestamp now, Answers& answers);
  void drop_absent(Answers& answers);
  bool elect_joined_leader();
  void become_empty(Timestamp now);
  void remove_member(const std::string& id, Timestamp now, Answers& answers);
  void end_waiting(Member& member, ErrorCode error, Answers& answers);
  void assign(const SyncRequest& request, Timestamp now, Answers& answers);
  std::string choose_protocol() const;
  Milliseconds longest_rebalance_timeout() const;
  void touch(Member& member, Timestamp now) const {
    member.session_deadline = now + member.session_timeout;
  }

  MembershipConfig config_;
  State state_ = State::kEmpty;
  int32_t generation_ = 0;
  std::string protocol_type_;
  std::string protocol_;
  std::string leader_;
  absl::btree_map<std::string, Member> members_;
  absl::btree_map<std::string, std::string> static_ids_;  // instance id to member id
  absl::btree_map<std::string, Timestamp>
      pending_;  // ids handed out and not used yet, with their deadline
  Timestamp rebalance_deadline_ = Timestamp::never();  // in kPreparingRebalance
  Timestamp sync_deadline_ =
      Timestamp::never();       // from the end of a join on, until all have synced
  bool initial_delay_ = false;  // the present rebalance waits for newcomers
  bool newcomer_ = false;       // one came since the delay was last prolonged
  Milliseconds initial_delay_left_{0};
  Timestamp empty_since_;
};

}  // namespace weir::group
