#include "storage/local/copier.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "storage/local/tail.h"

namespace weir::storage {

using broker::Extent;
using broker::MovedSpan;

namespace {

constexpr uint64_t kStepBytes = uint64_t{1} << 20;

}  // namespace

Copier::Copier(Disk& disk, std::vector<CopyPiece> pieces, Target target)
    : disk_(disk), pieces_(std::move(pieces)), target_(std::move(target)), frame_(kFrameBytesMax) {}

Result<Copier::Progress> Copier::step() {
  Progress progress;
  while (next_ < pieces_.size() && progress.bytes < kStepBytes) {
    const auto fitted = copy(pieces_[next_], progress.bytes);
    if (!fitted) return std::unexpected(fitted.error());
    if (!*fitted) break;
    ++next_;
  }
  progress.done = next_ == pieces_.size() || progress.bytes < kStepBytes;
  if (progress.done) {
    if (auto ok = finish(); !ok) return std::unexpected(ok.error());
  }
  return progress;
}

// False: the target is full.
Result<bool> Copier::copy(const CopyPiece& piece, uint64_t& bytes) {
  std::shared_ptr<File>& source = sources_[piece.path];
  auto raw = read_whole_entries(disk_, source, piece.path, piece.salt, piece.from);
  bytes += piece.from.length;
  if (!raw) {
    problems_.push_back(raw.error().message);
    return true;
  }
  // A span is moved as a whole: first see whether all of it still fits, however its frames fall.
  const size_t limit = target_.size - kBlock - round_up((index_.size() + 64) * 8, kBlock);
  const uint64_t reach = position_ + frame_bytes(frame_length_) + frame_bytes(piece.from.length) +
                         (piece.from.length / kFrameBytesMax + 1) * kBlock;
  if (reach > limit && !moved_.empty()) return false;
  MovedSpan span{.cell = piece.cell, .from = piece.from, .to = {}};
  const ByteView all(raw->data.data() + raw->at, piece.from.length);
  for (size_t at = 0; at < all.size();) {
    const auto entry = decode_entry(all.substr(at));
    const size_t length = entry->length;
    if (entry->cell == piece.cell && !entry->payload.empty()) {
      if (frame_length_ > 0 && frame_bytes(frame_length_ + length) > kFrameBytesMax) {
        if (auto ok = flush(); !ok) return std::unexpected(ok.error());
      }
      if (frame_bytes(frame_length_ + length) > frame_.size()) frame_ = Buffer(frame_bytes(length));
      const size_t place = kFrameHeaderBytes + frame_length_;
      std::memcpy(frame_.data() + place, all.data() + at, length);
      span.to.push_back(Extent{.file = target_.id,
                               .frame = static_cast<uint32_t>(position_ / kBlock),
                               .position = static_cast<uint32_t>(position_ + place),
                               .length = static_cast<uint32_t>(length)});
      frame_length_ += static_cast<uint32_t>(length);
      ++frame_entries_;
      copied_bytes_ += length;
    }
    at += length;
  }
  moved_.push_back(std::move(span));
  return true;
}

Result<void> Copier::flush() {
  if (frame_length_ == 0) return {};
  FrameHeader header;
  header.kind = FrameKind::kCopies;
  header.length = frame_length_;
  header.count = frame_entries_;
  header.file = target_.id;
  header.block = static_cast<uint32_t>(position_ / kBlock);
  header.epoch = target_.epoch;
  const auto rows = finish_frame(header, target_.salt, frame_.data());
  index_.insert(index_.end(), rows.begin(), rows.end());
  const auto bytes = frame_.span(0, header.bytes());
  if (auto ok = write_all(*target_.handle, position_, bytes, Sync::kNone); !ok) return ok;
  position_ += header.bytes();
  frame_length_ = frame_entries_ = 0;
  return {};
}

Result<void> Copier::finish() {
  if (auto ok = flush(); !ok) return ok;
  const std::string index = encode_index(index_);
  FrameHeader header;
  header.kind = FrameKind::kSeal;
  header.count = static_cast<uint32_t>(index_.size());
  header.length = static_cast<uint32_t>(index.size());
  header.file = target_.id;
  header.block = static_cast<uint32_t>(position_ / kBlock);
  header.epoch = target_.epoch;
  if (position_ + header.bytes() <= target_.size) {
    Buffer seal(header.bytes());
    std::ranges::copy(index, seal.data() + kFrameHeaderBytes);
    finish_frame(header, target_.salt, seal.data());
    if (auto ok = write_all(*target_.handle, position_, seal.span(), Sync::kNone); !ok) return ok;
  }
  return target_.handle->sync();
}

}  // namespace weir::storage
