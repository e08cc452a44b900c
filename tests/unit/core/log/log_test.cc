#include "core/log/log.h"

#include <gtest/gtest.h>

#include "tests/unit/core/log/support.h"

namespace weir::log {
namespace {

constexpr Timestamp kNow{1'700'000'000'000};

class LogTest : public testing::Test {
 protected:
  AppendEvent add(int count = 1, Timestamp now = kNow, const IdRequest& id = {}) {
    lsn_ = lsn_.next();
    const std::vector<std::string> values(static_cast<size_t>(count), "value");
    return append(log_, journal_, batch_of(values, now.ms()), now, lsn_, id);
  }
  void trim_to(int64_t start) {
    const auto event = log_.decide_trim(Offset(start), log_.end());
    ASSERT_TRUE(event.has_value());
    log_.apply(*event, lsn_ = lsn_.next(), released_);
  }
  void remove(std::initializer_list<int64_t> offsets) {
    std::vector<std::pair<Offset, StreamId>> records;
    for (const int64_t o : offsets)
      records.emplace_back(Offset(o), StreamId{static_cast<uint64_t>(o), 7});
    const auto event = log_.decide_delete(records);
    ASSERT_TRUE(event.has_value());
    log_.apply(*event, lsn_ = lsn_.next(), released_);
  }

  Log log_;
  TestJournal journal_{1};
  Lsn lsn_;
  std::vector<Location> released_;
};

TEST_F(LogTest, OffsetsAreDense) {
  EXPECT_EQ(add(3).base_offset, Offset(0));
  EXPECT_EQ(add(1).base_offset, Offset(3));
  EXPECT_EQ(add(2).base_offset, Offset(4));
  EXPECT_EQ(log_.end(), Offset(6));
  EXPECT_EQ(log_.length(), 6);
}

TEST_F(LogTest, NothingIsVisibleBeforeTheWatermarkReachesItsCommit) {
  add(3);
  add(2);
  add(1);
  EXPECT_EQ(log_.visible_end(Lsn(0)), Offset(0));
  EXPECT_EQ(log_.visible_end(Lsn(1)), Offset(3));
  EXPECT_EQ(log_.visible_end(Lsn(2)), Offset(5));
  EXPECT_EQ(log_.durable_end(Lsn(2)), Offset(5));
  EXPECT_EQ(log_.visible_end(Lsn(2)), Offset(5));
  EXPECT_EQ(log_.visible_end(Lsn(9)), Offset(6));
  EXPECT_EQ(log_.durable_end(Lsn(3)), Offset(6));
}

TEST_F(LogTest, ARepeatedBatchIsNotAppendedAgain) {
  std::string bytes;
  BatchBuilder builder(bytes);
  builder.add({.key = {}, .value = "v", .headers = {}, .timestamp = kNow});
  builder.finish_for(77, 0, 0);
  add(5);
  append(log_, journal_, bytes, kNow, lsn_ = lsn_.next());
  const auto plan = log_.decide_append(header_of(bytes), kNow + Milliseconds(5));
  ASSERT_TRUE(plan.has_value());
  EXPECT_TRUE(plan->duplicate);
  EXPECT_EQ(plan->event.base_offset, Offset(5));
  EXPECT_EQ(plan->event.appended, kNow);
}

TEST_F(LogTest, LimitsOfSizeAndTimeAreChecked) {
  const BatchHeader header = header_of(batch_of({"value"}, kNow.ms()));
  const auto code = [&](const AppendLimits& limits, Timestamp now) {
    const auto plan = log_.decide_append(header, now, limits);
    return plan ? ErrorCode::kShuttingDown : plan.error().code;
  };
  EXPECT_EQ(code({.batch_bytes_max = header.size() - 1}, kNow), ErrorCode::kTooLarge);
  EXPECT_EQ(code({.batch_bytes_max = header.size()}, kNow), ErrorCode::kShuttingDown);
  EXPECT_EQ(code({.timestamp_before_max_ms = 10}, kNow + Milliseconds(11)),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.timestamp_before_max_ms = 10}, kNow + Milliseconds(10)),
            ErrorCode::kShuttingDown);
  EXPECT_EQ(code({.timestamp_after_max_ms = 10}, kNow - Milliseconds(11)),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.timestamp_after_max_ms = 10, .log_append_time = true}, kNow - Milliseconds(11)),
            ErrorCode::kShuttingDown);
}

// --- IDs ---

TEST_F(LogTest, IdsFollowTheClockAndNeverFall) {
  EXPECT_EQ(add(3, Timestamp(100)).base_id, (StreamId{100, 0}));
  EXPECT_EQ(log_.last_id(), (StreamId{100, 2}));
  EXPECT_EQ(add(1, Timestamp(100)).base_id, (StreamId{100, 3}));
  EXPECT_EQ(add(1, Timestamp(90)).base_id, (StreamId{100, 4}));
  EXPECT_EQ(add(2, Timestamp(101)).base_id, (StreamId{101, 0}));
}

TEST_F(LogTest, TheFirstIdIsAboveZero) {
  EXPECT_EQ(log_.next_id({}, Timestamp(0), 1), (StreamId{0, 1}));
  EXPECT_EQ(log_.next_id({IdRequest::Kind::kMsAuto, {0, 0}}, kNow, 1), (StreamId{0, 1}));
  EXPECT_FALSE(log_.next_id({IdRequest::Kind::kExplicit, {0, 0}}, kNow, 1).has_value());
}

TEST_F(LogTest, ClientsMayChooseRisingIds) {
  using Kind = IdRequest::Kind;
  add(1, kNow, {Kind::kExplicit, {5, 3}});
  EXPECT_FALSE(log_.next_id({Kind::kExplicit, {5, 3}}, kNow, 1).has_value());
  EXPECT_FALSE(log_.next_id({Kind::kExplicit, {4, 9}}, kNow, 1).has_value());
  EXPECT_EQ(log_.next_id({Kind::kMsAuto, {5, 0}}, kNow, 1), (StreamId{5, 4}));
  EXPECT_EQ(log_.next_id({Kind::kMsAuto, {6, 0}}, kNow, 1), (StreamId{6, 0}));
  EXPECT_FALSE(log_.next_id({Kind::kMsAuto, {4, 0}}, kNow, 1).has_value());
}

TEST_F(LogTest, ExhaustedSequencesCarryIntoTheNextMillisecondOrRefuse) {
  using Kind = IdRequest::Kind;
  add(1, kNow, {Kind::kExplicit, {1'800'000'000'000, UINT64_MAX - 1}});
  EXPECT_EQ(log_.next_id({}, kNow, 1), (StreamId{1'800'000'000'000, UINT64_MAX}));
  EXPECT_EQ(log_.next_id({}, kNow, 2), (StreamId{1'800'000'000'001, 0}));
  EXPECT_FALSE(log_.next_id({Kind::kMsAuto, {1'800'000'000'000, 0}}, kNow, 2).has_value());
  add(1, kNow, {Kind::kExplicit, StreamId::max()});
  EXPECT_EQ(log_.next_id({}, kNow, 1).error().code, ErrorCode::kLimitReached);
}

TEST_F(LogTest, LastIdSurvivesTheRemovalOfEverything) {
  add(5, Timestamp(100));
  trim_to(5);
  EXPECT_EQ(log_.length(), 0);
  EXPECT_EQ(log_.last_id(), (StreamId{100, 4}));
  EXPECT_EQ(log_.entries_added(), 5);
  EXPECT_EQ(add(1, Timestamp(50)).base_id, (StreamId{100, 5}));
}

TEST_F(LogTest, CountersCanBeSetForwardOnly) {
  add(5, Timestamp(100));
  EXPECT_FALSE(log_.decide_set_ids({100, 3}, {}, {}).has_value());
  EXPECT_FALSE(log_.decide_set_ids({200, 0}, 4, {}).has_value());
  EXPECT_FALSE(log_.decide_set_ids({200, 0}, {}, StreamId{200, 1}).has_value());
  const auto event = log_.decide_set_ids({200, 0}, 50, StreamId{150, 0});
  ASSERT_TRUE(event.has_value());
  log_.apply(*event, Lsn(9));
  EXPECT_EQ(log_.last_id(), (StreamId{200, 0}));
  EXPECT_EQ(log_.entries_added(), 50);
  EXPECT_EQ(log_.max_deleted_id(), (StreamId{150, 0}));
  EXPECT_EQ(add(1, Timestamp(150)).base_id, (StreamId{200, 1}));
}

// --- deletes and trimming ---

TEST_F(LogTest, ADeletedRecordLeavesAHole) {
  add(10);
  remove({3, 4, 7, 4, 99});
  EXPECT_EQ(log_.length(), 7);
  EXPECT_TRUE(log_.deleted(Offset(4)));
  EXPECT_FALSE(log_.deleted(Offset(5)));
  EXPECT_EQ(log_.max_deleted_id(), (StreamId{7, 7}));
  EXPECT_EQ(log_.start(), Offset(0));
  EXPECT_EQ(log_.end(), Offset(10));
}

TEST_F(LogTest, ADeletedHeadMovesTheStartAndReleasesItsRows) {
  add(2);
  journal_.new_frame();
  add(2);
  remove({1, 2});
  EXPECT_EQ(log_.start(), Offset(0));
  EXPECT_TRUE(released_.empty());
  remove({0});
  EXPECT_EQ(log_.start(), Offset(3));
  EXPECT_EQ(released_.size(), 1U);
  EXPECT_EQ(log_.deletions(), nullptr);
  remove({3});
  EXPECT_TRUE(log_.empty());
  EXPECT_EQ(released_.size(), 2U);
  EXPECT_EQ(log_.bytes(), 0U);
}

TEST_F(LogTest, TrimmingToALengthCountsLiveRecords) {
  add(100);
  remove({90, 91, 92, 50});
  EXPECT_EQ(log_.decide_trim_to_length(10).start, Offset(87));
  EXPECT_EQ(log_.decide_trim_to_length(96).start, Offset(0));
  EXPECT_EQ(log_.decide_trim_to_length(1000).start, Offset(0));
  EXPECT_EQ(log_.decide_trim_to_length(0).start, Offset(100));
  EXPECT_EQ(log_.live_below(Offset(87)), 86);
}

TEST_F(LogTest, ApproximateTrimmingTakesWholeNodes) {
  add(1050);
  EXPECT_EQ(log_.decide_trim_to_length(500, true).start, Offset(500));
  EXPECT_EQ(log_.decide_trim_to_length(300, true, 250).start, Offset(200));
  EXPECT_EQ(log_.decide_trim_to_length(1000, true).start, Offset(0));
  EXPECT_EQ(log_.decide_trim_to_length(0, true).start, Offset(1050));
  EXPECT_EQ(log_.decide_trim_to_offset(Offset(333), true).start, Offset(300));
  EXPECT_EQ(log_.decide_trim_to_offset(Offset(333)).start, Offset(333));
}

TEST_F(LogTest, TrimmingBeyondTheVisibleEndIsRefused) {
  add(10);
  EXPECT_EQ(log_.decide_trim(Offset(6), Offset(5)).error().code, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(log_.decide_trim(Offset(-1), Offset(5)).error().code, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(log_.decide_trim(Offset(5), Offset(5))->start, Offset(5));
  trim_to(5);
  EXPECT_EQ(log_.decide_trim(Offset(3), Offset(10))->start, Offset(5));
}

TEST_F(LogTest, RetentionByTimeDropsOldRows) {
  for (int i = 0; i < 10; ++i) {
    journal_.new_frame();
    add(2, kNow + Milliseconds(i * 1000));
  }
  const Timestamp now = kNow + Milliseconds(9000);
  EXPECT_EQ(log_.decide_retention(now, {.retention_ms = 5000}, log_.end()).start, Offset(8));
  EXPECT_EQ(log_.decide_retention(now, {.retention_ms = 5000}, Offset(5)).start, Offset(4));
  EXPECT_EQ(log_.decide_retention(now, {}, log_.end()).start, Offset(0));
  EXPECT_EQ(
      log_.decide_retention(now + Milliseconds(60'000), {.retention_ms = 0}, log_.end()).start,
      Offset(20));
}

TEST_F(LogTest, ATimestampOfTheFutureDoesNotHoldRetentionUp) {
  append(log_, journal_, batch_of({"v"}, INT64_MAX), kNow, Lsn(1));
  const Timestamp later = kNow + Milliseconds(1001);
  EXPECT_EQ(log_.decide_retention(later, {.retention_ms = 1000}, log_.end()).start, Offset(1));
}

TEST_F(LogTest, RetentionBySizeKeepsAtLeastThatMuch) {
  for (int i = 0; i < 10; ++i) {
    journal_.new_frame();
    add(2);
  }
  const auto each = static_cast<int64_t>(log_.bytes() / 10);
  EXPECT_EQ(log_.decide_retention(kNow, {.retention_bytes = each * 4 + 1}, log_.end()).start,
            Offset(10));
  EXPECT_EQ(log_.decide_retention(kNow, {.retention_bytes = each * 4}, log_.end()).start,
            Offset(12));
}

// --- epochs ---

TEST_F(LogTest, EpochsAnswerWhereTheyEnded) {
  const auto bump = [this](int32_t epoch) {
    log_.apply(log_.decide_epoch(epoch).value(), lsn_ = lsn_.next());
  };
  add(5);
  bump(3);
  add(5);
  bump(4);
  bump(7);
  add(2);
  EXPECT_EQ(log_.current_epoch(), 7);
  EXPECT_FALSE(log_.decide_epoch(7).has_value());
  EXPECT_EQ(log_.end_of_epoch(0).end, Offset(5));
  EXPECT_EQ(log_.end_of_epoch(2).epoch, 0);
  EXPECT_EQ(log_.end_of_epoch(3).end, Offset(10));
  EXPECT_EQ(log_.end_of_epoch(5).epoch, 3);
  EXPECT_EQ(log_.end_of_epoch(7).end, Offset(12));
  EXPECT_EQ(log_.end_of_epoch(8).epoch, -1);
  EXPECT_EQ(log_.epoch_at(Offset(4)), 0);
  EXPECT_EQ(log_.epoch_at(Offset(5)), 3);
  EXPECT_EQ(log_.epoch_at(Offset(11)), 7);
  trim_to(11);
  EXPECT_EQ(log_.end_of_epoch(3).end, Offset(11));
}

TEST_F(LogTest, OldEpochsAreForgottenAtTheLimit) {
  for (int32_t epoch = 1; epoch < 1000; ++epoch) {
    add(1);
    log_.apply(log_.decide_epoch(epoch).value(), lsn_);
  }
  EXPECT_LT(log_.memory_bytes(), 64'000U + 512 * sizeof(Row));
  EXPECT_EQ(log_.end_of_epoch(998).end, Offset(999));
  EXPECT_TRUE(Log::load(log_.serialize()).has_value());
}

// --- rows ---

TEST_F(LogTest, SmallBatchesOfOneFrameShareARow) {
  TestJournal journal(5);
  Log log;
  Location at{FileId(1), 1, 4096, 200};
  for (int i = 0; i < 1000; ++i) {
    const BatchHeader header = header_of(batch_of({"v"}, i));
    log.apply_append(log.decide_append(header, kNow)->event, header, at, Lsn(1));
    at.position += 200;
  }
  EXPECT_EQ(log.row_count(), 4U);  // 200,000 bytes in spans of at most 65,536
  EXPECT_EQ(log.row_at(Offset(0))->span.length, 65'400U);
  EXPECT_EQ(log.row_at(Offset(327))->first(), Offset(327));
  EXPECT_EQ(log.row_at(Offset(326))->first(), Offset(0));
}

TEST_F(LogTest, AHundredMillionSmallMessagesCostSomeTenMegabytes) {
  // 1/100 of them, in bulk: batches of 100 records of 100 bytes.
  Log log;
  Location at{FileId(1), 1, 0, 10'100};
  BatchHeader header;
  header.length = 10'000;
  header.last_offset_delta = 99;
  header.count = 100;
  for (int i = 0; i < 10'000; ++i) {
    log.apply_append(log.decide_append(header, kNow)->event, header, at, Lsn(1), Lsn(1));
    at.position += 10'100;
    if (at.position > (1U << 20)) {
      at.position = 0;
      at.frame += 256;
    }
  }
  EXPECT_EQ(log.length(), 1'000'000);
  EXPECT_LT(log.memory_bytes() * 100, 20'000'000U);
}

TEST_F(LogTest, AnEmptyLogIsSmall) {
  EXPECT_LT(sizeof(Log), 320U);
}

TEST_F(LogTest, RowsAreReadFromTheOffsetUpToTheEndAndTheLimit) {
  for (int i = 0; i < 10; ++i) {
    journal_.new_frame();
    add(2);
  }
  std::vector<Row> rows;
  log_.rows_from(Offset(5), Offset(9), 1 << 20, 100, rows);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows.front().first(), Offset(4));
  EXPECT_EQ(rows.back().end(), Offset(10));
  rows.clear();
  log_.rows_from(Offset(5), Offset(20), 1, 100, rows);
  EXPECT_EQ(rows.size(), 1U);
  rows.clear();
  log_.rows_from(Offset(5), Offset(20), 1 << 20, 2, rows);
  EXPECT_EQ(rows.size(), 2U);
  rows.clear();
  log_.rows_from(Offset(20), Offset(20), 1 << 20, 2, rows);
  EXPECT_TRUE(rows.empty());
  EXPECT_EQ(log_.row_before(Offset(5))->first(), Offset(2));
  EXPECT_EQ(log_.row_before(Offset(20))->first(), Offset(18));
  EXPECT_FALSE(log_.row_before(Offset(1)).has_value());
}

TEST_F(LogTest, TimeFindsTheFirstRowThatReachesIt) {
  for (const int64_t t : {100, 300, 200, 50, 400}) {
    journal_.new_frame();
    add(2, Timestamp(t));
  }
  EXPECT_EQ(log_.row_by_time(Timestamp(150))->first(), Offset(2));
  EXPECT_EQ(log_.row_by_time(Timestamp(300))->first(), Offset(2));
  EXPECT_EQ(log_.row_by_time(Timestamp(301))->first(), Offset(8));
  EXPECT_EQ(log_.row_by_time(Timestamp(150), Offset(4))->first(), Offset(4));
  EXPECT_FALSE(log_.row_by_time(Timestamp(401)).has_value());
  trim_to(4);
  EXPECT_EQ(log_.row_by_time(Timestamp(300))->first(), Offset(8));
  EXPECT_EQ(log_.max_timestamp(), 400);
}

// --- replay ---

TEST_F(LogTest, EventsThatDoNotFitAreCorruption) {
  add(5);
  std::vector<Location> released;
  const auto refused = [&](const auto& event) {
    std::string bytes;
    encode(event, bytes);
    const auto done = log_.replay(bytes, {}, {}, Lsn(9), released);
    return !done && done.error().code == ErrorCode::kStorageCorrupt;
  };
  EXPECT_TRUE(refused(TrimEvent{Offset(6)}));
  EXPECT_TRUE(refused(AppendEvent{Offset(4), {UINT64_MAX, 0}, kNow}));
  EXPECT_TRUE(refused(AppendEvent{Offset(5), {1, 0}, kNow}));
  EXPECT_TRUE(refused(AppendEvent{Offset(5), {UINT64_MAX, 0}, kNow}));  // no payload
  EXPECT_TRUE(refused(EpochEvent{0, Offset(5)}));
  EXPECT_TRUE(refused(EpochEvent{1, Offset(4)}));
  EXPECT_TRUE(refused(DeleteEvent{{{Offset(4), Offset(6)}}, {}}));
  EXPECT_TRUE(refused(SetIdsEvent{{1, 1}, 5, {}}));
  EXPECT_FALSE(log_.replay("\x09", {}, {}, Lsn(9), released).has_value());
  EXPECT_FALSE(log_.replay("", {}, {}, Lsn(9), released).has_value());
  std::string trailing;
  encode(TrimEvent{Offset(1)}, trailing);
  EXPECT_FALSE(log_.replay(trailing + "x", {}, {}, Lsn(9), released).has_value());
}

}  // namespace
}  // namespace weir::log
