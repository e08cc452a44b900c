#include "core/log/record_batch.h"

#include <gtest/gtest.h>

#include "base/checksum.h"
#include "base/random.h"
#include "base/wire.h"
#include "tests/unit/core/log/support.h"

namespace weir::log {
namespace {

ErrorCode refusal(ByteView batch, const DoorRules& rules = {}) {
  const auto result = validate_batch(batch, rules);
  EXPECT_FALSE(result.has_value());
  return result ? ErrorCode::kShuttingDown : result.error().code;
}

// Writes `value` at `position` and makes the CRC right again.
template <typename T>
std::string patched(std::string batch, size_t position, T value) {
  store_be(batch.data() + position, value);
  store_be(batch.data() + 17, crc32c(ByteView(batch).substr(21)));
  return batch;
}

TEST(RecordBatch, WhatTheBuilderMakesPassesTheDoorAndReadsBack) {
  const RecordHeader headers[] = {{"a", "1"}, {"empty", ""}, {"null", std::nullopt}, {"a", "2"}};
  for (const Codec codec :
       {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    std::string batch;
    BatchBuilder builder(batch);
    builder.add({.key = "k", .value = "v1", .headers = headers, .timestamp = Timestamp(1000)});
    builder.add(
        {.key = std::nullopt, .value = std::nullopt, .headers = {}, .timestamp = Timestamp(900)});
    builder.add({.key = "", .value = "", .headers = {}, .timestamp = Timestamp(5000)});
    const BatchHeader built = builder.finish(codec);
    const auto header = validate_batch(batch, {.walk = DoorRules::Walk::kAll});
    ASSERT_TRUE(header.has_value()) << header.error().message;
    EXPECT_EQ(header->crc, built.crc);
    EXPECT_EQ(header->count, 3);
    EXPECT_EQ(header->base_timestamp, 1000);
    EXPECT_EQ(header->max_timestamp, 5000);
    EXPECT_EQ(header->codec(), codec);
    const std::string plain = decompress(codec, ByteView(batch).substr(kBatchHeaderBytes)).value();
    RecordIterator records(plain, header->count);
    RecordView record;
    ASSERT_TRUE(records.next(record));
    EXPECT_EQ(record.key, "k");
    EXPECT_EQ(record.value, "v1");
    ASSERT_EQ(record.headers.size(), 4);
    std::vector<std::string> names;
    for (const RecordHeader& h : record.headers) names.emplace_back(h.key);
    EXPECT_EQ(names, (std::vector<std::string>{"a", "empty", "null", "a"}));
    EXPECT_EQ(record.headers.find("a"), "2");
    EXPECT_EQ(record.headers.find("empty"), "");
    EXPECT_EQ(record.headers.find("null"), std::nullopt);
    EXPECT_EQ(record.headers.find("other"), std::nullopt);
    ASSERT_TRUE(records.next(record));
    EXPECT_EQ(record.key, std::nullopt);
    EXPECT_EQ(record.value, std::nullopt);
    EXPECT_EQ(record.timestamp_delta, -100);
    ASSERT_TRUE(records.next(record));
    EXPECT_EQ(record.key, "");
    EXPECT_EQ(record.value, "");
    EXPECT_FALSE(records.next(record));
    EXPECT_TRUE(records.complete());
  }
}

// Numbers of one, two and three bytes, on both sides of where they become longer.
TEST(RecordBatch, NumbersOfEveryLengthReadBack) {
  for (const int64_t edge : {63, 64, 65, 8191, 8192, 8193}) {
    std::string batch;
    BatchBuilder builder(batch);
    const std::string value(static_cast<size_t>(edge), 'v');
    for (const int64_t ms : {edge, int64_t{0}, 2 * edge, 2 * edge + 1}) {
      builder.add({.key = "", .value = value, .headers = {}, .timestamp = Timestamp(ms)});
    }
    const BatchHeader header = builder.finish();
    ASSERT_TRUE(validate_batch(batch).has_value());
    RecordIterator records(ByteView(batch).substr(kBatchHeaderBytes), header.count);
    RecordView record;
    for (const int64_t delta : {int64_t{0}, -edge, edge, edge + 1}) {
      ASSERT_TRUE(records.next(record));
      EXPECT_EQ(record.timestamp_delta, delta);
      EXPECT_EQ(record.value, value);
    }
    EXPECT_TRUE(records.complete());
    // The last byte there is begins a longer number.
    const std::string cut = batch.substr(kBatchHeaderBytes, 1) + "\x80";
    EXPECT_FALSE(RecordIterator(ByteView(cut).substr(1), 1).next(record));
  }
}

// Written by hand from the format page.
TEST(RecordBatch, TheLayoutIsKafkas) {
  std::string batch;
  build_batch({.key = "k", .value = "v", .headers = {}, .timestamp = Timestamp(0x0102030405)},
              batch);
  const std::string expected_tail{
      "\x00\x00"                          // attributes
      "\x00\x00\x00\x00"                  // last offset delta
      "\x00\x00\x00\x01\x02\x03\x04\x05"  // base timestamp
      "\x00\x00\x00\x01\x02\x03\x04\x05"  // max timestamp
      "\xff\xff\xff\xff\xff\xff\xff\xff"  // producer id
      "\xff\xff"                          // producer epoch
      "\xff\xff\xff\xff"                  // base sequence
      "\x00\x00\x00\x01"                  // count
      "\x10\x00\x00\x00\x02k\x02v\x00",   // the record: length 8 in zigzag
      49};
  EXPECT_EQ(batch.substr(21), expected_tail);
  EXPECT_EQ(batch.substr(0, 17), std::string("\0\0\0\0\0\0\0\0\0\0\0\x3a\xff\xff\xff\xff\x02", 17));
}

TEST(RecordBatch, EveryTruncationIsRefused) {
  const std::string batch = batch_of({"one", "two"}, 7);
  for (size_t length = 0; length < batch.size(); ++length) {
    EXPECT_EQ(refusal(ByteView(batch).substr(0, length)), ErrorCode::kCorruptBatch) << length;
  }
}

TEST(RecordBatch, EveryFlippedBitAfterTheEpochIsRefused) {
  const std::string batch = batch_of({"one", "two"}, 7);
  for (size_t position = 16; position < batch.size(); ++position) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = batch;
      damaged[position] = static_cast<char>(damaged[position] ^ (1 << bit));
      EXPECT_FALSE(validate_batch(damaged).has_value()) << position;
    }
  }
}

TEST(RecordBatch, OldMagicIsNotAccepted) {
  std::string batch = batch_of({"one"}, 7);
  batch[16] = 1;
  EXPECT_EQ(refusal(batch), ErrorCode::kUnsupportedFormat);
  batch[16] = 3;
  EXPECT_EQ(refusal(batch), ErrorCode::kCorruptBatch);
}

TEST(RecordBatch, OneBatchOnlyAndNothingAfterIt) {
  const std::string batch = batch_of({"one"}, 7);
  EXPECT_EQ(refusal(batch + "x"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(batch + batch), ErrorCode::kInvalidArgument);
}

TEST(RecordBatch, SeveralBatchesAreCutApart) {
  const std::string one = batch_of({"one"}, 7);
  const std::string two = batch_of({"two", "three"}, 8);
  const std::string both = one + two;
  const auto parts = split_batches(both);
  ASSERT_TRUE(parts.has_value());
  EXPECT_EQ(*parts, (std::vector<ByteView>{one, two}));
  EXPECT_EQ(split_batches(both, 1).error().code, ErrorCode::kLimitReached);
  EXPECT_EQ(split_batches(one + two.substr(0, 30)).error().code, ErrorCode::kCorruptBatch);
  EXPECT_EQ(split_batches(patched(one, 8, int32_t{-5})).error().code, ErrorCode::kCorruptBatch);
  EXPECT_TRUE(split_batches("")->empty());
}

TEST(RecordBatch, TheHeaderMustBeConsistent) {
  const std::string batch = batch_of({"one", "two"}, 7);
  EXPECT_EQ(refusal(patched(batch, 57, int32_t{0})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(patched(batch, 57, int32_t{-1})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(patched(batch, 57, int32_t{3})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(patched(patched(batch, 57, int32_t{3}), 23, int32_t{2})),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(patched(patched(batch, 57, INT32_MAX), 23, INT32_MAX - 1)),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(patched(batch, 21, int16_t{5})), ErrorCode::kUnsupportedFormat);
  EXPECT_EQ(refusal(patched(batch, 21, int16_t{0x80})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(patched(batch, 21, int16_t{32})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(patched(batch, 21, int16_t{16})), ErrorCode::kUnsupported);
  EXPECT_EQ(refusal(patched(batch, 43, int64_t{5})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(patched(batch, 43, int64_t{-2})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(patched(batch, 35, int64_t{-2})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(batch, {.batch_bytes_max = batch.size() - 1}), ErrorCode::kTooLarge);
}

TEST(RecordBatch, ACompressedBatchMayNotClaimMoreRecordsThanItCouldHold) {
  const std::string batch = batch_of({"one", "two"}, 7, Codec::kZstd);
  const std::string lie = patched(patched(batch, 57, INT32_MAX), 23, INT32_MAX - 1);
  EXPECT_EQ(refusal(lie, {.walk = DoorRules::Walk::kNever}), ErrorCode::kInvalidArgument);
}

TEST(RecordBatch, GarbageInsideIsFoundByWalking) {
  const std::string batch = batch_of({"one", "two"}, 7);
  const std::string garbage = patched(batch, kBatchHeaderBytes, uint8_t{0x55});
  EXPECT_EQ(refusal(garbage), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(validate_batch(garbage, {.walk = DoorRules::Walk::kNever}).has_value());
  const std::string packed = batch_of({"one", "two"}, 7, Codec::kLz4);
  const std::string broken = patched(packed, kBatchHeaderBytes, uint32_t{0});
  EXPECT_TRUE(validate_batch(broken).has_value());
  EXPECT_EQ(refusal(broken, {.walk = DoorRules::Walk::kAll}), ErrorCode::kCorruptBatch);
}

TEST(RecordBatch, RecordsOfACompactedTopicNeedKeys) {
  const std::string batch = batch_of({"one"}, 7, Codec::kGzip);
  EXPECT_EQ(refusal(batch, {.keys_required = true}), ErrorCode::kInvalidArgument);
}

TEST(RecordBatch, StampingTouchesOffsetAndEpochOnly) {
  std::string batch = batch_of({"one", "two"}, 7);
  const std::string rest = batch.substr(kPayloadHeadBytes);
  const auto head = stamped_head(header_of(batch), Offset(1234), 9);
  const std::string stored = std::string(head.data(), head.size()) + rest;
  const auto header = validate_batch(stored);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->first_offset(), Offset(1234));
  EXPECT_EQ(header->last_offset(), Offset(1235));
  EXPECT_EQ(header->end_offset(), Offset(1236));
  EXPECT_EQ(header->leader_epoch, 9);
}

TEST(RecordBatch, LogAppendTimeRewritesTimestampAttributeAndCrc) {
  const std::string batch = batch_of({"one", "two"}, 7);
  BatchHeader header = header_of(batch);
  const std::string rewritten = with_append_time(batch, Timestamp(99), header);
  const auto checked = validate_batch(rewritten);
  ASSERT_TRUE(checked.has_value()) << checked.error().message;
  EXPECT_TRUE(checked->log_append_time());
  EXPECT_EQ(checked->max_timestamp, 99);
  EXPECT_EQ(checked->crc, header.crc);
  EXPECT_EQ(rewritten.substr(43), batch.substr(43));
}

TEST(RecordBatch, DamagedRecordsNeverBreakTheIterator) {
  Random random(11);
  const RecordHeader headers[] = {{"name", "value"}, {"other", std::nullopt}};
  std::string batch;
  BatchBuilder builder(batch);
  for (int i = 0; i < 20; ++i) {
    builder.add({.key = "key", .value = "value", .headers = headers, .timestamp = Timestamp(i)});
  }
  builder.finish();
  for (int round = 0; round < 20'000; ++round) {
    std::string records = batch.substr(kBatchHeaderBytes);
    for (uint64_t i = 0; i <= random.below(3); ++i) {
      records[random.below(records.size())] = static_cast<char>(random.next());
    }
    RecordIterator iterator(ByteView(records).substr(0, random.below(records.size() + 1)), 20);
    RecordView record;
    size_t bytes = 0;
    while (iterator.next(record)) {
      for (const RecordHeader& h : record.headers)
        bytes += h.key.size() + h.value.value_or("").size();
    }
    EXPECT_LE(bytes, records.size());
  }
}

}  // namespace
}  // namespace weir::log
