// What reads of files cost, and that they are right whatever was written meanwhile.

#include "storage/local/cold_reads.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "storage/local/local_journal.h"
#include "tests/contract/journal_owner.h"
#include "tests/simulation/storage/faulty_disk.h"
#include "tests/simulation/storage/sim_executor.h"

namespace weir::storage {
namespace {

constexpr size_t kPayload = 20'000;

class Reading {
 public:
  explicit Reading(uint64_t seed) : disk(seed), seed_(seed) { start(); }

  // Nothing of what was written before is in memory any more.
  void start() {
    if (executor != nullptr) executor->die([this] { disk.begin_dying(); });
    journal.reset();
    disk.cut_power(0);
    executor = std::make_unique<SimExecutor>(++seed_);
    LocalJournal::Options options;
    options.seed = seed_;
    options.tail_bytes_max = 0;
    options.idle_after = std::chrono::hours(1);
    journal = std::make_unique<LocalJournal>(options, disk, *executor);
    owner = std::make_unique<TextOwner>(*journal);
    const auto recovered = journal->recover(*owner);
    ASSERT_TRUE(recovered) << recovered.error().message;
  }
  void append(CellId cell) {
    const size_t number = owner->cells[cell].kept.size();
    owner->append(cell, "x", payload(cell, number));
  }
  void settle() {
    ASSERT_TRUE(
        executor->run_until([&] { return journal->durable().next() == journal->next_lsn(); }));
  }
  void append_settled(CellId cell) {
    append(cell);
    settle();
  }
  static std::string payload(CellId cell, size_t number) {
    return std::string(kPayload, static_cast<char>('a' + (cell.value() * 31 + number) % 26));
  }
  broker::Extent place(CellId cell, size_t number) { return owner->cells[cell].kept[number]; }
  bool in_memory(CellId cell, size_t number) {
    return journal->read_cached(cell, place(cell, number)).has_value();
  }
  // Asks for it; `left` counts down when it has come, as it was written.
  void ask(CellId cell, size_t number, size_t& left) {
    const auto check = [cell, number, &left](broker::ReadResult result) {
      ASSERT_TRUE(result) << result.error().message;
      ASSERT_EQ(result->size(), 1);
      EXPECT_EQ(result->front().payload.view(), payload(cell, number));
      --left;
    };
    if (auto cached = journal->read_cached(cell, place(cell, number))) return check(*cached);
    journal->read(cell, place(cell, number), check);
  }
  void read(CellId cell, size_t number) {
    size_t left = 1;
    ask(cell, number, left);
    ASSERT_TRUE(executor->run_until([&] { return left == 0; }));
  }

  FaultyDisk disk;
  std::unique_ptr<SimExecutor> executor;
  std::unique_ptr<LocalJournal> journal;
  std::unique_ptr<TextOwner> owner;

 private:
  uint64_t seed_;
};

TEST(ColdReads, WhoReadsOnCostsFewLargeReads) {
  Reading files(1);
  constexpr size_t kCount = 400;
  for (size_t i = 0; i < kCount; ++i) files.append_settled(CellId(1));
  // The first start reads the file again, the second knows of it from a checkpoint.
  files.start();
  files.journal->checkpoint();
  ASSERT_TRUE(files.executor->run_until([&] { return files.journal->metrics().checkpoints > 0; }));
  files.start();
  const uint64_t cached = files.disk.cached_bytes();
  for (size_t i = 0; i < kCount; ++i) files.read(CellId(1), i);
  const JournalMetrics metrics = files.journal->metrics();
  EXPECT_GT(files.disk.cached_bytes() - cached, kCount * kPayload);
  const uint64_t stored = kCount * (kPayload + kBlock);
  EXPECT_LE(metrics.file_reads, stored * 9 / 8 / kRegionBytes + 5);
  // Neighbouring regions overlap, and the last ones lie ahead.
  EXPECT_LE(metrics.file_read_bytes, stored * 9 / 8 + 4 * kRegionBytes);
  EXPECT_EQ(metrics.read_errors, 0);
}

// What the page cache has may be older than the file.
TEST(ColdReads, OldPagesOfTheCacheAreNoDamage) {
  Reading files(5);
  constexpr size_t kCount = 40;
  for (size_t i = 0; i < kCount; ++i) files.append_settled(CellId(1));
  files.start();
  files.disk.faults.stale_page = 1;
  for (size_t i = 0; i < kCount; ++i) files.read(CellId(1), i);
  EXPECT_GT(files.disk.cached_bytes(), 0);
  EXPECT_EQ(files.journal->metrics().read_errors, 0);
}

TEST(ColdReads, LogsThatShareFramesShareTheReads) {
  Reading files(2);
  constexpr size_t kCells = 16;
  constexpr size_t kEach = 12;
  for (size_t i = 0; i < kEach; ++i) {
    for (size_t cell = 1; cell <= kCells; ++cell) files.append(CellId(cell));
    files.settle();
  }
  files.start();
  size_t left = kCells * kEach;
  for (size_t cell = 1; cell <= kCells; ++cell) {
    for (size_t i = 0; i < kEach; ++i) files.ask(CellId(cell), i, left);
  }
  ASSERT_TRUE(files.executor->run_until([&] { return left == 0; }));
  const uint64_t stored = kCells * kEach * (kPayload + kBlock);
  EXPECT_LE(files.journal->metrics().file_reads, kCells * kEach / 10);
  EXPECT_LT(files.journal->metrics().file_read_bytes, 2 * stored);
}

// The rows of one log among those of others: only they are read, the device fetches all of it once.
TEST(ColdReads, WhoReadsMuchOfOneLogCostsItsRows) {
  Reading files(6);
  constexpr size_t kCells = 8;
  constexpr size_t kEach = 60;
  for (size_t i = 0; i < kEach; ++i) {
    for (size_t cell = 1; cell <= kCells; ++cell) files.append(CellId(cell));
    files.settle();
  }
  files.start();
  for (size_t from = 0; from < kEach; from += 20) {
    for (size_t cell = 1; cell <= kCells; ++cell) {
      size_t left = 20;
      for (size_t i = from; i < from + 20; ++i) files.ask(CellId(cell), i, left);
      ASSERT_TRUE(files.executor->run_until([&] { return left == 0; }));
    }
  }
  const uint64_t stored = kCells * kEach * (kPayload + kBlock);
  EXPECT_LE(files.journal->metrics().file_reads, kCells * (kEach / 20) * 2);
  EXPECT_LE(files.journal->metrics().file_read_bytes, stored);
  EXPECT_GT(files.disk.fetched_bytes(), stored / 4);
  EXPECT_LE(files.disk.fetched_bytes(), stored + ReadAhead::kAheadBytes);
}

TEST(ColdReads, ALoneReadCostsItsSpan) {
  Reading files(3);
  constexpr size_t kCount = 200;
  for (size_t i = 0; i < kCount; ++i) files.append_settled(CellId(1));
  files.start();
  // Steps of some 400 KB, backwards.
  for (size_t i = kCount; i > 20; i -= 20) files.read(CellId(1), i - 1);
  EXPECT_EQ(files.journal->metrics().file_reads, kCount / 20 - 1);
  EXPECT_LE(files.journal->metrics().file_read_bytes, 9 * (kPayload + 2 * kBlock));
}

// A region may be read while frames inside it are still on their way to the disk.
TEST(ColdReads, WhatIsWrittenAfterARegionWasReadIsReadAgain) {
  size_t both = 0;
  for (uint64_t seed = 10; seed < 15; ++seed) {
    Reading files(seed);
    size_t count = 0;
    while (count < 2 || files.in_memory(CellId(1), count - 2)) {
      files.append_settled(CellId(1));
      ++count;
    }
    files.read(CellId(1), count - 3);
    size_t left = 1;
    files.ask(CellId(1), count - 2, left);
    files.append(CellId(1));
    ASSERT_TRUE(files.executor->run_until([&] { return left == 0; }));
    const size_t late = count++;
    files.settle();
    while (files.in_memory(CellId(1), late)) {
      files.append_settled(CellId(1));
      ++count;
      if (count > late + 300) break;
    }
    const uint64_t before = files.journal->metrics().file_reads;
    files.read(CellId(1), late);
    both += files.journal->metrics().file_reads > before ? 1 : 0;
    EXPECT_EQ(files.journal->metrics().read_errors, 0);
  }
  EXPECT_GT(both, 0) << "no region was read too early";
}

TEST(ColdReads, DamageIsToldOfTheSpanThatHasIt) {
  Reading files(4);
  for (size_t i = 0; i < 40; ++i) files.append_settled(CellId(1));
  files.start();
  files.read(CellId(1), 0);
  for (const std::string& path : files.disk.paths()) {
    const auto at = files.disk.contents(path).find(Reading::payload(CellId(1), 20));
    if (at != std::string::npos) files.disk.flip_bit(path, at + 7, 1);
  }
  std::optional<broker::ReadResult> damaged;
  files.read(CellId(1), 1);
  files.journal->read(CellId(1), files.place(CellId(1), 20),
                      [&](broker::ReadResult result) { damaged = std::move(result); });
  ASSERT_TRUE(files.executor->run_until([&] { return damaged.has_value(); }));
  ASSERT_FALSE(damaged->has_value());
  EXPECT_EQ(damaged->error().code, ErrorCode::kStorageCorrupt);
  files.read(CellId(1), 19);
  files.read(CellId(1), 21);
}

}  // namespace
}  // namespace weir::storage
