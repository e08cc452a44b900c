// Compaction through the broker: when it runs, what it leaves, and that nobody is disturbed.

#include <gmock/gmock.h>

#include <map>

#include "tests/unit/broker/fixture.h"

namespace weir::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Compaction : public BrokerTest {
 protected:
  CellId make_compacted(const std::string& name, catalog::CompactionPolicy policy = {}) {
    catalog::LogPolicy log;
    log.compaction = policy;
    const auto made = broker->create_topic(
        {.name = {"", name}, .partitions = 1, .log = log, .properties = {}}, now);
    EXPECT_TRUE(made) << made.error().message;
    return made->thing->logs.front();
  }
  void put(CellId log, const std::string& key, std::optional<std::string> value) {
    std::optional<ByteView> view;
    if (value) view = *value;
    const auto appended = broker->append_record(log, {ByteView(key), view, {}, now}, now);
    ASSERT_TRUE(appended) << appended.error().message;
    journal.sync();  // a frame of its own, hence a row of its own
  }
  // Time goes by until the broker has nothing to do but wait for it.
  void run_compaction() {
    for (int i = 0; i < 400; ++i) {
      journal.sync();
      pass(100);
    }
  }
  std::map<std::string, std::string> map_of(CellId log) {
    std::map<std::string, std::string> result;
    for (const std::string& text : values(log)) {
      result[text.substr(0, text.find('='))] = text;
    }
    return result;
  }
};

TEST_F(Compaction, TheNewestRecordOfEachKeyStays) {
  const CellId log = make_compacted("prices");
  for (int i = 0; i < 100; ++i) {
    put(log, "k" + std::to_string(i % 5), "v" + std::to_string(i));
  }
  run_compaction();
  // The last row is never looked at: k4's newest value lies there, and the one before behind the
  // others.
  EXPECT_THAT(values(log), ElementsAre("v94", "v95", "v96", "v97", "v98", "v99"));
  EXPECT_EQ(broker->find_log(log)->end(), Offset(100));
  EXPECT_EQ(broker->find_log(log)->start(), Offset(0));
  EXPECT_EQ(broker->compaction().passes, 1U);
  EXPECT_LT(broker->find_log(log)->row_count(), 10U);
  run_compaction();
  EXPECT_EQ(broker->compaction().passes, 1U) << "nothing new, nothing to do";
}

TEST_F(Compaction, OffsetsInGapsAreReadFromTheNextRecordOn) {
  const CellId log = make_compacted("prices");
  for (int i = 0; i < 20; ++i) put(log, "k" + std::to_string(i / 10), "v" + std::to_string(i));
  run_compaction();
  for (int64_t from = 0; from < 20; ++from) {
    bool answered = false;
    broker->read({.log = log, .from = Offset(from), .bytes_max = 1, .end = {}},
                 [&](Result<ReadAnswer> answer) {
                   answered = true;
                   ASSERT_TRUE(answer);
                   ASSERT_EQ(answer->batches.size(), 1U) << "from " << from;
                   const auto header = log::parse_header(answer->batches[0].payload);
                   EXPECT_GT(header->end_offset(), Offset(from));
                   EXPECT_GT(header->count, 0);
                 });
    journal.poll();
    EXPECT_TRUE(answered);
  }
  bool found = false;
  broker->find_by_time(log, Timestamp(0), Visibility::kSafe, [&](Result<FoundOffset> answer) {
    found = true;
    ASSERT_TRUE(answer && answer->record);
    EXPECT_EQ(answer->record->offset, Offset(9));
  });
  journal.poll();
  EXPECT_TRUE(found);
}

TEST_F(Compaction, ItSurvivesACrashAndGoesOn) {
  const CellId log = make_compacted("prices");
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 40; ++i) {
      put(log, "k" + std::to_string(i % 7), std::to_string(round) + "/" + std::to_string(i));
    }
    run_compaction();
    const auto before = values(log);
    if (round % 2 == 0) journal.checkpoint();
    crash();
    EXPECT_EQ(values(log), before);
    EXPECT_LE(before.size(), 8U);
  }
}

TEST_F(Compaction, ACrashInItsMidstLeavesTheNewestValues) {
  const CellId log = make_compacted("prices");
  for (int i = 0; i < 300; ++i) {
    put(log, "k" + std::to_string(i % 9), std::to_string(i) + std::string(2000, 'x'));
  }
  const auto newest = [&] {
    std::vector<std::string> all = values(log);
    return std::vector<std::string>(all.end() - 9, all.end());
  };
  const auto before = newest();
  for (int lives = 0; lives < 12; ++lives) {
    for (int i = 0; i < 3 + lives; ++i) {
      now = now + Milliseconds(400);
      broker->tick(now);
      journal.poll();
      if (i % 3 == lives % 3) journal.sync();
    }
    crash();
    EXPECT_EQ(newest(), before);
  }
  run_compaction();
  EXPECT_EQ(newest(), before);
  EXPECT_LE(values(log).size(), 10U);
}

TEST_F(Compaction, ATombstoneStaysAsLongAsItIsAskedToAndNothingComesBack) {
  const CellId log = make_compacted("prices", {.delete_retention_ms = 100'000});
  put(log, "a", "a=1");
  put(log, "b", "b=1");
  put(log, "a", {});
  put(log, "c", "c=1");
  run_compaction();
  EXPECT_THAT(values(log), ElementsAre("b=1", "", "c=1"));
  pass(60'000);
  crash();
  run_compaction();
  EXPECT_THAT(values(log), ElementsAre("b=1", "c=1"));
  crash();
  EXPECT_THAT(values(log), ElementsAre("b=1", "c=1"));
}

TEST_F(Compaction, TheLagsAndTheRatioDecideWhenItRuns) {
  const CellId young = make_compacted("young", {.lag_min_ms = 3'600'000});
  const CellId clean = make_compacted("clean", {.dirty_permille = 900});
  const CellId old = make_compacted("old", {.lag_max_ms = 120'000, .dirty_permille = 1000});
  for (const CellId log : {young, clean, old}) {
    for (int i = 0; i < 30; ++i) put(log, "k" + std::to_string(i % 3), std::to_string(i));
  }
  run_compaction();
  EXPECT_EQ(values(young).size(), 30U);
  EXPECT_EQ(values(clean).size(), 4U) << "all of it was new";
  EXPECT_EQ(values(old).size(), 30U);
  for (int i = 0; i < 5; ++i) put(clean, "k0", "again");
  pass(90'000);
  run_compaction();
  EXPECT_EQ(values(old).size(), 4U);
  EXPECT_GT(values(clean).size(), 5U) << "too little of it is new";
  pass(3'600'000);
  run_compaction();
  EXPECT_EQ(values(young).size(), 4U);
}

TEST_F(Compaction, OfMoreKeysThanMemoryHoldsSeveralPassesTakeCare) {
  broker.reset();
  journal.crash();
  broker = std::make_unique<Broker>(journal, Random(7), Limits{.compaction_keys = 10});
  ASSERT_TRUE(journal.recover(*broker));
  ASSERT_TRUE(broker->start(now));
  const CellId log = make_compacted("prices", {.dirty_permille = 1});
  for (int i = 0; i < 400; ++i) put(log, "k" + std::to_string(i % 50), std::to_string(i));
  for (int i = 0; i < 10; ++i) run_compaction();
  EXPECT_LE(values(log).size(), 51U);
  EXPECT_GT(broker->compaction().passes, 10U);
}

TEST_F(Compaction, RetentionHoldsOnlyWhenThePolicySaysBoth) {
  catalog::LogPolicy policy;
  policy.retention_ms = 60'000;
  policy.compaction = catalog::CompactionPolicy{};
  const auto only =
      broker->create_topic({.name = {"", "only"}, .log = policy, .properties = {}}, now);
  policy.compaction->with_retention = true;
  const auto both =
      broker->create_topic({.name = {"", "both"}, .log = policy, .properties = {}}, now);
  ASSERT_TRUE(only && both);
  const CellId kept = thing("only").logs.front();
  const CellId removed = thing("both").logs.front();
  for (const CellId log : {kept, removed}) {
    for (const char* key : {"a", "b", "a", "c"}) put(log, key, key);
  }
  run_compaction();
  EXPECT_THAT(values(kept), ElementsAre("b", "a", "c"));
  EXPECT_THAT(values(removed), ElementsAre("b", "a", "c"));
  pass(120'000);
  run_compaction();
  EXPECT_THAT(values(kept), ElementsAre("b", "a", "c"));
  EXPECT_THAT(values(removed), IsEmpty());
}

TEST_F(Compaction, ReadersAndTheTidierGoOnMeanwhile) {
  const CellId log = make_compacted("prices");
  std::map<std::string, std::string> newest;
  journal.forget_cache(true);
  Random random(11);
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 30; ++i) {
      const std::string key = "k" + std::to_string(random.below(12));
      const std::string value = key + "=" + std::to_string(round * 100 + i);
      put(log, key, value);
      newest[key] = value;
    }
    for (int i = 0; i < 12; ++i) {
      journal.sync();
      // Steps of the compaction, of the tidier and of a reader in any order.
      now = now + Milliseconds(300);
      broker->tick(now);
      if (random.one_in(2)) journal.poll();
      if (random.one_in(6)) {
        const auto files = journal.file_ids();
        if (files.size() > 1) journal.tidy(files[random.below(files.size() - 1)]);
      }
      if (random.one_in(8)) journal.checkpoint();
      if (random.one_in(3)) EXPECT_EQ(map_of(log), newest) << "round " << round;
    }
  }
  pass(60'000);  // the journal in memory may have freed a file under a read of the last pass
  run_compaction();
  EXPECT_EQ(map_of(log), newest);
  EXPECT_LE(values(log).size(), 13U);
  EXPECT_GT(broker->compaction().passes, 5U);
}

TEST_F(Compaction, BytesThatCannotBeReadEndThePassAndNothingElse) {
  const CellId log = make_compacted("prices");
  for (int i = 0; i < 20; ++i) put(log, "a", std::to_string(i));
  journal.forget_cache(true);
  journal.corrupt(broker->find_log(log)->row_at(Offset(3))->span);
  run_compaction();
  EXPECT_EQ(broker->compaction().given_up, 1U) << "it is not tried again at once";
  EXPECT_EQ(broker->compaction().passes, 0U);
}

TEST_F(Compaction, WhatIsRemovedMeanwhileIsGivenUp) {
  const CellId log = make_compacted("prices");
  for (int i = 0; i < 50; ++i) put(log, "a", std::to_string(i));
  pass(1100);
  now = now + Milliseconds(10);
  broker->tick(now);
  ASSERT_TRUE(broker->remove({"", "prices"}, now));
  run_compaction();
  EXPECT_EQ(broker->compaction().passes, 0U);
  const CellId other = make_compacted("others");
  for (int i = 0; i < 50; ++i) put(other, "a", std::to_string(i));
  run_compaction();
  EXPECT_THAT(values(other), ElementsAre("48", "49"));
}

TEST_F(Compaction, QueuesAndStreamsOfRedisAreRefused) {
  catalog::LogPolicy policy;
  policy.compaction = catalog::CompactionPolicy{};
  const auto queue =
      broker->create_queue({.name = {"", "q"}, .log = policy, .queue = {}, .properties = {}}, now);
  ASSERT_FALSE(queue);
  EXPECT_EQ(queue.error().code, ErrorCode::kRefused);
  const auto stream = broker->create_topic(
      {.name = {"", "s"}, .origin = catalog::Origin::kRedis, .log = {}, .properties = {}}, now);
  ASSERT_TRUE(stream);
  Thing altered = *stream->thing;
  altered.log_policy = policy;
  const auto refused = broker->alter(altered, now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
}

TEST_F(Compaction, ARecordWithoutAKeyIsRefused) {
  const CellId log = make_compacted("prices");
  const auto refused = broker->append_record(log, {{}, "value", {}, now}, now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  journal.sync();
  crash();
  EXPECT_EQ(thing("prices").log_policy.compaction, catalog::CompactionPolicy{});
}

TEST_F(Compaction, ABridgeGoesOverTheGaps) {
  const CellId log = make_compacted("prices");
  for (int i = 0; i < 20; ++i) put(log, "k" + std::to_string(i / 19), std::to_string(i));
  run_compaction();
  make_queue("work");
  catalog::Bridge bridge;
  bridge.name = "in";
  bridge.from = {"", "prices"};
  bridge.to = {"", "work"};
  ASSERT_TRUE(broker->create_bridge(bridge, now));
  run_compaction();
  EXPECT_THAT(bodies(receive(thing("work").queue)), ElementsAre("18", "19"));
  EXPECT_EQ(broker->bridges().front().lag, 0);
}

}  // namespace
}  // namespace weir::broker
