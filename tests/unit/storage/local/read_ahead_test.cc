// What is fetched for who reads on: each byte once, as far ahead as it says, and not in vain.

#include "storage/local/read_ahead.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "tests/simulation/storage/faulty_disk.h"
#include "tests/simulation/storage/sim_executor.h"

namespace weir::storage {
namespace {

constexpr uint64_t kFile = uint64_t{64} << 20;
constexpr uint64_t kRow = uint64_t{64} << 10;

class Readers : public testing::Test {
 protected:
  void add_file(uint32_t id, FileKind kind = FileKind::kCommits) {
    auto file = std::make_shared<JournalFile>();
    file->id = FileId(id);
    file->kind = kind;
    file->size = file->end = kFile;
    file->sealed = true;
    file->parts.push_back({kBlock, 0, std::make_shared<Slot>()});
    files.adopt(file);
  }
  // A read of `bytes` that lie in [begin, end).
  bool read(uint32_t file, uint64_t begin, uint64_t end, uint64_t bytes) {
    std::vector<ReadAhead::Stretch> more;
    const bool reads_on = ahead.note({FileId(file), begin, end}, bytes, more);
    for (const ReadAhead::Stretch& stretch : more) {
      EXPECT_LT(stretch.begin, stretch.end);
      fetched[stretch.file.value()] += stretch.end - stretch.begin;
      furthest = stretch.end;
    }
    return reads_on;
  }
  bool read(uint32_t file, uint64_t begin, uint64_t end) {
    return read(file, begin, end, end - begin);
  }

  LocalJournalOptions options;
  FaultyDisk disk{1};
  SimExecutor executor{1};
  Steps steps{executor};
  FileSet files{options, disk, steps};
  ReadAhead ahead{files};
  std::map<uint32_t, uint64_t> fetched;
  uint64_t furthest = 0;
};

TEST_F(Readers, TheFirstReadFetchesNothing) {
  add_file(1);
  EXPECT_FALSE(read(1, kBlock, kBlock + kRow));
  EXPECT_FALSE(read(1, 32 * kRow, 33 * kRow));
  EXPECT_TRUE(fetched.empty());
}

TEST_F(Readers, WhoReadsOnIsAFewStepsBehindTheDevice) {
  add_file(1);
  read(1, kBlock, kRow);
  for (uint64_t at = kRow; at < kFile; at += kRow) {
    EXPECT_TRUE(read(1, at, at + kRow));
    const uint64_t wanted = std::min(at + kRow + ReadAhead::kAheadBytes, kFile);
    EXPECT_LE(furthest, wanted);
    EXPECT_GT(furthest + ReadAhead::kStepBytes, wanted);
  }
  EXPECT_EQ(fetched[1], kFile - kRow);
}

TEST_F(Readers, TheNextFileIsFetchedBeforeItIsReached) {
  add_file(1);
  add_file(2);
  read(1, kFile - 4 * kRow, kFile - 3 * kRow);
  read(1, kFile - 3 * kRow, kFile - 2 * kRow);
  EXPECT_GE(fetched[2], ReadAhead::kAheadBytes - ReadAhead::kStepBytes);
  EXPECT_TRUE(read(2, kBlock, kRow)) << "who goes on in the next file reads on";
  EXPECT_LE(fetched[2], ReadAhead::kAheadBytes + kRow);
}

TEST_F(Readers, CopiesOfTheTidierAreNotWhereAReaderGoesOn) {
  add_file(1);
  add_file(2, FileKind::kCopies);
  read(1, kFile - 4 * kRow, kFile - 3 * kRow);
  read(1, kFile - 3 * kRow, kFile - 2 * kRow);
  EXPECT_FALSE(fetched.contains(2));
}

// Sixteen logs share each stretch, and their readers are at different places of it.
TEST_F(Readers, WhatOneHasFetchedIsThereForTheOthers) {
  add_file(1);
  constexpr uint64_t kReaders = 16;
  for (uint64_t step = 0; step * kReaders * kRow < kFile / 2; ++step) {
    for (uint64_t reader = 0; reader < kReaders; ++reader) {
      const uint64_t at = kBlock + (step * kReaders + reader * kReaders + reader) * kRow;
      read(1, at, at + kRow);
    }
  }
  EXPECT_LE(fetched[1], kFile);
}

TEST_F(Readers, WideGapsAreNotFetchedInVain) {
  for (uint32_t id = 1; id < 20; ++id) add_file(id);
  constexpr uint64_t kGap = uint64_t{400} << 10;
  uint64_t reads = 0;
  for (uint32_t file = 1; file < 20; ++file) {
    for (uint64_t at = kBlock; at + kGap < kFile; at += kGap) {
      reads += 1;
      read(file, at, at + 4096);
    }
  }
  uint64_t sum = 0;
  for (const auto& [file, bytes] : fetched) sum += bytes;
  EXPECT_LT(sum, 19 * kFile / 4) << "of " << reads << " reads";
  EXPECT_FALSE(read(1, kBlock + 10 * kGap, kBlock + 10 * kGap + 4096));
  EXPECT_TRUE(read(1, kBlock + 10 * kGap + 8192, kBlock + 10 * kGap + kRow))
      << "who leaves narrow gaps reads on";
}

TEST_F(Readers, WhatWasFetchedLongAgoIsFetchedAgain) {
  add_file(1);
  read(1, kBlock, kRow);
  read(1, kRow, 2 * kRow);
  const uint64_t once = fetched[1];
  EXPECT_GT(once, 0);
  ahead.forget();
  EXPECT_FALSE(read(1, kBlock, kRow));
  read(1, kRow, 2 * kRow);
  EXPECT_EQ(fetched[1], 2 * once);
}

}  // namespace
}  // namespace weir::storage
