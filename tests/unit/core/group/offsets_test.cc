#include "core/group/offsets.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace weir::group {
namespace {

constexpr TopicId kTopic{1, 2};
constexpr TopicId kOther{1, 3};

OffsetsCommitted commit(TopicId topic,
                        uint32_t partition,
                        int64_t offset,
                        Timestamp at = Timestamp(5)) {
  return {{{{topic, partition}, {offset, 3, "note", at}}}};
}

TEST(Offsets, NegativeOffsetsAreStoredAsGiven) {
  Offsets offsets;
  offsets.apply(commit(kTopic, 0, -2));
  EXPECT_EQ(offsets.find({kTopic, 0})->offset, -2);
}

TEST(Offsets, ATopicTakesItsOffsetsAlong) {
  Offsets offsets;
  offsets.apply(commit(kTopic, 0, 1));
  offsets.apply(commit(kTopic, 9, 1));
  offsets.apply(commit(kOther, 0, 1));
  offsets.apply(offsets.decide_remove(kTopic));
  EXPECT_FALSE(offsets.knows(kTopic));
  EXPECT_TRUE(offsets.knows(kOther));
  EXPECT_TRUE(offsets.decide_remove(kTopic).partitions.empty());
}

TEST(Offsets, OldOnesExpire) {
  Offsets offsets;
  offsets.apply(commit(kTopic, 0, 1, Timestamp(10)));
  offsets.apply(commit(kTopic, 1, 1, Timestamp(11)));
  offsets.apply(offsets.decide_expire(Timestamp(10)));
  EXPECT_EQ(offsets.find({kTopic, 0}), nullptr);
  EXPECT_NE(offsets.find({kTopic, 1}), nullptr);
}

TEST(Offsets, LimitsAreRefusals) {
  Offsets offsets;
  offsets.apply(commit(kTopic, 0, 1));
  const OffsetsLimits limits{.metadata_bytes_max = 4, .partitions_max = 1};
  EXPECT_EQ(offsets.refuses({kTopic, 0}, {0, 0, "12345", Timestamp()}, limits),
            ErrorCode::kTooLarge);
  EXPECT_EQ(offsets.refuses({kTopic, 1}, {}, limits), ErrorCode::kLimitReached);
  EXPECT_EQ(offsets.refuses({kTopic, 0}, {}, limits), std::nullopt);
}

TEST(Offsets, TheEventIsTheOneOfTheFormatPage) {  // docs/formats/group.md
  std::string bytes;
  encode(OffsetsCommitted{{{{{1, 2}, 0}, {5, 0, "", Timestamp(1)}}}}, bytes);
  EXPECT_EQ(bytes, std::string("\x01\x01\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\x0a\0\0\x02", 23));
}

TEST(Offsets, ImagePlusEventsIsTheLiveState) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Offsets live;
    Offsets restored;
    for (int step = 0; step < 60; ++step) {
      OffsetsEvent event = commit({0, random.below(3)}, static_cast<uint32_t>(random.below(4)),
                                  static_cast<int64_t>(random.next()),
                                  Timestamp(static_cast<int64_t>(random.below(100))));
      if (random.one_in(4)) event = live.decide_remove(TopicId{0, random.below(3)});
      if (random.one_in(8)) event = live.decide_expire(Timestamp(50));
      std::string bytes;
      encode(event, bytes);
      live.apply(event);
      const auto decoded = decode_offsets_event(bytes);
      ASSERT_TRUE(decoded);
      restored.apply(*decoded);
      for (size_t length = 0; length < bytes.size(); ++length) {
        ASSERT_FALSE(decode_offsets_event(ByteView(bytes).substr(0, length)));
      }
      if (random.one_in(10)) {
        Writer writer;
        live.save(writer);
        Reader reader(writer.out());
        auto loaded = Offsets::load(reader);
        ASSERT_TRUE(loaded && reader.done());
        restored = std::move(*loaded);
      }
    }
    EXPECT_EQ(live.all(), restored.all());
  }
}

}  // namespace
}  // namespace weir::group
