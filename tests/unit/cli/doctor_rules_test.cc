#include "cli/doctor_rules.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace weir::cli {
namespace {

using Strings = std::vector<std::string>;

constexpr int64_t kHour = 3'600'000;

class Doctor : public testing::Test {
 protected:
  Doctor() { seen.now_ms = 1'700'000'000'000; }

  SeenTopic& topic(const std::string& name, size_t partitions = 1) {
    SeenTopic& made = seen.topics.emplace_back();
    made.name = name;
    made.retention_ms = 7 * 24 * kHour;
    made.partitions.assign(partitions, {0, 10});
    return made;
  }
  SeenQueue& queue(const std::string& name) {
    SeenQueue& made = seen.queues.emplace_back();
    made.name = name;
    made.lease_ms = 30'000;
    return made;
  }
  SeenGroup& group(const std::string& name, const std::string& of) {
    SeenGroup& made = seen.groups.emplace_back();
    made.name = name;
    made.topics = {of};
    return made;
  }
  void bridge(const std::string& from, const std::string& to) {
    seen.bridges.push_back({from + to, from, to});
  }
  // The rules that found something, in order.
  Strings rules() {
    findings = examine({seen}, {});
    Strings names;
    for (const Finding& finding : findings) names.push_back(finding.rule);
    return names;
  }

  Seen seen;
  std::vector<Finding> findings;
};

TEST_F(Doctor, AHealthyBrokerHasNoFindings) {
  topic("events", 4);
  group("analytics", "events");
  group("audit", "events");
  queue("jobs").dead_letter = "dead";
  queue("dead");
  EXPECT_EQ(rules(), Strings{});
  EXPECT_TRUE(examine({}, {}).empty());
}

TEST_F(Doctor, AStreamThatOneGroupReadsForADayIsAQueue) {
  topic("jobs").retention_ms = kHour;
  group("workers", "jobs");
  EXPECT_EQ(rules(), Strings{"stream-as-queue"});
  EXPECT_NE(findings[0].evidence.find("workers"), std::string::npos);
  EXPECT_NE(findings[0].advice.find("weir queue create jobs-work"), std::string::npos);
  group("audit", "jobs");
  EXPECT_EQ(rules(), Strings{}) << "two read it";
  seen.groups.pop_back();
  bridge("topic:jobs", "topic:copy");
  EXPECT_EQ(rules(), Strings{}) << "a bridge reads it too";
  seen.bridges.clear();
  seen.topics[0].retention_ms = 7 * 24 * kHour;
  EXPECT_EQ(rules(), Strings{}) << "it is kept for a week";
}

TEST_F(Doctor, QueuesWithTheSameMessagesAreABroadcast) {
  for (const char* name : {"a", "b", "c"}) queue(name).newest = {"1", "2", "3", "4", "5"};
  EXPECT_EQ(rules(), Strings{"broadcast-by-copying"});
  EXPECT_EQ(findings[0].subject, "queues a, b, c");
  seen.queues[1].newest = {"6", "7", "8", "9", "10"};
  EXPECT_EQ(rules(), Strings{});
  seen.queues[1].newest = seen.queues[0].newest;
  bridge("topic:events", "queue:b");
  EXPECT_EQ(rules(), Strings{}) << "a bridge fills one of them";
  seen.bridges.clear();
  for (SeenQueue& one : seen.queues) one.newest = {"1", "1", "1", "1", "1"};
  EXPECT_EQ(rules(), Strings{}) << "one value that all of them happen to have says nothing";
}

TEST_F(Doctor, KeysThatAreMissingOrAllDifferentGiveNoOrder) {
  SeenTopic& events = topic("events", 4);
  events.sampled = 200;
  for (int i = 0; i < 200; ++i) events.keys.push_back(fmt::format("user-{}", i % 20));
  EXPECT_EQ(rules(), Strings{});
  events.keys.resize(100);
  EXPECT_EQ(rules(), Strings{"keys-missing"});
  events.keys.clear();
  EXPECT_EQ(rules(), Strings{}) << "without any key no order was wanted";
  for (int i = 0; i < 200; ++i) events.keys.push_back(fmt::format("{}", i));
  EXPECT_EQ(rules(), Strings{"keys-random"});
  events.partitions.resize(1);
  EXPECT_EQ(rules(), Strings{}) << "one partition keeps all in order";
}

TEST_F(Doctor, APartitionWithTwiceItsShareIsHot) {
  SeenTopic& events = topic("events", 4);
  for (size_t i = 0; i < 4; ++i) events.partitions[i] = {0, i == 2 ? 3000 : 1000};
  EXPECT_EQ(rules(), Strings{"hot-partition"});
  EXPECT_EQ(findings[0].subject, "topic events partition 2");
  events.partitions[2].end = 1500;
  EXPECT_EQ(rules(), Strings{});
  events.partitions = {{0, 600}, {0, 400}};
  EXPECT_EQ(rules(), Strings{}) << "of two, six tenths is no heat";
}

TEST_F(Doctor, RetentionWithoutLimitIsNamedAsSoonAsItIsConfigured) {
  SeenTopic& events = topic("events");
  events.retention_ms = -1;
  events.bytes = 0;
  EXPECT_EQ(rules(), Strings{"retention-without-limit"});
  EXPECT_EQ(findings[0].evidence.find("disk"), std::string::npos) << findings[0].evidence;
  events.retention_bytes = 1 << 20;
  EXPECT_EQ(rules(), Strings{});
  events.retention_bytes = -1;
  events.compacted = true;
  EXPECT_EQ(rules(), Strings{});
  events.compacted = false;
  events.partitions[0].start = 5;
  EXPECT_EQ(rules(), Strings{}) << "its producers trim it";
  events.partitions[0].start = 0;
  events.events = true;
  EXPECT_EQ(rules(), Strings{}) << "keys with versions keep their events";
}

TEST_F(Doctor, VersionsThatCannotBeRebuiltAreNamedWithTheReason) {
  SeenTopic& events = topic("events");
  events.events = true;
  EXPECT_EQ(rules(), Strings{});
  events.versions_problem = "its log cannot be read at offset 17";
  EXPECT_EQ(rules(), Strings{"versions-unreadable"});
  EXPECT_EQ(findings[0].evidence, events.versions_problem);
}

TEST_F(Doctor, GrowthTellsTheDayTheDiskIsFull) {
  SeenTopic& events = topic("events");
  events.retention_ms = -1;
  events.bytes = 100 << 20;
  Seen before = seen;
  before.now_ms -= 60'000;
  before.topics[0].bytes = 99 << 20;
  seen.disk_free_bytes = int64_t{1440} << 20;  // a mebibyte a minute: a day's worth
  const auto found = examine({before, seen}, {});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NE(found[0].evidence.find("full in 1.0 days"), std::string::npos) << found[0].evidence;
  EXPECT_NE(found[0].evidence.find("1.4 GiB a day"), std::string::npos) << found[0].evidence;
}

TEST_F(Doctor, AGroupWhoseLagOnlyRisesFallsBehind) {
  topic("events");
  group("slow", "events").lag = 100;
  std::vector<Seen> looks(3, seen);
  looks[1].groups[0].lag = 200;
  looks[2].groups[0].lag = 300;
  ASSERT_EQ(examine(looks, {}).size(), 1U);
  EXPECT_EQ(examine(looks, {})[0].rule, "falls-behind");
  looks[1].groups[0].lag = 300;
  EXPECT_TRUE(examine(looks, {}).empty()) << "it caught up once";
  looks[0].groups[0].lag = 1;
  looks[1].groups[0].lag = 2;
  looks[2].groups[0].lag = 3;
  EXPECT_TRUE(examine(looks, {}).empty()) << "three records are no lag";
  EXPECT_TRUE(examine({looks[2]}, {}).empty()) << "one look knows no direction";
}

TEST_F(Doctor, DeadLettersThatNobodyReadsAreNamed) {
  queue("jobs").dead_letter = "dead";
  queue("dead");
  SeenQueue& dead = seen.queues[1];
  dead.ready = 3;
  dead.oldest_sent_ms = seen.now_ms - 2 * kHour;
  EXPECT_EQ(rules(), Strings{"dead-letters-unread"});
  dead.oldest_receives = 1;
  EXPECT_EQ(rules(), Strings{}) << "somebody looks at them";
  dead.oldest_receives = 0;
  dead.oldest_sent_ms = seen.now_ms - kHour / 2;
  EXPECT_EQ(rules(), Strings{}) << "half an hour is no neglect";
  dead.oldest_sent_ms = seen.now_ms - 2 * kHour;
  seen.queues[0].dead_letter.clear();
  EXPECT_EQ(rules(), Strings{}) << "it is nobody's dead-letter queue";
}

TEST_F(Doctor, ALeaseThatEndsBeforeTheWorkIsTooShort) {
  SeenQueue& jobs = queue("jobs");
  jobs.acknowledged = 50;
  jobs.acknowledged_late = 10;
  EXPECT_EQ(rules(), Strings{"lease-too-short"});
  EXPECT_NE(findings[0].advice.find("--lease 2m"), std::string::npos) << findings[0].advice;
  jobs.acknowledged = 1000;
  EXPECT_EQ(rules(), Strings{}) << "one in a hundred is a slow worker, no rule";
  jobs.acknowledged = 4;
  jobs.acknowledged_late = 4;
  EXPECT_EQ(rules(), Strings{}) << "too few to tell";
}

TEST_F(Doctor, PendingEntriesThatNobodyClaimsAreNamed) {
  topic("stream");
  group("other", "stream");
  SeenGroup& workers = group("workers", "stream");
  workers.consumers = {{"alive", 5, seen.now_ms - 1000}, {"gone", 2, seen.now_ms - 3 * kHour}};
  EXPECT_EQ(rules(), Strings{"pending-unclaimed"});
  EXPECT_NE(findings[0].evidence.find("gone holds 2"), std::string::npos) << findings[0].evidence;
  workers.consumers[1].pending = 0;
  EXPECT_EQ(rules(), Strings{});
}

TEST_F(Doctor, ACaptureThatHoldsBackTheDatabasesLogIsNamed) {
  seen.captures = {{"orders", "streaming", "", int64_t{3} << 30, true}};
  EXPECT_EQ(rules(), Strings{"log-held-back"});
  EXPECT_NE(findings[0].evidence.find("3GiB"), std::string::npos) << findings[0].evidence;
  seen.captures = {{"orders", "paused", "", 0, false}};
  EXPECT_EQ(rules(), Strings{"log-held-back"});
  EXPECT_NE(findings[0].advice.find("weir cdc resume orders"), std::string::npos);
  seen.captures = {{"orders", "streaming", "", 1 << 20, false}};
  EXPECT_EQ(rules(), Strings{});
}

}  // namespace
}  // namespace weir::cli
