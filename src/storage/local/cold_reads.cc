#include "storage/local/cold_reads.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "storage/local/tail.h"

namespace weir::storage {
namespace {

using broker::Extent;
using broker::ReadCallback;
using broker::ReadResult;
using broker::StoredEntry;

// Regions that are read at the same time: for those who wait, and ahead of anybody.
constexpr size_t kUnderWayMax = 32;
constexpr size_t kAheadMax = 8;
constexpr size_t kMarksMax = 32;
constexpr size_t kAhead = 3;  // of one reader, beyond the region that it works off
// Rows of other logs may lie between two of the same. While regions are mostly read in vain, only
// little of them.
constexpr uint64_t kGapMax = uint64_t{512} << 10;
constexpr uint64_t kGapSmall = uint64_t{64} << 10;
constexpr double kWorthMin = 0.25;
// Neighbouring regions overlap by as much as a span usually takes, so that it lies inside one.
constexpr uint64_t kOverlap = (uint64_t{64} << 10) + kBlock;

uint64_t end_of(const Extent& span) {
  return uint64_t{span.position} + span.length;
}

// Of a file from before the last start only its size is known.
uint64_t readable_end(const JournalFile& file) {
  return file.sealed ? file.size : round_up(file.end, kBlock);
}

}  // namespace

ColdReads::ColdReads(const LocalJournalOptions& options,
                     Disk& disk,
                     Steps& steps,
                     FileSet& files,
                     JournalMetrics& metrics)
    : options_(options),
      disk_(disk),
      steps_(steps),
      files_(files),
      metrics_(metrics),
      spans_(options.read_bytes_kept),
      pool_(std::make_shared<RegionPool>()) {}

void ColdReads::clear() {
  spans_.clear();
  std::erase_if(regions_, [](const RegionPointer& region) { return region->data != nullptr; });
  bytes_ = 0;
  pool_->clear();
}

std::optional<std::vector<StoredEntry>> ColdReads::find(CellId cell, const Extent& span) {
  if (auto found = spans_.find(cell, span)) return found;
  const RegionPointer region = covering(span.file, span.position, end_of(span));
  if (region == nullptr || region->data == nullptr) return std::nullopt;
  read_ahead(*region, span);
  return take(*region, cell, span);
}

void ColdReads::read(CellId cell, const Extent& span, ReadCallback callback) {
  const JournalFile* file = files_.find(span.file);
  if (file == nullptr || file->parts.empty()) {
    steps_.post([callback = std::move(callback), id = span.file]() mutable {
      callback(fail(ErrorCode::kNotFound, fmt::format("journal file {} is gone", id.value())));
    });
    return;
  }
  RegionPointer region = covering(span.file, span.position, end_of(span));
  if (region == nullptr && reads_on(span) && under_way_ < kUnderWayMax) {
    region = start_region(*file, span.position);
  }
  if (region == nullptr || region->data != nullptr || end_of(span) > region->end) {
    return read_alone(cell, span, std::move(callback));
  }
  region->waiting.push_back({cell, span, std::move(callback)});
  read_ahead(*region, span);
}

template <typename Work, typename Then>
void ColdReads::run(const Part& part, Handle handle, uint64_t bytes, Work work, Then then) {
  ++metrics_.file_reads;
  metrics_.file_read_bytes += bytes;
  ++part.slot->users;
  auto file = std::make_shared<std::shared_ptr<File>>((*part.slot).*handle);
  steps_.run(
      Lane::kReader, [file, work = std::move(work)]() mutable { return work(*file); },
      [this, file, handle, slot = part.slot, then = std::move(then)](auto result) mutable {
        --slot->users;
        if ((*slot).*handle == nullptr) (*slot).*handle = *file;
        files_.used(slot);
        then(std::move(result));
      });
}

ColdReads::RegionPointer ColdReads::covering(FileId file, uint64_t begin, uint64_t end) {
  const auto found = std::ranges::find_if(regions_, [&](const RegionPointer& region) {
    return region->file == file && region->begin <= begin && end <= region->end;
  });
  if (found == regions_.end()) return nullptr;
  regions_.splice(regions_.begin(), regions_, found);
  return *found;
}

// From the block of `position` on, as far as the file goes; nothing if it ends there.
ColdReads::RegionPointer ColdReads::start_region(const JournalFile& file, uint64_t position) {
  const uint64_t begin = round_down(position, kBlock);
  const Part& part = file.part_at(begin);
  uint64_t limit = readable_end(file);
  for (const Part& other : file.parts) {
    if (other.start > begin) limit = std::min(limit, other.start);
  }
  const uint64_t end = std::min(begin + kRegionBytes, limit);
  if (end <= begin) return nullptr;
  auto region = std::make_shared<Region>(Region{
      .file = file.id, .begin = begin, .end = end, .salt = part.salt, .data = {}, .waiting = {}});
  regions_.push_front(region);
  mark({file.id, begin, end});
  ++under_way_;
  const OpenMode mode = file.sealed ? OpenMode::kRead : OpenMode::kDirect;
  run(
      part, file.sealed ? &Slot::cached : &Slot::handle, end - begin,
      [&disk = disk_, path = part.slot->path(), pool = pool_, mode, begin,
       end](std::shared_ptr<File>& handle) -> Result<std::shared_ptr<const char>> {
        std::shared_ptr<char> data = pool->take();
        if (auto ok = read_slot(disk, handle, path, mode, begin, {data.get(), end - begin}); !ok) {
          return std::unexpected(ok.error());
        }
        return data;
      },
      [this, region](Result<std::shared_ptr<const char>> data) {
        finish_region(region, std::move(data));
      });
  return region;
}

void ColdReads::finish_region(const RegionPointer& region,
                              Result<std::shared_ptr<const char>> data) {
  --under_way_;
  auto waiting = std::exchange(region->waiting, {});
  if (data) {
    region->data = std::move(*data);
    bytes_ += kRegionBytes;
    trim();
  } else {
    forget(*region);
  }
  for (Waiting& one : waiting) {
    auto entries = region->data == nullptr ? std::nullopt : take(*region, one.cell, one.span);
    if (entries) {
      one.callback(std::move(*entries));
    } else {
      read_alone(one.cell, one.span, std::move(one.callback));
    }
  }
}

// The next regions are fetched while this one is worked off.
void ColdReads::read_ahead(const Region& region, const Extent& span) {
  const bool whole = region.end - region.begin == kRegionBytes;
  if (!whole || end_of(span) < region.begin + kRegionBytes / 2) return;
  const JournalFile* file = files_.find(region.file);
  if (file == nullptr || file->parts.empty()) return;
  uint64_t end = region.end;
  for (size_t i = 0; i < kAhead && under_way_ < kAheadMax && end < readable_end(*file); ++i) {
    const uint64_t next = end - kOverlap;
    end = std::min(next + kRegionBytes, readable_end(*file));
    if (!is_there(region.file, next, end)) start_region(*file, next);
  }
}

bool ColdReads::is_there(FileId file, uint64_t begin, uint64_t end) const {
  return std::ranges::any_of(regions_, [&](const RegionPointer& region) {
    return region->file == file && region->begin <= begin && end <= region->end + kOverlap &&
           begin < region->end;
  });
}

void ColdReads::read_alone(CellId cell, const Extent& span, ReadCallback callback) {
  const JournalFile* file = files_.find(span.file);
  if (file == nullptr || file->parts.empty()) {
    return callback(
        fail(ErrorCode::kNotFound, fmt::format("journal file {} is gone", span.file.value())));
  }
  mark({span.file, span.position, end_of(span)});
  const Part& part = file->part_at(span.position);
  run(
      part, &Slot::handle,
      round_up(end_of(span), kBlock) - round_down(uint64_t{span.position}, kBlock),
      [&disk = disk_, cell, span, path = part.slot->path(),
       salt = part.salt](std::shared_ptr<File>& handle) {
        return read_span(disk, handle, path, salt, cell, span);
      },
      [this, cell, span, callback = std::move(callback)](ReadResult result) mutable {
        if (result) {
          spans_.put(cell, span, *result);
        } else {
          ++metrics_.read_errors;
        }
        callback(std::move(result));
      });
}

std::optional<std::vector<StoredEntry>> ColdReads::take(Region& region,
                                                        CellId cell,
                                                        const Extent& span) {
  const ByteView bytes(region.data.get() + (span.position - region.begin), span.length);
  if (damaged_at(bytes, region.salt)) {
    forget(region);
    return std::nullopt;
  }
  region.used += span.length;
  auto entries = collect_entries(cell, span, bytes, region.data);
  if (entries) spans_.put(cell, span, *entries);
  return entries;
}

uint64_t ColdReads::gap_max() const {
  return worth_ < kWorthMin ? kGapSmall : kGapMax;
}

bool ColdReads::reads_on(const Extent& span) const {
  return std::ranges::any_of(marks_, [&](const Mark& mark) {
    return mark.file == span.file && mark.begin <= span.position &&
           span.position <= mark.end + gap_max();
  });
}

void ColdReads::mark(const Mark& mark) {
  // Who reads on moves a mark rather than making another.
  const auto before = std::ranges::find_if(marks_, [&](const Mark& other) {
    return other.file == mark.file && other.begin <= mark.begin &&
           mark.begin <= other.end + kGapMax;
  });
  if (before != marks_.end()) marks_.erase(before);
  marks_.push_front(mark);
  if (marks_.size() > kMarksMax) marks_.pop_back();
}

void ColdReads::forget(const Region& region) {
  const auto found = std::ranges::find(regions_, &region, &RegionPointer::get);
  if (found == regions_.end()) return;
  if (region.data != nullptr) bytes_ -= kRegionBytes;
  regions_.erase(found);
}

void ColdReads::trim() {
  while (bytes_ > options_.read_ahead_bytes) {
    const auto oldest =
        std::ranges::find_if(regions_.rbegin(), regions_.rend(),
                             [](const RegionPointer& region) { return region->data != nullptr; });
    bytes_ -= kRegionBytes;
    const double share = static_cast<double>((*oldest)->used) / static_cast<double>(kRegionBytes);
    worth_ += (std::min(share, 1.0) - worth_) / 8;
    regions_.erase(std::next(oldest).base());
  }
}

}  // namespace weir::storage
