// When a checkpoint is due, and what its file looks like.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "storage/local/local_journal.h"
#include "tests/contract/journal_owner.h"
#include "tests/simulation/storage/faulty_disk.h"
#include "tests/simulation/storage/sim_executor.h"

namespace weir::storage {
namespace {

constexpr CellId kBig(7);
constexpr CellId kSmall(8);
constexpr CellId kOther(9);

class Checkpoints : public ::testing::Test {
 protected:
  Checkpoints() {
    options.seed = 1;
    options.file_bytes = 256 << 10;
    options.checkpoint_bytes = 10'000;
    start();
  }
  void start() {
    executor = std::make_unique<SimExecutor>(++lives);
    journal = std::make_unique<LocalJournal>(options, disk, *executor);
    owner = std::make_unique<TextOwner>(*journal);
    ASSERT_TRUE(journal->recover(*owner));
  }
  void restart() {
    executor->die([this] { disk.begin_dying(); });
    journal.reset();
    disk.cut_power(0);
    start();
  }
  void append(CellId cell, size_t bytes) { owner->append(cell, std::string(bytes, 'x')); }
  // How many there have been once nothing more happens.
  uint64_t taken() {
    EXPECT_TRUE(executor->run_until([&] {
      return journal->durable().next() == journal->next_lsn() && !journal->checkpoint_under_way();
    }));
    return journal->metrics().checkpoints;
  }

  FaultyDisk disk{1};
  LocalJournal::Options options;
  std::unique_ptr<SimExecutor> executor;
  std::unique_ptr<LocalJournal> journal;
  std::unique_ptr<TextOwner> owner;
  uint64_t lives = 0;
};

TEST_F(Checkpoints, OneIsDueAfterSoManyBytesOfTheJournal) {
  append(kSmall, 9000);
  EXPECT_EQ(taken(), 0U);
  append(kSmall, 1000);
  EXPECT_EQ(taken(), 1U);
  append(kOther, 9000);
  EXPECT_EQ(taken(), 1U);
  append(kOther, 2000);
  EXPECT_EQ(taken(), 2U);
}

// A list of a gigabyte that went on growing was written whole every time.
TEST_F(Checkpoints, TheNextWaitsUntilTheJournalIsAsMuchAsTheLastImagesWere) {
  append(kBig, 25'000);
  ASSERT_EQ(taken(), 1U);
  append(kBig, 12'000);
  append(kBig, 12'000);
  EXPECT_EQ(taken(), 1U);
  append(kBig, 2000);
  EXPECT_EQ(taken(), 2U);
}

TEST_F(Checkpoints, ItWaitsNoMoreThanSoManyTimesAsLong) {
  append(kBig, 200'000);
  ASSERT_EQ(taken(), 1U);
  for (int i = 0; i < 3; ++i) append(kBig, 10'000);
  EXPECT_EQ(taken(), 1U);
  append(kBig, 10'000);
  EXPECT_EQ(taken(), 2U);
}

TEST_F(Checkpoints, WhatTheLastImagesWereIsKnownAfterARestart) {
  append(kBig, 25'000);
  ASSERT_EQ(taken(), 1U);
  restart();
  append(kBig, 12'000);
  EXPECT_EQ(taken(), 0U);
  append(kBig, 14'000);
  EXPECT_EQ(taken(), 1U);
}

// Image files are written past the page cache, in whole blocks.
TEST_F(Checkpoints, AnImageFileEndsOnABlockAndIsReadAgain) {
  append(kBig, 3 << 20);
  append(kSmall, 10);
  ASSERT_EQ(taken(), 1U);
  uint64_t found = 0;
  for (const std::string& path : disk.paths()) {
    if (!path.ends_with(".images")) continue;
    EXPECT_EQ(disk.file_size(path) % kBlock, 0U) << path;
    found += disk.file_size(path);
  }
  EXPECT_GT(found, uint64_t{3} << 20);
  restart();
  EXPECT_EQ(owner->cells[kBig].text, std::string(3 << 20, 'x'));
  EXPECT_EQ(owner->cells[kSmall].text, std::string(10, 'x'));
  EXPECT_EQ(journal->metrics().replayed_entries, 0U);
}

}  // namespace
}  // namespace weir::storage
