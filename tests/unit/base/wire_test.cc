#include "base/wire.h"

#include <gtest/gtest.h>

#include "base/checksum.h"
#include "base/random.h"

namespace weir {
namespace {

TEST(Wire, VarintsRoundTripAtEveryWidth) {
  for (int bits = 0; bits <= 64; ++bits) {
    const uint64_t value = bits == 64 ? UINT64_MAX : (uint64_t{1} << bits) - 1;
    Writer writer;
    writer.varint(value);
    writer.svarint(static_cast<int64_t>(value));
    Reader reader(writer.out());
    EXPECT_EQ(reader.varint(), value);
    EXPECT_EQ(reader.svarint(), static_cast<int64_t>(value));
    EXPECT_TRUE(reader.done());
  }
}

TEST(Wire, AVarintOfMoreThanSixtyFourBitsFails) {
  Reader reader("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
  EXPECT_EQ(reader.varint(), 0U);
  EXPECT_TRUE(reader.failed());
}

TEST(Wire, ATruncatedInputFailsOnceAndStaysFailed) {
  Writer writer;
  writer.bytes("hello");
  for (size_t length = 0; length < writer.size(); ++length) {
    Reader reader(ByteView(writer.out()).substr(0, length));
    EXPECT_EQ(reader.bytes(), "");
    EXPECT_TRUE(reader.failed());
    EXPECT_EQ(reader.fixed<uint8_t>(), 0);
  }
}

TEST(Wire, ACountBeyondTheRemainingBytesFailsBeforeMemoryIsTaken) {
  Writer writer;
  writer.varint(1'000'000);
  Reader reader(writer.out());
  EXPECT_EQ(reader.count(), 0U);
  EXPECT_TRUE(reader.failed());
}

TEST(Checksum, MatchesThePublishedCheckValueAndChains) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);  // RFC 3720, appendix B.4 family
  EXPECT_EQ(crc32c("56789", crc32c("1234")), crc32c("123456789"));
}

}  // namespace
}  // namespace weir
