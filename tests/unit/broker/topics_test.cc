#include "broker/keyspace_cell.h"
#include "core/keyspace/keyspace.h"
#include "tests/unit/broker/fixture.h"

namespace weir::broker {
namespace {

using Strings = std::vector<std::string>;

class Topics : public BrokerTest {
 protected:
  std::vector<std::string> safe_values(CellId log) {
    std::vector<std::string> result;
    broker->read({.log = log, .from = Offset(0), .end = {}}, [&](Result<ReadAnswer> answer) {
      ASSERT_TRUE(answer) << answer.error().message;
      std::vector<log::StoredBatch> batches;
      for (const auto& entry : answer->batches) batches.push_back({entry.event, entry.payload});
      log::RecordReader reader(batches, Offset(0), answer->end);
      log::ReadRecord record;
      while (reader.next(record)) result.emplace_back(record.value.value_or(""));
    });
    return result;
  }

  using Spans = std::vector<std::pair<CellId, Extent>>;

  static void put_in_order(Spans& spans) {
    const auto place = [](const auto& span) { return std::pair(span.first, span.second.position); };
    std::ranges::sort(spans, {}, place);
    spans.erase(std::ranges::unique(spans).begin(), spans.end());
  }
  // Calls `between` after each answer.
  Spans all_live_spans(FileId file, const std::function<void(const LiveSpans&)>& between = {}) {
    Spans spans;
    for (size_t left = kAllLogs; left > 0;) {
      const LiveSpans found = broker->live_spans(file, left);
      EXPECT_TRUE(found.left < left);
      spans.insert(spans.end(), found.spans.begin(), found.spans.end());
      left = found.left;
      if (between) between(found);
    }
    put_in_order(spans);
    return spans;
  }
};

TEST_F(Topics, ReadersSeeNothingBeforeItIsDurable) {
  const CellId log = make_topic("events").logs[0];
  journal.sync();
  append(log, "one");
  EXPECT_TRUE(safe_values(log).empty());
  EXPECT_EQ(values(log), (Strings{"one"}));
  journal.sync();
  EXPECT_EQ(safe_values(log), (Strings{"one"}));
}

TEST_F(Topics, AWaiterForTheSafeEndWakesWithTheWatermark) {
  const CellId log = make_topic("events").logs[0];
  journal.sync();
  int wakes = 0;
  const WaitKey key = Broker::safe_key(log);
  broker->wait({&key, 1}, Timestamp::never(), WaitMode::kAll, [&](WakeReason) {
    ++wakes;
    return true;
  });
  append(log, "one");
  EXPECT_EQ(wakes, 0);
  journal.sync();
  EXPECT_EQ(wakes, 1);
}

TEST_F(Topics, TheSafeEndOfALogThatIsAcknowledgedAtOnceIsItsEnd) {
  catalog::LogPolicy policy;
  policy.durability = Durability::kTransient;
  const auto made =
      broker->create_topic({.name = {"", "fast"}, .log = policy, .properties = {}}, now);
  const CellId log = made->thing->logs[0];
  append(log, "one");
  EXPECT_EQ(safe_values(log), (Strings{"one"}));
}

TEST_F(Topics, SeveralAppendsOfOneTurnAreReadTogetherAfterIt) {
  const CellId log = make_topic("events").logs[0];
  std::vector<std::string> inside;
  {
    const Broker::Turn turn(*broker, now);
    append(log, "a");
    append(log, "b");
    broker->read({.log = log, .from = Offset(0), .end = {}, .visibility = Visibility::kApplied},
                 [&](Result<ReadAnswer> answer) {
                   ASSERT_TRUE(answer);
                   for (size_t i = 0; i < answer->batches.size(); ++i) inside.push_back("batch");
                 });
    EXPECT_TRUE(inside.empty());
  }
  EXPECT_EQ(inside.size(), 2U);
  EXPECT_EQ(values(log), (Strings{"a", "b"}));
}

TEST_F(Topics, ARemovedTopicGivesItsBytesBackAndItsNameToAnother) {
  const CellId log = make_topic("events").logs[0];
  append(log, std::string(5000, 'x'));
  journal.sync();
  EXPECT_GT(journal.live_bytes(), 5000U);
  ASSERT_TRUE(broker->remove({"", "events"}, now));
  journal.sync();
  EXPECT_EQ(journal.live_bytes(), 0U);
  const CellId next = make_topic("events").logs[0];
  EXPECT_NE(next, log);
  EXPECT_EQ(broker->find_log(log), nullptr);
}

TEST_F(Topics, RetentionByTimeRemovesWhatIsOld) {
  catalog::LogPolicy policy;
  policy.retention_ms = 10'000;
  const auto made =
      broker->create_topic({.name = {"", "short"}, .log = policy, .properties = {}}, now);
  const CellId log = made->thing->logs[0];
  append(log, "old");
  journal.sync();
  pass(9'000);
  EXPECT_EQ(values(log), (Strings{"old"}));
  pass(3'000);
  EXPECT_TRUE(values(log).empty());
}

// Programs write records of long ago, and read them.
TEST_F(Topics, WhatWasOldWhenItCameStaysForFiveMinutes) {
  catalog::LogPolicy policy;
  policy.retention_ms = 86'400'000;
  const auto made =
      broker->create_topic({.name = {"", "history"}, .log = policy, .properties = {}}, now);
  const CellId log = made->thing->logs[0];
  ASSERT_TRUE(broker->append_record(log, {{}, "of 1970", {}, Timestamp(1)}, now));
  journal.sync();
  pass(1'000);
  append(log, "of today");
  journal.sync();
  pass(299'000);
  EXPECT_EQ(values(log).size(), 2U);
  pass(2'000);
  EXPECT_EQ(values(log), (Strings{"of today"}));

  catalog::Thing bounded = thing("history");
  bounded.log_policy.retention_bytes = 1;
  ASSERT_TRUE(broker->append_record(log, {{}, "of 1970", {}, Timestamp(1)}, now));
  journal.sync();
  ASSERT_TRUE(broker->alter(bounded, now));
  pass(2'000);
  EXPECT_EQ(values(log).size(), 1U) << "what is too much goes at once";
}

TEST_F(Topics, CheckpointAndReplayGiveTheSameTopicsBack) {
  const CellId log = make_topic("events", 3).logs[0];
  append(log, "one");
  journal.sync();
  journal.checkpoint();
  append(log, "two");
  make_topic("later");
  journal.sync();
  crash();
  EXPECT_EQ(values(log), (Strings{"one", "two"}));
  EXPECT_EQ(thing("events").logs.size(), 3U);
  EXPECT_NE(broker->catalog().find({"", "later"}), nullptr);
  EXPECT_FALSE(broker->create_topic({.name = {"", "later"}, .log = {}, .properties = {}}, now));
}

TEST_F(Topics, TheTidierMovesWhatLivesAndReadersFindIt) {
  const CellId kept = make_topic("kept").logs[0];
  const CellId gone = make_topic("gone").logs[0];
  for (int i = 0; i < 50; ++i) {
    append(kept, "k" + std::to_string(i));
    append(gone, std::string(3000, 'x'));
  }
  journal.sync();
  ASSERT_TRUE(broker->remove({"", "gone"}, now));
  journal.sync();
  const Strings before = values(kept);
  for (const FileId file : journal.file_ids()) journal.tidy(file);
  journal.sync();
  journal.checkpoint();
  EXPECT_EQ(values(kept), before);
  crash();
  EXPECT_EQ(values(kept), before);
}

TEST_F(Topics, ConsumerGroupsHaveALimit) {
  broker = std::make_unique<Broker>(journal, Random(7), Limits{.groups_max = 2});
  journal.crash();
  ASSERT_TRUE(journal.recover(*broker));
  ASSERT_TRUE(broker->start(now));
  for (const char* name : {"a", "b"}) EXPECT_TRUE(broker->group_cell({"", name}, true, now));
  const auto refused = broker->group_cell({"", "c"}, true, now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kLimitReached);
  EXPECT_TRUE(broker->group_cell({"", "a"}, true, now));  // known ones go on
  EXPECT_TRUE(broker->remove_group({"", "a"}, now));
  EXPECT_TRUE(broker->group_cell({"", "c"}, true, now));
}

// Rows of several logs share a file, some of them more than once; the tidier asks for each file.
TEST_F(Topics, TheSpansOfAFileAreThoseOfItsLiveLogsOnly) {
  std::vector<CellId> logs;
  for (const char* name : {"a", "b", "c"}) logs.push_back(make_topic(name).logs[0]);
  const std::string body(9000, 'x');
  for (int i = 0; i < 30; ++i) append(logs[static_cast<size_t>(i) % 3], body);
  journal.sync();
  ASSERT_GT(journal.file_ids().size(), 3U);
  const auto expect_spans = [&] {
    for (const FileId file : journal.file_ids()) {
      std::vector<std::pair<CellId, Extent>> expected;
      for (const CellId id : logs) {
        const log::Log* log = broker->find_log(id);
        std::vector<log::Row> rows;
        if (log != nullptr) log->rows_in_file(file, rows);
        for (const log::Row& row : rows) expected.emplace_back(id, row.span);
      }
      put_in_order(expected);
      EXPECT_EQ(all_live_spans(file), expected) << "file " << file.value();
    }
  };
  expect_spans();
  journal.tidy(journal.file_ids().front());
  expect_spans();
  ASSERT_TRUE(broker->remove({"", "b"}, now));
  ASSERT_TRUE(broker->trim(logs[0], Offset(8), now));
  for (int i = 0; i < 20; ++i) pass(1000);  // what is gone is forgotten, a file at a time
  expect_spans();
  for (int i = 0; i < 9; ++i) append(logs[2], body);
  expect_spans();
  journal.sync();
  crash();
  expect_spans();
}

// The tidier took milliseconds for a file of fifty thousand streams.
TEST_F(Topics, TheSpansOfAFileWithManyLogsAreGivenSomeLogsAtATime) {
  const std::vector<CellId> logs = make_topic("many", 1000).logs;
  for (const CellId log : logs) append(log, "x");
  journal.sync();
  const FileId file = journal.file_ids().front();
  const Spans before = all_live_spans(file);
  ASSERT_GT(before.size(), 250U);
  for (size_t i = 0; i < logs.size(); ++i) {
    if (i % 3 == 0) ASSERT_TRUE(broker->trim(logs[i], Offset(1), now));
  }
  Spans expected = before;
  std::erase_if(expected, [&](const auto& span) {
    return (std::ranges::find(logs, span.first) - logs.begin()) % 3 == 0;
  });
  // What is gone is forgotten meanwhile.
  const Spans seen = all_live_spans(file, [&](const LiveSpans& found) {
    EXPECT_LE(found.spans.size(), 250U);
    pass(1000);
  });
  EXPECT_EQ(seen, expected);
}

TEST_F(Topics, AKeyspaceBucketIsACellOfItsOwn) {
  const auto cells = broker->keyspace_cells(0, true, now);
  ASSERT_TRUE(cells && *cells);
  const CellId id = (*cells)->first;
  {
    const Broker::Turn turn(*broker, now);
    keyspace::Event event;
    event.kind = keyspace::EventKind::kSetString;
    event.key = "name";
    event.value = "value";
    Writer writer;
    writer.u8(static_cast<uint8_t>(CellKind::kKeyspace));
    keyspace::encode(event, writer);
    broker->cell<KeyspaceCell>(id).bucket.apply(event);
    broker->journal_event(id, writer.out());
  }
  journal.sync();
  journal.checkpoint();
  crash();
  EXPECT_EQ(broker->cell<KeyspaceCell>(id).bucket.size(), 1U);
}

}  // namespace
}  // namespace weir::broker
