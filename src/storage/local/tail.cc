#include "storage/local/tail.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "storage/local/format.h"

namespace weir::storage {

using broker::Extent;
using broker::StoredEntry;

std::optional<std::vector<StoredEntry>> collect_entries(CellId cell,
                                                        const Extent& span,
                                                        ByteView bytes,
                                                        const std::shared_ptr<const void>& owner) {
  std::vector<StoredEntry> found;
  for (size_t at = 0; at < bytes.size();) {
    const auto entry = decode_entry(bytes.substr(at));
    if (!entry) return std::nullopt;
    if (entry->cell == cell && !entry->payload.empty()) {
      found.push_back({.event = Bytes::of_owner(owner, entry->event),
                       .payload = Bytes::of_owner(owner, entry->payload),
                       .extent = {.file = span.file,
                                  .frame = span.frame,
                                  .position = span.position + static_cast<uint32_t>(at),
                                  .length = entry->length}});
    }
    at += entry->length;
  }
  return found;
}

std::optional<size_t> damaged_at(ByteView bytes, uint32_t salt) {
  for (size_t at = 0; at < bytes.size();) {
    const auto entry = decode_entry(bytes.substr(at));
    if (!entry || !entry_is_whole(*entry, bytes.substr(at), salt)) return at;
    at += entry->length;
  }
  return std::nullopt;
}

Result<void> open_slot(Disk& disk,
                       std::shared_ptr<File>& handle,
                       const std::string& path,
                       OpenMode mode) {
  if (handle != nullptr) return {};
  auto opened = disk.open(path, mode);
  if (!opened) return std::unexpected(opened.error());
  handle = std::move(*opened);
  return {};
}

Result<void> read_slot(Disk& disk,
                       std::shared_ptr<File>& handle,
                       const std::string& path,
                       OpenMode mode,
                       uint64_t begin,
                       std::span<char> into) {
  if (auto ok = open_slot(disk, handle, path, mode); !ok) return ok;
  return read_exactly(*handle, begin, into);
}

Result<RawSpan> read_whole_entries(Disk& disk,
                                   std::shared_ptr<File>& handle,
                                   const std::string& path,
                                   uint32_t salt,
                                   const Extent& span) {
  const uint64_t begin = round_down(span.position, kBlock);
  const uint64_t end = round_up(uint64_t{span.position} + span.length, kBlock);
  RawSpan raw{.data = Buffer(end - begin), .at = span.position - begin};
  if (auto ok = read_slot(disk, handle, path, OpenMode::kDirect, begin, raw.data.span()); !ok) {
    return std::unexpected(ok.error());
  }
  if (const auto at = damaged_at({raw.data.data() + raw.at, span.length}, salt)) {
    return fail(ErrorCode::kStorageCorrupt,
                fmt::format("{} is damaged at byte {}", path, span.position + *at));
  }
  return raw;
}

broker::ReadResult read_span(Disk& disk,
                             std::shared_ptr<File>& handle,
                             const std::string& path,
                             uint32_t salt,
                             CellId cell,
                             const Extent& span) {
  auto raw = read_whole_entries(disk, handle, path, salt, span);
  if (!raw) return std::unexpected(raw.error());
  const auto owner = std::make_shared<RawSpan>(std::move(*raw));
  return *collect_entries(cell, span, {owner->data.data() + owner->at, span.length}, owner);
}

std::shared_ptr<Chunk> Tail::chunk_for(FileId file, uint64_t offset, size_t bytes) {
  if (!chunks_.empty()) {
    const auto& last = chunks_.back();
    if (last->file == file && offset - last->begin + bytes <= last->memory.size()) return last;
  }
  std::shared_ptr<Chunk> chunk;
  if (bytes <= kChunkBytes && !spare_.empty()) {
    chunk = std::move(spare_.back());
    spare_.pop_back();
    chunk->file = file;
    chunk->begin = offset;
    chunk->filled = 0;
  } else {
    chunk = std::make_shared<Chunk>(std::max(bytes, kChunkBytes), file, offset);
  }
  chunks_.push_back(chunk);
  return chunk;
}

std::optional<std::vector<StoredEntry>> Tail::find(CellId cell, const Extent& span) const {
  const auto place = std::pair(span.file, uint64_t{span.position});
  auto after = std::ranges::upper_bound(
      chunks_, place, {}, [](const auto& chunk) { return std::pair(chunk->file, chunk->begin); });
  if (after == chunks_.begin()) return std::nullopt;
  const std::shared_ptr<Chunk>& chunk = *std::prev(after);
  const uint64_t at = span.position - chunk->begin;
  if (chunk->file != span.file || at + span.length > chunk->filled) return std::nullopt;
  return collect_entries(cell, span, {chunk->memory.data() + at, span.length}, chunk);
}

void Tail::trim_to(size_t bytes) {
  // The newest chunk is the one being filled.
  while (bytes_ > bytes && chunks_.size() > 1 && chunks_.front()->undurable == 0) {
    std::shared_ptr<Chunk> chunk = std::move(chunks_.front());
    chunks_.pop_front();
    bytes_ -= chunk->filled;
    const bool reusable = chunk.use_count() == 1 && chunk->memory.size() == kChunkBytes;
    if (reusable && spare_.size() < 2 && bytes == bytes_max_) spare_.push_back(std::move(chunk));
  }
}

}  // namespace weir::storage
