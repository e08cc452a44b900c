#include "storage/memory/memory_journal.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace weir::storage {

using broker::Admission;
using broker::Entry;
using broker::Extent;
using broker::MovedSpan;
using broker::ReadResult;
using broker::StoredEntry;

namespace {

constexpr uint32_t kBlock = 4096;
constexpr uint32_t kEntryHeader = 24;  // what storage/local spends on an entry

uint32_t block_end(uint32_t position) {
  return (position + kBlock - 1) / kBlock * kBlock;
}

bool has_payload(const Entry& entry) {
  return !entry.payload_head.empty() || !entry.payload_rest.empty();
}

}  // namespace

MemoryJournal::MemoryJournal(Options options) : options_(options) {
  open_file();
}

MemoryJournal::~MemoryJournal() = default;

void MemoryJournal::open_file() {
  current_ = current_.next();
  files_[current_];
  position_ = kBlock;
  frame_open_ = false;
}

Result<void> MemoryJournal::recover(broker::JournalOwner& owner) {
  WEIR_ASSERT(owner_ == nullptr, "recover() after crash() or on a new journal only");
  owner_ = &owner;
  replaying_ = true;
  for (auto& [id, file] : files_) file.live = file.released = 0;
  for (const auto& [cell, image] : images_) {
    if (auto loaded = owner.load_image(cell, image.bytes); !loaded) return loaded;
  }
  dirty_.clear();
  for (const Commit& commit : commits_) {
    for (const Record& record : commit.records) {
      const auto image = images_.find(record.cell);
      if (image != images_.end() && commit.lsn <= image->second.lsn) continue;
      mark_dirty(record.cell, commit.lsn);
      if (record.extent.length > 0) files_[record.extent.file].live += record.extent.length;
      auto replayed = owner.replay(commit.lsn, commit.now, record.cell, record.event,
                                   record.payload, record.extent);
      if (!replayed) return replayed;
    }
  }
  owner.replayed();
  replaying_ = false;
  if (missing_.empty()) return {};
  missing_.clear();
  return weir::fail(ErrorCode::kStorageCorrupt, "a file is missing, and an image refers to it");
}

void MemoryJournal::crash(std::optional<Lsn> survivors) {
  const Lsn last =
      std::max(durable_, std::min(survivors.value_or(durable_), Lsn(next_.value() - 1)));
  while (!commits_.empty() && commits_.back().lsn > last) {
    for (const Record& record : commits_.back().records) {
      if (record.extent.length > 0) {
        files_[record.extent.file].entries.erase(record.extent.position);
      }
    }
    commits_.pop_back();
  }
  owner_ = nullptr;
  reads_.clear();
  work_.clear();
  next_ = last.next();
  written_ = durable_ = last;
  undurable_bytes_ = 0;
  pressed_ = false;
  problem_.reset();
  open_file();
}

void MemoryJournal::announce() {
  if (owner_ != nullptr) owner_->progressed(written_, durable_);
}

void MemoryJournal::write(std::optional<Lsn> lsn) {
  const Lsn upto = std::min(lsn.value_or(Lsn(next_.value() - 1)), Lsn(next_.value() - 1));
  if (upto <= written_) return;
  written_ = upto;
  frame_open_ = false;
  announce();
}

void MemoryJournal::sync(std::optional<Lsn> lsn) {
  const Lsn upto = std::min(lsn.value_or(Lsn(next_.value() - 1)), Lsn(next_.value() - 1));
  if (upto <= durable_) return;
  durable_ = upto;
  written_ = std::max(written_, upto);
  frame_open_ = false;
  undurable_bytes_ = 0;
  for (auto commit = commits_.rbegin(); commit != commits_.rend() && commit->lsn > upto; ++commit) {
    undurable_bytes_ += commit->bytes;
  }
  announce();
  press();
}

void MemoryJournal::press() {
  const size_t bound =
      pressed_ ? options_.undurable_bytes_resume + 1 : options_.undurable_bytes_pause;
  const bool on = undurable_bytes_ >= bound;
  if (on == pressed_ || owner_ == nullptr) return;
  pressed_ = on;
  owner_->pressed(on);
}

bool MemoryJournal::poll() {
  bool worked = false;
  if (sync_on_poll_ && durable_.next() < next_) {
    sync();
    worked = true;
  }
  std::deque<Read> reads = std::exchange(reads_, {});
  for (Read& read : reads) {
    auto found = find(read.cell, read.span);
    if (found) entries_given_ += found->size();
    read.callback(std::move(found));
    worked = true;
  }
  std::deque<Work> work = std::exchange(work_, {});
  for (Work& one : work) {
    one.work();
    one.done();
    worked = true;
  }
  return worked;
}

void MemoryJournal::fail(std::optional<Error> problem, bool releases_pass) {
  problem_ = std::move(problem);
  releases_pass_ = releases_pass;
  if (owner_ != nullptr) owner_->storage_health(problem_);
}

Result<void> MemoryJournal::admit(Admission admission, size_t bytes) const {
  if (owner_ == nullptr) return weir::fail(ErrorCode::kShuttingDown, "the journal is closed");
  if (bytes > broker::kCommitBytesMax) {
    return weir::fail(ErrorCode::kTooLarge, "a commit is larger than 64 MiB");
  }
  if (problem_ && !(releases_pass_ && admission == Admission::kRelease)) {
    return std::unexpected(*problem_);
  }
  if (admission == Admission::kData && undurable_bytes_ + bytes > options_.undurable_bytes_max) {
    return weir::fail(ErrorCode::kOverloaded, "too many bytes wait for the disk");
  }
  return {};
}

Lsn MemoryJournal::submit(std::span<const Entry> entries,
                          Durability /*durability*/,
                          Timestamp now,
                          std::span<Extent> extents) {
  WEIR_ASSERT(owner_ != nullptr && !replaying_, "submit() while recovering or after a crash");
  WEIR_ASSERT(!entries.empty() && extents.size() == entries.size());
  if (position_ >= options_.file_bytes) open_file();
  if (!frame_open_) {
    frame_ = block_end(position_) / kBlock;
    position_ = frame_ * kBlock + 64;
    frame_open_ = true;
  }
  Commit commit{.lsn = next_, .now = now, .records = {}};
  next_ = next_.next();
  for (size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    Record record{
        .cell = entry.cell, .event = std::string(entry.event), .payload = {}, .extent = {}};
    const size_t length =
        kEntryHeader + entry.event.size() + entry.payload_head.size() + entry.payload_rest.size();
    if (has_payload(entry)) {
      record.payload =
          Bytes::take(std::string(entry.payload_head) + std::string(entry.payload_rest));
      record.extent = extents[i] = Extent{.file = current_,
                                          .frame = frame_,
                                          .position = position_,
                                          .length = static_cast<uint32_t>(length)};
      File& file = files_[current_];
      file.entries[position_] = Stored{
          entry.cell, {Bytes::copy_of(entry.event), record.payload, record.extent}, commit.lsn};
      file.live += static_cast<int64_t>(length);
    }
    position_ += static_cast<uint32_t>(length);
    commit.bytes += length;
    mark_dirty(entry.cell, commit.lsn);
    commit.records.push_back(std::move(record));
  }
  files_[current_].last = commit.lsn;
  undurable_bytes_ += commit.bytes;
  const Lsn lsn = commit.lsn;
  commits_.push_back(std::move(commit));
  press();
  return lsn;
}

ReadResult MemoryJournal::find(CellId cell, const Extent& span) const {
  const auto file = files_.find(span.file);
  if (file == files_.end()) return weir::fail(ErrorCode::kNotFound, "the journal file is gone");
  std::vector<StoredEntry> found;
  const auto& entries = file->second.entries;
  for (auto at = entries.lower_bound(span.position); at != entries.end(); ++at) {
    const Extent& extent = at->second.entry.extent;
    if (extent.position + extent.length > span.position + span.length) break;
    if (at->second.cell != cell) continue;
    if (std::ranges::find(corrupt_, extent) != corrupt_.end()) {
      return weir::fail(ErrorCode::kStorageCorrupt, "an entry fails its checksum");
    }
    found.push_back(at->second.entry);
  }
  return found;
}

std::optional<std::vector<StoredEntry>> MemoryJournal::read_cached(CellId cell,
                                                                   const Extent& span) {
  if (cache_forgotten_) return std::nullopt;
  auto found = find(cell, span);
  if (!found) return std::nullopt;
  entries_given_ += found->size();
  return std::move(*found);
}

void MemoryJournal::read(CellId cell, const Extent& span, broker::ReadCallback callback) {
  reads_.push_back(Read{cell, span, std::move(callback)});
}

void MemoryJournal::background(std::move_only_function<void()> work,
                               std::move_only_function<void()> done) {
  work_.push_back({std::move(work), std::move(done)});
}

void MemoryJournal::release(const Extent& extent, Lsn lsn) {
  WEIR_ASSERT(lsn <= next_, "released by commit {}, which is not submitted yet", lsn.value());
  const auto found = files_.find(extent.file);
  const auto missing = missing_.find(extent.file);
  if (missing != missing_.end() && missing->second >= extent.length) {
    missing->second -= extent.length;
    if (missing->second == 0) missing_.erase(missing);
    return;
  }
  WEIR_ASSERT(found != files_.end(), "release in file {}, which is gone", extent.file.value());
  File& file = found->second;
  file.live -= extent.length;
  file.released += extent.length;
  WEIR_ASSERT(file.live >= 0, "more released than live in file {}", extent.file.value());
}

void MemoryJournal::retain(const Extent& span) {
  WEIR_ASSERT(replaying_, "retain() belongs to recovery");
  const auto file = files_.find(span.file);
  if (file == files_.end()) {
    if (span.length > 0) missing_[span.file] += span.length;
    return;
  }
  file->second.live += span.length;
}

void MemoryJournal::mark_dirty(CellId cell, Lsn lsn) {
  dirty_.try_emplace(cell, lsn);
}

void MemoryJournal::checkpoint() {
  WEIR_ASSERT(owner_ != nullptr);
  sync();
  for (const auto& [cell, first] : std::exchange(dirty_, {})) {
    auto image = owner_->image(cell);
    if (!image) {
      if (!kept_images_.contains(cell)) images_.erase(cell);
      continue;
    }
    std::string bytes = std::move(image->head);
    for (auto& part : image->deferred) part(bytes);
    images_[cell] = Image{Lsn(next_.value() - 1), std::move(bytes)};
  }
  commits_.clear();
  for (auto& [id, file] : files_) file.released = 0;
  free_files();
}

void MemoryJournal::free_files() {
  std::erase_if(files_, [this](const auto& named) {
    const auto& [id, file] = named;
    return id != current_ && file.live == 0 && file.released == 0;
  });
}

void MemoryJournal::tidy(FileId id) {
  WEIR_ASSERT(owner_ != nullptr && id != current_);
  std::vector<std::pair<CellId, Extent>> spans;
  for (size_t left = broker::kAllLogs; left > 0;) {
    const broker::LiveSpans found = owner_->live_spans(id, left);
    spans.insert(spans.end(), found.spans.begin(), found.spans.end());
    left = found.left;
  }
  if (spans.empty()) return;
  std::ranges::sort(spans, {},
                    [](const auto& span) { return std::pair(span.first, span.second.position); });
  spans.erase(std::ranges::unique(spans).begin(), spans.end());
  open_file();
  const FileId target = current_;
  uint32_t position = kBlock + 64;
  std::vector<MovedSpan> moved;
  for (const auto& [cell, from] : spans) {
    MovedSpan span{.cell = cell, .from = from, .to = {}};
    auto entries = find(cell, from);
    WEIR_ASSERT(entries.has_value(), "a live span of file {} cannot be read", id.value());
    for (StoredEntry& entry : *entries) {
      entry.extent =
          Extent{.file = target, .frame = 1, .position = position, .length = entry.extent.length};
      position += entry.extent.length;
      span.to.push_back(entry.extent);
      File& file = files_[target];
      file.live += entry.extent.length;
      const auto at = entry.extent.position;
      file.entries[at] = Stored{cell, std::move(entry), Lsn()};
    }
    moved.push_back(std::move(span));
  }
  open_file();
  owner_->moved(moved);
}

uint64_t MemoryJournal::live_bytes() const {
  int64_t sum = 0;
  for (const auto& [id, file] : files_) sum += file.live;
  return static_cast<uint64_t>(sum);
}

uint64_t MemoryJournal::live_bytes(FileId id) const {
  const auto file = files_.find(id);
  return file == files_.end() ? 0 : static_cast<uint64_t>(file->second.live);
}

std::vector<FileId> MemoryJournal::file_ids() const {
  std::vector<FileId> ids;
  ids.reserve(files_.size());
  for (const auto& [id, file] : files_) ids.push_back(id);
  return ids;
}

}  // namespace weir::storage
