#include "base/compression/compression.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace weir {
namespace {

constexpr Codec kAll[] = {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd};

std::string mixed_text(Random& random, size_t size) {
  std::string text;
  while (text.size() < size) {
    if (random.one_in(3)) {
      text.append(random.below(40), static_cast<char>('a' + random.below(26)));
    } else {
      text.push_back(static_cast<char>(random.next()));
    }
  }
  text.resize(size);
  return text;
}

TEST(Compression, EveryCodecRoundTripsAtEverySize) {
  Random random(1);
  for (const Codec codec : kAll) {
    for (const size_t size : {0UL, 1UL, 100UL, 4096UL, 65'537UL, 1'000'000UL}) {
      const std::string text = mixed_text(random, size);
      const auto back = decompress(codec, compress(codec, text));
      ASSERT_TRUE(back.has_value())
          << static_cast<int>(codec) << " " << size << back.error().message;
      EXPECT_EQ(*back, text);
    }
  }
}

TEST(Compression, SnappyInTheFramingOfJavaClientsIsUnderstood) {
  Random random(2);
  for (const size_t size : {0UL, 10UL, 100'000UL}) {
    const std::string text = mixed_text(random, size);
    const auto back = decompress(Codec::kSnappy, compress_snappy_xerial(text));
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(*back, text);
  }
}

TEST(Compression, GzipMembersMayFollowEachOther) {
  const auto back =
      decompress(Codec::kGzip, compress(Codec::kGzip, "one ") + compress(Codec::kGzip, "two"));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, "one two");
}

TEST(Compression, OutputBeyondTheLimitIsRefusedAndOutputOfTheLimitIsNot) {
  const std::string text(100'000, 'x');
  for (const Codec codec : kAll) {
    const std::string packed = compress(codec, text);
    EXPECT_TRUE(decompress(codec, packed, {.bytes_max = text.size()}).has_value());
    const auto refused = decompress(codec, packed, {.bytes_max = text.size() - 1});
    ASSERT_FALSE(refused.has_value()) << static_cast<int>(codec);
    EXPECT_EQ(refused.error().code, ErrorCode::kTooLarge);
  }
}

TEST(Compression, ASmallInputMayNotBecomeAHugeOutput) {
  const std::string packed = compress(Codec::kZstd, std::string(32 << 20, '\0'));
  const auto refused = decompress(Codec::kZstd, packed);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kTooLarge);
}

TEST(Compression, ATruncatedStreamIsAnErrorAtEveryLength) {
  Random random(3);
  const std::string text = mixed_text(random, 3000);
  for (const Codec codec : {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    const std::string packed = compress(codec, text);
    for (size_t length = 0; length < packed.size(); ++length) {
      EXPECT_FALSE(decompress(codec, ByteView(packed).substr(0, length)).has_value())
          << static_cast<int>(codec) << " at " << length;
    }
  }
}

TEST(Compression, DamagedBytesNeverBreakTheDecoder) {
  Random random(4);
  const std::string text = mixed_text(random, 2000);
  for (const Codec codec : {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    for (int round = 0; round < 500; ++round) {
      std::string packed =
          round % 2 == 0 ? compress(codec, text) : compress_snappy_xerial(text, 500);
      for (uint64_t i = 0; i <= random.below(4); ++i) {
        packed[random.below(packed.size())] = static_cast<char>(random.next());
      }
      const auto back = decompress(codec, packed, {.bytes_max = 1 << 16});
      if (back) EXPECT_LE(back->size(), size_t{1} << 16);
    }
  }
}

TEST(Compression, AnUnknownCodecIsNamed) {
  const auto refused = decompress(static_cast<Codec>(7), "x");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupportedFormat);
}

}  // namespace
}  // namespace weir
