// How commits share frames.

#include "storage/local/commit_path.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "storage/local/local_journal.h"
#include "tests/contract/journal_owner.h"
#include "tests/simulation/storage/faulty_disk.h"
#include "tests/simulation/storage/sim_executor.h"

namespace weir::storage {
namespace {

// Clients that ask, wait for the answer and ask again, so many times in all.
class Clients : public TextOwner {
 public:
  Clients(broker::Journal& journal, SimExecutor& executor)
      : TextOwner(journal), executor_(executor) {}

  void ask() {
    if (left == 0) return;
    --left;
    waiting_.push_back(append(CellId(1), "x"));
  }
  void progressed(Lsn written, Lsn durable) override {
    TextOwner::progressed(written, durable);
    const size_t answered =
        std::erase_if(waiting_, [durable](const Lsn lsn) { return lsn <= durable; });
    for (size_t i = 0; i < answered; ++i) executor_.post([this] { ask(); });
  }
  bool idle() const { return left == 0 && waiting_.empty(); }

  size_t left = 0;

 private:
  SimExecutor& executor_;
  std::vector<Lsn> waiting_;
};

class CommitPathTest : public testing::Test {
 protected:
  CommitPathTest() {
    LocalJournal::Options options;
    options.seed = 1;
    options.file_bytes = 8 << 20;
    options.idle_after = std::chrono::hours(1);
    journal = std::make_unique<LocalJournal>(options, disk, executor);
    clients = std::make_unique<Clients>(*journal, executor);
    EXPECT_TRUE(journal->recover(*clients));
  }

  // A frame for each.
  void append_one_by_one(size_t count, size_t bytes) {
    const std::string payload(bytes, 'x');
    for (size_t i = 0; i < count; ++i) {
      const Lsn lsn = clients->append(CellId(1), "x", payload);
      ASSERT_TRUE(executor.run_until([&] { return journal->durable() >= lsn; }));
    }
  }

  FaultyDisk disk{1};
  SimExecutor executor{1};
  std::unique_ptr<LocalJournal> journal;
  std::unique_ptr<Clients> clients;
};

TEST_F(CommitPathTest, WhoAsksAtTheSamePaceSharesAFrame) {
  constexpr size_t kClients = 8;
  constexpr size_t kAsked = 1000 * kClients;
  clients->left = kAsked;
  // They begin while frames are being written, each behind another one.
  for (size_t i = 0; i < kClients; ++i) {
    clients->ask();
    for (int steps = 5; steps > 0; --steps) executor.step();
  }
  ASSERT_TRUE(executor.run_until([&] { return clients->idle(); }, 1'000'000));
  EXPECT_EQ(journal->metrics().commits, kAsked);
  EXPECT_LT(journal->metrics().frames, 1.1 * kAsked / kClients);
}

TEST_F(CommitPathTest, NobodyWaitsForOneWhoDoesNotAskAgain) {
  for (size_t i = 0; i < 100; ++i) {
    clients->left = 2;
    clients->ask();
    for (uint64_t steps = i % 7; steps > 0; --steps) executor.step();
    clients->ask();
    ASSERT_TRUE(executor.run_until([&] { return clients->idle(); }));
  }
  EXPECT_EQ(journal->metrics().commits, 200);
}

// A first write into a file costs a small frame twice as much.
TEST_F(CommitPathTest, TheNextFileIsWrittenInAdvanceAsSmallFramesFillThisOne) {
  append_one_by_one(10, 100);
  ASSERT_TRUE(executor.run_until([&] { return journal->metrics().prewritten_bytes >= 2 << 20; }));
  executor.pass(std::chrono::seconds(1));
  EXPECT_LT(journal->metrics().prewritten_bytes, 4 << 20) << "not far ahead";
  append_one_by_one(1000, 100);
  executor.pass(std::chrono::seconds(1));
  EXPECT_GE(journal->metrics().prewritten_bytes, 6 << 20);
}

TEST_F(CommitPathTest, LargeFramesHaveTheDeviceToThemselves) {
  append_one_by_one(100, 200'000);
  executor.pass(std::chrono::seconds(1));
  EXPECT_EQ(journal->metrics().prewritten_bytes, 0U);
}

}  // namespace
}  // namespace weir::storage
