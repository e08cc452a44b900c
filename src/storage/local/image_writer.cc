#include "storage/local/image_writer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/canary.h"
#include "base/checksum.h"

namespace weir::storage {
namespace {

constexpr size_t kSpillBytes = size_t{1} << 20;

}  // namespace

Result<void> ImageWriter::open() {
  auto file = disk_.open(image_file_path(number_), OpenMode::kDirectReplace);
  if (!file) return std::unexpected(file.error());
  file_ = std::move(*file);
  pending_ = encode_image_file_header(number_);
  return {};
}

// Writes the whole blocks of what is pending; the rest of it stays.
Result<void> ImageWriter::spill() {
  const size_t whole = round_down(pending_.size(), kBlock);
  if (aligned_.size() == 0) aligned_ = Buffer(kSpillBytes);
  for (size_t done = 0; done < whole;) {
    const size_t count = std::min(whole - done, aligned_.size());
    std::memcpy(aligned_.data(), pending_.data() + done, count);
    if (auto ok = write_all(*file_, written_, aligned_.span(0, count), Sync::kNone); !ok) return ok;
    written_ += count;
    done += count;
  }
  pending_.erase(0, whole);
  return {};
}

Result<void> ImageWriter::write(std::vector<TakenImage> batch) {
  if (file_ == nullptr) {
    if (auto ok = open(); !ok) return ok;
  }
  for (TakenImage& taken : batch) {
    ImageRow row{.cell = taken.cell, .lsn = taken.lsn, .offset = written_ + pending_.size()};
    const auto add = [&](auto&& append) -> Result<void> {
      const size_t before = pending_.size();
      append(pending_);
      const ByteView part = ByteView(pending_).substr(before);
      row.crc = crc32c(part, row.crc);
      row.length += part.size();
      return pending_.size() >= kSpillBytes ? spill() : Result<void>{};
    };
    const auto add_head = [&](std::string& out) { out += taken.image.head; };
    if (auto ok = add(add_head); !ok) return ok;
    for (auto& deferred : taken.image.deferred) {
      if (auto ok = add(deferred); !ok) return ok;
    }
    index_.rows.push_back(row);
  }
  return {};
}

Result<ImageFileRef> ImageWriter::finish(std::vector<DroppedCell> dropped) {
  if (file_ == nullptr) {
    if (auto ok = open(); !ok) return std::unexpected(ok.error());
  }
  index_.dropped = std::move(dropped);
  const std::string index = encode_image_index(index_);
  ImageFileRef ref{
      .number = number_, .index_at = written_ + pending_.size(), .index_crc = crc32c(index)};
  ref.bytes = ref.index_at + index.size();
  pending_ += index;
  pending_.resize(round_up(pending_.size(), kBlock));
  if (auto ok = spill(); !ok) return std::unexpected(ok.error());
  if (!canary(Canary::kInstallUnsyncedCheckpoint)) {
    if (auto ok = file_->sync(); !ok) return std::unexpected(ok.error());
    if (auto ok = disk_.sync_directory(kCheckpointFolder); !ok) return std::unexpected(ok.error());
  }
  return ref;
}

}  // namespace weir::storage
