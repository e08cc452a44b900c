#include "net/reply_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"

namespace weir::net {
namespace {

std::string gathered(const ReplyQueue& queue, const Watermark& watermark) {
  GatheredWrite write;
  queue.gather(watermark, write);
  std::string text;
  for (const iovec& piece : write.pieces()) {
    text.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  EXPECT_EQ(text.size(), write.bytes());
  return text;
}

TEST(ReplyQueue, GathersOnlyWhatIsCompleteAndCoveredFromTheFront) {
  ReplyQueue queue;
  Watermark watermark;
  const uint64_t first = queue.reserve();
  const uint64_t second = queue.reserve();
  const uint64_t third = queue.reserve();
  EXPECT_TRUE(queue.complete(second, "two", Lsn(2), Durability::kFsync));
  EXPECT_EQ(gathered(queue, watermark), "");
  EXPECT_FALSE(queue.blocked(watermark).has_value());
  EXPECT_TRUE(queue.complete(first, "one", Lsn(0), Durability::kFsync));
  EXPECT_TRUE(queue.complete(third, "three", Lsn(0), Durability::kFsync));
  EXPECT_EQ(gathered(queue, watermark), "one");
  queue.consume(watermark, 3);
  ASSERT_TRUE(queue.blocked(watermark).has_value());
  EXPECT_EQ(queue.blocked(watermark)->lsn, Lsn(2));
  watermark.advance(Lsn(2), Lsn(2));
  EXPECT_EQ(gathered(queue, watermark), "twothree");
  queue.consume(watermark, 8);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST(ReplyQueue, APlaceIsCompletedOnce) {
  ReplyQueue queue;
  const uint64_t number = queue.reserve();
  EXPECT_TRUE(queue.complete(number, "a", Lsn(0), Durability::kFsync));
  EXPECT_FALSE(queue.complete(number, "b", Lsn(0), Durability::kFsync));
  queue.clear();
  EXPECT_FALSE(queue.complete(number, "c", Lsn(0), Durability::kFsync));
}

TEST(ReplyQueue, ManySmallRepliesAreOnePiece) {
  ReplyQueue queue;
  Watermark watermark;
  for (int i = 0; i < 100; ++i)
    queue.complete(queue.reserve(), "+OK\r\n", Lsn(0), Durability::kFsync);
  GatheredWrite write;
  queue.gather(watermark, write);
  EXPECT_EQ(write.pieces().size(), 1U);
  EXPECT_EQ(write.bytes(), 500U);
}

TEST(ReplyQueue, GivesTheHooksOfIncompletePlacesOnce) {
  ReplyQueue queue;
  int ran = 0;
  const uint64_t first = queue.reserve();
  queue.set_hook(first, [&] { ran += 1; });
  queue.set_hook(queue.reserve(), [&] { ran += 10; });
  queue.complete(first, "done", Lsn(0), Durability::kFsync);
  for (runtime::Task& hook : queue.take_hooks()) hook();
  EXPECT_EQ(ran, 10);
  EXPECT_TRUE(queue.take_hooks().empty());
}

// Whatever the sizes of replies and of the writes that the socket takes, the bytes arrive in order
// and whole.
TEST(ReplyQueue, ShortWritesLoseAndRepeatNothing) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    ReplyQueue queue;
    Watermark watermark;
    std::string expected;
    std::string sent;
    std::vector<std::pair<uint64_t, Reply>> waiting;
    char fill = 'a';
    for (int round = 0; round < 300; ++round) {
      if (random.one_in(2)) {
        Reply reply(
            std::string(random.below(700), fill = fill == 'z' ? 'a' : static_cast<char>(fill + 1)));
        for (uint64_t parts = random.below(4); parts > 0; --parts) {
          reply.parts.push_back(Bytes::take(std::string(random.below(3000), '0')));
        }
        expected += reply.text;
        for (const Bytes& part : reply.parts) expected += part.view();
        waiting.emplace_back(queue.reserve(), std::move(reply));
      }
      if (!waiting.empty() && random.one_in(2)) {
        const size_t index = random.below(waiting.size());
        queue.complete(waiting[index].first, std::move(waiting[index].second), Lsn(0),
                       Durability::kFsync);
        waiting.erase(waiting.begin() + static_cast<ptrdiff_t>(index));
      }
      const std::string ready = gathered(queue, watermark);
      const size_t taken = ready.empty() ? 0 : random.below(ready.size() + 1);
      sent += ready.substr(0, taken);
      queue.consume(watermark, taken);
    }
    for (auto& [number, reply] : waiting)
      queue.complete(number, std::move(reply), Lsn(0), Durability::kFsync);
    while (!queue.empty()) {
      const std::string ready = gathered(queue, watermark);
      sent += ready;
      queue.consume(watermark, ready.size());
    }
    EXPECT_EQ(sent, expected);
    EXPECT_EQ(queue.bytes(), 0U);
  }
}

}  // namespace
}  // namespace weir::net
