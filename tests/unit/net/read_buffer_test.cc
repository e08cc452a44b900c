#include "net/read_buffer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"

namespace weir::net {
namespace {

constexpr size_t kMax = size_t{1} << 20;

// Fills at most `text`, returns how much went in.
size_t fill(ReadBuffer& buffer, std::string_view text, size_t max = kMax) {
  const std::span<char> room = buffer.room(max);
  const size_t bytes = std::min(room.size(), text.size());
  std::memcpy(room.data(), text.data(), bytes);
  buffer.filled(bytes);
  return bytes;
}

TEST(ReadBuffer, HoldsAtMostItsLimit) {
  ReadBuffer buffer;
  const std::string text(10'000, 'x');
  size_t total = 0;
  while (size_t bytes = fill(buffer, text, 5000)) total += bytes;
  EXPECT_EQ(total, 5000U);
  EXPECT_TRUE(buffer.room(5000).empty());
}

TEST(ReadBuffer, DoesNotTakeMemoryForALengthThatIsOnlyClaimed) {
  ReadBuffer buffer;
  fill(buffer, "1234");
  buffer.expect(size_t{100} << 20);
  (void)buffer.room(size_t{200} << 20);
  EXPECT_LE(buffer.capacity(), size_t{256} << 10);
}

TEST(ReadBuffer, IsSmallAgainAfterALargeRequest) {
  ReadBuffer buffer;
  std::string large(500'000, 'x');
  buffer.expect(large.size());
  for (size_t sent = 0; sent < large.size();)
    sent += fill(buffer, std::string_view(large).substr(sent));
  EXPECT_GE(buffer.capacity(), large.size());
  buffer.consume(large.size());
  (void)buffer.room(kMax);
  EXPECT_EQ(buffer.capacity(), ReadBuffer::kBytesMin);
}

TEST(ReadBuffer, GrowsForABusyConnectionAndShrinksWhenItIsQuiet) {
  ReadBuffer buffer;
  const std::string text(ReadBuffer::kBytesBusy, 'x');
  for (int i = 0; i < 10; ++i) buffer.consume(fill(buffer, text));
  EXPECT_EQ(buffer.capacity(), ReadBuffer::kBytesBusy);
  for (int i = 0; i < 20; ++i) buffer.consume(fill(buffer, "PING"));
  EXPECT_EQ(buffer.capacity(), ReadBuffer::kBytesMin);
}

TEST(ReadBuffer, WhatIsKeptIsNeverWrittenAgain) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    ReadBuffer buffer;
    std::vector<std::pair<Bytes, std::string>> kept;
    std::string expected;  // what the buffer must hold
    for (int round = 0; round < 500; ++round) {
      const std::string text(1 + random.below(5000), static_cast<char>('a' + random.below(26)));
      expected += text.substr(0, fill(buffer, text));
      ASSERT_EQ(buffer.content(), expected);
      if (expected.size() > 20'000 || random.one_in(3)) {
        const size_t bytes = random.below(expected.size() + 1);
        if (bytes > 0 && random.one_in(2)) {
          kept.emplace_back(buffer.keep(buffer.content().substr(0, bytes)),
                            expected.substr(0, bytes));
        }
        buffer.consume(bytes);
        expected.erase(0, bytes);
      }
    }
    for (const auto& [bytes, text] : kept) EXPECT_EQ(bytes.view(), text);
  }
}

}  // namespace
}  // namespace weir::net
