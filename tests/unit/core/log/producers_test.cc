#include "core/log/producers.h"

#include <gtest/gtest.h>

namespace weir::log {
namespace {

BatchHeader batch(int64_t id, int epoch, int32_t sequence, int32_t count = 1) {
  BatchHeader header;
  header.producer_id = id;
  header.producer_epoch = static_cast<int16_t>(epoch);
  header.base_sequence = sequence;
  header.last_offset_delta = count - 1;
  header.count = count;
  return header;
}

constexpr Timestamp kNow{1'000'000};

class Producers : public testing::Test {
 protected:
  void add(const BatchHeader& header, int64_t offset, Timestamp now = kNow) {
    const auto checked = table_.check(header, now);
    ASSERT_TRUE(checked.has_value()) << checked.error().message;
    ASSERT_FALSE(checked->has_value());
    table_.record(header, Offset(offset), now);
  }
  ErrorCode refusal(const BatchHeader& header) {
    const auto checked = table_.check(header, kNow);
    EXPECT_FALSE(checked.has_value());
    return checked ? ErrorCode::kShuttingDown : checked.error().code;
  }

  ProducerTable table_;
};

TEST_F(Producers, AnUnknownProducerMayBeginWithAnySequence) {
  add(batch(7, 3, 1234, 10), 0);
}

TEST_F(Producers, ARepeatedBatchOfTheLastFiveGetsItsFirstOffset) {
  for (int i = 0; i < 7; ++i) add(batch(7, 0, i * 10, 10), 100 + i * 10);
  for (int i = 2; i < 7; ++i) {
    const auto repeated = table_.check(batch(7, 0, i * 10, 10), kNow);
    ASSERT_TRUE(repeated.has_value() && repeated->has_value()) << i;
    EXPECT_EQ((*repeated)->base_offset, 100 + i * 10);
  }
  EXPECT_EQ(refusal(batch(7, 0, 10, 10)), ErrorCode::kDuplicateSequence);
}

TEST_F(Producers, AGapIsOutOfOrder) {
  add(batch(7, 0, 0, 10), 0);
  EXPECT_EQ(refusal(batch(7, 0, 11)), ErrorCode::kOutOfOrderSequence);
  EXPECT_EQ(refusal(batch(7, 0, 5, 10)), ErrorCode::kOutOfOrderSequence);
  add(batch(7, 0, 10), 10);
}

TEST_F(Producers, TheSequenceWrapsToZero) {
  add(batch(7, 0, INT32_MAX - 4, 5), 0);
  add(batch(7, 0, 0, 3), 5);
  const auto repeated = table_.check(batch(7, 0, INT32_MAX - 4, 5), kNow);
  ASSERT_TRUE(repeated.has_value() && repeated->has_value());
  EXPECT_EQ((*repeated)->base_offset, 0);
}

TEST_F(Producers, ABatchMayWrapInside) {
  add(batch(7, 0, INT32_MAX - 1, 5), 0);  // 2^31-2, 2^31-1, 0, 1, 2
  EXPECT_EQ(refusal(batch(7, 0, 4)), ErrorCode::kOutOfOrderSequence);
  add(batch(7, 0, 3), 5);
}

TEST_F(Producers, AnOlderEpochIsFencedAndANewerOneBeginsAtZero) {
  add(batch(7, 2, 0, 10), 0);
  EXPECT_EQ(refusal(batch(7, 1, 10)), ErrorCode::kProducerFenced);
  EXPECT_EQ(refusal(batch(7, 3, 10)), ErrorCode::kOutOfOrderSequence);
  add(batch(7, 3, 0), 10);
  EXPECT_EQ(refusal(batch(7, 2, 10)), ErrorCode::kProducerFenced);
}

TEST_F(Producers, AProducerIsForgottenADayAfterItsLastAppend) {
  add(batch(7, 2, 0), 0);
  const Timestamp later = kNow + Milliseconds(kProducerExpiryMs + 1);
  const auto checked = table_.check(batch(7, 0, 99), later);
  EXPECT_TRUE(checked.has_value() && !checked->has_value());
  add(batch(8, 0, 5), 1, later);
  EXPECT_EQ(table_.size(), 1U);
}

TEST_F(Producers, TheirNumberIsBoundedAndTheLeastRecentlyUsedGoes) {
  for (int64_t id = 0; id < static_cast<int64_t>(kProducersMax); ++id) {
    table_.record(batch(id, 0, 0), Offset(id), kNow);
  }
  table_.record(batch(0, 0, 1), Offset(50'000), kNow);
  table_.record(batch(99'999, 0, 0), Offset(50'001), kNow);
  EXPECT_EQ(table_.size(), kProducersMax);
  EXPECT_EQ(refusal(batch(0, 0, 9)), ErrorCode::kOutOfOrderSequence);  // still known
  EXPECT_TRUE(table_.check(batch(1, 0, 9), kNow).has_value());         // forgotten
}

// KIP-664: as the producer said, not when the broker took it.
TEST_F(Producers, TheTimestampOfTheLastBatchIsTold) {
  BatchHeader first = batch(7, 0, 0);
  first.max_timestamp = 5'000;
  add(first, 0);
  BatchHeader second = batch(7, 0, 1);
  second.max_timestamp = 4'000;
  add(second, 1);
  ASSERT_EQ(table_.active(kNow).size(), 1U);
  EXPECT_EQ(table_.active(kNow)[0].last_timestamp, 4'000);
}

// Before there were timestamps: producer 7 in epoch 2, last seen at 1,000,000 ms, one batch.
TEST_F(Producers, TablesOfFormOneAreRead) {
  Writer writer;
  writer.varint(1);
  writer.svarint(7);
  writer.fixed(int16_t{2});
  writer.svarint(kNow.ms());
  writer.u8(1);
  writer.fixed(int32_t{0});
  writer.fixed(int32_t{3});
  writer.varint(40);
  writer.svarint(kNow.ms());
  Reader reader(writer.out());
  ASSERT_TRUE(ProducerTable::load(reader, 1, table_) && reader.done());
  ASSERT_EQ(table_.active(kNow).size(), 1U);
  EXPECT_EQ(table_.active(kNow)[0].last_sequence, 3);
  EXPECT_EQ(table_.active(kNow)[0].last_timestamp, kNow.ms());
  Reader again(writer.out());
  ProducerTable other;
  EXPECT_FALSE(ProducerTable::load(again, 3, other));
}

TEST_F(Producers, TheTableRoundTrips) {
  for (int64_t id = 0; id < 50; ++id) {
    for (int i = 0; i < id % 8 + 1; ++i) {
      BatchHeader header = batch(id, 1, i);
      header.max_timestamp = id - i;
      table_.record(header, Offset(id * 10 + i), kNow);
    }
  }
  Writer writer;
  table_.serialize(writer);
  Reader reader(writer.out());
  ProducerTable back;
  ASSERT_TRUE(ProducerTable::load(reader, kProducersForm, back) && reader.done());
  Writer again;
  back.serialize(again);
  EXPECT_EQ(writer.out(), again.out());
}

}  // namespace
}  // namespace weir::log
