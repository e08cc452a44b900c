#pragma once
// FairWindow: which message group each not yet settled message of a stretch of an unordered queue
// belongs to, so that a group with much work in flight does not starve the others ("fair queues").
// A cache of what the log says, as GroupWindow is: it decides nothing but who comes first.
//
// A group is noisy while it has at least kNoisyLeases messages in flight, and more than a tenth of
// all that are. Messages of groups that are not noisy go first, the oldest first; among noisy
// groups the one with the fewest in flight. A message without a group (hash 0) is a tenant of its
// own and never noisy. Source of the thresholds: SQS developer guide, "Amazon SQS fair queues".
//
// It holds the messages from the queue's floor to `end`, without gaps but for settled ones: about
// 50 bytes a message, and about 100 a group.

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>

#include <cstdint>
#include <utility>

#include "core/queue/entry.h"
#include "core/queue/events.h"

namespace weir::queue {

class FairWindow {
 public:
  static constexpr uint64_t kNoisyLeases = 30;
  static constexpr uint64_t kNoisyShare = 10;  // more than one in so many
  static constexpr uint64_t kMessagesMax = 262'144;

  explicit FairWindow(int64_t start) : end_(start) {}

  int64_t end() const { return end_; }  // the first offset whose group is not known
  uint64_t size() const { return messages_.size(); }
  bool has_ready() const { return !by_oldest_.empty(); }

  // The group of offset end(); moves end() by one.
  void append(GroupHash group, EntryState state);
  // end() is settled already: moves end() by one.
  void skip() { ++end_; }
  void settle(int64_t offset);
  void changed(int64_t offset, EntryState state);

  // Offers ready messages in the order in which they should go, `in_flight` being under way
  // already, until `take` answers that it has enough.
  using Take = absl::FunctionRef<bool(int64_t offset)>;  // false: this was the last
  void pick(uint64_t in_flight, Take take) const;

 private:
  struct Message {
    GroupHash group;
    EntryState state;
  };
  struct Group {
    absl::btree_set<int64_t> ready;
    uint64_t leased = 0;
    uint64_t messages = 0;
  };

  void enter(int64_t offset, const Message& message);
  void leave(int64_t offset, const Message& message);

  int64_t end_;
  absl::flat_hash_map<int64_t, Message> messages_;
  absl::flat_hash_map<GroupHash, Group> groups_;
  absl::btree_set<std::pair<int64_t, GroupHash>> by_oldest_;  // groups with a ready message
};

}  // namespace weir::queue
