#include "storage/local/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/canary.h"
#include "base/checksum.h"
#include "storage/local/image_reader.h"

namespace weir::storage {

using broker::Extent;

// A view of one journal file through large reads.
class Recovery::Window {
 public:
  Window(Disk& disk, JournalFile& file) : disk_(disk), file_(file) {}

  void forget() { filled_ = 0; }
  uint64_t end() const { return file_.size; }
  uint32_t salt_at(uint64_t offset) const { return file_.part_at(offset).salt; }

  // Up to `length` bytes from `offset`, which is a multiple of kBlock; fewer at the end of the file
  // or of its part.
  Result<ByteView> view(uint64_t offset, size_t length) {
    if (offset < begin_ || offset + length > begin_ + filled_) {
      if (auto ok = load(offset, length); !ok) return std::unexpected(ok.error());
    }
    const size_t at = offset - begin_;
    return ByteView(buffer_.data() + at, std::min(length, filled_ - std::min(filled_, at)));
  }

 private:
  static constexpr size_t kReadBytes = size_t{4} << 20;

  Result<void> load(uint64_t offset, size_t length) {
    const Part& part = file_.part_at(offset);
    uint64_t limit = std::min(file_.size, part.slot->size);
    for (const Part& later : file_.parts) {
      if (later.start > offset) limit = std::min(limit, later.start);
    }
    const size_t wanted = std::min<uint64_t>(std::max(round_up(length, kBlock), kReadBytes),
                                             limit - std::min(limit, offset));
    if (buffer_.size() < wanted) buffer_ = Buffer(wanted);
    begin_ = offset;
    filled_ = 0;
    if (wanted == 0) return {};
    if (open_ == nullptr || open_slot_ != part.slot) {
      auto file = disk_.open(part.slot->path(), OpenMode::kDirect);
      if (!file) return std::unexpected(file.error());
      open_ = std::move(*file);
      open_slot_ = part.slot;
    }
    if (auto ok = read_exactly(*open_, offset, buffer_.span(0, wanted)); !ok) return ok;
    filled_ = wanted;
    return {};
  }

  Disk& disk_;
  JournalFile& file_;
  std::unique_ptr<File> open_;
  std::shared_ptr<Slot> open_slot_;
  Buffer buffer_;
  uint64_t begin_ = 0;
  size_t filled_ = 0;
};

Recovery::Recovery(const LocalJournalOptions& options,
                   Disk& disk,
                   FileSet& files,
                   broker::JournalOwner& owner)
    : options_(options), disk_(disk), files_(files), owner_(owner) {}

Recovery::~Recovery() = default;

Result<Recovered> Recovery::run() {
  for (const auto step : {&Recovery::read_roots, &Recovery::load_directory, &Recovery::find_slots,
                          &Recovery::load_images, &Recovery::replay_all}) {
    if (auto ok = (this->*step)(); !ok) return std::unexpected(ok.error());
  }
  return std::move(state_);
}

Result<void> Recovery::read_roots() {
  for (const char* folder : {kJournalFolder, kCheckpointFolder}) {
    if (auto ok = disk_.make_directory(folder); !ok) return ok;
  }
  auto bytes = read_file(disk_, kCurrentName);
  if (!bytes && bytes.error().code != ErrorCode::kNotFound) return std::unexpected(bytes.error());
  if (bytes) {
    const auto current = decode_current(*bytes);
    if (!current) return std::unexpected(current.error());
    state_.current = *current;
  } else {
    // It is the first file that a fresh directory gets.
    for (const char* folder : {kJournalFolder, kCheckpointFolder}) {
      const auto names = disk_.list(folder);
      if (!names || names->empty()) continue;
      return fail(
          ErrorCode::kStorageCorrupt,
          fmt::format("CURRENT is missing from a data directory whose {} is not empty", folder));
    }
  }
  ++state_.current.epoch;
  if (auto ok = replace_file(disk_, "", kCurrentName, encode_current(state_.current)); !ok)
    return ok;
  if (state_.current.manifest == 0) return {};
  bytes = read_file(disk_, manifest_path(state_.current.manifest));
  if (!bytes) return std::unexpected(bytes.error());
  auto manifest = decode_manifest(*bytes);
  if (!manifest) return std::unexpected(manifest.error());
  state_.manifest = std::move(*manifest);
  state_.now = state_.manifest.now;
  return {};
}

// Newest file first: the first image met is the one that counts.
Result<void> Recovery::load_directory() {
  const auto& images = state_.manifest.images;
  for (auto file = images.rbegin(); file != images.rend(); ++file) {
    const auto index = read_image_index(disk_, *file);
    if (!index) return std::unexpected(index.error());
    if (file == images.rbegin()) {
      state_.dropped = index->dropped;
      for (const DroppedCell& cell : index->dropped) gone_.emplace(cell.cell, cell.lsn);
    }
    for (const ImageRow& row : index->rows) {
      if (gone_.contains(row.cell)) continue;
      state_.cells.try_emplace(
          row.cell, CellPlace{.image_file = file->number, .bytes = row.length, .lsn = row.lsn});
    }
  }
  return {};
}

Result<void> Recovery::load_images() {
  return for_each_image(
      disk_, state_.manifest.images, state_.cells,
      [this](CellId cell, ByteView image) { return owner_.load_image(cell, image); });
}

Result<void> Recovery::find_slots() {
  auto names = disk_.list(kJournalFolder);
  if (!names) return std::unexpected(names.error());
  std::map<std::pair<FileId, uint32_t>, FoundSlot> parts;
  for (const std::string& name : *names) {
    auto slot = std::make_shared<Slot>();
    if (sscanf(name.c_str(), "%u.slot", &slot->number) != 1) continue;
    files_.seen_slot(slot->number);
    const auto header = read_slot(*slot);
    if (!header) return std::unexpected(header.error());
    if (!*header || !holds_data(**header, *slot)) {
      files_.adopt_free(std::move(slot));
      continue;
    }
    FoundSlot here{**header, std::move(slot)};
    FoundSlot& known = parts[{here.header.id, here.header.part}];
    if (known.slot == nullptr || known.age() < here.age()) std::swap(known, here);
    if (here.slot != nullptr) files_.adopt_free(std::move(here.slot));
  }
  for (const auto& [key, found] : parts) adopt_part(found);
  for (const auto& listed : state_.manifest.files) {
    if (JournalFile* file = files_.find(listed.id)) file->last = listed.last;
  }
  files_.seen(state_.manifest.last_file);
  return {};
}

Result<std::optional<FileHeader>> Recovery::read_slot(Slot& slot) {
  auto handle = disk_.open(slot.path(), OpenMode::kDirect);
  if (!handle) return std::unexpected(handle.error());
  const auto size = (*handle)->size();
  if (!size) return std::unexpected(size.error());
  slot.size = round_down(*size, kBlock);
  if (slot.size < kBlock) return std::nullopt;
  Buffer block(kBlock);
  if (auto ok = read_exactly(**handle, 0, block.span()); !ok) return std::unexpected(ok.error());
  const auto header = decode_file_header({block.data(), kBlock});
  if (header) slot.written_to = std::min(header->written_to, slot.size);
  return header;
}

// A slot whose file was freed before the newest checkpoint keeps its old header until it is reused.
bool Recovery::holds_data(const FileHeader& header, const Slot& slot) const {
  if (header.size > slot.size) return false;
  return header.id > state_.manifest.last_file ||
         std::ranges::any_of(state_.manifest.files,
                             [&](const auto& file) { return file.id == header.id; });
}

void Recovery::adopt_part(const FoundSlot& found) {
  const FileHeader& header = found.header;
  JournalFile* file = files_.find(header.id);
  if (file == nullptr) {
    auto made = std::make_shared<JournalFile>();
    file = made.get();
    made->id = header.id;
    made->kind = header.kind;
    made->size = header.size;
    made->epoch = header.epoch;
    made->ready = made->sealed = true;
    files_.adopt(std::move(made));
  }
  file->parts.push_back(Part{header.start, header.salt, found.slot});
}

Result<void> Recovery::replay_all() {
  expected_ = state_.manifest.covered.next();
  for (const auto& [id, file] : files_.all()) {
    if (salvage_stop_) break;
    if (file->kind != FileKind::kCommits) continue;
    const bool covered = file->last > Lsn() && file->last <= state_.manifest.covered;
    if (!covered) {
      if (auto ok = replay_file(*file); !ok) return ok;
    }
  }
  state_.next = expected_;
  return {};
}

Result<void> Recovery::replay_file(JournalFile& file) {
  Window window(disk_, file);
  uint64_t at = kBlock;
  while (at + kBlock <= window.end()) {
    const auto head = window.view(at, kBlock);
    if (!head) return std::unexpected(head.error());
    const auto header = decode_frame_header(*head, window.salt_at(at));
    const bool placed = header && header->file == file.id && header->block == at / kBlock &&
                        header->epoch == file.epoch && at + header->bytes() <= window.end();
    Result<ByteView> frame = placed ? window.view(at, header->bytes()) : ByteView();
    if (!frame) return std::unexpected(frame.error());
    if (!placed || !frame_is_whole(*header, *frame, window.salt_at(at))) {
      const auto dropped = drop_unused_part(file, window, at);
      if (!dropped) return std::unexpected(dropped.error());
      if (!*dropped) return judge_bad_frame(file, window, at);
      continue;
    }
    if (header->first > expected_) return judge_gap(file, window, at);
    at += header->bytes();
    file.end = at;
    if (header->kind == FrameKind::kSeal) return {};
    if (auto ok = replay_frame(*header, *frame); !ok || salvage_stop_) return ok;
    file.last = std::max(file.last, header->last());
  }
  return {};
}

Result<void> Recovery::replay_frame(const FrameHeader& header, ByteView frame) {
  if (header.last() < expected_)
    return {};  // covered by the checkpoint, or moved after a failed write
  const ByteView entries = frame.substr(kFrameHeaderBytes, header.length);
  Lsn lsn = header.first;
  for (size_t at = 0; at < entries.size();) {
    const auto entry = decode_entry(entries.substr(at));
    if (!entry || lsn > header.last()) {
      return corrupt(
          fmt::format("the frame of commit {} does not agree with itself", header.first.value()));
    }
    if (lsn >= expected_) {
      const uint32_t position = header.block * static_cast<uint32_t>(kBlock) +
                                static_cast<uint32_t>(kFrameHeaderBytes + at);
      if (auto ok = replay_entry(header, *entry, lsn, position); !ok) return ok;
    }
    if (entry->ends_commit) lsn = lsn.next();
    at += entry->length;
  }
  expected_ = header.last().next();
  return {};
}

Result<void> Recovery::replay_entry(const FrameHeader& header,
                                    const EntryView& entry,
                                    Lsn lsn,
                                    uint32_t position) {
  const Timestamp now = header.now + Milliseconds(entry.now_delta);
  state_.now = std::max(state_.now, now);
  state_.replayed_bytes += entry.length;
  const auto gone = gone_.find(entry.cell);
  if (gone != gone_.end() && lsn <= gone->second) return {};
  CellPlace& cell = state_.cells[entry.cell];
  if (lsn <= cell.lsn && !canary(Canary::kSkipCellLsnTest)) return {};
  cell.dirty = true;
  ++state_.replayed_entries;
  Extent extent;
  if (!entry.payload.empty()) {
    extent = Extent{
        .file = header.file, .frame = header.block, .position = position, .length = entry.length};
    JournalFile* file = files_.find(header.file);
    file->live += entry.length;
    ++file->payload_count;
  }
  return owner_.replay(lsn, now, entry.cell, entry.event, entry.payload, extent);
}

// Whether a frame of this file, from `from` on, says that commit expected_ had been durable.
Result<bool> Recovery::vouched_for(JournalFile& file, Window& window, uint64_t from) {
  for (uint64_t place = from; place + kBlock <= window.end(); place += kBlock) {
    const auto head = window.view(place, kBlock);
    if (!head) return std::unexpected(head.error());
    const auto header = decode_frame_header(*head, window.salt_at(place));
    if (!header || header->file != file.id || header->block != place / kBlock) continue;
    if (header->durable >= expected_) return true;
  }
  return false;
}

// A part was made after a failed write, but the crash came before its first frame was there: the
// part before it counts, which may have taken the bytes all the same.
Result<bool> Recovery::drop_unused_part(JournalFile& file, Window& window, uint64_t at) {
  if (file.parts.size() < 2 || file.parts.back().start != at) return false;
  const auto vouched = vouched_for(file, window, at + kBlock);
  if (!vouched) return std::unexpected(vouched.error());
  if (*vouched) return false;
  // Its header must not claim the place any more, once this part of the file is not replayed again.
  const auto slot = file.parts.back().slot;
  file.parts.pop_back();
  window.forget();
  auto handle = disk_.open(slot->path(), OpenMode::kDirect);
  if (!handle) return std::unexpected(handle.error());
  const Buffer zeros(kBlock);
  if (auto ok = write_all(**handle, 0, zeros.span(), Sync::kData); !ok) {
    return std::unexpected(ok.error());
  }
  files_.adopt_free(slot);
  return true;
}

// The frame at `at` is not whole. Unless a later one vouches for it this is where a crash cut the
// journal off, and what follows in this file is dead. Whether a later file goes on exactly here is
// seen when that is read.
Result<void> Recovery::judge_bad_frame(JournalFile& file, Window& window, uint64_t at) {
  file.end = std::max(file.end, at);
  const auto vouched = vouched_for(file, window, at + kBlock);
  if (!vouched) return std::unexpected(vouched.error());
  if (!*vouched) return {};
  return corrupt(fmt::format(
      "the frame at byte {} of journal file {} is damaged; it held commit {}, which was durable",
      at, file.id.value(), expected_.value()));
}

// The file begins beyond the commit that is expected. Unless it vouches for that one, it was
// written beside the frame that a crash tore, and is dead.
Result<void> Recovery::judge_gap(JournalFile& file, Window& window, uint64_t at) {
  const auto vouched = vouched_for(file, window, at);
  if (!vouched) return std::unexpected(vouched.error());
  if (!*vouched) return {};
  return corrupt(fmt::format("commit {}, which was durable, is missing before journal file {}",
                             expected_.value(), file.id.value()));
}

Result<void> Recovery::corrupt(const std::string& what) {
  if (options_.salvage) {
    options_.say(fmt::format("{}; as asked, everything from commit {} on is given up", what,
                             expected_.value()));
    salvage_stop_ = true;
    state_.salvaged = true;
    return {};
  }
  return fail(ErrorCode::kStorageCorrupt,
              fmt::format("{}. Restore the data directory, or start with --salvage to give up "
                          "everything from commit {} on",
                          what, expected_.value()));
}

}  // namespace weir::storage
