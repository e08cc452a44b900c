// The stored forms, byte for byte: journals and images of this version must stay readable.
#include "core/log/events.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/log/log.h"

namespace weir::log {
namespace {

std::string hex(ByteView bytes) {
  std::string text;
  for (const char byte : bytes) fmt::format_to(std::back_inserter(text), "{:02x}", uint8_t(byte));
  return text;
}

template <typename E>
std::string stored(const E& event) {
  std::string bytes;
  encode(event, bytes);
  const auto decoded = decode_event(bytes);
  EXPECT_TRUE(decoded.has_value());
  std::string again;
  std::visit([&again](const auto& e) { encode(e, again); }, *decoded);
  EXPECT_EQ(bytes, again);
  return hex(bytes);
}

TEST(LogEvents, TheirBytesAreThoseOfTheTable) {
  EXPECT_EQ(stored(AppendEvent{Offset(300), {5, 1}, Timestamp(4)}),
            "01"
            "ac02"
            "0501"
            "01");
  EXPECT_EQ(stored(AppendEvent{Offset(0), {UINT64_MAX, 0}, Timestamp(0)}),
            "01"
            "00"
            "ffffffffffffffffff0100"
            "02");
  EXPECT_EQ(stored(TrimEvent{Offset(128)}),
            "02"
            "8001");
  EXPECT_EQ(stored(EpochEvent{3, Offset(7)}),
            "03"
            "03"
            "07");
  EXPECT_EQ(stored(DeleteEvent{{{Offset(2), Offset(4)}, {Offset(9), Offset(10)}}, {6, 7}}),
            "04"
            "0607"
            "02"
            "0202"
            "0501");
  EXPECT_EQ(stored(SetIdsEvent{{1, 2}, 3, {4, 5}}),
            "05"
            "0102"
            "03"
            "0405");
  EXPECT_EQ(stored(MovedEvent{{{Offset(1), {FileId(2), 3, 4, 6}, 5}}}),
            "06"
            "01"
            "01"
            "02000000"
            "03000000"
            "04000000"
            "06000000"
            "05000000");
  EXPECT_EQ(stored(RewrittenEvent{{Offset(300), {5, 1}, Timestamp(4)}}),
            "07"
            "ac02"
            "0501"
            "01");
  EXPECT_EQ(stored(CompactedEvent{Offset(2), Offset(300)}),
            "08"
            "02"
            "ac02");
  EXPECT_EQ(stored(CleanedEvent{Offset(300), 5}),
            "09"
            "ac02"
            "0a");
  EXPECT_EQ(stored(RepeatedEvent{Offset(300), Timestamp(5), 7, 1, 4, 2}),
            "0a"
            "ac02"
            "05"
            "0e"
            "01"
            "04"
            "02");
}

TEST(LogEvents, ValuesOutOfRangeAndTrailingBytesAreRefused) {
  const auto refused = [](ByteView bytes) {
    const auto event = decode_event(bytes);
    return !event && event.error().code == ErrorCode::kStorageCorrupt;
  };
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused(ByteView("\x00", 1)));
  EXPECT_TRUE(refused("\x0a"));
  EXPECT_TRUE(refused("\x0b"));
  EXPECT_TRUE(refused("\x08\x02\x02"));  // nothing is compacted
  EXPECT_TRUE(refused("\x09\x02\x03"));  // a horizon below -1
  EXPECT_TRUE(refused("\x02"));
  EXPECT_TRUE(refused(ByteView("\x02\x01\x00", 3)));
  EXPECT_TRUE(refused("\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));   // offset above 2^63 - 1
  EXPECT_TRUE(refused(ByteView("\x03\xff\xff\xff\xff\x0f\x00", 7)));      // epoch above 2^31 - 1
  EXPECT_TRUE(refused(ByteView("\x04\x00\x00\x01\x01\x00", 6)));          // an empty run
  EXPECT_TRUE(refused(ByteView("\x04\x00\x00\x02\x01\x01\x00\x01", 8)));  // runs that touch
  EXPECT_TRUE(refused(ByteView("\x04\x00\x00\x7f\x01\x01", 6)));          // more runs than bytes
  EXPECT_TRUE(refused(ByteView("\x01\x00\x00\x00\x01", 5)));              // appended before 1970
}

TEST(LogEvents, AnImagesBytesAreThoseOfTheTable) {
  Log log;
  BatchHeader header;
  header.length = 100;
  header.count = 2;
  header.last_offset_delta = 1;
  header.max_timestamp = 10;
  const auto plan = log.decide_append(header, Timestamp(20));
  log.apply_append(plan->event, header, {FileId(1), 2, 3, 4}, Lsn(9));
  std::vector<Location> released;
  log.apply(log.decide_delete({{Offset(1), {20, 1}}}).value(), Lsn(10), released);
  EXPECT_EQ(hex(log.serialize()),
            "01"
            "00"
            "02"
            "0a"
            "02"
            "1401"
            "1401"
            "1401"
            "01"
            "0000"  // epochs
            "00"    // no producers
            "01"
            "01"
            "00"
            "00"
            "01"
            "0101"  // deletions: a block of one run
            "00"
            "00"
            "01"  // rows: none sealed, none dead, one
            "00"
            "02"
            "01000000"
            "02"
            "03"
            "04"
            "04"
            "16"
            "28"
            "14"
            "01");
}

}  // namespace
}  // namespace weir::log
