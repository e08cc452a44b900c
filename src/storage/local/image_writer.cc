#include "storage/local/image_writer.h"

#include <utility>

#include "base/canary.h"
#include "base/checksum.h"

namespace weir::storage {
namespace {

constexpr size_t kSpillBytes = size_t{1} << 20;

}  // namespace

Result<void> ImageWriter::open() {
  auto file = disk_.open(image_file_path(number_), OpenMode::kReplace);
  if (!file) return std::unexpected(file.error());
  file_ = std::move(*file);
  buffer_ = encode_image_file_header(number_);
  return {};
}

Result<void> ImageWriter::spill() {
  if (auto ok = write_all(*file_, written_, buffer_, Sync::kNone); !ok) return ok;
  written_ += buffer_.size();
  buffer_.clear();
  return {};
}

Result<void> ImageWriter::write(std::vector<TakenImage> batch) {
  if (file_ == nullptr) {
    if (auto ok = open(); !ok) return ok;
  }
  for (TakenImage& taken : batch) {
    ImageRow row{.cell = taken.cell, .lsn = taken.lsn, .offset = written_ + buffer_.size()};
    const auto add = [&](ByteView part) -> Result<void> {
      row.crc = crc32c(part, row.crc);
      row.length += part.size();
      return buffer_.size() >= kSpillBytes ? spill() : Result<void>{};
    };
    buffer_ += taken.image.head;
    if (auto ok = add(taken.image.head); !ok) return ok;
    for (auto& deferred : taken.image.deferred) {
      std::string part;
      deferred(part);
      buffer_ += part;
      if (auto ok = add(part); !ok) return ok;
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
      .number = number_, .index_at = written_ + buffer_.size(), .index_crc = crc32c(index)};
  buffer_ += index;
  if (auto ok = spill(); !ok) return std::unexpected(ok.error());
  ref.bytes = written_;
  if (!canary(Canary::kInstallUnsyncedCheckpoint)) {
    if (auto ok = file_->sync(); !ok) return std::unexpected(ok.error());
    if (auto ok = disk_.sync_directory(kCheckpointFolder); !ok) return std::unexpected(ok.error());
  }
  return ref;
}

}  // namespace weir::storage
