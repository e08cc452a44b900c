// Single records out of rows: what it costs is counted in entries that the journal was asked for.

#include "broker/row_reads.h"

#include <functional>

#include "tests/unit/broker/fixture.h"

namespace weir::broker {
namespace {

class RowReadsOfATopic : public BrokerTest {
 protected:
  static constexpr int kRecords = 200;

  RowReadsOfATopic() : log(make_topic("events").logs.front()) {
    fill(0, kRecords);
    journal.poll();
  }

  // One commit, so one row.
  void fill(int from, int to) {
    const Broker::Turn turn(*broker, now);
    for (int i = from; i < to; ++i) append(log, std::to_string(i));
  }

  // Asks for `count` records; the answer comes now, or with the journal's next poll.
  void ask(int from, int count) {
    broker->read({.log = log,
                  .from = Offset(from),
                  .end = Offset(from + count),
                  .visibility = Visibility::kApplied},
                 [this, from, count](Result<ReadAnswer> answer) {
                   ASSERT_TRUE(answer) << answer.error().message;
                   ASSERT_EQ(answer->batches.size(), static_cast<size_t>(count));
                   for (int i = 0; i < count; ++i) {
                     const auto header =
                         log::parse_header(answer->batches[static_cast<size_t>(i)].payload);
                     ASSERT_TRUE(header);
                     EXPECT_EQ(header->first_offset(), Offset(from + i));
                   }
                   ++answers;
                 });
  }

  Offset last() const { return Offset(broker->find_log(log)->end().value() - 1); }

  log::StreamId id_of(int offset) {
    log::StreamId id;
    broker->read({.log = log,
                  .from = Offset(offset),
                  .end = Offset(offset + 1),
                  .visibility = Visibility::kApplied},
                 [&](Result<ReadAnswer> answer) {
                   ASSERT_TRUE(answer && answer->batches.size() == 1);
                   id = log::decode_append(answer->batches.front().event)->id_of(Offset(offset));
                 });
    journal.poll();
    return id;
  }

  void forget() {
    for (int i = 0; i < 3; ++i) pass(limits.maintenance_every.count());
  }

  uint64_t given_for(const std::function<void()>& act) {
    const uint64_t before = journal.entries_given();
    act();
    journal.poll();
    return journal.entries_given() - before;
  }

  CellId log;
  int answers = 0;
};

// A group with many consumers works off what is on the disk only: once each of them had the whole
// row read and cut for itself.
TEST_F(RowReadsOfATopic, WhoeverAsksForARowWhileItIsReadGetsTheOneAnswer) {
  journal.forget_cache(true);
  EXPECT_EQ(given_for([&] {
              for (int from = 0; from < kRecords; from += 10) ask(from, 10);
              EXPECT_EQ(answers, 0);
            }),
            uint64_t{kRecords});
  EXPECT_EQ(answers, kRecords / 10);
}

TEST_F(RowReadsOfATopic, WhoReadsOnFindsTheRow) {
  for (const bool cold : {true, false}) {
    journal.forget_cache(cold);
    EXPECT_LE(given_for([&] {
                for (int from = 0; from < kRecords; from += 10) {
                  ask(from, 10);
                  journal.poll();
                }
              }),
              uint64_t{kRecords});
  }
  EXPECT_EQ(answers, 2 * kRecords / 10);
}

TEST_F(RowReadsOfATopic, ARowThatHasGrownCostsWhatItGrewBy) {
  ask(0, 10);
  fill(kRecords, kRecords + 20);
  ASSERT_EQ(broker->find_log(log)->row_at(Offset(0)), broker->find_log(log)->row_at(last()));
  EXPECT_EQ(given_for([&] { ask(kRecords - 5, 25); }), 20U);
  EXPECT_EQ(given_for([&] { ask(0, 60); }), 0U);
  EXPECT_EQ(answers, 3);
}

TEST_F(RowReadsOfATopic, AnIdIsFoundInARowThatWasRead) {
  const log::StreamId wanted = id_of(150);
  std::optional<Offset> found;
  EXPECT_EQ(given_for([&] {
              broker->find_by_id(log, wanted, Visibility::kApplied,
                                 [&](Result<FoundOffset> answer) {
                                   ASSERT_TRUE(answer && answer->record);
                                   found = answer->record->offset;
                                 });
            }),
            0U);
  EXPECT_EQ(found, Offset(150));
}

TEST_F(RowReadsOfATopic, AnErrorIsToldToAllWhoAskedAndNotKept) {
  Extent extent;
  const ReadRequest request{
      .log = log, .from = Offset(7), .end = Offset(8), .visibility = Visibility::kApplied};
  broker->read(request, [&](Result<ReadAnswer> answer) {
    ASSERT_TRUE(answer);
    extent = answer->batches.front().extent;
  });
  forget();
  journal.forget_cache(true);
  journal.corrupt(extent);
  int errors = 0;
  for (int i = 0; i < 3; ++i) {
    broker->read(request, [&](Result<ReadAnswer> answer) {
      errors += !answer && answer.error().code == ErrorCode::kStorageCorrupt ? 1 : 0;
    });
  }
  journal.poll();
  EXPECT_EQ(errors, 3);
  journal.mend();
  ask(7, 1);
  journal.poll();
  EXPECT_EQ(answers, 1);
}

TEST_F(RowReadsOfATopic, RowsAreForgottenWhenNobodyAsks) {
  ask(0, 10);
  forget();
  EXPECT_EQ(given_for([&] { ask(10, 10); }), uint64_t{kRecords});
}

}  // namespace
}  // namespace weir::broker
