#include "broker/row_entries.h"

#include <gtest/gtest.h>

#include "base/wire.h"

namespace weir::broker {
namespace {

constexpr size_t kBatchBytes = 64;

// An entry of a log as the journal gives it: a kind byte, the event, a batch that begins with its
// offset.
StoredEntry entry(int64_t base_offset, std::string_view event = "e") {
  std::string payload(kBatchBytes, 'p');
  store_be(payload.data(), base_offset);
  return {Bytes::copy_of("k" + std::string(event)), Bytes::take(std::move(payload)), {}};
}

log::Row row(int64_t first, uint32_t count) {
  log::Row result;
  result.first_offset = first;
  result.count = count;
  return result;
}

std::vector<int64_t> offsets(const std::vector<StoredEntry>& entries) {
  std::vector<int64_t> result;
  for (const StoredEntry& one : entries) result.push_back(load_be<int64_t>(one.payload.data()));
  return result;
}

TEST(RowEntries, ThoseOfTheRowComeWithoutTheKindByte) {
  const auto found = entries_of_row({entry(10, "first"), entry(12, "second")}, row(10, 5));
  EXPECT_EQ(offsets(found), (std::vector<int64_t>{10, 12}));
  EXPECT_EQ(found[0].event.view(), "first");
  EXPECT_EQ(found[1].event.view(), "second");
}

// The tidier put another row's batches between two that it merged: a reader of the one row once got
// them too, twice and out of order.
TEST(RowEntries, BatchesOfOtherRowsInTheSpanAreLeftOut) {
  const auto found =
      entries_of_row({entry(10), entry(3), entry(4), entry(15), entry(12), entry(99)}, row(10, 5));
  EXPECT_EQ(offsets(found), (std::vector<int64_t>{10, 12}));
}

TEST(RowEntries, CopiesThatDiedOnTheWayAreReadOnceAndInOrder) {
  const auto found =
      entries_of_row({entry(12), entry(10), entry(12), entry(11), entry(10)}, row(10, 3));
  EXPECT_EQ(offsets(found), (std::vector<int64_t>{10, 11, 12}));
}

TEST(RowEntries, WhatIsTooShortForABatchBelongsToNoRow) {
  StoredEntry empty = entry(0);
  empty.payload = Bytes::copy_of("short");
  EXPECT_EQ(offsets(entries_of_row({std::move(empty), entry(0)}, row(0, 1))),
            (std::vector<int64_t>{0}));
  EXPECT_TRUE(entries_of_row({}, row(0, 1)).empty());
}

TEST(RowEntries, ThoseThatHoldAnOffsetAreTakenOnce) {
  const std::vector<StoredEntry> entries{entry(10), entry(11), entry(12), entry(20), entry(30)};
  const auto holding = [&](std::vector<int64_t> wanted) {
    std::vector<Offset> all;
    for (const int64_t one : wanted) all.emplace_back(one);
    return offsets(entries_holding(entries, all));
  };
  EXPECT_EQ(holding({10, 11, 12}), (std::vector<int64_t>{10, 11, 12}));
  EXPECT_EQ(holding({11, 12, 13}), (std::vector<int64_t>{11, 12}));
  EXPECT_EQ(holding({12, 13, 19, 20, 21, 35}), (std::vector<int64_t>{12, 20, 30}));
  EXPECT_EQ(holding({25}), (std::vector<int64_t>{20}));
  EXPECT_EQ(holding({9, 30}), (std::vector<int64_t>{30}));
  EXPECT_TRUE(holding({}).empty());
  EXPECT_TRUE(entries_holding({}, std::vector<Offset>{Offset(1)}).empty());
}

}  // namespace
}  // namespace weir::broker
