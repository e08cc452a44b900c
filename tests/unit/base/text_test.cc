#include "base/text.h"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

TEST(Text, HoldsBytesOfAnyLengthAndContent) {
  for (const size_t size : {0, 1, 14, 15, 16, 17, 255, 100'000}) {
    SCOPED_TRACE(size);
    std::string bytes(size, '\xff');
    if (size > 2) bytes[size / 2] = '\0';
    const Text text{ByteView(bytes)};
    EXPECT_EQ(text.view(), bytes);
    EXPECT_EQ(text.size(), size);
    Text copy = text;
    EXPECT_EQ(copy, text);
    const Text moved = std::move(copy);
    EXPECT_EQ(moved.view(), bytes);
  }
}

TEST(Text, CopiesShareWhatIsLong) {
  const Text text{ByteView(std::string(1000, 'x'))};
  const Text copy = text;
  EXPECT_TRUE(copy.shares(text));
  EXPECT_EQ(copy.view().data(), text.view().data());
}

TEST(Text, AppendingLeavesCopiesAsTheyWere) {
  Text text;
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const Text before = text;
    const std::string was = expected;
    const std::string more(static_cast<size_t>(i % 23), static_cast<char>('a' + i % 26));
    text.append(more);
    expected += more;
    ASSERT_EQ(text.view(), expected);
    ASSERT_EQ(before.view(), was);
  }
  text.append(text);
  EXPECT_EQ(text.view(), expected + expected);
}

// Two that hold the same block may not both write behind it.
TEST(Text, TwoCopiesThatAreAppendedToPartWays) {
  Text first{ByteView(std::string(20, 'x'))};
  first.append("room for more");
  Text second = first;
  first.append("1");
  second.append("2");
  EXPECT_EQ(first.view(), std::string(20, 'x') + "room for more1");
  EXPECT_EQ(second.view(), std::string(20, 'x') + "room for more2");
}

TEST(Text, AppendingToWhatACopyHoldsTakesNewMemoryOnlyWhenItGrows) {
  Text text{ByteView(std::string(1000, 'x'))};
  text.append("y");  // has room for as many again now
  int moved = 0;
  for (int i = 0; i < 900; ++i) {
    const Text pinned = text;
    text.append("z");
    moved += text.shares(pinned) ? 0 : 1;
  }
  EXPECT_EQ(moved, 0);
}

TEST(Text, IsOrderedAsItsBytes) {
  EXPECT_LT(Text("a"), Text("b"));
  EXPECT_LT(Text("a"), ByteView("aa"));
  EXPECT_GT(Text("\xff"), Text("\x01"));
  EXPECT_EQ(Text("abc"), "abc");
}

}  // namespace
}  // namespace weir
