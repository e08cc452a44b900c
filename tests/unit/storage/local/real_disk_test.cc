// The journal on real files and threads.

#include "storage/local/real_disk.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>

#include "storage/local/local_journal.h"
#include "storage/local/thread_executor.h"
#include "tests/contract/journal_owner.h"

namespace weir::storage {
namespace {

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-storage-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Life {
  explicit Life(const std::filesystem::path& folder)
      : disk(folder), journal(options(), disk, executor), owner(journal) {}

  static LocalJournal::Options options() {
    LocalJournal::Options options;
    options.seed = 11;
    options.file_bytes = 1 << 20;
    return options;
  }
  template <typename Done>
  void until(Done done) {
    while (!done()) executor.poll(std::chrono::seconds(1));
  }

  RealDisk disk;
  PollingExecutor executor;
  LocalJournal journal;
  TextOwner owner;
};

TEST(RealDisk, KeepsCommitsOverAnOrderlyEndAndAnAbruptOne) {
  const Folder folder;
  {
    Life life(folder.path());
    ASSERT_TRUE(life.journal.recover(life.owner));
    life.owner.append(CellId(1), "one", std::string(100'000, 'p'));
    bool closed = false;
    life.journal.close([&] { closed = true; });
    life.until([&] { return closed; });
    EXPECT_EQ(life.journal.durable(), Lsn(1));
    EXPECT_FALSE(life.journal.admit(broker::Admission::kRelease, 1));
  }
  {
    Life life(folder.path());
    ASSERT_TRUE(life.journal.recover(life.owner));
    life.owner.append(CellId(1), "two");
    life.until([&] { return life.journal.durable() == Lsn(2); });
  }
  Life life(folder.path());
  ASSERT_TRUE(life.journal.recover(life.owner));
  EXPECT_EQ(life.owner.cells[CellId(1)].text, "onetwo");
  std::optional<broker::ReadResult> found;
  life.journal.read(CellId(1), life.owner.cells[CellId(1)].kept.front(),
                    [&](auto result) { found = std::move(result); });
  life.until([&] { return found.has_value(); });
  ASSERT_TRUE(*found) << found->error().message;
  EXPECT_EQ((*found)->front().payload.size(), 100'000u);
}

TEST(RealDisk, ASecondProcessIsRefusedWithAReason) {
  const Folder folder;
  Life first(folder.path());
  ASSERT_TRUE(first.journal.recover(first.owner));
  Life second(folder.path());
  const auto refused = second.journal.recover(second.owner);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("in use by another process"));
}

TEST(RealDisk, ThousandsOfCommitsWithCheckpointsSurviveARestart) {
  const Folder folder;
  std::string expected;
  {
    Life life(folder.path());
    ASSERT_TRUE(life.journal.recover(life.owner));
    for (int i = 0; i < 20'000; ++i) {
      const std::string text = std::to_string(i % 10);
      life.owner.append(CellId(1 + static_cast<uint64_t>(i % 7)), text, std::string(200, 'p'));
      if (i % 7 == 0) expected += text;
      if (i % 5'000 == 4'999) life.journal.checkpoint();
      if (i % 100 == 0) life.executor.poll();
    }
    life.until([&] { return life.journal.durable().next() == life.journal.next_lsn(); });
    life.until([&] { return !life.journal.checkpoint_under_way(); });
    EXPECT_GE(life.journal.metrics().checkpoints, 1u);
  }
  Life life(folder.path());
  const auto recovered = life.journal.recover(life.owner);
  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_EQ(life.owner.cells[CellId(1)].text, expected);
}

TEST(RealDisk, MissingFilesAreToldFromRefusedOnes) {
  const Folder folder;
  RealDisk disk(folder.path());
  const auto missing = disk.open("nothing", OpenMode::kRead);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(replace_file(disk, "", "small", "contents"));
  EXPECT_EQ(*read_file(disk, "small"), "contents");
  EXPECT_TRUE(disk.remove("small"));
  EXPECT_TRUE(disk.remove("small")) << "removing what is gone already is no error";
}

}  // namespace
}  // namespace weir::storage
