#pragma once
// Queue: the delivery engine. A cursor with per-message state over one log; it deals in offsets
// only, bodies stay in the log. One engine for SQS queues, AMQP queues, share groups and Redis
// stream groups: see policy.h.
//
// How to use it, always in this order:
//   queue.advance_time(now);                       // what time alone changes
//   auto decision = queue.decide_xxx(command);     // const; may refuse; reads the queue's own time
//   for (event : decision.events) { journal it; queue.apply(event); }
// All events of one decision belong into one commit. apply is total and needs no clock: it is all
// that recovery uses.
//
// State of a message with offset o (Tracking::kEveryMessage), exactly one of
//   done      o < floor, or settled
//   leased    an entry with a consumer, a deadline or none
//   delayed   an entry with a due time
//   ready     everything else below `end`. An entry exists only if it was delivered before.
// Nothing is held for a ready message that was never delivered; with Order::kGroups a window of
// group hashes is cached ahead of delivery (see needs_window_from), and with priorities those above
// the lowest are in a set of offsets each (priority_lanes.h).
//
// Invariants: ready + leased + delayed + done == end - start, counted exactly at all times; a
// message has at most one lease; a settled message is never delivered again; image + events newer
// than it == the live state.
//
// Thread: one state shard owns a queue. No clock, no allocation while idle: an empty queue costs
// sizeof(Queue).

#include <absl/container/btree_set.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/chunked_map.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "base/wire.h"
#include "core/queue/consumers.h"
#include "core/queue/dedup.h"
#include "core/queue/entry.h"
#include "core/queue/events.h"
#include "core/queue/fair_window.h"
#include "core/queue/group_window.h"
#include "core/queue/offset_set.h"
#include "core/queue/policy.h"
#include "core/queue/priority_lanes.h"

namespace weir::queue {

// ---- enqueue

struct NewMessage {
  std::optional<Milliseconds> delay = {};  // none: the policy's
  GroupHash group = 0;                     // Order::kGroups only
  std::optional<DedupId> dedup_id = {};
  uint8_t priority = 0;  // above the policy's highest: the highest
};

// ---- lease

// Tells whether the log no longer holds a record at an offset (XDEL, compaction, control records).
using IsGone = std::function<bool(Offset)>;

struct LeaseCommand {
  ConsumerId consumer = kNobody;
  uint32_t count = 1;                         // at most so many messages; bounded by kLeaseMax
  std::optional<Milliseconds> duration = {};  // none: the policy's; kNoDeadline: unbounded
  bool bound = false;                         // released when the consumer is closed
  bool no_ack = false;                        // settled by the delivery itself
  const IsGone* is_gone = nullptr;            // records to pass over (and settle); null: none
  bool unlimited = false;  // beyond the delivery limit too: there is no place for dead letters
};
constexpr uint32_t kLeaseMax = 10'000;
// One decision passes over so many gone records, and finds so many dead letters, at most; then
// `more` is set.
constexpr size_t kPassedMax = 1'000;

// One message handed out, or one lease that stands.
struct Lease {
  Offset offset;
  ConsumerId consumer;
  bool bound = false;
  Generation generation;    // with the offset: the handle
  uint32_t deliveries = 0;  // this one included
  Timestamp first_delivered;
  Timestamp last_delivered;
  Timestamp deadline;  // never(): none
  bool operator==(const Lease&) const = default;
};

struct DeadLetter {
  Offset offset;
  uint32_t deliveries = 0;
  Timestamp first_delivered;
};

struct LeaseDecision {
  Events events;  // includes the settle of the dead letters and of what is gone
  std::vector<Lease> leases;
  std::vector<DeadLetter>
      dead_letters;                 // to be appended to the dead-letter queue in the same commit
  bool at_in_flight_limit = false;  // fewer than asked for because of Policy::in_flight_max
  bool more = false;                // stopped at kPassedMax: apply, and decide again
};

// ---- settle, release, extend

struct Handle {
  Offset offset;
  Generation generation;          // Check::kAnyLease and kThisLease
  ConsumerId consumer = kNobody;  // Check::kOwner
};

enum class Check : uint8_t {
  kAnyLease,   // any lease that was ever granted on the message, ended or not (SQS standard delete)
  kThisLease,  // the lease of this handle, and it still stands (FIFO, AMQP)
  kOwner,      // the message is leased by this consumer (share groups)
};

enum class Outcome : uint8_t {
  kDone,
  kAlreadySettled,  // nothing to do; protocols differ in whether that is a success
  kNotHeld,         // the lease has ended, or belongs to another
  kUnknown,         // no such lease was ever granted
};

struct HandlesDecision {
  Events events;
  std::vector<Outcome> outcomes;  // one for each handle, in order
  size_t done = 0;
  size_t late = 0;  // settled, or tried to be, after the lease had ended
};

// ---- pending entries

struct PendingQuery {
  Offset first{0};
  Offset last{INT64_MAX};  // inclusive
  std::optional<ConsumerId> consumer = {};
  Milliseconds idle_min{0};
  size_t count = 10;
  size_t scanned_max = SIZE_MAX;  // XAUTOCLAIM looks at ten times its count
};
struct PendingPage {
  std::vector<Lease> leases;
  std::optional<Offset> next;  // where to go on; none: the end was reached
};

struct Claim {
  Offset offset;
  std::optional<uint32_t> deliveries = {};  // none: one more than before
  bool keep_deliveries = false;             // JUSTID: as before
};

struct Counts {
  uint64_t ready = 0;
  uint64_t leased = 0;
  uint64_t delayed = 0;
  bool operator==(const Counts&) const = default;
};

class Queue {
 public:
  // An empty queue over offsets from 0 with a default policy; a real one begins with decide_create.
  Queue() = default;
  Queue(Queue&&) noexcept = default;
  Queue& operator=(Queue&&) noexcept = default;

  // The first event of a queue. kInvalidArgument for a policy that is_valid refuses.
  static Result<Event> decide_create(Offset start, const Policy& policy, Timestamp now);

  // ---- time

  // Makes the transitions that are due. `now` never runs backwards (an earlier one does nothing).
  // Returns how many messages became ready: reason to wake waiting receivers.
  size_t advance_time(Timestamp now);
  // When advance_time next has something to do; never() if nothing waits for time.
  Timestamp next_deadline() const;
  Timestamp now() const { return now_; }

  // ---- the log's end

  // The log holds everything below `end`. Derived from the log's own append in the same commit, not
  // journaled here. Never moves back.
  void apply_end(Offset end);

  // ---- decisions; none changes the queue

  // kInvalidArgument as decide_create, or when the change would need another tracking, order or
  // number of priorities while messages exist.
  Result<Event> decide_policy(const Policy& policy) const;

  // True when an append needs decide_enqueue; otherwise apply_end is enough.
  bool needs_enqueue(const NewMessage& message) const;
  // For messages that the log appends at first, first + 1, … in the same commit; call apply_end
  // too. Duplicates were looked up before: kAlreadyExists if an id is remembered or occurs twice.
  // kLimitReached: too many delayed messages or remembered ids.
  Result<Event> decide_enqueue(Offset first, std::span<const NewMessage> messages) const;
  // The offset of the message that was sent with this id within the window.
  std::optional<Offset> find_duplicate(const DedupId& id) const;

  // Messages for a consumer. Without any the events may be empty.
  LeaseDecision decide_lease(const LeaseCommand& command) const;
  // False: a lease now would certainly find nothing. Constant time.
  bool may_deliver() const;

  HandlesDecision decide_settle(std::span<const Handle> handles, Check check) const;
  // Ends leases; ready again at once or after `delay`. The delivery stays counted unless `uncount`.
  // kAnyLease acts as kThisLease.
  HandlesDecision decide_release(std::span<const Handle> handles,
                                 Check check,
                                 Milliseconds delay = Milliseconds(0),
                                 bool uncount = false) const;
  // New deadline now + duration, longer or shorter (0: ends at once); kNoDeadline: none. kAnyLease
  // acts as kThisLease.
  HandlesDecision decide_extend(std::span<const Handle> handles,
                                Check check,
                                Milliseconds duration) const;

  // Settles without a handle whatever state the messages are in (drop-head, redrive, an
  // acknowledgement by offset). Counts those that were not done before; Tracking::kCursor: those
  // that were pending (XACK).
  struct DiscardDecision {
    Events events;
    size_t done = 0;
  };
  DiscardDecision decide_discard(std::span<const Offset> offsets) const;

  // Everything is done up to the end; SQS drops what is in flight too and forgets deduplication
  // ids, AMQP keeps leases.
  Event decide_purge(bool keep_leased, bool clear_dedup) const;
  // The log dropped everything below `offset`: leased or not, it is done. No event if nothing
  // changes.
  std::optional<Event> decide_expire_below(Offset offset) const;

  // Releases what is bound to the consumer; no event if there is nothing.
  std::optional<Event> decide_consumer_closed(ConsumerId consumer) const;

  // Tracking::kCursor. kInvalidArgument elsewhere.
  Result<Event> decide_set_next(Offset next) const;
  // Gives pending entries to a consumer with the time and counts stated; `force` makes entries that
  // do not exist (the caller has checked that the record does). What is not pending is passed over
  // without force.
  struct ClaimDecision {
    Events events;
    std::vector<Lease> leases;  // as they are afterwards
  };
  Result<ClaimDecision> decide_claim(ConsumerId consumer,
                                     std::span<const Claim> claims,
                                     Timestamp delivered_at,
                                     bool force) const;

  // kAlreadyExists; kLimitReached at kConsumersMax.
  Result<Event> decide_create_consumer(std::string_view name) const;
  // Drops its pending entries. kNotFound.
  Result<Event> decide_delete_consumer(ConsumerId consumer) const;

  // ---- apply

  void apply(const Event& event);

  // ---- the window of Order::kGroups: a cache over the log, not journaled

  // The offset from which on the engine wants to be told message groups; none: content. Ask after
  // apply and before decide_lease.
  std::optional<Offset> needs_window_from() const;
  // True: what it wants to be told may hold the only messages that can be delivered. Otherwise a
  // little of it each time will do.
  bool starved() const;
  // Group hashes of the records at first, first + 1, …; `first` is what needs_window_from said.
  // Returns how many were taken (the window is bounded).
  size_t load_window(Offset first, std::span<const GroupHash> hashes);
  // Order::kNone: the message that was just appended belongs to this group; 0: to none. From the
  // first group on the queue is fair to groups (fair_window.h) until it has drained; the same
  // window calls as above tell it of what it held before. After a recovery it is told anew.
  void note_group(Offset offset, GroupHash group);

  // ---- questions

  const Policy& policy() const { return policy_; }
  Counts counts() const;  // constant time
  // The ready ones of each priority, from 0 up; as many as the policy has.
  std::vector<uint64_t> ready_by_priority() const;
  Offset floor() const { return floor_; }
  Offset next() const { return frontier_; }  // kNone: the lowest offset that was never passed
  Offset end() const { return end_; }
  bool is_settled(Offset offset) const;
  std::optional<Lease> lease_of(Offset offset) const;
  // Messages that are held in memory: leased, delayed, or delivered before.
  size_t entries() const { return entries_.size(); }
  size_t remembered_ids() const { return dedup_ ? dedup_->size() : 0; }
  // How often a message was delivered and when first, also when it is ready again.
  std::pair<uint32_t, Timestamp> deliveries_of(Offset offset) const;
  // Ready offsets from `from` on, ascending, whatever the order of delivery; at most `count`.
  std::vector<Offset> ready_from(Offset from, size_t count) const;
  // How many stretches of settled, leased or delayed messages searches have passed over so far.
  uint64_t stretches_passed() const { return stretches_passed_; }

  PendingPage pending(const PendingQuery& query) const;
  uint64_t pending_count(ConsumerId consumer) const;
  std::optional<Offset> oldest_pending() const;
  std::optional<Offset> newest_pending() const;
  // Tracking::kCursor: pending entries by the time of their delivery, the longest ago first, until
  // `visit` says false. The first question makes an index of 16 bytes an entry, which is kept.
  void visit_by_age(const std::function<bool(const Lease&)>& visit) const;
  // The time of delivery for decide_claim that gives entries back to nobody: behind those that were
  // given back before, ahead of all that a consumer holds. Such ranks are small numbers, no times.
  Timestamp next_release_rank() const;

  // A consumer id that was never used in this queue, for consumers without a name (connections,
  // members). Not journaled: it becomes known to recovery with its first lease.
  ConsumerId reserve_consumer();
  std::optional<ConsumerId> find_consumer(std::string_view name) const;
  const ConsumerTable& consumers() const { return consumers_; }
  // A named consumer asked for something; remembered in memory and images only.
  void touch_consumer(ConsumerId consumer);
  // After recovery no connection stands any more: close each of these.
  std::vector<ConsumerId> consumers_with_bound_leases() const;

  // ---- image

  // `head`, then write_rest(), on any thread. Taking it costs a step a chunk of entries and
  // deduplication ids, however many there are.
  struct Image;
  Image image() const;
  static void write_rest(const Image& image, Writer& out);
  void save(Writer& out) const;  // the same bytes at once
  // kStorageCorrupt; the queue is unchanged then.
  static Result<Queue> load(Reader& in);
  // The same durable state (caches and last-seen times aside). For tests: it serializes both.
  bool same_state(const Queue& other) const;

 private:
  using Entries = ChunkedMap<int64_t, Entry>;
  class Picker;

  bool cursor() const { return policy_.tracking == Tracking::kCursor; }
  bool unordered() const { return policy_.order == Order::kNone; }
  bool done(int64_t offset) const;
  bool is_ready(int64_t offset) const;  // given that it is not done
  uint64_t room_in_flight() const;
  Lease describe(int64_t offset, const Entry& entry) const;
  bool has_duplicate(std::span<const Enqueued::Id> ids) const;
  Outcome check_handle(const Handle& handle, Check check) const;
  HandlesDecision check_live(std::span<const Handle> handles, Check check, OffsetList& live) const;
  void pick_unordered(Picker& picker) const;
  void pick_available(Picker& picker, const OffsetSet& ready) const;
  void pick_fair(Picker& picker) const;
  void pick_strict(Picker& picker) const;
  void pick_groups(Picker& picker) const;
  void pick_cursor(Picker& picker) const;

  void on(const Created& event);
  void on(const PolicySet& event);
  void on(const Enqueued& event);
  void on(const Leased& event);
  void on(const Settled& event);
  void on(const Released& event);
  void on(const Extended& event);
  void on(const ConsumerClosed& event);
  void on(const Assigned& event);
  void on(const FloorMoved& event);
  void on(const NextSet& event);
  void on(const ConsumerCreated& event);
  void on(const ConsumerDeleted& event);

  void advance_frontier_to(int64_t offset);
  void move_frontier_to(int64_t offset);  // unordered only
  void pass_frontier_over_known();
  void lease_one(int64_t offset, const Leased& event, uint32_t deliveries);
  void settle_one(int64_t offset);
  void raise_floor(int64_t floor);
  void release_one(Entries::iterator at, Timestamp due);
  void make_ready(Entries::iterator at);
  void enter_lane(int64_t offset, uint8_t priority);
  void set_priority(int64_t offset, uint8_t priority);
  void set_state(int64_t offset, Entry& entry, EntryState state);
  int64_t next_free(int64_t offset) const;
  void set_due(int64_t offset, Entry& entry, Timestamp due);
  void set_consumer(int64_t offset, Entry& entry, ConsumerId consumer, bool bound);
  void set_delivered(int64_t offset, Entry& entry, Timestamp at);
  void erase_entry(Entries::iterator at);
  void drop_below(int64_t floor);
  void purge_ready(int64_t floor);
  void group_changed(int64_t offset);
  void shift_delays(Milliseconds difference);
  bool fits_window() const;
  void append_window(int64_t first, std::span<const GroupHash> hashes);
  void append_fair(std::span<const GroupHash> hashes);
  EntryState state_of(int64_t offset) const;  // given that it is not done

  void save_head(Writer& out) const;
  void save_dedup(Writer& out) const;
  void save_groups(Writer& out) const;
  bool load_state(Reader& in, bool with_lanes);
  bool load_lanes(Reader& in);
  struct EntryImage;
  bool load_entries(Reader& in);
  bool fits(int64_t offset, const EntryImage& image) const;

  Policy policy_;
  Timestamp now_;
  Offset floor_;
  Offset frontier_;  // ordered queues: the floor
  Offset end_;
  uint64_t leased_ = 0;
  uint64_t delayed_ = 0;
  uint64_t next_generation_ = 1;
  mutable uint64_t stretches_passed_ = 0;
  OffsetSet settled_;    // above the floor
  OffsetSet available_;  // unordered: ready below the frontier, and in no lane
  // Leased, delayed or in a lane; unordered: at or above the frontier only. So that no search walks
  // them one by one. Derived from the entries and the lanes.
  OffsetSet held_;
  Entries entries_;
  absl::btree_set<std::pair<int64_t, int64_t>>
      timers_;  // (due ms, offset) of entries that wait for time
  ConsumerTable consumers_;
  std::unique_ptr<PriorityLanes> lanes_;  // since a message had a priority
  std::unique_ptr<Dedup> dedup_;          // while ids are remembered
  std::unique_ptr<GroupWindow> window_;   // Order::kGroups, while it holds something
  std::unique_ptr<FairWindow> fair_;      // Order::kNone, since a group was noted
  // (delivered ms, offset) of every pending entry, once somebody asked; a cache of entries_.
  using Ages = absl::btree_set<std::pair<int64_t, int64_t>>;
  const Ages& ages() const;
  mutable std::unique_ptr<Ages> ages_;
};

struct Queue::Image {
  std::string head;
  Entries::Pinned entries;
  std::string consumers;
  std::optional<Dedup::Pinned> dedup;
  std::string groups;
};

}  // namespace weir::queue
