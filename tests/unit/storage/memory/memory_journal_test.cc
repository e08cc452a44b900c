#include "storage/memory/memory_journal.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace weir::storage {
namespace {

using broker::Entry;
using broker::Extent;

// An owner whose cells are the list of the events they have seen, and the extents that they keep.
class ListOwner : public broker::JournalOwner {
 public:
  explicit ListOwner(MemoryJournal& journal) : journal_(journal) {}

  Result<void> load_image(CellId cell, ByteView image) override {
    cells[cell] = std::string(image);
    return {};
  }
  Result<void> replay(Lsn,
                      Timestamp,
                      CellId cell,
                      ByteView event,
                      ByteView payload,
                      const Extent& extent) override {
    cells[cell] += event;
    if (extent.length > 0) kept[cell].push_back(extent);
    payloads += payload;
    return {};
  }
  std::optional<broker::CellImage> image(CellId cell) override {
    broker::CellImage image;
    image.head = cells[cell];
    return image;
  }
  void progressed(Lsn, Lsn durable) override { announced = durable; }
  void storage_health(std::optional<Error> now) override { problem = std::move(now); }
  broker::LiveSpans live_spans(FileId file, size_t /*left*/) override {
    broker::LiveSpans found;
    for (const auto& [cell, extents] : kept) {
      for (const Extent& extent : extents) {
        if (extent.file == file) found.spans.emplace_back(cell, extent);
      }
    }
    return found;
  }
  Lsn moved(std::span<const broker::MovedSpan> spans) override {
    for (const auto& span : spans) {
      journal_.release(span.from, journal_.next_lsn());
      std::erase(kept[span.cell], span.from);
      kept[span.cell].insert(kept[span.cell].end(), span.to.begin(), span.to.end());
    }
    return append(CellId(0), "m");
  }

  Lsn append(CellId cell, ByteView event, ByteView payload = {}) {
    const Entry entry{.cell = cell, .event = event, .payload_head = {}, .payload_rest = payload};
    Extent extent;
    cells[cell] += event;
    const Lsn lsn = journal_.submit({&entry, 1}, Durability::kFsync, Timestamp(1), {&extent, 1});
    if (extent.length > 0) kept[cell].push_back(extent);
    return lsn;
  }

  std::map<CellId, std::string> cells;
  std::map<CellId, std::vector<Extent>> kept;
  std::string payloads;
  Lsn announced;
  std::optional<Error> problem;

 private:
  MemoryJournal& journal_;
};

TEST(MemoryJournal, FindsAfterACrashWhatWasDurableAndNothingElse) {
  MemoryJournal journal;
  ListOwner owner(journal);
  ASSERT_TRUE(journal.recover(owner));
  owner.append(CellId(1), "a");
  journal.sync();
  owner.append(CellId(1), "b");
  journal.write();
  EXPECT_EQ(journal.durable(), Lsn(1));
  EXPECT_EQ(journal.written(), Lsn(2));
  journal.crash();
  ListOwner again(journal);
  ASSERT_TRUE(journal.recover(again));
  EXPECT_EQ(again.cells[CellId(1)], "a");
  EXPECT_EQ(journal.next_lsn(), Lsn(2));
}

TEST(MemoryJournal, ACrashMayKeepMoreThanWasDurable) {
  MemoryJournal journal;
  ListOwner owner(journal);
  ASSERT_TRUE(journal.recover(owner));
  for (const char* event : {"a", "b", "c"}) owner.append(CellId(1), event);
  journal.crash(Lsn(2));
  ListOwner again(journal);
  ASSERT_TRUE(journal.recover(again));
  EXPECT_EQ(again.cells[CellId(1)], "ab");
}

TEST(MemoryJournal, ReplaysOnlyWhatTheImageDoesNotHold) {
  MemoryJournal journal;
  ListOwner owner(journal);
  ASSERT_TRUE(journal.recover(owner));
  owner.append(CellId(1), "a");
  owner.append(CellId(2), "x");
  journal.checkpoint();
  owner.append(CellId(1), "b");
  journal.sync();
  EXPECT_EQ(journal.replay_length(), 1u);
  journal.crash();
  ListOwner again(journal);
  ASSERT_TRUE(journal.recover(again));
  EXPECT_EQ(again.cells[CellId(1)], "ab");
  EXPECT_EQ(again.cells[CellId(2)], "x");
}

TEST(MemoryJournal, ReadsOneCellsPayloadsOutOfAFrameSharedWithOthers) {
  MemoryJournal journal;
  ListOwner owner(journal);
  ASSERT_TRUE(journal.recover(owner));
  owner.append(CellId(1), "a", "first");
  owner.append(CellId(2), "x", "other");
  owner.append(CellId(1), "b", "second");
  const auto& extents = owner.kept[CellId(1)];
  ASSERT_EQ(extents[0].frame, extents[1].frame);
  Extent span = extents[0];
  span.length = extents[1].position + extents[1].length - span.position;
  const auto found = journal.read_cached(CellId(1), span);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].payload.view(), "first");
  EXPECT_EQ((*found)[1].event.view(), "b");

  journal.forget_cache(true);
  EXPECT_FALSE(journal.read_cached(CellId(1), span));
  size_t read = 0;
  journal.read(CellId(1), span, [&](broker::ReadResult result) { read = result->size(); });
  EXPECT_EQ(read, 0u);
  EXPECT_TRUE(journal.poll());
  EXPECT_EQ(read, 2u);
}

TEST(MemoryJournal, FreesAFileOnlyAfterTheReleaseIsInACheckpoint) {
  MemoryJournal journal({.file_bytes = 8 << 10});
  ListOwner owner(journal);
  ASSERT_TRUE(journal.recover(owner));
  const std::string payload(6000, 'p');
  owner.append(CellId(1), "a", payload);
  owner.append(CellId(1), "b", payload);
  const Extent first = owner.kept[CellId(1)].front();
  ASSERT_NE(first.file, owner.kept[CellId(1)].back().file);
  journal.checkpoint();
  EXPECT_EQ(journal.files(), 2u);
  journal.release(first, owner.append(CellId(1), "d"));
  EXPECT_EQ(journal.files(), 3u);
  journal.checkpoint();
  EXPECT_EQ(journal.live_bytes(first.file), 0u);
  EXPECT_EQ(journal.files(), 2u);
}

TEST(MemoryJournal, TidyMovesLiveSpansAndReleasesTheOldOnes) {
  MemoryJournal journal({.file_bytes = 8 << 10});
  ListOwner owner(journal);
  ASSERT_TRUE(journal.recover(owner));
  owner.append(CellId(2), "x", "other");
  owner.append(CellId(1), "a", "payload");
  journal.write();
  owner.append(CellId(3), "y", std::string(4000, 'p'));
  owner.append(CellId(3), "z", "in the next file");
  const FileId old = owner.kept[CellId(1)].front().file;
  ASSERT_NE(owner.kept[CellId(3)].back().file, old);
  journal.tidy(old);
  EXPECT_NE(owner.kept[CellId(1)].front().file, old);
  EXPECT_EQ(journal.live_bytes(old), 0u);
  const auto found = journal.read_cached(CellId(1), owner.kept[CellId(1)].front());
  ASSERT_TRUE(found && found->size() == 1);
  EXPECT_EQ(found->front().payload.view(), "payload");
}

TEST(MemoryJournal, AFullDiskRefusesDataAndLetsReleasesThrough) {
  MemoryJournal journal;
  ListOwner owner(journal);
  ASSERT_TRUE(journal.recover(owner));
  journal.fail(Error{ErrorCode::kStorageUnavailable, "the disk is full"}, true);
  EXPECT_EQ(owner.problem->code, ErrorCode::kStorageUnavailable);
  EXPECT_FALSE(journal.admit(broker::Admission::kData, 10));
  EXPECT_TRUE(journal.admit(broker::Admission::kRelease, 10));
  journal.fail(std::nullopt);
  EXPECT_TRUE(journal.admit(broker::Admission::kData, 10));
}

TEST(MemoryJournal, RefusesMoreUndurableBytesThanItsLimit) {
  MemoryJournal journal({.undurable_bytes_max = 1000});
  ListOwner owner(journal);
  ASSERT_TRUE(journal.recover(owner));
  owner.append(CellId(1), "a", std::string(900, 'p'));
  EXPECT_EQ(journal.admit(broker::Admission::kData, 200).error().code, ErrorCode::kOverloaded);
  EXPECT_TRUE(journal.admit(broker::Admission::kRelease, 200));
  journal.sync();
  EXPECT_TRUE(journal.admit(broker::Admission::kData, 200));
}

}  // namespace
}  // namespace weir::storage
