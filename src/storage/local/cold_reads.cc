#include "storage/local/cold_reads.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "storage/local/span_batch.h"
#include "storage/local/tail.h"

namespace weir::storage {
namespace {

using broker::Extent;
using broker::ReadCallback;
using broker::ReadResult;
using broker::StoredEntry;

constexpr size_t kRegionsUnderWayMax = 32;
// Who reads on asks for so much at a time, or gets a region.
constexpr uint64_t kLargeBytes = kRegionBytes / 4;

uint64_t end_of(const Extent& span) {
  return uint64_t{span.position} + span.length;
}

// Where what can be read in one go from `begin` on ends.
uint64_t stretch_end(const JournalFile& file, uint64_t begin, uint64_t end) {
  end = std::min(end, file.readable_end());
  for (const Part& part : file.parts) {
    if (part.start > begin) end = std::min(end, part.start);
  }
  return end;
}

std::unexpected<Error> gone(FileId file) {
  return fail(ErrorCode::kNotFound, fmt::format("journal file {} is gone", file.value()));
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
      ahead_(files),
      pool_(std::make_shared<RegionPool>()) {}

void ColdReads::clear() {
  spans_.clear();
  ahead_.forget();
  std::erase_if(regions_, [](const RegionPointer& region) { return region->data != nullptr; });
  bytes_ = 0;
  pool_->clear();
}

std::optional<std::vector<StoredEntry>> ColdReads::find(CellId cell, const Extent& span) {
  if (auto found = spans_.find(cell, span)) return found;
  const RegionPointer region = covering(span.file, span.position, end_of(span));
  if (region == nullptr || region->data == nullptr) return std::nullopt;
  return take(*region, cell, span);
}

void ColdReads::read(CellId cell, const Extent& span, ReadCallback callback) {
  const RegionPointer region = covering(span.file, span.position, end_of(span));
  if (region != nullptr && region->data == nullptr) {
    region->waiting.push_back({cell, span, std::move(callback)});
    return;
  }
  if (pending_.empty()) steps_.post([this] { flush(); });
  pending_.push_back({cell, span, std::move(callback)});
}

template <typename Work, typename Then>
void ColdReads::run(const Part& part, Handle handle, Work work, Then then) {
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

// Reads what was asked for in this turn: neighbours together.
void ColdReads::flush() {
  auto pending = std::exchange(pending_, {});
  std::ranges::sort(pending, {}, [](const Waiting& one) {
    return std::pair(one.span.file, uint64_t{one.span.position});
  });
  const uint64_t gap = ahead_.gap_max();
  for (size_t first = 0; first < pending.size();) {
    size_t last = first + 1;
    uint64_t end = end_of(pending[first].span);
    while (last < pending.size() && pending[last].span.file == pending[first].span.file &&
           pending[last].span.position <= end + gap) {
      end = std::max(end, end_of(pending[last++].span));
    }
    read_near(std::span(pending).subspan(first, last - first));
    first = last;
  }
}

void ColdReads::read_near(std::span<Waiting> wanted) {
  const FileId id = wanted.front().span.file;
  const JournalFile* file = files_.find(id);
  if (file == nullptr || file->parts.empty()) {
    for (Waiting& one : wanted) one.callback(gone(id));
    return;
  }
  ReadAhead::Stretch read{id, wanted.front().span.position, 0};
  uint64_t bytes = 0;
  for (const Waiting& one : wanted) {
    bytes += one.span.length;
    read.end = std::max(read.end, end_of(one.span));
  }
  std::vector<ReadAhead::Stretch> ahead;
  const bool reads_on = ahead_.note(read, bytes, ahead);
  for (const ReadAhead::Stretch& stretch : ahead) fetch(stretch);
  RegionPointer region;
  if (reads_on && bytes < kLargeBytes && under_way_ < kRegionsUnderWayMax) {
    region = start_region(*file, read.begin);
  }
  const auto outside = std::ranges::find_if(wanted, [&](const Waiting& one) {
    return region == nullptr || end_of(one.span) > region->end;
  });
  for (Waiting& one : std::ranges::subrange(wanted.begin(), outside)) {
    region->waiting.push_back(std::move(one));
  }
  read_together(*file, {outside, wanted.end()});
}

void ColdReads::fetch(const ReadAhead::Stretch& ahead) {
  const JournalFile* file = files_.find(ahead.file);
  for (uint64_t begin = ahead.begin; begin < ahead.end;) {
    const Part& part = file->part_at(begin);
    const uint64_t end = stretch_end(*file, begin, ahead.end);
    run(
        part, &Slot::cached,
        [&disk = disk_, path = part.slot->path(), begin, end](std::shared_ptr<File>& handle) {
          const auto ok = open_slot(disk, handle, path, OpenMode::kCached);
          if (ok) handle->fetch(begin, end - begin);
          return ok;
        },
        [](const Result<void>&) {});  // whoever reads there is told
    begin = end;
  }
}

// In steps of at most a region each; what is larger has one for itself.
void ColdReads::read_together(const JournalFile& file, std::span<Waiting> wanted) {
  for (size_t first = 0; first < wanted.size();) {
    const Part& part = file.part_at(wanted[first].span.position);
    uint64_t end = wanted[first].span.position;
    uint64_t bytes = 0;
    size_t last = first;
    for (; last < wanted.size(); ++last) {
      const Extent& span = wanted[last].span;
      const uint64_t more =
          end_of(span) - std::min(end_of(span), std::max<uint64_t>(end, span.position));
      if (last > first && (bytes + more > kRegionBytes || &file.part_at(span.position) != &part))
        break;
      bytes += more;
      end = std::max(end, end_of(span));
    }
    metrics_.file_read_bytes += bytes;
    start_batch(part, wanted.subspan(first, last - first));
    first = last;
  }
}

void ColdReads::start_batch(const Part& part, std::span<Waiting> wanted) {
  ++metrics_.file_reads;
  std::vector<Piece> pieces;
  pieces.reserve(wanted.size());
  for (const Waiting& one : wanted) pieces.push_back({one.cell, one.span});
  run(
      part, &Slot::cached,
      [&disk = disk_, pool = pool_, path = part.slot->path(), salt = part.salt,
       pieces = std::move(pieces)](std::shared_ptr<File>& handle) {
        return read_pieces(disk, *pool, handle, path, salt, pieces);
      },
      [this, wanted = std::vector(std::move_iterator(wanted.begin()),
                                  std::move_iterator(wanted.end()))](auto found) mutable {
        for (size_t i = 0; i < wanted.size(); ++i) {
          auto& [cell, span, callback] = wanted[i];
          if (!found[i]) {
            read_alone(cell, span, std::move(callback));
            continue;
          }
          spans_.put(cell, span, *found[i]);
          callback(std::move(*found[i]));
        }
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

// From `position` on, as far as the file goes.
ColdReads::RegionPointer ColdReads::start_region(const JournalFile& file, uint64_t position) {
  const Part& part = file.part_at(position);
  const uint64_t end = stretch_end(file, position, position + kRegionBytes);
  if (end <= position) return nullptr;
  auto region = std::make_shared<Region>(Region{.file = file.id,
                                                .begin = position,
                                                .end = end,
                                                .salt = part.salt,
                                                .data = {},
                                                .waiting = {}});
  regions_.push_front(region);
  ++under_way_;
  ++metrics_.file_reads;
  metrics_.file_read_bytes += end - position;
  run(
      part, &Slot::cached,
      [&disk = disk_, path = part.slot->path(), pool = pool_, position,
       end](std::shared_ptr<File>& handle) -> Result<std::shared_ptr<const char>> {
        std::shared_ptr<char> data = pool->take();
        if (auto ok = read_slot(disk, handle, path, OpenMode::kCached, position,
                                {data.get(), end - position});
            !ok) {
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

std::optional<std::vector<StoredEntry>> ColdReads::take(Region& region,
                                                        CellId cell,
                                                        const Extent& span) {
  const ByteView bytes(region.data.get() + (span.position - region.begin), span.length);
  if (damaged_at(bytes, region.salt)) {
    forget(region);
    return std::nullopt;
  }
  auto entries = collect_entries(cell, span, bytes, region.data);
  if (entries) spans_.put(cell, span, *entries);
  return entries;
}

// Past the page cache: what the device has.
void ColdReads::read_alone(CellId cell, const Extent& span, ReadCallback callback) {
  const JournalFile* file = files_.find(span.file);
  if (file == nullptr || file->parts.empty()) return callback(gone(span.file));
  const Part& part = file->part_at(span.position);
  ++metrics_.file_reads;
  metrics_.file_read_bytes +=
      round_up(end_of(span), kBlock) - round_down(uint64_t{span.position}, kBlock);
  run(
      part, &Slot::handle,
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
    regions_.erase(std::next(oldest).base());
  }
}

}  // namespace weir::storage
