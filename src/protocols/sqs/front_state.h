#pragma once
// FrontState: what the front end itself remembers, beside the broker: options, receive attempts,
// and what the rules of strict mode need. In memory only, and bounded: a restart forgets it, which
// makes the rules lenient for their short times.
//
// Thread: the state shard's, but for `options`, which never change.

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "core/catalog/model.h"
#include "core/queue/queue.h"
#include "protocols/sqs/limits.h"

namespace weir::sqs {

struct Options {
  Bounds bounds;
  // The rules of AWS that only get in the way elsewhere: 60 seconds before a queue's name can be
  // used again and between purges, 120,000 messages in flight, 300 calls a second on a FIFO queue.
  bool strict = false;
};

// Keeps values for a time, the newest kMax of them.
template <typename Key, typename Mapped>
class Recent {
 public:
  Recent(Milliseconds kept, size_t max) : kept_(kept), max_(max) {}

  // Null when it is not known, or too old.
  Mapped* find(const Key& key, Timestamp now) {
    forget(now);
    const auto found = known_.find(key);
    return found == known_.end() ? nullptr : &found->second.value;
  }

  void put(const Key& key, Mapped value, Timestamp now) {
    forget(now);
    while (known_.size() >= max_ && !order_.empty()) drop_oldest();
    const uint64_t number = ++last_;
    known_[key] = {std::move(value), number};
    order_.push_back({now + kept_, key, number});
  }

 private:
  struct Known {
    Mapped value;
    uint64_t number;  // of the put that it is of: an older one's end is not its end
  };
  struct Ending {
    Timestamp end;
    Key key;
    uint64_t number;
  };

  void forget(Timestamp now) {
    while (!order_.empty() && order_.front().end <= now) drop_oldest();
  }
  void drop_oldest() {
    const Ending ending = std::move(order_.front());
    order_.pop_front();
    const auto found = known_.find(ending.key);
    if (found != known_.end() && found->second.number == ending.number) known_.erase(found);
  }

  const Milliseconds kept_;
  const size_t max_;
  uint64_t last_ = 0;
  absl::flat_hash_map<Key, Known> known_;
  std::deque<Ending> order_;
};

// What a receive with a ReceiveRequestAttemptId handed out: its repetition gets the same, as long
// as nothing of it was touched.
struct Attempt {
  struct Held {
    queue::Handle handle;
    Timestamp deadline;
  };
  std::vector<Held> held;
};

struct FrontState {
  using QueueAnd = std::pair<std::pair<uint64_t, uint64_t>, std::string>;  // identity, and a text

  static constexpr Milliseconds kAttemptKept{300'000};
  static constexpr Milliseconds kStrictPause{60'000};
  static constexpr size_t kAttemptsMax = 20'000;  // of ten messages: 600 bytes each
  static constexpr size_t kNamesMax = 100'000;
  static constexpr uint64_t kInFlightMax = 120'000;
  static constexpr uint32_t kFifoCallsEachSecond = 300;

  static QueueAnd key(const catalog::Uuid& queue, std::string_view text) {
    return {{queue.high, queue.low}, std::string(text)};
  }
  // Counts a call on a queue; false when it is one too many in this second.
  bool admit(const catalog::Uuid& queue, std::string_view action, Timestamp now);

  Options options;
  Recent<QueueAnd, Attempt> attempts{kAttemptKept, kAttemptsMax};
  Recent<std::string, bool> deleted{kStrictPause, kNamesMax};  // "space/name"
  Recent<QueueAnd, bool> purged{kStrictPause, kNamesMax};
  Recent<QueueAnd, uint32_t> calls{Milliseconds(1'000), kNamesMax};
};

inline bool FrontState::admit(const catalog::Uuid& queue, std::string_view action, Timestamp now) {
  const QueueAnd called = key(queue, action);
  if (uint32_t* made = calls.find(called, now)) return ++*made <= kFifoCallsEachSecond;
  calls.put(called, 1, now);
  return true;
}

}  // namespace weir::sqs
