#include "storage/local/format.h"

#include <cstring>

#include "base/checksum.h"
#include "base/wire.h"

namespace weir::storage {
namespace {

constexpr uint64_t kFileMagic = 0x4c4e52554f4a5257;  // "WRJOURNL"
constexpr uint32_t kFrameMagic = 0x4d524657;         // "WFRM"
constexpr size_t kFileHeaderBytes = 64;              // before its checksum
constexpr size_t kFrameCrcAt = 60;
constexpr size_t kEntryCrcAt = 16;
constexpr uint8_t kEndsCommit = 1;

uint32_t entry_crc(ByteView bytes, uint32_t salt) {
  const uint32_t head = crc32c(bytes.substr(0, kEntryCrcAt), salt);
  return crc32c(bytes.substr(kEntryCrcAt + 4), head);
}

}  // namespace

void encode_file_header(const FileHeader& header, std::span<char> block) {
  char* to = block.data();
  std::memset(to, 0, kBlock);
  store_le(to, kFileMagic);
  store_le(to + 8, kJournalVersion);
  store_le(to + 10, static_cast<uint8_t>(header.kind));
  store_le(to + 12, header.id.value());
  store_le(to + 16, header.part);
  store_le(to + 20, header.salt);
  store_le(to + 24, header.start);
  store_le(to + 32, header.size);
  store_le(to + 40, header.epoch);
  store_le(to + 48, header.written_to);
  store_le(to + 56, header.serial);
  store_le(to + kFileHeaderBytes, crc32c({to, kFileHeaderBytes}));
}

std::optional<FileHeader> decode_file_header(ByteView block) {
  if (block.size() < kBlock || load_le<uint64_t>(block.data()) != kFileMagic) return std::nullopt;
  const char* from = block.data();
  if (load_le<uint32_t>(from + kFileHeaderBytes) != crc32c(block.substr(0, kFileHeaderBytes))) {
    return std::nullopt;
  }
  FileHeader header;
  const auto kind = load_le<uint8_t>(from + 10);
  if (load_le<uint16_t>(from + 8) != kJournalVersion || kind < 1 || kind > 2) return std::nullopt;
  header.kind = static_cast<FileKind>(kind);
  header.id = FileId(load_le<uint32_t>(from + 12));
  header.part = load_le<uint32_t>(from + 16);
  header.salt = load_le<uint32_t>(from + 20);
  header.start = load_le<uint64_t>(from + 24);
  header.size = load_le<uint64_t>(from + 32);
  header.epoch = load_le<uint64_t>(from + 40);
  header.written_to = load_le<uint64_t>(from + 48);
  header.serial = load_le<uint64_t>(from + 56);
  if (header.start < kBlock || header.start > header.size || header.size % kBlock != 0) {
    return std::nullopt;
  }
  return header;
}

std::optional<FrameHeader> decode_frame_header(ByteView bytes, uint32_t salt) {
  if (bytes.size() < kFrameHeaderBytes) return std::nullopt;
  const char* from = bytes.data();
  if (load_le<uint32_t>(from) != kFrameMagic) return std::nullopt;
  if (load_le<uint32_t>(from + kFrameCrcAt) != crc32c(bytes.substr(0, kFrameCrcAt), salt)) {
    return std::nullopt;
  }
  const auto kind = load_le<uint8_t>(from + 6);
  if (load_le<uint16_t>(from + 4) != kJournalVersion || kind < 1 || kind > 3) return std::nullopt;
  FrameHeader header;
  header.kind = static_cast<FrameKind>(kind);
  header.length = load_le<uint32_t>(from + 8);
  header.count = load_le<uint32_t>(from + 12);
  header.file = FileId(load_le<uint32_t>(from + 16));
  header.block = load_le<uint32_t>(from + 20);
  header.epoch = load_le<uint64_t>(from + 24);
  header.first = Lsn(load_le<uint64_t>(from + 32));
  header.now = Timestamp(load_le<int64_t>(from + 40));
  header.durable = Lsn(load_le<uint64_t>(from + 48));
  return header;
}

bool frame_is_whole(const FrameHeader& header, ByteView frame, uint32_t salt) {
  const size_t end = kFrameHeaderBytes + header.length;
  if (frame.size() < end + kFrameTrailerBytes) return false;
  const uint32_t crc = crc32c(frame.substr(kFrameHeaderBytes, header.length), salt);
  return load_le<uint32_t>(frame.data() + end) == crc;
}

size_t entry_bytes(const broker::Entry& entry) {
  return kEntryHeaderBytes + entry.event.size() + entry.payload_head.size() +
         entry.payload_rest.size();
}

void encode_entry(const broker::Entry& entry, uint32_t now_delta, bool ends_commit, char* to) {
  store_le(to, static_cast<uint32_t>(entry_bytes(entry)));
  store_le(to + 4, static_cast<uint32_t>(entry.event.size()));
  store_le(to + 8, entry.cell.value());
  store_le(to + kEntryCrcAt, uint32_t{0});
  const uint32_t flags = ends_commit ? kEndsCommit : 0;
  store_le(to + 20, now_delta | flags << 24);
  to += kEntryHeaderBytes;
  for (const ByteView part : {entry.event, entry.payload_head, entry.payload_rest}) {
    if (part.empty()) continue;
    std::memcpy(to, part.data(), part.size());
    to += part.size();
  }
}

std::optional<EntryView> decode_entry(ByteView from) {
  if (from.size() < kEntryHeaderBytes) return std::nullopt;
  EntryView entry;
  entry.length = load_le<uint32_t>(from.data());
  const auto event = load_le<uint32_t>(from.data() + 4);
  if (entry.length < kEntryHeaderBytes || entry.length > from.size()) return std::nullopt;
  if (event > entry.length - kEntryHeaderBytes) return std::nullopt;
  entry.cell = CellId(load_le<uint64_t>(from.data() + 8));
  entry.crc = load_le<uint32_t>(from.data() + kEntryCrcAt);
  const auto tail = load_le<uint32_t>(from.data() + 20);
  entry.now_delta = tail & kNowDeltaMax;
  entry.ends_commit = (tail >> 24 & kEndsCommit) != 0;
  entry.event = from.substr(kEntryHeaderBytes, event);
  entry.payload = from.substr(kEntryHeaderBytes + event, entry.length - kEntryHeaderBytes - event);
  return entry;
}

bool entry_is_whole(const EntryView& entry, ByteView bytes, uint32_t salt) {
  return entry.payload.empty() || entry.crc == entry_crc(bytes.substr(0, entry.length), salt);
}

std::vector<IndexRow> finish_frame(const FrameHeader& header, uint32_t salt, char* frame) {
  std::vector<IndexRow> rows;
  const ByteView entries(frame + kFrameHeaderBytes, header.length);
  if (header.kind != FrameKind::kSeal) {
    const uint32_t base = header.block * static_cast<uint32_t>(kBlock);
    for (size_t at = 0; at < entries.size();) {
      // Only the lengths are read here: readers on the reactor look at the same bytes.
      const char* entry = entries.data() + at;
      const auto length = load_le<uint32_t>(entry);
      if (length > kEntryHeaderBytes + load_le<uint32_t>(entry + 4)) {
        const uint32_t crc = entry_crc({entry, length}, salt);
        store_le(frame + kFrameHeaderBytes + at + kEntryCrcAt, crc);
        const auto position = static_cast<uint32_t>(base + kFrameHeaderBytes + at);
        rows.push_back({CellId(load_le<uint64_t>(entry + 8)), position, length});
      }
      at += length;
    }
  }
  char* to = frame;
  std::memset(to, 0, kFrameHeaderBytes);
  store_le(to, kFrameMagic);
  store_le(to + 4, kJournalVersion);
  store_le(to + 6, static_cast<uint8_t>(header.kind));
  store_le(to + 8, header.length);
  store_le(to + 12, header.count);
  store_le(to + 16, header.file.value());
  store_le(to + 20, header.block);
  store_le(to + 24, header.epoch);
  store_le(to + 32, header.first.value());
  store_le(to + 40, header.now.ms());
  store_le(to + 48, header.durable.value());
  store_le(to + kFrameCrcAt, crc32c({to, kFrameCrcAt}, salt));
  const size_t end = kFrameHeaderBytes + header.length;
  store_le(frame + end, crc32c(entries, salt));
  std::memset(frame + end + kFrameTrailerBytes, 0, header.bytes() - end - kFrameTrailerBytes);
  return rows;
}

std::string encode_index(std::span<const IndexRow> rows) {
  std::string out;
  Writer writer(out);
  uint32_t position = 0;
  for (const IndexRow& row : rows) {
    writer.varint(row.cell.value());
    writer.varint(row.position - position);
    writer.varint(row.length);
    position = row.position;
  }
  return out;
}

std::optional<std::vector<IndexRow>> decode_index(ByteView bytes, uint32_t count) {
  Reader reader(bytes);
  std::vector<IndexRow> rows;
  if (count > bytes.size() / 3) return std::nullopt;
  rows.reserve(count);
  uint32_t position = 0;
  for (uint32_t i = 0; i < count; ++i) {
    IndexRow row;
    row.cell = CellId(reader.varint());
    position += static_cast<uint32_t>(reader.varint());
    row.position = position;
    row.length = static_cast<uint32_t>(reader.varint());
    rows.push_back(row);
  }
  if (!reader.done()) return std::nullopt;
  return rows;
}

}  // namespace weir::storage
