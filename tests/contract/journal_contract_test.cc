// What every journal promises, whatever it stands on.

#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "contract/journal_owner.h"
#include "simulation/storage/faulty_disk.h"
#include "simulation/storage/sim_executor.h"
#include "storage/local/local_journal.h"
#include "storage/memory/memory_journal.h"

namespace weir::storage {
namespace {

using broker::Admission;
using broker::Extent;
using broker::ReadResult;

// One journal over several lives.
class Subject {
 public:
  virtual ~Subject() = default;
  // The first life, or the one after a crash or an orderly end.
  virtual Result<void> start() = 0;
  virtual void kill() = 0;
  virtual bool run_until(const std::function<bool()>& done) = 0;
  virtual void checkpoint() = 0;
  virtual void forget_cache() = 0;
  virtual broker::Journal& journal() = 0;
  virtual size_t files() = 0;

  TextOwner& owner() { return *owner_; }
  std::set<CellId> unknown;  // of the owners of lives that follow
  bool settle() {
    return run_until([this] { return journal().durable().next() == journal().next_lsn(); });
  }
  ReadResult read(CellId cell, const Extent& span) {
    std::optional<ReadResult> result;
    journal().read(cell, span, [&](ReadResult found) { result = std::move(found); });
    EXPECT_FALSE(result.has_value()) << "a read must not answer before it returns";
    EXPECT_TRUE(run_until([&] { return result.has_value(); }));
    return std::move(*result);
  }

 protected:
  std::unique_ptr<TextOwner> owner_;
};

class MemorySubject : public Subject {
 public:
  Result<void> start() override {
    owner_ = std::make_unique<TextOwner>(journal_);
    owner_->unknown = unknown;
    return journal_.recover(*owner_);
  }
  void kill() override { journal_.crash(); }
  bool run_until(const std::function<bool()>& done) override {
    if (done()) return true;
    journal_.sync();
    journal_.poll();
    return done();
  }
  void checkpoint() override { journal_.checkpoint(); }
  void forget_cache() override { journal_.forget_cache(true); }
  broker::Journal& journal() override { return journal_; }
  size_t files() override { return journal_.files(); }

 private:
  MemoryJournal journal_{{.file_bytes = 64 << 10,
                          .undurable_bytes_max = 1 << 20,
                          .undurable_bytes_pause = 400 << 10,
                          .undurable_bytes_resume = 100 << 10}};
};

class LocalSubject : public Subject {
 public:
  Result<void> start() override {
    executor_ = std::make_unique<SimExecutor>(7 + lives_);
    LocalJournal::Options options;
    options.seed = ++lives_;
    options.file_bytes = 64 << 10;
    options.undurable_bytes_max = 1 << 20;
    options.undurable_bytes_pause = 400 << 10;
    options.undurable_bytes_resume = 100 << 10;
    options.tail_bytes_max = cache_ ? 64 << 20 : 0;
    journal_ = std::make_unique<LocalJournal>(options, disk_, *executor_);
    owner_ = std::make_unique<TextOwner>(*journal_);
    owner_->unknown = unknown;
    return journal_->recover(*owner_);
  }
  void kill() override {
    executor_->die([this] { disk_.begin_dying(); });
    journal_.reset();
    disk_.cut_power(0);
  }
  bool run_until(const std::function<bool()>& done) override { return executor_->run_until(done); }
  void checkpoint() override {
    const uint64_t before = journal_->metrics().checkpoints;
    journal_->checkpoint();
    EXPECT_TRUE(executor_->run_until([&] {
      return journal_->metrics().checkpoints > before && !journal_->checkpoint_under_way();
    }));
  }
  void forget_cache() override {
    // What was written last always stays: read from a new life.
    cache_ = false;
    kill();
    ASSERT_TRUE(start());
  }
  broker::Journal& journal() override { return *journal_; }
  size_t files() override { return journal_->metrics().files; }

 private:
  FaultyDisk disk_{3};
  std::unique_ptr<SimExecutor> executor_;
  std::unique_ptr<LocalJournal> journal_;
  uint64_t lives_ = 0;
  bool cache_ = true;
};

class JournalContract : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "memory") {
      subject_ = std::make_unique<MemorySubject>();
    } else {
      subject_ = std::make_unique<LocalSubject>();
    }
    const auto started = subject_->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  void TearDown() override { EXPECT_THAT(owner().violations, ::testing::IsEmpty()); }
  TextOwner& owner() { return subject_->owner(); }
  broker::Journal& journal() { return subject_->journal(); }
  void restart() {
    subject_->kill();
    const auto started = subject_->start();
    ASSERT_TRUE(started) << started.error().message;
  }

  std::unique_ptr<Subject> subject_;
};

TEST_P(JournalContract, StartsEmptyWithTheFirstLsn) {
  EXPECT_EQ(journal().next_lsn(), Lsn(1));
  EXPECT_EQ(journal().durable(), Lsn(0));
  EXPECT_TRUE(owner().cells.empty());
}

TEST_P(JournalContract, AnnouncesACommitAsDurableAndFindsItAgain) {
  EXPECT_EQ(owner().append(CellId(1), "one"), Lsn(1));
  EXPECT_EQ(owner().append(CellId(1), "two"), Lsn(2));
  EXPECT_EQ(journal().durable(), Lsn(0));
  ASSERT_TRUE(subject_->settle());
  EXPECT_EQ(owner().announced_durable, Lsn(2));
  restart();
  EXPECT_EQ(owner().cells[CellId(1)].text, "onetwo");
  EXPECT_EQ(journal().next_lsn(), Lsn(3));
}

TEST_P(JournalContract, EntriesOfOneCommitKeepTheirOrderAlsoWithinACell) {
  owner().commit({{CellId(1), "aA", ""}, {CellId(2), "aB", ""}, {CellId(1), "aC", "payload"}});
  ASSERT_TRUE(subject_->settle());
  restart();
  EXPECT_EQ(owner().cells[CellId(1)].text, "AC");
  EXPECT_EQ(owner().cells[CellId(2)].text, "B");
}

TEST_P(JournalContract, CommitsThatNobodyWaitsForBecomeDurableToo) {
  owner().append(CellId(1), "os", {}, Durability::kOs);
  owner().append(CellId(1), "transient", {}, Durability::kTransient);
  ASSERT_TRUE(subject_->settle());
  restart();
  EXPECT_EQ(owner().cells[CellId(1)].text, "ostransient");
}

TEST_P(JournalContract, ReadsBackWhatIsStillGathering) {
  owner().append(CellId(1), "x", "payload");
  const auto found = journal().read_cached(CellId(1), owner().cells[CellId(1)].kept.front());
  ASSERT_TRUE(found && found->size() == 1);
  EXPECT_EQ(found->front().payload.view(), "payload");
  EXPECT_EQ(found->front().event.view(), "ax");
}

TEST_P(JournalContract, ReadsOneCellsPayloadsOutOfASharedFrame) {
  owner().append(CellId(1), "1", "first");
  owner().append(CellId(2), "2", "other");
  owner().append(CellId(1), "3", "second");
  ASSERT_TRUE(subject_->settle());
  subject_->forget_cache();
  const auto kept = owner().cells[CellId(1)].kept;
  ASSERT_EQ(kept.size(), 2u);
  Extent span = kept[0];
  span.length = kept[1].position + kept[1].length - span.position;
  EXPECT_FALSE(journal().read_cached(CellId(1), span));
  const ReadResult found = subject_->read(CellId(1), span);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].payload.view(), "first");
  EXPECT_EQ((*found)[0].extent, kept[0]);
  EXPECT_EQ((*found)[1].payload.view(), "second");
  EXPECT_EQ((*found)[1].extent, kept[1]);
}

TEST_P(JournalContract, AnUnknownFileIsNotFound) {
  const ReadResult found = subject_->read(CellId(1), Extent{FileId(99), 1, 4160, 30});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kNotFound);
}

TEST_P(JournalContract, AfterACheckpointOnlyLaterEntriesAreReplayed) {
  owner().append(CellId(1), "a", "kept");
  owner().append(CellId(2), "b");
  ASSERT_TRUE(subject_->settle());
  subject_->checkpoint();
  owner().append(CellId(1), "c");
  ASSERT_TRUE(subject_->settle());
  restart();
  EXPECT_EQ(owner().cells[CellId(1)].text, "ac");
  EXPECT_EQ(owner().cells[CellId(2)].text, "b");
  EXPECT_EQ(owner().last_replayed, Lsn(3));
  const auto& kept = owner().cells[CellId(1)].kept;
  ASSERT_EQ(kept.size(), 1u);
  const ReadResult found = subject_->read(CellId(1), kept.front());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->front().payload.view(), "kept");
}

TEST_P(JournalContract, ACellThatIsGoneStaysGone) {
  owner().append(CellId(1), "a", "payload");
  owner().append(CellId(2), "b");
  ASSERT_TRUE(subject_->settle());
  subject_->checkpoint();
  owner().drop(CellId(1));
  ASSERT_TRUE(subject_->settle());
  subject_->checkpoint();
  restart();
  EXPECT_FALSE(owner().cells.contains(CellId(1)));
  owner().append(CellId(2), "c");
  ASSERT_TRUE(subject_->settle());
  subject_->checkpoint();
  restart();
  EXPECT_FALSE(owner().cells.contains(CellId(1)));
  EXPECT_EQ(owner().cells[CellId(2)].text, "bc");
}

// Story: the cells of removed topics left images behind that referred to files which were used
// again, and no start went through any more.
TEST_P(JournalContract, AnImageOfAMissingFileStopsTheStartUnlessNothingKnowsItsCell) {
  const std::string payload(5000, 'p');
  for (int i = 0; i < 10; ++i) owner().append(CellId(1), ".", payload);
  ASSERT_TRUE(subject_->settle());
  subject_->checkpoint();
  owner().vanish(CellId(1));
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 10; ++i) owner().append(CellId(2), ".", payload);
    ASSERT_TRUE(subject_->settle());
    owner().release_oldest(CellId(2), 10);
    subject_->checkpoint();
  }
  subject_->kill();
  const auto refused = subject_->start();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kStorageCorrupt);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("is missing"));
  subject_->unknown.insert(CellId(1));
  restart();
  EXPECT_FALSE(owner().cells.contains(CellId(1)));
  owner().append(CellId(2), "on");
  ASSERT_TRUE(subject_->settle());
}

TEST_P(JournalContract, TheSpaceOfReleasedPayloadsIsUsedAgain) {
  const std::string payload(5000, 'p');
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 10; ++i) owner().append(CellId(1), ".", payload);
    ASSERT_TRUE(subject_->settle());
    owner().release_oldest(CellId(1), 10);
    subject_->checkpoint();
  }
  EXPECT_LE(subject_->files(), 4u);
}

TEST_P(JournalContract, RefusesACommitBeyondTheLargest) {
  const auto admitted = journal().admit(Admission::kData, broker::kCommitBytesMax + 8192);
  ASSERT_FALSE(admitted);
  EXPECT_EQ(admitted.error().code, ErrorCode::kTooLarge);
}

TEST_P(JournalContract, RefusesDataBeyondTheUndurableLimitButNotReleases) {
  for (int i = 0; i < 20; ++i) owner().append(CellId(1), ".", std::string(50'000, 'p'));
  const auto admitted = journal().admit(Admission::kData, 100'000);
  ASSERT_FALSE(admitted);
  EXPECT_EQ(admitted.error().code, ErrorCode::kOverloaded);
  EXPECT_TRUE(journal().admit(Admission::kRelease, 100));
  ASSERT_TRUE(subject_->settle());
  EXPECT_TRUE(journal().admit(Admission::kData, 100'000));
}

TEST_P(JournalContract, TheOwnerIsPressedLongBeforeDataIsRefusedAndUntilEnoughIsDurable) {
  int commits = 0;
  for (; !owner().pressure && commits < 100; ++commits) {
    owner().append(CellId(1), ".", std::string(20'000, 'p'));
  }
  EXPECT_TRUE(owner().pressure);
  EXPECT_LT(commits, 30);
  EXPECT_TRUE(journal().admit(Admission::kData, 200'000));
  ASSERT_TRUE(subject_->settle());
  EXPECT_FALSE(owner().pressure);
}

TEST_P(JournalContract, ACommitLargerThanAFileIsStoredAndRead) {
  std::string payload(300'000, 'q');
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(i * 31 >> 3);
  owner().append(CellId(1), "before", "small");
  owner().append(CellId(1), "big", payload);
  owner().append(CellId(1), "after", "small");
  ASSERT_TRUE(subject_->settle());
  subject_->forget_cache();
  ASSERT_EQ(owner().cells[CellId(1)].text, "beforebigafter");
  const ReadResult found = subject_->read(CellId(1), owner().cells[CellId(1)].kept[1]);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->front().payload.view(), payload);
}

TEST_P(JournalContract, TimesOfCommitsAreReplayed) {
  owner().now = Timestamp(5'000);
  owner().append(CellId(1), "a");
  owner().now = Timestamp(5'750);
  owner().append(CellId(1), "b");
  ASSERT_TRUE(subject_->settle());
  restart();
  EXPECT_EQ(owner().last_now, Timestamp(5'750));
}

TEST_P(JournalContract, BackgroundWorkIsDoneBesideTheShardAndDiesWithTheJournal) {
  std::string order;
  const auto add = [&order](char what) { return [&order, what] { order.push_back(what); }; };
  journal().background(add('a'), add('A'));
  journal().background(add('b'), add('B'));
  EXPECT_EQ(order, "") << "never before the call returns";
  ASSERT_TRUE(subject_->run_until([&] { return order.size() == 4; }));
  EXPECT_LT(order.find('a'), order.find('A'));
  EXPECT_LT(order.find('b'), order.find('B'));
  EXPECT_LT(order.find('a'), order.find('b'));
  order.clear();
  journal().background(add('c'), add('C'));
  restart();
  owner().append(CellId(1), "one");
  ASSERT_TRUE(subject_->settle());
  EXPECT_EQ(order.find('C'), std::string::npos);
}

TEST_P(JournalContract, ManyLivesAddUp) {
  std::string expected;
  for (int life = 0; life < 12; ++life) {
    for (int i = 0; i < 5; ++i) {
      owner().append(CellId(1), std::to_string(i), std::string(3000, 'p'));
      expected += std::to_string(i);
    }
    ASSERT_TRUE(subject_->settle());
    if (life % 5 == 4) subject_->checkpoint();
    restart();
    ASSERT_EQ(owner().cells[CellId(1)].text, expected);
    ASSERT_EQ(owner().cells[CellId(1)].kept.size(), expected.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Journals,
                         JournalContract,
                         ::testing::Values("memory", "local"),
                         [](const auto& named) { return named.param; });

}  // namespace
}  // namespace weir::storage
