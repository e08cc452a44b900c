#include "storage/local/files.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace weir::storage {
namespace {

constexpr size_t kPrewriteBytes = size_t{1} << 20;
constexpr size_t kReadHandlesMax = 256;

struct Preparation {
  bool created = false;              // the file is to be made
  uint64_t allocate = 0;             // room that it is to have
  std::optional<FileHeader> header;  // to be written
  bool lasting = false;              // a power cut takes away neither its name nor its room
};

// Opens (or makes) the slot's file and does what is asked for; then its name and room last.
Result<std::shared_ptr<File>> try_prepare(Disk& disk,
                                          const std::string& path,
                                          std::shared_ptr<File> handle,
                                          const Preparation& wanted) {
  if (handle == nullptr) {
    auto opened = disk.open(path, wanted.created ? OpenMode::kDirectCreate : OpenMode::kDirect);
    if (!opened) return std::unexpected(opened.error());
    handle = std::move(*opened);
  }
  if (wanted.allocate > 0) {
    if (auto ok = handle->allocate(wanted.allocate); !ok) return std::unexpected(ok.error());
  }
  if (wanted.header) {
    Buffer block(kBlock);
    encode_file_header(*wanted.header, block.span());
    if (auto ok = write_all(*handle, 0, block.span(), Sync::kData); !ok) {
      return std::unexpected(ok.error());
    }
  }
  if (!wanted.lasting) {
    if (auto ok = handle->sync(); !ok) return std::unexpected(ok.error());
    if (auto ok = disk.sync_directory(kJournalFolder); !ok) return std::unexpected(ok.error());
  }
  return handle;
}

Result<std::shared_ptr<File>> prepare_slot(Disk& disk,
                                           const std::string& path,
                                           const std::shared_ptr<File>& handle,
                                           const Preparation& wanted) {
  auto prepared = try_prepare(disk, path, handle, wanted);
  // Half a file would keep the room that the disk lacks.
  if (!prepared && wanted.created) static_cast<void>(disk.remove(path));
  return prepared;
}

}  // namespace

std::string Slot::path() const {
  return fmt::format("{}/{:08}.slot", kJournalFolder, number);
}

const Part& part_at(std::span<const Part> parts, uint64_t position) {
  WEIR_ASSERT(!parts.empty());
  auto part = parts.rbegin();
  while (part->start > position && std::next(part) != parts.rend()) ++part;
  return *part;
}

uint64_t JournalFile::usable() const {
  // A row of the index usually takes less; one that does not fit is left out.
  const uint64_t seal =
      round_up(kFrameHeaderBytes + kFrameTrailerBytes + payload_count * 8, kBlock);
  return size - std::min(size, seal);
}

FileSet::FileSet(const LocalJournalOptions& options, Disk& disk, Steps& steps)
    : options_(options), disk_(disk), steps_(steps), random_(options.seed) {}

void FileSet::adopt(std::shared_ptr<JournalFile> file) {
  last_id_ = std::max(last_id_, file->id);
  files_[file->id] = std::move(file);
}

void FileSet::adopt_free(std::shared_ptr<Slot> slot) {
  if (slot->size == options_.file_bytes) {
    free_.push_back(std::move(slot));
  } else {
    recycle(std::move(slot));
  }
}

void FileSet::start(uint64_t epoch, std::function<void()> on_change) {
  epoch_ = epoch;
  on_change_ = std::move(on_change);
  started_ = true;
  refill();
}

JournalFile* FileSet::find(FileId id) const {
  const auto found = files_.find(id);
  return found == files_.end() ? nullptr : found->second.get();
}

std::shared_ptr<JournalFile> FileSet::add(FileKind kind, uint64_t size) {
  auto file = std::make_shared<JournalFile>();
  file->id = last_id_ = last_id_.next();
  file->kind = kind;
  file->epoch = epoch_;
  file->size = std::max<uint64_t>(round_up(size, kBlock), options_.file_bytes);
  files_[file->id] = file;
  attach(file, kBlock);
  return file;
}

std::shared_ptr<JournalFile> FileSet::next(uint64_t size) {
  if (next_ == nullptr || next_->size < size) {
    // A file prepared for less is left unused: it has no entries and goes back with the next
    // checkpoint.
    if (next_ != nullptr) next_->sealed = true;
    next_ = nullptr;
    return add(FileKind::kCommits, size);
  }
  auto file = std::exchange(next_, nullptr);
  steps_.post([this] { refill(); });
  return file;
}

void FileSet::move_on(const std::shared_ptr<JournalFile>& file, uint64_t start) {
  file->ready = false;
  attach(file, start);
}

std::shared_ptr<Slot> FileSet::take_free(uint64_t size, bool reserve_too) {
  if (size != options_.file_bytes || free_.empty()) return nullptr;
  if (!reserve_too && free_.size() <= options_.reserve_files) return nullptr;
  auto best = std::ranges::max_element(
      free_, {}, [](const auto& slot) { return slot->users > 0 ? 0 : slot->written_to + 1; });
  if ((*best)->users > 0) return nullptr;
  auto slot = std::move(*best);
  free_.erase(best);
  return slot;
}

std::shared_ptr<Slot> FileSet::new_slot(uint64_t size) {
  auto slot = std::make_shared<Slot>();
  slot->number = ++last_slot_;
  slot->size = size;
  return slot;
}

void FileSet::attach(const std::shared_ptr<JournalFile>& file, uint64_t start) {
  // While the disk is full the reserve is there to be used; by whom, admit() decides.
  auto slot = take_free(file->size, full_);
  const bool created = slot == nullptr;
  if (created) slot = new_slot(file->size);
  FileHeader header;
  header.kind = file->kind;
  header.id = file->id;
  header.part = static_cast<uint32_t>(file->parts.size());
  header.start = start;
  header.size = file->size;
  header.epoch = epoch_;
  header.salt = static_cast<uint32_t>(random_.next());
  header.serial = ++serial_;
  header.written_to = slot->written_to;
  ++slot->users;
  steps_.run(
      Lane::kReader,
      [&disk = disk_, slot, header, created,
       lasting = slot->lasting]() -> Result<std::shared_ptr<File>> {
        return prepare_slot(disk, slot->path(), slot->handle,
                            {.created = created,
                             .allocate = created ? slot->size : 0,
                             .header = header,
                             .lasting = lasting});
      },
      [this, file, header, slot, created](Result<std::shared_ptr<File>> handle) {
        --slot->users;
        if (handle) {
          slot->handle = std::move(*handle);
          slot->lasting = true;
          attached(file, header, Prepared{slot, created});
        } else {
          attached(file, header, std::unexpected(handle.error()));
        }
      });
}

void FileSet::attached(std::shared_ptr<JournalFile> file,
                       const FileHeader& header,
                       Result<Prepared> done) {
  if (!done) {
    // The slot that failed is left alone: a later start finds and recycles it.
    failed(done.error());
    steps_.after(back_off(),
                 [this, file = std::move(file), header] { attach(file, header.start); });
    return;
  }
  if (done->created) recovered();
  file->parts.push_back(Part{header.start, header.salt, done->slot});
  file->ready = true;
  refill();
  on_change_();
}

// Keeps one file prepared, and behind it as many free slots as the reserve needs.
void FileSet::refill() {
  if (!started_ || refilling_ || surrendered_) return;
  if (next_ == nullptr && data_fits()) {
    next_ = add(FileKind::kCommits, options_.file_bytes);
    return;  // refilled further when that is attached
  }
  if (next_ != nullptr && !next_->ready) return;
  if (free_.size() >= options_.reserve_files) {
    recovered();
    return;
  }
  refilling_ = true;
  auto slot = new_slot(options_.file_bytes);
  steps_.run(
      Lane::kReader,
      [&disk = disk_, slot]() {
        return prepare_slot(disk, slot->path(), nullptr,
                            {.created = true, .allocate = slot->size, .header = {}});
      },
      [this, slot](Result<std::shared_ptr<File>> handle) {
        refilling_ = false;
        if (!handle) {
          failed(handle.error());
          steps_.after(back_off(), [this] { refill(); });
          return;
        }
        slot->handle = std::move(*handle);
        slot->lasting = true;
        free_.push_back(slot);
        recovered();
        refill();
      });
}

// Whoever is told may call back in here: not in the middle of something.
void FileSet::changed() {
  if (!started_ || change_posted_) return;
  change_posted_ = true;
  steps_.post([this] {
    change_posted_ = false;
    on_change_();
  });
}

void FileSet::failed(const Error& error) {
  full_ = true;
  problem_ = error;
  changed();
}

void FileSet::recovered() {
  if (!full_ || free_.size() < options_.reserve_files) return;
  full_ = false;
  problem_.reset();
  retry_ = {};
  changed();
  if (next_ == nullptr) steps_.post([this] { refill(); });
}

Duration FileSet::back_off() {
  retry_ = std::clamp(retry_ * 2, options_.retry_first, options_.retry_max);
  return retry_;
}

void FileSet::free(FileId id) {
  const auto found = files_.find(id);
  WEIR_ASSERT(found != files_.end() && found->second != next_);
  for (const Part& part : found->second->parts) {
    part.slot->written_to = std::max(part.slot->written_to, found->second->end);
    draining_.push_back(part.slot);
  }
  files_.erase(found);
  drain();
}

void FileSet::drain() {
  const auto unused = std::ranges::partition(
      draining_, [](const std::shared_ptr<Slot>& slot) { return slot->users > 0; });
  const std::vector<std::shared_ptr<Slot>> slots(unused.begin(), unused.end());
  draining_.erase(unused.begin(), unused.end());
  for (const auto& slot : slots) recycle(slot);
}

void FileSet::surrender() {
  const auto slot = std::ranges::find_if(free_, [](const auto& one) { return one->users == 0; });
  if (slot == free_.end()) return;
  surrendered_ = true;
  remove(*slot);
  free_.erase(slot);
}

void FileSet::surrendered_is_used() {
  if (std::exchange(surrendered_, false)) refill();
}

void FileSet::remove(const std::shared_ptr<Slot>& slot) {
  slot->handle.reset();
  slot->cached.reset();
  steps_.run(
      Lane::kBackground, [&disk = disk_, path = slot->path()] { return disk.remove(path); },
      [](const Result<void>&) {});  // what could not be removed is found by the next start
}

void FileSet::recycle(std::shared_ptr<Slot> slot) {
  if (slot->size == options_.file_bytes && free_.size() < options_.pool_files_max) {
    free_.push_back(std::move(slot));
    recovered();
    return;
  }
  remove(slot);
}

void FileSet::used(const std::shared_ptr<Slot>& slot) {
  if (!slot->reader_opened) {
    slot->reader_opened = true;
    opened_.push_back(slot);
  }
  if (opened_.size() > kReadHandlesMax) {
    const auto oldest = opened_.front().lock();
    opened_.pop_front();
    if (oldest != nullptr) {
      oldest->reader_opened = false;
      const bool in_use = std::ranges::any_of(files_, [&](const auto& entry) {
        return !entry.second->sealed && !entry.second->parts.empty() &&
               entry.second->parts.back().slot == oldest;
      });
      if (oldest->users == 0 && !in_use) oldest->handle.reset();
      oldest->cached.reset();
    }
  }
  if (slot->users == 0 && !draining_.empty()) drain();
}

bool FileSet::next_is_quick() const {
  return next_ != nullptr && next_->ready && next_->parts.back().slot->users == 0 &&
         next_->parts.back().slot->written_to >= next_->size;
}

void FileSet::maintain(bool idle, uint64_t ahead) {
  drain();
  if (prewriting_ || full_) return;
  if (next_ != nullptr && next_->ready) {
    const auto& slot = next_->parts.back().slot;
    if ((idle || slot->written_to < ahead) && prewrite(slot)) return;
  }
  if (!idle) return;
  size_t spares = next_ != nullptr ? 1 : 0;
  for (const auto& slot : free_) {
    if (spares >= options_.spare_files) return;
    if (prewrite(slot)) return;
    ++spares;
  }
}

bool FileSet::prewrite(const std::shared_ptr<Slot>& slot) {
  if (slot->written_to >= slot->size) return false;
  prewriting_ = slot->prewriting = true;
  ++slot->users;
  const uint64_t from = std::max<uint64_t>(slot->written_to, kBlock);
  const size_t length = std::min<uint64_t>(kPrewriteBytes, slot->size - from);
  const bool last = from + length == slot->size;
  if (zeros_ == nullptr) zeros_ = std::make_shared<Buffer>(kPrewriteBytes);
  steps_.run(
      Lane::kBackground,
      [&disk = disk_, slot, handle = slot->handle, zeros = zeros_, from, length,
       last]() -> Result<std::shared_ptr<File>> {
        auto file = prepare_slot(disk, slot->path(), handle, {.header = {}, .lasting = true});
        if (!file) return file;
        auto written = write_all(**file, from, zeros->span(0, length), Sync::kNone);
        if (written && last) written = (*file)->sync();
        if (!written) return std::unexpected(written.error());
        return file;
      },
      [this, slot, from, length](Result<std::shared_ptr<File>> handle) {
        prewriting_ = slot->prewriting = false;
        --slot->users;
        if (handle) {
          slot->handle = std::move(*handle);
          slot->written_to = from + length;
          prewritten_bytes_ += length;
        } else {
          slot->written_to = slot->size;  // writing in advance is a favour; the file may still do
        }
        on_change_();
      });
  return true;
}

uint64_t FileSet::bytes() const {
  uint64_t sum = 0;
  for (const auto& [id, file] : files_) {
    for (const Part& part : file->parts) sum += part.slot->size;
  }
  for (const auto& slot : free_) sum += slot->size;
  return sum;
}

}  // namespace weir::storage
