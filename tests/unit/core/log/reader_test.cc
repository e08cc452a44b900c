#include "core/log/reader.h"

#include <gtest/gtest.h>

#include "tests/unit/core/log/support.h"

namespace weir::log {
namespace {

struct Stored {
  std::string event;
  std::string payload;
  StoredBatch view() const { return {event, payload}; }
};

Stored stored(std::string batch, int64_t base, StreamId id) {
  Stored result;
  encode(AppendEvent{Offset(base), id, Timestamp(5000)}, result.event);
  const auto head = stamped_head(header_of(batch), Offset(base), 0);
  batch.replace(0, head.size(), head.data(), head.size());
  result.payload = std::move(batch);
  return result;
}

std::vector<int64_t> offsets(RecordReader& reader) {
  std::vector<int64_t> found;
  ReadRecord record;
  while (reader.next(record)) found.push_back(record.offset.value());
  return found;
}

class Reading : public testing::Test {
 protected:
  Stored first_ = stored(batch_of({"a", "b", "c"}, 100), 10, {7, 3});
  Stored second_ = stored(batch_of({"d", "e"}, 90, Codec::kZstd), 13, {8, 0});
  std::vector<StoredBatch> both_{first_.view(), second_.view()};
};

TEST_F(Reading, RecordsCarryOffsetIdAndTimes) {
  RecordReader reader(both_, Offset(0), Offset(100));
  ReadRecord record;
  const char* values[] = {"a", "b", "c", "d", "e"};
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(reader.next(record));
    EXPECT_EQ(record.offset, Offset(10 + i));
    const auto n = static_cast<uint64_t>(i);
    EXPECT_EQ(record.id, i < 3 ? (StreamId{7, 3 + n}) : (StreamId{8, n - 3}));
    EXPECT_EQ(record.timestamp.ms(), i < 3 ? 100 : 90);
    EXPECT_EQ(record.appended, Timestamp(5000));
    EXPECT_EQ(record.value, values[i]);
    EXPECT_FALSE(record.damaged);
  }
  EXPECT_FALSE(reader.next(record));
  EXPECT_FALSE(reader.error().has_value());
}

TEST_F(Reading, StartEndAndDeletionsAreHonoured) {
  OffsetSet deleted;
  deleted.insert({Offset(12), Offset(14)});
  RecordReader reader(both_, Offset(11), Offset(15), &deleted);
  EXPECT_EQ(offsets(reader), (std::vector<int64_t>{11, 14}));
  RecordReader cut(both_, Offset(11), Offset(13));
  EXPECT_EQ(offsets(cut), (std::vector<int64_t>{11, 12}));
}

TEST_F(Reading, FromTheMiddleOfABatchTheRecordsAreThoseOfTheWhole) {
  Random random(11);
  std::vector<std::string> values;
  for (int i = 0; i < 300; ++i) values.emplace_back(random.below(200), 'v');
  for (const Codec codec : {Codec::kNone, Codec::kLz4}) {
    const Stored many = stored(batch_of(values, 100, codec), 1000, {7, 0});
    for (int64_t from = 990; from <= 1301; ++from) {
      const StoredBatch view = many.view();
      RecordReader reader({&view, 1}, Offset(from), Offset(2000));
      ReadRecord record;
      for (int64_t at = std::max<int64_t>(from, 1000); at < 1300; ++at) {
        ASSERT_TRUE(reader.next(record)) << from;
        ASSERT_EQ(record.offset, Offset(at));
        ASSERT_EQ(record.value, values[static_cast<size_t>(at - 1000)]);
      }
      EXPECT_FALSE(reader.next(record));
    }
  }
}

TEST_F(Reading, WhereTheRecordsBeforeCannotBePassedOverTheRestIsDamaged) {
  std::string batch = batch_of({"x", "y", "z"}, 50);
  batch[kBatchHeaderBytes] = '\xff';  // a length that is longer than all of it
  const Stored broken = stored(std::move(batch), 10, {7, 0});
  const StoredBatch view = broken.view();
  RecordReader reader({&view, 1}, Offset(11), Offset(100));
  ReadRecord record;
  for (const int64_t offset : {11, 12}) {
    ASSERT_TRUE(reader.next(record));
    EXPECT_EQ(record.offset, Offset(offset));
    EXPECT_TRUE(record.damaged);
  }
  EXPECT_FALSE(reader.next(record));
}

TEST_F(Reading, ABatchThatCannotBeOpenedYieldsDamagedRecordsAndTheNextOnesFollow) {
  std::string batch = batch_of({"x", "y"}, 50, Codec::kLz4);
  batch.replace(kBatchHeaderBytes, 4, "????");
  const Stored broken = stored(batch, 10, {7, 0});
  const Stored after = stored(batch_of({"z"}, 60), 12, {9, 0});
  const std::vector<StoredBatch> batches{broken.view(), after.view()};
  RecordReader reader(batches, Offset(0), Offset(100));
  ReadRecord record;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(reader.next(record));
    EXPECT_TRUE(record.damaged);
    EXPECT_FALSE(record.value.has_value());
    EXPECT_EQ(record.offset, Offset(10 + i));
  }
  ASSERT_TRUE(reader.next(record));
  EXPECT_FALSE(record.damaged);
  EXPECT_EQ(record.value, "z");
}

TEST_F(Reading, UnderLogAppendTimeEveryRecordHasTheTimeOfTheBatch) {
  BatchHeader header = header_of(batch_of({"a", "b"}, 100));
  const Stored batch =
      stored(with_append_time(batch_of({"a", "b"}, 100), Timestamp(777), header), 0, {1, 0});
  const StoredBatch view = batch.view();
  RecordReader reader({&view, 1}, Offset(0), Offset(9));
  ReadRecord record;
  while (reader.next(record)) EXPECT_EQ(record.timestamp, Timestamp(777));
}

TEST_F(Reading, ControlBatchesHaveNoRecords) {
  std::string control = batch_of({"abort"}, 100);
  store_be(control.data() + 21, uint16_t{32});
  const Stored marker = stored(control, 10, {7, 0});
  const Stored after = stored(batch_of({"a"}, 1), 11, {8, 0});
  const std::vector<StoredBatch> batches{marker.view(), after.view()};
  RecordReader reader(batches, Offset(0), Offset(100));
  EXPECT_EQ(offsets(reader), (std::vector<int64_t>{11}));
  EXPECT_EQ(find_by_id(batches, {0, 0}, Offset(0), Offset(99)).value()->offset, Offset(11));
}

TEST_F(Reading, AnEventOfAnotherBatchIsCorruption) {
  const StoredBatch mixed{second_.event, first_.payload};
  RecordReader reader({&mixed, 1}, Offset(0), Offset(100));
  ReadRecord record;
  EXPECT_FALSE(reader.next(record));
  ASSERT_TRUE(reader.error().has_value());
  EXPECT_EQ(reader.error()->code, ErrorCode::kStorageCorrupt);
}

TEST_F(Reading, TimeIsLookedUpInsideBatches) {
  std::string bytes;
  BatchBuilder builder(bytes);
  for (const int64_t t : {100, 50, 300, 200}) {
    builder.add({.key = {}, .value = "v", .headers = {}, .timestamp = Timestamp(t)});
  }
  builder.finish(Codec::kGzip);
  const Stored batch = stored(bytes, 40, {1, 0});
  const StoredBatch view = batch.view();
  const auto at = [&](int64_t t, int64_t from = 0) {
    const auto found = find_by_time({&view, 1}, Timestamp(t), Offset(from), Offset(100)).value();
    return found ? found->offset.value() : -1;
  };
  EXPECT_EQ(at(0), 40);
  EXPECT_EQ(at(101), 42);
  EXPECT_EQ(at(150, 43), 43);
  EXPECT_EQ(at(250, 43), -1);
  EXPECT_EQ(at(301), -1);
}

TEST_F(Reading, AnIdIsLookedUpWithoutOpeningRecords) {
  const auto at = [&](StreamId id, int64_t from = 0) {
    const auto found = find_by_id(both_, id, Offset(from), Offset(100)).value();
    return found ? found->offset.value() : -1;
  };
  EXPECT_EQ(at({0, 0}), 10);
  EXPECT_EQ(at({7, 4}), 11);
  EXPECT_EQ(at({7, 6}), 13);
  EXPECT_EQ(at({7, 0}, 12), 12);
  EXPECT_EQ(at({8, 1}), 14);
  EXPECT_EQ(at({8, 2}), -1);
  OffsetSet deleted;
  deleted.insert({Offset(11), Offset(14)});
  EXPECT_EQ(find_by_id(both_, {7, 4}, Offset(0), Offset(100), &deleted).value()->id,
            (StreamId{8, 1}));
}

TEST(OpenedBatch, GivesAnyRecordAsAReaderThatWalksDoes) {
  Random random(11);
  for (const Codec codec :
       {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    for (const size_t count : {1U, 2U, 100U}) {
      std::vector<std::string> values;
      for (size_t i = 0; i < count; ++i) values.emplace_back(random.below(40), 'x');
      const Stored batch = stored(batch_of(values, 100, codec), 10, {7, 3});
      const auto opened = OpenedBatch::open(batch.view());
      ASSERT_TRUE(opened);
      EXPECT_EQ(opened->decompressed(), codec != Codec::kNone);
      ReadRecord record;
      EXPECT_FALSE(opened->read(batch.payload, Offset(9), record));
      EXPECT_FALSE(opened->read(batch.payload, Offset(10) + static_cast<int64_t>(count), record));
      for (size_t i = count; i-- > 0;) {
        ASSERT_TRUE(opened->read(batch.payload, Offset(10) + static_cast<int64_t>(i), record));
        EXPECT_EQ(record.value, values[i]);
        EXPECT_EQ(record.offset, Offset(10) + static_cast<int64_t>(i));
        EXPECT_EQ(record.id, (StreamId{7, 3 + i}));
        EXPECT_EQ(record.timestamp.ms(), 100);
        EXPECT_EQ(record.appended, Timestamp(5000));
        EXPECT_FALSE(record.damaged);
      }
    }
  }
}

TEST(OpenedBatch, AnOffsetWithoutARecordIsAbsent) {
  Stored batch = stored(batch_of({"a", "b", "c"}, 100), 10, {7, 3});
  constexpr size_t kLastOffsetDeltaAt = 23;
  batch.payload[kLastOffsetDeltaAt + 3] = 5;  // as if the last three were taken away
  const auto opened = OpenedBatch::open(batch.view());
  ASSERT_TRUE(opened);
  ReadRecord record;
  for (int64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(opened->read(batch.payload, Offset(10 + i), record), i < 3);
  }
  ASSERT_TRUE(opened->read(batch.payload, Offset(11), record));
  EXPECT_EQ(record.value, "b");
}

TEST(OpenedBatch, WhatCannotBeWalkedIsDamaged) {
  Stored batch = stored(batch_of({"a", "b", "c"}, 100), 10, {7, 3});
  // The second record says that it is longer than what is left.
  const size_t second = batch.payload.find('a') + 2;
  batch.payload[second] = 0x7e;
  const auto opened = OpenedBatch::open(batch.view());
  ASSERT_TRUE(opened);
  for (int64_t i = 0; i < 3; ++i) {
    ReadRecord record;
    ASSERT_TRUE(opened->read(batch.payload, Offset(10 + i), record));
    EXPECT_EQ(record.damaged, i > 0);
    EXPECT_EQ(record.value.has_value(), i == 0);
  }
}

}  // namespace
}  // namespace weir::log
