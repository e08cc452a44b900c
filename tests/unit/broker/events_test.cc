#include <gtest/gtest.h>

#include "broker/event_store.h"
#include "core/events/batch.h"
#include "tests/unit/broker/fixture.h"

namespace weir::broker {
namespace {

struct Event {
  std::string key;
  std::string expected;
  std::string id;
  std::string value = "v";
};

class Events : public BrokerTest {
 protected:
  CellId make(const std::string& name) {
    const auto made = broker->create_topic(
        {.name = {"", name}, .partitions = 1, .log = {}, .properties = {{"weir.events", "true"}}},
        now);
    EXPECT_TRUE(made) << made.error().message;
    return made->thing->logs.front();
  }
  Result<Appended> put(CellId log, const std::vector<Event>& events) {
    std::string bytes;
    log::BatchBuilder builder(bytes);
    for (const Event& event : events) {
      std::vector<log::RecordHeader> headers;
      if (!event.expected.empty()) {
        headers.push_back({events::kHeaderExpectedVersion, event.expected});
      }
      if (!event.id.empty()) headers.push_back({events::kHeaderEventId, event.id});
      builder.add({event.key, event.value, headers, now});
    }
    const log::BatchHeader header = builder.finish();
    return broker->append(log, {header, Bytes::take(std::move(bytes))}, now);
  }
  EventStore::KeyEvents key(EventStore::KeyRead request) {
    request.topic = {"", "orders"};
    std::optional<EventStore::KeyEvents> result;
    broker->events().read_key(request, [&](Result<EventStore::KeyEvents> answer) {
      EXPECT_TRUE(answer) << answer.error().message;
      if (answer) result = std::move(*answer);
    });
    journal.poll();
    EXPECT_TRUE(result);
    return result ? std::move(*result) : EventStore::KeyEvents{};
  }
  void until_ready(CellId log) {
    for (int i = 0; i < 1000 && !broker->events().index(log); ++i) pass(1);
    ASSERT_TRUE(broker->events().index(log));
  }
};

TEST_F(Events, AnAppendStandsOnlyOnTheVersionThatItExpects) {
  const CellId log = make("orders");
  ASSERT_TRUE(put(log, {{"o1", "none", ""}}));
  ASSERT_TRUE(put(log, {{"o1", "0", ""}}));
  const auto refused = put(log, {{"o1", "0", ""}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused.error().message, "key o1 of orders: expected version 0, but it has version 1");
  EXPECT_EQ(broker->events().conflict()->current, 1U);
  EXPECT_TRUE(put(log, {{"o1", "exists", ""}}));
  EXPECT_FALSE(put(log, {{"o2", "exists", ""}}));
  EXPECT_FALSE(put(log, {{"o1", "none", ""}}));
  EXPECT_FALSE(put(log, {{"o1", "soon", ""}}));
  EXPECT_EQ(broker->find_log(log)->end(), Offset(3));
}

TEST_F(Events, ABatchOfSeveralKeysIsAllOrNothing) {
  const CellId log = make("orders");
  ASSERT_TRUE(put(log, {{"a", "none", ""}, {"b", "none", ""}}));
  EXPECT_FALSE(put(log, {{"a", "0", ""}, {"b", "1", ""}}));
  EXPECT_EQ(broker->find_log(log)->end(), Offset(2));
  EXPECT_TRUE(put(log, {{"a", "0", ""}, {"b", "0", ""}, {"a", "1", ""}}));
  EXPECT_EQ(key({.topic = {}, .key = "a", .from = {}}).last, 2U);
}

TEST_F(Events, ARepeatedAppendGetsTheFirstAnswer) {
  const CellId log = make("orders");
  ASSERT_TRUE(put(log, {{"x", "", ""}}));
  const auto first = put(log, {{"a", "none", "id1"}, {"b", "none", "id2"}});
  ASSERT_TRUE(first);
  const auto again = put(log, {{"a", "none", "id1"}, {"b", "none", "id2"}});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->base_offset, first->base_offset);
  EXPECT_EQ(broker->find_log(log)->end(), Offset(3));
  EXPECT_FALSE(put(log, {{"c", "", "id2"}}));
}

// A producer that was started again has another id, and repeats its last batch; it goes on from
// there also after the broker's restart.
TEST_F(Events, AnIdempotentProducerGoesOnBehindARepetition) {
  const CellId log = make("orders");
  const auto put_as = [&](int64_t producer, int32_t sequence, const std::string& id) {
    std::string bytes;
    log::BatchBuilder builder(bytes);
    const log::RecordHeader header{events::kHeaderEventId, id};
    builder.add({"a", "v", {&header, 1}, now});
    const log::BatchHeader built = builder.finish_for(producer, 0, sequence);
    return broker->append(log, {built, Bytes::take(std::move(bytes))}, now);
  };
  ASSERT_TRUE(put_as(1, 0, "id0"));
  const auto first = put_as(1, 1, "id1");
  ASSERT_TRUE(first);
  const auto again = put_as(2, 0, "id1");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->base_offset, first->base_offset);
  EXPECT_EQ(again->depends.lsn.next(), broker->next_lsn()) << "its sequence is as durable";
  EXPECT_EQ(put_as(2, 5, "id7").error().code, ErrorCode::kOutOfOrderSequence);
  journal.sync();
  crash();
  until_ready(log);
  EXPECT_TRUE(put_as(2, 0, "id1")->duplicate);
  EXPECT_EQ(put_as(2, 5, "id7").error().code, ErrorCode::kOutOfOrderSequence);
  const auto next = put_as(2, 1, "id2");
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(next->base_offset, Offset(2));
  journal.checkpoint();
  crash();
  until_ready(log);
  EXPECT_TRUE(put_as(2, 0, "id1")->duplicate) << "by the image, too";
}

TEST_F(Events, AKeyIsReadFromAVersionInBothDirections) {
  const CellId log = make("orders");
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(put(log, {{"a", "", "", "a" + std::to_string(i)}, {"b", "", ""}}));
  }
  const auto forwards = key({.topic = {}, .key = "a", .from = 7, .limit = 2});
  EXPECT_EQ(forwards.versions, (std::vector<events::Version>{7, 8}));
  EXPECT_EQ(forwards.records.front().record.value, "a7");
  const auto backwards = key({.topic = {}, .key = "a", .from = {}, .backwards = true, .limit = 3});
  EXPECT_EQ(backwards.versions, (std::vector<events::Version>{9, 8, 7}));
  EXPECT_TRUE(key({.topic = {}, .key = "a", .from = 10}).records.empty());
  EXPECT_EQ(key({.topic = {}, .key = "c", .from = {}}).last, std::nullopt);
}

TEST_F(Events, TheStateIsTheLatestSnapshotAndWhatCameAfter) {
  const CellId log = make("orders");
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(put(log, {{"a", "", ""}}));
  ASSERT_TRUE(broker->events().put_snapshot({"", "orders"}, {"a", "s1", 1}, now));
  ASSERT_TRUE(broker->events().put_snapshot({"", "orders"}, {"a", "s3", 3}, now));
  EXPECT_FALSE(broker->events().put_snapshot({"", "orders"}, {"a", "s9", 9}, now));
  const auto check = [&] {
    const auto state = key({.topic = {}, .key = "a", .from = {}, .with_snapshot = true});
    ASSERT_TRUE(state.snapshot);
    EXPECT_EQ(state.snapshot->record.value, "s3");
    EXPECT_EQ(state.versions, (std::vector<events::Version>{4, 5}));
  };
  check();
  journal.sync();
  crash();
  until_ready(thing("orders").logs.front());
  for (int i = 0; i < 50; ++i) pass(1);
  check();
  ASSERT_TRUE(broker->remove({"", "orders"}, now));
  EXPECT_EQ(broker->catalog().find({"", "orders.snapshots"}), nullptr);
}

TEST_F(Events, VersionsAndIdsAreTheSameAfterARestart) {
  const CellId log = make("orders");
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(put(log, {{"k" + std::to_string(i % 7), "", "id" + std::to_string(i)}}));
  }
  journal.sync();
  crash();
  // Before the index is complete what needs it is told to come again.
  const auto early = put(log, {{"k0", "71", ""}});
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, ErrorCode::kOverloaded);
  // What needs nothing goes through, and counts.
  ASSERT_TRUE(put(log, {{"k0", "", ""}}));
  until_ready(log);
  EXPECT_EQ(key({.topic = {}, .key = "k0", .from = {}}).last, 72U);
  EXPECT_EQ(key({.topic = {}, .key = "k6", .from = {}}).last, 70U);
  const auto again = put(log, {{"k3", "", "id3"}});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->base_offset, Offset(3));
}

TEST_F(Events, NothingIsTakenAwayAndNothingMakesASecondOrder) {
  const CellId log = make("orders");
  ASSERT_TRUE(put(log, {{"a", "", ""}}));
  journal.sync();
  EXPECT_EQ(broker->trim(log, Offset(1), now).error().code, ErrorCode::kRefused);
  EXPECT_EQ(broker->trim_to_length(log, 0, false, 10, now).error().code, ErrorCode::kRefused);
  EXPECT_FALSE(broker->add_partitions({"", "orders"}, 2, now));
  Thing altered = thing("orders");
  altered.log_policy.retention_ms = 1000;
  EXPECT_FALSE(broker->alter(altered, now));
  altered = thing("orders");
  altered.log_policy.compaction.emplace();
  EXPECT_FALSE(broker->alter(altered, now));
  EXPECT_FALSE(broker->create_topic(
      {.name = {"", "two"}, .partitions = 2, .log = {}, .properties = {{"weir.events", "true"}}},
      now));
}

TEST_F(Events, ATopicThatBecomesVersionedCountsWhatItHolds) {
  const CellId log = make_topic("orders").logs.front();
  append(log, "one", "a");
  append(log, "two", "a");
  Thing altered = thing("orders");
  altered.properties["weir.events"] = "true";
  ASSERT_TRUE(broker->alter(altered, now));
  until_ready(log);
  EXPECT_EQ(key({.topic = {}, .key = "a", .from = {}}).last, 1U);
}

}  // namespace
}  // namespace weir::broker
