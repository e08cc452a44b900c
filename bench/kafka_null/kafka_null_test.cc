// What the null server must get right for the tools to believe it: the counts and the offsets.

#include <gtest/gtest.h>

#include "base/wire.h"
#include "bench/kafka_null/answers.h"
#include "bench/load/kafka_wire.h"
#include "core/log/record_batch.h"

namespace weir::bench {
namespace {

namespace tool = load::kafka;

std::string batch_of(uint32_t records, size_t bytes) {
  return tool::BatchTemplate(records, std::string(bytes, 'v')).stamped(1);
}

TEST(Kept, GoesRoundWithItsOffsetsCountedOn) {
  Kept kept;
  EXPECT_EQ(kept.add(batch_of(3, 100)), 0);
  EXPECT_EQ(kept.add(batch_of(5, 100) + batch_of(1, 100)), 3);
  EXPECT_EQ(kept.end(), 9);
  int64_t next = 0;
  for (int round = 0; round < 4; ++round) {
    for (const int64_t records : {3, 5, 1}) {
      const std::string read = kept.read(next, 1).joined();
      const auto header = log::validate_batch(read);
      ASSERT_TRUE(header.has_value()) << header.error().message;
      EXPECT_EQ(header->base_offset, next);
      EXPECT_EQ(header->count, records);
      next += records;
    }
  }
  // From within a batch: the whole of it.
  EXPECT_EQ(log::parse_header(kept.read(9 + 5, 1).joined())->base_offset, 9 + 3);
}

TEST(Kept, BringsAsManyWholeBatchesAsFit) {
  Kept kept;
  const std::string batch = batch_of(2, 1000);
  kept.add(batch);
  EXPECT_EQ(kept.read(0, batch.size() * 5 / 2).size(), batch.size() * 2);
  EXPECT_EQ(kept.read(0, 1).size(), batch.size());
  EXPECT_TRUE(Kept().read(0, 1'000'000).empty());
}

TEST(Kept, CountsOnWhenItIsFull) {
  Kept kept;
  const std::string large = batch_of(1, Kept::kBytesMax * 3 / 4);
  kept.add(large);
  kept.add(large);           // does not fit
  kept.add(batch_of(1, 8));  // would, but does not follow the first
  EXPECT_EQ(kept.end(), 3);
  EXPECT_EQ(kept.read(1, 1).size(), large.size());
  EXPECT_FALSE(kept.add("no batch at all").has_value());
}

TEST(Answers, TheLoadGeneratorBelievesThem) {
  Answers answers("127.0.0.1", 9);
  const auto ask = [&](const std::string& request) {
    std::string all;
    const auto pieces = answers.answer(ByteView(request).substr(4));
    if (!pieces) return pieces.error().message;
    for (const Bytes& piece : *pieces) all += piece.view();
    return all;
  };
  EXPECT_EQ(tool::create_topic_error(ask(tool::create_topic("t", 2))), 0);
  EXPECT_EQ(tool::create_topic_error(ask(tool::create_topic("t", 2))), 36);
  EXPECT_EQ(tool::produce_error(ask(tool::produce("t", 1, batch_of(7, 3000)))), 0);
  EXPECT_EQ(tool::produce_error(ask(tool::produce("t", 2, batch_of(7, 3000)))), 3);
  const std::string answer = ask(tool::fetch("t", 1, 7, 0));
  ASSERT_EQ(tool::response_length(answer), answer.size());
  const auto fetched = tool::parse_fetch(answer, nullptr);
  EXPECT_EQ(fetched.error, 0);
  EXPECT_EQ(fetched.records % 7, 0);
  EXPECT_EQ(fetched.next_offset, 7 + fetched.records);
  EXPECT_GT(fetched.high_watermark, fetched.next_offset);
  EXPECT_FALSE(answers.answer(std::string("\0\x63\0\0\0\0\0\1", 8)).has_value());
}

}  // namespace
}  // namespace weir::bench
