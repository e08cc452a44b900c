// What a start finds of things that are gone.

#include <algorithm>

#include "tests/unit/broker/fixture.h"

namespace weir::broker {
namespace {

class Recovering : public BrokerTest {
 protected:
  // A topic whose image refers to the first journal file, which is used again once it is removed.
  CellId image_and_remove() {
    const FileId first = journal.file_ids().back();
    const CellId gone = make_topic("gone").logs[0];
    while (journal.file_ids().back() == first) append(gone, std::string(5000, 'g'));
    journal.checkpoint();
    EXPECT_TRUE(journal.has_image(gone));
    EXPECT_TRUE(broker->remove({"", "gone"}, now));
    const CellId kept = make_topic("kept").logs[0];
    for (int i = 0; i < 20; ++i) append(kept, std::string(5000, 'k'));
    journal.checkpoint();
    journal.checkpoint();
    const auto files = journal.file_ids();
    EXPECT_EQ(std::ranges::count(files, first), 0) << "the file is not free";
    return gone;
  }
  void expect_kept() {
    EXPECT_EQ(values(thing("kept").logs[0]).size(), 20U);
    append(thing("kept").logs[0], "more");
    journal.checkpoint();
    crash();
    EXPECT_EQ(values(thing("kept").logs[0]).size(), 21U);
  }
};

// Story: a cell that was imaged and then removed had no newer entry: it was not dirty, its image
// stayed, and its files were freed. The next start met an image that referred to a missing file.
TEST_F(Recovering, ARemovedTopicLeavesNoImageBehind) {
  const CellId gone = image_and_remove();
  EXPECT_FALSE(journal.has_image(gone));
  crash();
  expect_kept();
}

// Data directories that were written with that bug start all the same.
TEST_F(Recovering, AnImageThatWasLeftBehindIsDropped) {
  journal.keep_image(CellId(broker->catalog().next_cell()));
  const CellId gone = image_and_remove();
  ASSERT_TRUE(journal.has_image(gone));
  crash();
  EXPECT_EQ(broker->find_log(gone), nullptr);
  expect_kept();
}

}  // namespace
}  // namespace weir::broker
