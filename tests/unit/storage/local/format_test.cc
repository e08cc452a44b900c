#include "storage/local/format.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "base/random.h"
#include "storage/local/manifest.h"

namespace weir::storage {
namespace {

constexpr uint32_t kSalt = 0x01020304;

FrameHeader example_header() {
  FrameHeader header;
  header.file = FileId(3);
  header.block = 1;
  header.epoch = 2;
  header.first = Lsn(42);
  header.count = 1;
  header.now = Timestamp(1'700'000'000'000);
  header.durable = Lsn(41);
  return header;
}

// The frame of one commit with one entry: cell 7, event "hi", payload "data".
std::string example_frame() {
  const broker::Entry entry{
      .cell = CellId(7), .event = "hi", .payload_head = "da", .payload_rest = "ta"};
  FrameHeader header = example_header();
  header.length = static_cast<uint32_t>(entry_bytes(entry));
  std::string frame(header.bytes(), '?');
  encode_entry(entry, 5, true, frame.data() + kFrameHeaderBytes);
  const auto rows = finish_frame(header, kSalt, frame.data());
  EXPECT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows.front().position, kBlock + kFrameHeaderBytes);
  return frame;
}

std::string hex(ByteView bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

// The same bytes stand in docs/formats/journal.md.
TEST(JournalFormat, TheWorkedExampleOfThePageHolds) {
  const std::string frame = example_frame();
  ASSERT_EQ(frame.size(), kBlock);
  EXPECT_EQ(hex(ByteView(frame).substr(0, 64)),
            "5746524d010001001e00000001000000030000000100000002000000000000002a00000000000000"
            "0068e5cf8b0100002900000000000000000000001c4fd507");
  EXPECT_EQ(hex(ByteView(frame).substr(64, 34)),
            "1e000000020000000700000000000000995c548c0500000168696461746155cdbe79");
  EXPECT_EQ(frame.find_first_not_of('\0', 98), std::string::npos) << "the rest is zeros";
}

TEST(JournalFormat, AFrameIsReadBackAsItWasWritten) {
  const std::string frame = example_frame();
  const auto header = decode_frame_header(frame, kSalt);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->first, Lsn(42));
  EXPECT_EQ(header->last(), Lsn(42));
  EXPECT_EQ(header->now, Timestamp(1'700'000'000'000));
  EXPECT_EQ(header->durable, Lsn(41));
  ASSERT_TRUE(frame_is_whole(*header, frame, kSalt));
  const ByteView bytes = ByteView(frame).substr(kFrameHeaderBytes, header->length);
  const auto entry = decode_entry(bytes);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->cell, CellId(7));
  EXPECT_EQ(entry->event, "hi");
  EXPECT_EQ(entry->payload, "data");
  EXPECT_EQ(entry->now_delta, 5u);
  EXPECT_TRUE(entry->ends_commit);
  EXPECT_TRUE(entry_is_whole(*entry, bytes, kSalt));
}

TEST(JournalFormat, BytesOfAnotherFileAreNoFrame) {
  const std::string frame = example_frame();
  EXPECT_FALSE(decode_frame_header(frame, kSalt + 1));
}

TEST(JournalFormat, EveryFlippedBitIsNoticed) {
  const std::string frame = example_frame();
  for (size_t bit = 0; bit < 98 * 8; ++bit) {
    std::string damaged = frame;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    const auto header = decode_frame_header(damaged, kSalt);
    EXPECT_FALSE(header && frame_is_whole(*header, damaged, kSalt)) << "bit " << bit;
  }
}

TEST(JournalFormat, RandomBytesNeverMakeADecoderRunAway) {
  Random random(4);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random.below(80), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.below(round % 2 == 0 ? 256 : 6));
    if (const auto entry = decode_entry(bytes)) {
      EXPECT_LE(entry->length, bytes.size());
      EXPECT_EQ(entry->event.size() + entry->payload.size() + kEntryHeaderBytes, entry->length);
    }
    decode_index(bytes, static_cast<uint32_t>(random.below(100)));
    EXPECT_FALSE(decode_current(bytes));
    EXPECT_FALSE(decode_manifest(bytes));
  }
}

TEST(JournalFormat, FileHeadersAreReadBackAndChecked) {
  FileHeader header;
  header.id = FileId(9);
  header.part = 2;
  header.start = 3 * kBlock;
  header.size = 64 * kBlock;
  header.epoch = 5;
  header.salt = kSalt;
  header.serial = 6;
  header.written_to = 10 * kBlock;
  std::string block(kBlock, '?');
  encode_file_header(header, block);
  const auto found = decode_file_header(block);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, header.id);
  EXPECT_EQ(found->part, header.part);
  EXPECT_EQ(found->start, header.start);
  EXPECT_EQ(found->size, header.size);
  EXPECT_EQ(found->serial, header.serial);
  EXPECT_EQ(found->written_to, header.written_to);
  block[20] = static_cast<char>(block[20] ^ 1);
  EXPECT_FALSE(decode_file_header(block));
}

TEST(CheckpointFormat, ManifestAndIndexAreReadBack) {
  Manifest manifest;
  manifest.number = 4;
  manifest.covered = Lsn(100);
  manifest.now = Timestamp(7);
  manifest.last_file = FileId(12);
  manifest.files = {{FileId(10), Lsn(90)}, {FileId(12), Lsn(0)}};
  manifest.images = {{.number = 3, .bytes = 500, .index_at = 400, .index_crc = 77}};
  const auto found = decode_manifest(encode_manifest(manifest));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->covered, manifest.covered);
  ASSERT_EQ(found->files.size(), 2u);
  EXPECT_EQ(found->files[0].last, Lsn(90));
  ASSERT_EQ(found->images.size(), 1u);
  EXPECT_EQ(found->images[0].index_crc, 77u);

  std::string bytes = encode_manifest(manifest);
  bytes[12] = static_cast<char>(bytes[12] ^ 1);
  const auto damaged = decode_manifest(bytes);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, ErrorCode::kStorageCorrupt);
}

TEST(CheckpointFormat, CurrentIsReadBackByVersionAndChecksum) {
  const std::string bytes = encode_current({.epoch = 3, .manifest = 9});
  const auto found = decode_current(bytes);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->epoch, 3u);
  EXPECT_EQ(found->manifest, 9u);
  EXPECT_FALSE(decode_current(bytes.substr(0, bytes.size() - 1)));
}

}  // namespace
}  // namespace weir::storage
