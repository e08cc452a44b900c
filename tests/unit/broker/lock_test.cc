// retention.lock: until it ends nothing of a topic is deleted and no promise of it shortened.

#include "tests/unit/broker/fixture.h"

namespace weir::broker {
namespace {

class RetentionLock : public BrokerTest {
 protected:
  RetentionLock() {
    make_topic("audit");
    append(log(), "one");
    append(log(), "two");
    journal.sync();
    catalog::Thing locked = thing("audit");
    locked.log_policy.retention_ms = 1000;
    locked.log_policy.locked_until = until;
    const auto altered = broker->alter(locked, now);
    EXPECT_TRUE(altered) << altered.error().message;
  }
  CellId log() { return thing("audit").logs[0]; }
  std::optional<ErrorCode> alter(void (*change)(catalog::LogPolicy& policy)) {
    catalog::Thing altered = thing("audit");
    change(altered.log_policy);
    const auto done = broker->alter(altered, now);
    if (done) return std::nullopt;
    return done.error().code;
  }
  int64_t removable() {
    const auto trimmed = broker->trim_to_length(log(), 0, false, INT64_MAX, now);
    return trimmed ? trimmed->removed : -1;
  }

  const Timestamp until = now + Milliseconds(3'600'000);
};

TEST_F(RetentionLock, NothingIsDeleted) {
  pass(60'000);
  EXPECT_EQ(broker->remove({"", "audit"}, now).error().code, ErrorCode::kRefused);
  EXPECT_EQ(broker->rename({"", "audit"}, {"", "other"}, now).error().code, ErrorCode::kRefused);
  EXPECT_EQ(broker->trim(log(), Offset(1), now).error().code, ErrorCode::kRefused);
  EXPECT_EQ(broker->trim_to_offset(log(), Offset(1), false, INT64_MAX, now).error().code,
            ErrorCode::kRefused);
  EXPECT_EQ(broker->trim_to_length(log(), 1, false, INT64_MAX, now).error().code,
            ErrorCode::kRefused);
  std::optional<log::StreamId> id;
  broker->read_records(log(), {Offset(0)}, [&](Result<std::vector<Delivery>> records) {
    ASSERT_TRUE(records);
    id = records->at(0).record.id;
  });
  journal.poll();
  ASSERT_TRUE(id);
  EXPECT_EQ(broker->delete_records(log(), {{Offset(0), *id}}, now).error().code,
            ErrorCode::kRefused);
  EXPECT_EQ(values(log()).size(), 2U) << "nor by the retention that it had before";
  const Error refused = broker->remove({"", "audit"}, now).error();
  EXPECT_NE(refused.message.find("until 2023-11-14T23:13:20Z"), std::string::npos)
      << refused.message;
}

TEST_F(RetentionLock, NothingIsShortened) {
  EXPECT_EQ(alter([](auto& policy) { policy.retention_ms = 999; }), ErrorCode::kRefused);
  EXPECT_EQ(alter([](auto& policy) { policy.retention_bytes = 1; }), ErrorCode::kRefused);
  EXPECT_EQ(alter([](auto& policy) { policy.locked_until = {}; }), ErrorCode::kRefused);
  EXPECT_EQ(alter([](auto& policy) { policy.compaction.emplace(); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(alter([](auto& policy) {
              policy.locked_until = {};
              policy.compaction.emplace();
            }),
            ErrorCode::kRefused);
  EXPECT_EQ(alter([](auto& policy) { policy.retention_ms = -1; }), std::nullopt);
  EXPECT_EQ(alter([](auto& policy) { policy.retention_ms = 86'400'000; }), ErrorCode::kRefused);
  EXPECT_EQ(
      alter([](auto& policy) { policy.locked_until = policy.locked_until + Milliseconds(1); }),
      std::nullopt);
}

TEST_F(RetentionLock, ItHoldsAcrossARestartAndEndsByItself) {
  journal.sync();
  crash();
  EXPECT_EQ(removable(), -1);
  journal.checkpoint();
  crash();
  pass(3'599'998);
  EXPECT_EQ(removable(), -1);
  pass(2);
  pass(1000);
  EXPECT_EQ(values(log()).size(), 0U) << "the retention of a second holds again";
  EXPECT_TRUE(broker->remove({"", "audit"}, now));
}

TEST_F(RetentionLock, WhatDeletesNothingIsNoBusinessOfTheLock) {
  append(log(), "three");
  const auto trimmed = broker->trim(log(), Offset(0), now);
  ASSERT_TRUE(trimmed);
  EXPECT_EQ(trimmed->removed, 0);
  EXPECT_TRUE(broker->annotate({"", "audit"}, "note", "x", now));
  EXPECT_TRUE(broker->add_partitions({"", "audit"}, 2, now));
}

TEST_F(RetentionLock, QueuesAndCompactedTopicsCannotBeLocked) {
  make_queue("jobs");
  catalog::Thing queue = thing("jobs");
  queue.log_policy.locked_until = until;
  EXPECT_EQ(broker->alter(queue, now).error().code, ErrorCode::kInvalidArgument);
  TopicSpec compacted{.name = {"", "state"}, .log = {}, .properties = {}};
  compacted.log.compaction.emplace();
  compacted.log.locked_until = until;
  EXPECT_EQ(broker->create_topic(compacted, now).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace weir::broker
