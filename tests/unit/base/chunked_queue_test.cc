#include "base/chunked_queue.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/random.h"

namespace weir {
namespace {

using Queue = ChunkedQueue<uint64_t>;

template <typename Of>
std::vector<uint64_t> contents(const Of& queue) {
  std::vector<uint64_t> all;
  queue.for_each([&](uint64_t item) { all.push_back(item); });
  EXPECT_EQ(all.size(), queue.size());
  return all;
}

TEST(ChunkedQueue, BehavesAsAQueueUnderRandomChangesAndAPinStaysAsItWas) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    Queue queue;
    std::deque<uint64_t> model;
    std::optional<Queue::Pinned> pinned;
    std::vector<uint64_t> before;
    for (int step = 0; step < 8000; ++step) {
      // It grows for a while, then shrinks to nothing.
      const bool growing = step / 1000 % 2 == 0;
      if (random.below(3) == 0 && !model.empty()) {
        queue.back() = model.back() = random.next();
      } else if (random.below(4) == 0 ? !growing : growing) {
        const uint64_t item = random.next();
        queue.push_back(item);
        model.push_back(item);
      } else if (!model.empty()) {
        queue.pop_front();
        model.pop_front();
      }
      ASSERT_EQ(queue.size(), model.size());
      if (!model.empty()) {
        const size_t index = random.below(model.size());
        ASSERT_EQ(queue[index], model[index]);
        ASSERT_EQ(queue.front(), model.front());
      }
      if (random.below(100) == 0) {
        pinned = queue.pin();
        before.assign(model.begin(), model.end());
      }
      if (pinned) ASSERT_EQ(contents(*pinned), before);
    }
  }
}

struct Counted {
  Counted() = default;
  Counted(const Counted& /*other*/) { ++copies; }
  Counted& operator=(const Counted& /*other*/) {
    ++copies;
    return *this;
  }

  static inline uint64_t copies = 0;
};

TEST(ChunkedQueue, NeitherAPinNorWhatComesAfterItCopiesWhatIsThere) {
  ChunkedQueue<Counted> queue;
  for (int i = 0; i < 10'000; ++i) queue.push_back({});
  Counted::copies = 0;
  const auto pinned = queue.pin();
  EXPECT_EQ(Counted::copies, 1U);  // the newest, which may still change
  queue.push_back({});
  for (int i = 0; i < 5'000; ++i) queue.pop_front();
  EXPECT_EQ(Counted::copies, 2U);
  size_t seen = 0;
  pinned.for_each([&](const Counted& /*item*/) { ++seen; });
  EXPECT_EQ(seen, 10'000U);
}

}  // namespace
}  // namespace weir
