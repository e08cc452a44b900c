// Where a journal ends, where it is corrupt, and what an operator is told.

#include "storage/local/recovery.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <memory>

#include "storage/local/local_journal.h"
#include "tests/contract/journal_owner.h"
#include "tests/simulation/storage/faulty_disk.h"
#include "tests/simulation/storage/sim_executor.h"

namespace weir::storage {
namespace {

class Recovering : public ::testing::Test {
 protected:
  Result<void> start(bool salvage = false) {
    stop();
    return start_on_what_is_there(salvage);
  }
  Result<void> start_on_what_is_there(bool salvage = false) {
    executor = std::make_unique<SimExecutor>(++lives);
    LocalJournal::Options options;
    options.seed = lives;
    options.file_bytes = 64 << 10;
    options.salvage = salvage;
    options.say = [this](std::string_view line) { said += line; };
    journal = std::make_unique<LocalJournal>(options, disk, *executor);
    owner = std::make_unique<TextOwner>(*journal);
    return journal->recover(*owner);
  }
  void stop() {
    if (executor != nullptr) executor->die([this] { disk.begin_dying(); });
    journal.reset();
    disk.cut_power(0);
  }
  void settle() {
    ASSERT_TRUE(
        executor->run_until([&] { return journal->durable().next() == journal->next_lsn(); }));
  }
  // One commit a frame, each of one block, so that frame n lies in block n of its file.
  void commit_each(int count) {
    for (int i = 0; i < count; ++i) {
      owner->append(CellId(1), std::to_string(i % 10));
      settle();
    }
  }
  // The slot whose frames begin with commit 1 (or the first after a restart).
  std::string slot_with(ByteView text) {
    for (const std::string& path : disk.paths()) {
      if (path.ends_with(".slot") && disk.contents(path).find(text) != std::string::npos)
        return path;
    }
    return "";
  }

  FaultyDisk disk{1};
  std::unique_ptr<SimExecutor> executor;
  std::unique_ptr<LocalJournal> journal;
  std::unique_ptr<TextOwner> owner;
  std::string said;
  uint64_t lives = 0;
};

TEST_F(Recovering, ATornLastFrameEndsTheJournal) {
  ASSERT_TRUE(start());
  owner->append(CellId(1), "first!");
  settle();
  owner->append(CellId(1), "second");
  settle();
  stop();
  const std::string slot = slot_with("asecond");
  disk.flip_bit(slot, disk.contents(slot).find("asecond"), 0);
  ASSERT_TRUE(start());
  EXPECT_EQ(owner->cells[CellId(1)].text, "first!");
  EXPECT_EQ(journal->next_lsn(), Lsn(2));
}

TEST_F(Recovering, ADamagedFrameThatALaterOneVouchesForIsCorruption) {
  ASSERT_TRUE(start());
  owner->append(CellId(1), "target");
  settle();
  commit_each(3);
  stop();
  const std::string slot = slot_with("atarget");
  disk.flip_bit(slot, disk.contents(slot).find("atarget"), 3);
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kStorageCorrupt);
  EXPECT_THAT(started.error().message, ::testing::HasSubstr("held commit 1, which was durable"));
  EXPECT_THAT(started.error().message, ::testing::HasSubstr("--salvage"));
}

TEST_F(Recovering, SalvageKeepsWhatCameBeforeTheDamageAndGoesOn) {
  ASSERT_TRUE(start());
  owner->append(CellId(1), "before");
  settle();
  owner->append(CellId(1), "target");
  settle();
  commit_each(3);
  stop();
  const std::string slot = slot_with("atarget");
  disk.flip_bit(slot, disk.contents(slot).find("atarget"), 3);
  ASSERT_FALSE(start());
  ASSERT_TRUE(start(true));
  EXPECT_EQ(owner->cells[CellId(1)].text, "before");
  EXPECT_THAT(said, ::testing::HasSubstr("given up"));
  owner->append(CellId(1), "+after");
  settle();
  ASSERT_TRUE(executor->run_until([&] { return journal->metrics().checkpoints > 0; }))
      << "what was given up is left behind by a checkpoint at once";
  const auto again = start();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(owner->cells[CellId(1)].text, "before+after");
}

TEST_F(Recovering, AMissingFileInTheMiddleIsCorruption) {
  ASSERT_TRUE(start());
  for (int i = 0; i < 12; ++i) {
    owner->append(CellId(1), i == 6 ? "middle" : "other", std::string(20'000, 'p'));
    settle();
  }
  stop();
  ASSERT_TRUE(disk.remove(slot_with("amiddle")));
  ASSERT_TRUE(disk.sync_directory(kJournalFolder));
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, ::testing::HasSubstr("is missing"));
}

TEST_F(Recovering, ADamagedImageIsNamed) {
  ASSERT_TRUE(start());
  owner->append(CellId(5), "text of the image");
  settle();
  journal->checkpoint();
  ASSERT_TRUE(executor->run_until([&] { return journal->metrics().checkpoints > 0; }));
  stop();
  for (const std::string& path : disk.paths()) {
    const size_t at = disk.contents(path).find("text of the image");
    if (path.ends_with(".images")) disk.flip_bit(path, at, 1);
  }
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, ::testing::HasSubstr("the image of cell 5"));
}

TEST_F(Recovering, EveryStartHasAHigherEpochAndFilesOfItsOwn) {
  for (int life = 0; life < 3; ++life) {
    ASSERT_TRUE(start());
    commit_each(2);
  }
  const auto current = decode_current(disk.contents(kCurrentName));
  ASSERT_TRUE(current);
  EXPECT_EQ(current->epoch, 3u);
  ASSERT_TRUE(start());
  EXPECT_EQ(owner->cells[CellId(1)].text, "010101");
}

TEST_F(Recovering, ASlotThatAKilledProcessDidNotSyncIsSyncedBeforeItIsUsed) {
  ASSERT_TRUE(start());
  commit_each(1);
  stop();
  for (int number = 90; number < 100; ++number) {
    auto slot = disk.open(fmt::format("journal/{:08}.slot", number), OpenMode::kDirectCreate);
    ASSERT_TRUE(slot);
    ASSERT_TRUE((*slot)->allocate(64 << 10));
  }
  ASSERT_TRUE(start_on_what_is_there());
  commit_each(60);
  ASSERT_TRUE(start());
  EXPECT_EQ(owner->cells[CellId(1)].text.size(), 61u);
}

TEST_F(Recovering, ACheckpointWithoutCurrentIsNotTakenForAFreshDirectory) {
  ASSERT_TRUE(start());
  commit_each(2);
  journal->checkpoint();
  ASSERT_TRUE(executor->run_until([&] { return journal->metrics().checkpoints > 0; }));
  stop();
  ASSERT_TRUE(disk.remove(kCurrentName));
  ASSERT_TRUE(disk.sync_directory(""));
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, ::testing::HasSubstr("CURRENT is missing"));
}

TEST_F(Recovering, AFailedWriteGoesOnInAnotherSlotAtTheSamePlaces) {
  ASSERT_TRUE(start());
  owner->append(CellId(1), "a", "first payload");
  settle();
  disk.faults.write_error = 1;
  owner->append(CellId(1), "b", "second payload");
  ASSERT_TRUE(executor->run_until([&] { return owner->problem.has_value(); }));
  EXPECT_EQ(journal->admit(broker::Admission::kData, 1).error().code,
            ErrorCode::kStorageUnavailable);
  EXPECT_EQ(journal->durable(), Lsn(1));
  disk.faults = {};
  settle();
  EXPECT_FALSE(owner->problem);
  EXPECT_TRUE(journal->admit(broker::Admission::kData, 1));
  const auto kept = owner->cells[CellId(1)].kept;
  ASSERT_TRUE(start());
  EXPECT_EQ(owner->cells[CellId(1)].text, "ab");
  EXPECT_EQ(owner->cells[CellId(1)].kept, kept) << "extents do not change";
}

TEST_F(Recovering, TheScrubFindsARottenPayloadBeforeAReaderDoes) {
  ASSERT_TRUE(start());
  owner->append(CellId(1), "a", "the payload that rots");
  settle();
  for (int i = 0; i < 6; ++i) {
    owner->append(CellId(1), ".", std::string(20'000, 'p'));
    settle();
  }
  const std::string slot = slot_with("the payload that rots");
  disk.flip_bit(slot, disk.contents(slot).find("the payload that rots"), 2);
  ASSERT_TRUE(executor->run_until([&] { return journal->metrics().scrub_errors > 0; }));
  EXPECT_THAT(said, ::testing::HasSubstr("rotted"));
  EXPECT_EQ(journal->metrics().scrub_errors, 1u);
}

TEST_F(Recovering, AFullDiskRefusesDataLetsReleasesThroughAndMendsItself) {
  ASSERT_TRUE(start());
  owner->append(CellId(1), "a", std::string(30'000, 'p'));
  settle();
  executor->pass(std::chrono::seconds(1));
  disk.capacity = disk.used();
  for (int i = 0; i < 20 && journal->admit(broker::Admission::kData, 30'100); ++i) {
    owner->append(CellId(1), ".", std::string(30'000, 'p'));
    settle();
    executor->pass(std::chrono::milliseconds(200));
  }
  ASSERT_FALSE(journal->admit(broker::Admission::kData, 30'100));
  EXPECT_TRUE(owner->problem);
  ASSERT_TRUE(journal->admit(broker::Admission::kRelease, 100));
  owner->release_oldest(CellId(1), 200);
  settle();
  // What was released comes back by itself: the reserve makes room for the checkpoint that frees
  // it.
  ASSERT_TRUE(executor->run_until([&] { return journal->metrics().checkpoints > 0; }));
  EXPECT_EQ(journal->metrics().live_bytes, 0u);
  disk.capacity += 2 * kBlock;  // what the checkpoint itself takes
  ASSERT_TRUE(executor->run_until([&] {
    return journal->admit(broker::Admission::kData, 30'100).has_value() && !owner->problem;
  }));
}

}  // namespace
}  // namespace weir::storage
