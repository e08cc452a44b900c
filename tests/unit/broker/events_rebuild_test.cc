// The index of versions is made again from the log: after restarts in the midst of anything, and of
// logs that cannot be read for a while.

#include <gmock/gmock.h>

#include <map>

#include "broker/event_store.h"
#include "core/events/batch.h"
#include "tests/unit/broker/fixture.h"

namespace weir::broker {
namespace {

using testing::HasSubstr;

struct Event {
  std::optional<std::string> key;
  std::string expected;
  std::string id;
};
using Batch = std::vector<Event>;

class EventsRebuild : public BrokerTest {
 protected:
  CellId make(const std::string& name) {
    const auto made = broker->create_topic(
        {.name = {"", name}, .partitions = 1, .log = {}, .properties = {{"weir.events", "true"}}},
        now);
    EXPECT_TRUE(made) << made.error().message;
    return made->thing->logs.front();
  }
  Result<Appended> put(CellId log, const Batch& events) {
    std::string bytes;
    log::BatchBuilder builder(bytes);
    for (const Event& event : events) {
      std::vector<log::RecordHeader> headers;
      if (!event.expected.empty()) {
        headers.push_back({events::kHeaderExpectedVersion, event.expected});
      }
      if (!event.id.empty()) headers.push_back({events::kHeaderEventId, event.id});
      builder.add({event.key, "value", headers, now});
    }
    const log::BatchHeader header = builder.finish();
    return broker->append(log, {header, Bytes::take(std::move(bytes))}, now);
  }
  bool ready(CellId log) { return broker->events().index(log).has_value(); }
  void until_ready(CellId log) {
    for (int i = 0; i < 10'000 && !ready(log); ++i) pass(1);
    ASSERT_TRUE(ready(log));
  }
};

// Against a plain list of the events that the log holds.
class EventsWalk : public EventsRebuild, public testing::WithParamInterface<uint64_t> {
 protected:
  EventsWalk() {
    limits.events_step_bytes = 1;  // one batch a step, so that everything falls between two
    crash();
    log = make("orders");
    journal.sync();
  }

  std::string random_key() { return "k" + std::to_string(random.below(1 + random.below(12))); }
  std::optional<uint64_t> last(const std::string& key) const {
    const auto count = static_cast<uint64_t>(std::ranges::count(held, key, &Event::key));
    return count == 0 ? std::nullopt : std::optional(count - 1);
  }

  // One to four events; with `right` their expectations stand, otherwise the last one's does not.
  Batch random_batch(bool conditional, bool right) {
    Batch batch;
    std::map<std::string, uint64_t> added;
    const size_t count = 1 + random.below(4);
    for (size_t i = 0; i < count; ++i) {
      Event event;
      if (random.one_in(3)) event.id = "id" + std::to_string(next_id++);
      if (conditional || !random.one_in(5)) event.key = random_key();
      if (conditional) {
        const auto before = last(*event.key);
        const uint64_t events = (before ? *before + 1 : 0) + added[*event.key]++;
        const bool wrong = !right && i + 1 == count;
        event.expected = std::to_string(wrong ? events : events - 1);
        if (events == 0) event.expected = wrong ? "exists" : "none";
      }
      batch.push_back(event);
    }
    return batch;
  }

  void append(bool conditional, bool right) {
    Batch batch = random_batch(conditional, right);
    const bool asks = std::ranges::any_of(
        batch, [](const Event& event) { return !event.expected.empty() || !event.id.empty(); });
    const bool was_ready = ready(log);
    const auto done = put(log, batch);
    if (asks && !was_ready) {
      ASSERT_EQ(done.error().code, ErrorCode::kOverloaded);
    } else if (conditional && !right) {
      ASSERT_EQ(done.error().code, ErrorCode::kInvalidArgument);
    } else {
      ASSERT_TRUE(done) << done.error().message;
      ASSERT_EQ(done->base_offset, Offset(static_cast<int64_t>(held.size())));
      held.insert(held.end(), batch.begin(), batch.end());
      batches.emplace_back(done->base_offset, std::move(batch));
    }
  }

  void repeat_one() {
    if (batches.empty() || !ready(log)) return;
    const auto& [base, batch] = batches[random.below(batches.size())];
    const bool known =
        std::ranges::all_of(batch, [](const Event& event) { return !event.id.empty(); });
    if (!known) return;
    const auto again = put(log, batch);
    ASSERT_TRUE(again) << again.error().message;
    ASSERT_TRUE(again->duplicate);
    ASSERT_EQ(again->base_offset, base);
  }

  void restart() {
    const auto lost = static_cast<int64_t>(random.below(4));
    journal.crash(Lsn(broker->next_lsn().value() - static_cast<uint64_t>(lost)));
    broker.reset();
    open();
    held.resize(static_cast<size_t>(broker->find_log(log)->end().value()));
    std::erase_if(batches, [&](const auto& one) {
      return one.first >= Offset(static_cast<int64_t>(held.size()));
    });
  }

  // What is switched off and on again is counted anew, too.
  void forget() {
    for (const char* on : {"false", "true"}) {
      Thing altered = thing("orders");
      altered.properties["weir.events"] = on;
      ASSERT_TRUE(broker->alter(altered, now));
    }
    journal.sync();  // a crash must not leave it without versions
  }

  void compare() {
    const events::VersionIndex& index = **broker->events().index(log);
    std::map<std::string, std::vector<Offset>> model;
    for (size_t i = 0; i < held.size(); ++i) {
      const Offset offset(static_cast<int64_t>(i));
      if (!held[i].key) {
        ASSERT_EQ(index.version_at(offset), std::nullopt);
        continue;
      }
      std::vector<Offset>& known = model[*held[i].key];
      ASSERT_EQ(index.version_at(offset), known.size());
      known.push_back(offset);
    }
    ASSERT_EQ(index.keys(), model.size());
    for (const auto& [key, offsets] : model) {
      ASSERT_EQ(index.offsets(index.digest(key), 0, UINT64_MAX), offsets) << key;
      ASSERT_EQ(index.last_offset(index.digest(key)), offsets.back());
    }
  }

  Random random{GetParam()};
  CellId log;
  std::vector<Event> held;  // by offset
  std::vector<std::pair<Offset, Batch>> batches;
  uint64_t next_id = 0;
};

TEST_P(EventsWalk, IsTheSameIndexWheneverAndHoweverOftenItIsMade) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  for (int step = 0; step < 600 && !HasFatalFailure(); ++step) {
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2: append(true, true); break;
      case 3: append(true, false); break;
      case 4:
      case 5: append(false, true); break;
      case 6: repeat_one(); break;
      case 7: journal.sync(); break;
      case 8: journal.forget_cache(random.one_in(2)); break;
      case 9:
        if (random.one_in(4)) journal.checkpoint();
        break;
      case 10:
        if (random.one_in(3)) restart();
        if (random.one_in(20)) forget();
        break;
      default:
        for (uint64_t i = random.below(40); i > 0; --i) pass(1);
        break;
    }
    if (ready(log) && random.one_in(10)) compare();
  }
  until_ready(log);
  compare();
  EXPECT_GT(held.size(), 50U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, EventsWalk, testing::Range<uint64_t>(1, 25));

// Story: the first log that could not be read was asked for again each second, for ever and in
// silence, and no other log was read meanwhile.
TEST_F(EventsRebuild, ALogThatCannotBeReadIsToldOfAndHoldsUpNoOther) {
  const CellId log = make("orders");
  const CellId other = make("other");
  for (const CellId each : {log, other}) ASSERT_TRUE(put(each, {{"a", "none", ""}}));
  journal.sync();
  const log::Row row = *broker->find_log(log)->row_at(Offset(0));
  journal.corrupt(row.span);
  std::vector<std::pair<Timestamp, std::string>> told;
  crash();
  broker->events().on_problem([&](const std::string& topic, const std::string& problem) {
    EXPECT_EQ(topic, "orders");
    told.emplace_back(now, problem);
  });
  until_ready(other);
  pass(1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told[0].second, HasSubstr("cannot be read at offset 0: an entry fails its checksum"));
  EXPECT_EQ(broker->events().state(log)->problem, told[0].second);
  EXPECT_FALSE(broker->events().state(log)->complete);
  EXPECT_EQ(broker->events().totals().problems, 1U);
  const auto refused = put(log, {{"a", "0", ""}});
  EXPECT_EQ(refused.error().code, ErrorCode::kStorageUnavailable);
  EXPECT_EQ(refused.error().message, told[0].second);

  // It is asked for ever more rarely, and not given up.
  for (int i = 0; i < 400; ++i) pass(1000);
  ASSERT_GT(told.size(), 8U);
  EXPECT_LT(told.size(), 16U);
  EXPECT_GE(told[1].first - told[0].first, Milliseconds(1000));
  EXPECT_LT(told[1].first - told[0].first, Milliseconds(2000));
  EXPECT_EQ(told.back().first - told[told.size() - 2].first, Milliseconds(60'000));

  journal.mend();
  for (int i = 0; i < 61; ++i) pass(1000);
  EXPECT_EQ(told.back().second, "");
  ASSERT_TRUE(ready(log));
  EXPECT_EQ(broker->events().state(log)->problem, "");
  EXPECT_EQ(broker->events().totals().incomplete, 0U);
  EXPECT_TRUE(put(log, {{"a", "0", ""}}));
}

// Story: the answer to a read for the index that was given up came when there was another one,
// which took it for its own and never counted what lay before.
TEST_F(EventsRebuild, WhatWasReadForAnIndexThatWasGivenUpIsNotTakenForTheNext) {
  limits.events_step_bytes = 1;
  crash();
  const CellId log = make("orders");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put(log, {{"a", "", ""}}));
  journal.sync();
  journal.forget_cache(true);
  crash();
  while (broker->events().state(log)->next < Offset(2)) pass(1);
  now = now + Milliseconds(1);
  broker->tick(now);  // a step is being read
  for (const char* on : {"false", "true"}) {
    Thing altered = thing("orders");
    altered.properties["weir.events"] = on;
    ASSERT_TRUE(broker->alter(altered, now));
  }
  journal.poll();
  until_ready(log);
  const auto* index = *broker->events().index(log);
  EXPECT_EQ(index->last_version(index->digest("a")), 4U);
}

// Story: a record that was deleted before the topic had versions was counted, and not found: who
// read the key got the events after it under versions that were one too low.
TEST_F(EventsRebuild, WhatWasDeletedBeforeTheTopicHadVersionsDoesNotCount) {
  const CellId log = make_topic("orders").logs.front();
  for (const char* value : {"0", "1", "2"}) append(log, value, "a");
  ASSERT_TRUE(broker->delete_records(log, {{Offset(1), {}}}, now));
  Thing altered = thing("orders");
  altered.properties["weir.events"] = "true";
  ASSERT_TRUE(broker->alter(altered, now));
  until_ready(log);
  std::optional<EventStore::KeyEvents> found;
  broker->events().read_key({.topic = {"", "orders"}, .key = "a", .from = {}},
                            [&](Result<EventStore::KeyEvents> answer) {
                              ASSERT_TRUE(answer) << answer.error().message;
                              found = std::move(*answer);
                            });
  journal.poll();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->last, 1U);
  ASSERT_EQ(found->records.size(), 2U);
  EXPECT_EQ(found->versions, (std::vector<events::Version>{0, 1}));
  EXPECT_EQ(found->records[1].record.value, "2");
}

}  // namespace
}  // namespace weir::broker
