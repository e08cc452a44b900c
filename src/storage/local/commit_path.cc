#include "storage/local/commit_path.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/assert.h"
#include "base/canary.h"

namespace weir::storage {

using namespace std::chrono_literals;

using broker::Admission;
using broker::Entry;
using broker::Extent;

namespace {

constexpr Lane kWriters[] = {Lane::kWriterA, Lane::kWriterB};
constexpr Duration kHoldMax = 500us;
// What so few bring costs less than a write. More of them had better be worked for while the
// device writes.
constexpr uint32_t kHoldCommits = 8;
// How far the next file is written ahead of the place where the current one is.
constexpr uint64_t kPrewriteLead = 2 << 20;
// One turn in which the sockets are read, one in which what they had is done.
constexpr int kQuietLooks = 2;

// Ends the file at `at`: with the rows of its index, if they fit into what is left of `size`.
Result<void> write_seal(File& file,
                        FrameHeader header,
                        uint32_t salt,
                        uint64_t at,
                        uint64_t size,
                        const std::vector<std::vector<IndexRow>>& rows_of_frames) {
  std::vector<IndexRow> rows;
  for (const auto& of_frame : rows_of_frames)
    rows.insert(rows.end(), of_frame.begin(), of_frame.end());
  std::string index = encode_index(rows);
  header.count = static_cast<uint32_t>(rows.size());
  if (at + frame_bytes(index.size()) > size) {
    index.clear();
    header.count = 0;
  }
  header.length = static_cast<uint32_t>(index.size());
  if (at + header.bytes() > size) return {};
  Buffer frame(header.bytes());
  std::ranges::copy(index, frame.data() + kFrameHeaderBytes);
  finish_frame(header, salt, frame.data());
  return write_all(file, at, frame.span(), Sync::kNone);
}

}  // namespace

CommitPath::CommitPath(const LocalJournalOptions& options,
                       Steps& steps,
                       FileSet& files,
                       Tail& tail,
                       JournalMetrics& metrics)
    : options_(options), steps_(steps), files_(files), tail_(tail), metrics_(metrics) {}

void CommitPath::start(uint64_t epoch,
                       Lsn next,
                       Timestamp now,
                       std::function<void()> on_progress,
                       std::function<void()> on_health) {
  epoch_ = epoch;
  next_ = next;
  written_ = durable_ = Lsn(next.value() - 1);
  announced_written_ = announced_durable_ = durable_;
  last_now_ = now;
  on_progress_ = std::move(on_progress);
  on_health_ = std::move(on_health);
}

Result<void> CommitPath::admit(Admission admission, size_t bytes) const {
  if (closed_) return fail(ErrorCode::kShuttingDown, "the broker is stopping");
  if (frame_bytes(bytes) > broker::kCommitBytesMax + kBlock) {
    return fail(ErrorCode::kTooLarge, "a commit is larger than 64 MiB");
  }
  const bool release = admission == Admission::kRelease;
  if (problem_) return std::unexpected(*problem_);
  if (release ? !files_.anything_fits() : !files_.data_fits()) {
    return std::unexpected(*files_.problem());
  }
  if (bytes > options_.file_bytes / 2 && files_.free_bytes() < bytes + options_.file_bytes) {
    return fail(ErrorCode::kStorageUnavailable, "the disk has no room for a commit of this size");
  }
  // Releases make room: they pass for a while beyond the limit.
  const size_t limit = options_.undurable_bytes_max * (release ? 2 : 1);
  if (undurable_bytes_ > 0 && undurable_bytes_ + bytes > limit) {
    return fail(ErrorCode::kOverloaded, "too many bytes wait for the disk");
  }
  return {};
}

Lsn CommitPath::submit(std::span<const Entry> entries,
                       Durability durability,
                       Timestamp now,
                       std::span<Extent> extents) {
  WEIR_ASSERT(!entries.empty() && extents.size() == entries.size());
  size_t bytes = 0;
  for (const Entry& entry : entries) bytes += entry_bytes(entry);
  now = last_now_ = std::max(now, last_now_);
  if (open_ != nullptr && !fits(bytes, now)) {
    seal();
    dispatch();
  }
  if (open_ == nullptr) begin(bytes, now);
  Frame& frame = *open_;
  const auto delta = static_cast<uint32_t>((now - frame.header.now).count());
  for (size_t i = 0; i < entries.size(); ++i) {
    const size_t at = kFrameHeaderBytes + frame.header.length;
    encode_entry(entries[i], delta, i + 1 == entries.size(), frame.memory + at);
    const auto length = static_cast<uint32_t>(entry_bytes(entries[i]));
    if (length > kEntryHeaderBytes + entries[i].event.size()) {
      extents[i] = Extent{.file = frame.file->id,
                          .frame = frame.header.block,
                          .position = static_cast<uint32_t>(frame.offset + at),
                          .length = length};
      frame.file->live += length;
      ++frame.file->payload_count;
    }
    frame.header.length += length;
  }
  ++frame.header.count;
  tail_.grown(*frame.chunk,
              frame.offset - frame.chunk->begin + kFrameHeaderBytes + frame.header.length);
  frame.sync |= durability == Durability::kFsync;
  undurable_bytes_ += bytes;
  press();
  ++metrics_.commits;
  metrics_.entries += entries.size();
  metrics_.commit_bytes += bytes;
  if (!turn_posted_) {
    turn_posted_ = true;
    steps_.defer([this] { end_of_turn(); });
  }
  return std::exchange(next_, next_.next());
}

void CommitPath::press() {
  const size_t bound =
      pressed_ ? options_.undurable_bytes_resume + 1 : options_.undurable_bytes_pause;
  const bool on = undurable_bytes_ >= bound;
  if (on == pressed_) return;
  pressed_ = on;
  if (on) ++metrics_.pauses;
  if (on_pressure_) on_pressure_(on);
}

bool CommitPath::fits(size_t entries, Timestamp now) const {
  return frame_bytes(open_->header.length + entries) <= open_->bytes_max &&
         (now - open_->header.now).count() <= kNowDeltaMax;
}

void CommitPath::begin(size_t entries, Timestamp now) {
  const size_t need = frame_bytes(entries);
  if (file_ == nullptr || leave_file_ || file_->end + need > file_->usable()) {
    const auto before = std::exchange(file_, files_.next(kBlock + need + kBlock));
    leave_file_ = false;
    if (before != nullptr) {
      before->sealed = true;
      const bool waits = !frames_.empty() && frames_.back()->file == before;
      if (!waits) seal_file(before);
    }
  }
  open_ = std::make_shared<Frame>();
  Frame& frame = *open_;
  frame.file = file_;
  frame.offset = file_->end;
  frame.chunk = tail_.chunk_for(file_->id, frame.offset, need);
  ++frame.chunk->undurable;
  const size_t at = frame.offset - frame.chunk->begin;
  frame.memory = frame.chunk->memory.data() + at;
  frame.bytes_max =
      std::min<uint64_t>({std::max(kFrameBytesMax, need), frame.chunk->memory.size() - at,
                          std::max(need, round_down(file_->usable() - frame.offset, kBlock))});
  frame.header.file = file_->id;
  frame.header.block = static_cast<uint32_t>(frame.offset / kBlock);
  frame.header.epoch = epoch_;
  frame.header.first = next_;
  frame.header.now = now;
}

bool CommitPath::current_is_slow() const {
  return file_ != nullptr && !leave_file_ && file_->ready &&
         file_->parts.back().slot->written_to < file_->size;
}

uint64_t CommitPath::prewrite_to() const {
  const bool small = frame_bytes_mean_ > 0 && frame_bytes_mean_ < options_.prewrite_frame_bytes;
  return file_ != nullptr && small ? file_->end + kPrewriteLead : 0;
}

void CommitPath::seal() {
  Frame& frame = *open_;
  frame.file->end = frame.offset + frame.header.bytes();
  frame.file->last = frame.header.last();
  tail_.grown(*frame.chunk, frame.file->end - frame.chunk->begin);
  frames_.push_back(std::move(open_));
  open_ = nullptr;
  holding_ = false;
}

void CommitPath::end_of_turn() {
  turn_posted_ = false;
  last_submit_ = steps_.now();
  kick();
}

void CommitPath::kick() {
  const bool idle = !writing_[0] && !writing_[1];
  const bool worth = open_ != nullptr && open_->header.length >= options_.second_frame_bytes;
  const bool writer_free = idle || (worth && !(writing_[0] && writing_[1]));
  const bool waiting = !frames_.empty() && frames_.back()->state == State::kGathered;
  if (open_ != nullptr && writer_free && !waiting && !held()) seal();
  dispatch();
  sync_if_needed();
}

void CommitPath::hold(Duration flush) {
  if (open_ == nullptr || holding_ || writing_[0] || writing_[1]) return;
  holding_ = true;
  hold_until_ = steps_.now() + std::min(flush, kHoldMax);
  seen_ = open_->header.count;
  quiet_looks_ = 0;
  steps_.defer([this] { look(); });
}

void CommitPath::look() {
  if (!holding_) return;
  quiet_looks_ = open_->header.count > seen_ ? 0 : quiet_looks_ + 1;
  seen_ = open_->header.count;
  if (quiet_looks_ < kQuietLooks && steps_.now() < hold_until_) {
    steps_.defer([this] { look(); });
    return;
  }
  holding_ = false;
  kick();
}

bool CommitPath::held() const {
  return holding_ && open_->header.count <= kHoldCommits &&
         open_->header.length < options_.second_frame_bytes;
}

void CommitPath::dispatch() {
  for (const FramePtr& frame : frames_) {
    if (frame->state != State::kGathered) continue;
    if (!broken_.empty() || !frame->file->writable()) return;
    const auto writer = std::ranges::find(writing_, false);
    if (writer == writing_.end()) return;
    hand_over(frame, static_cast<size_t>(writer - writing_.begin()));
    if (canary(Canary::kAckBeforeWrite)) {
      frame->vouched = true;
      move_watermarks();
      announce();
      return;
    }
  }
}

void CommitPath::hand_over(const FramePtr& frame, size_t writer) {
  writing_[writer] = true;
  frame->state = State::kUnderWay;
  frame->header.durable = durable_;
  frame->handed = steps_.now();
  const Part& part = frame->file->part_at(frame->offset);
  ++part.slot->users;
  const Sync sync = frame->sync && !canary(Canary::kAckBeforeFlush) ? Sync::kData : Sync::kNone;
  steps_.run(
      kWriters[writer],
      [frame, salt = part.salt, handle = part.slot->handle,
       sync]() -> Result<std::vector<IndexRow>> {
        // The bug's window is microseconds wide; a kill must be able to fall into it.
        if (canary(Canary::kAckBeforeWrite)) std::this_thread::sleep_for(20ms);
        auto rows = finish_frame(frame->header, salt, frame->memory);
        const std::span<const char> bytes(frame->memory, frame->header.bytes());
        if (auto ok = write_all(*handle, frame->offset, bytes, sync); !ok) {
          return std::unexpected(ok.error());
        }
        return rows;
      },
      [this, frame, writer, slot = part.slot](Result<std::vector<IndexRow>> done) {
        --slot->users;
        completed(frame, writer, std::move(done));
      });
}

void CommitPath::completed(const FramePtr& frame,
                           size_t writer,
                           Result<std::vector<IndexRow>> done) {
  writing_[writer] = false;
  if (done) {
    frame->rows = std::move(*done);
    frame->state = frame->sync ? State::kSynced : State::kWritten;
    ++metrics_.frames;
    metrics_.frame_bytes += frame->header.bytes();
    const size_t bytes = frame->header.bytes();
    frame_bytes_mean_ = frame_bytes_mean_ == 0 ? bytes : (frame_bytes_mean_ * 15 + bytes) / 16;
    const Duration flush = steps_.now() - frame->handed;
    metrics_.flush.add(flush);
    if (broken_.empty()) {
      mended();
      hold(flush);
    }
  } else {
    failed(frame->file, done.error());
  }
  go_on();
}

// A large frame goes to the disk before the answers leave that the last one held up.
void CommitPath::go_on() {
  move_if_idle();
  move_watermarks();
  kick();
  announce();
}

void CommitPath::move_watermarks() {
  pop_durable();
  for (const FramePtr& frame : frames_) {
    if (frame->state != State::kWritten && frame->state != State::kSynced) break;
    written_ = std::max(written_, frame->header.last());
  }
}

void CommitPath::announce() {
  if (announced_written_ == written_ && announced_durable_ == durable_) return;
  announced_written_ = written_;
  announced_durable_ = durable_;
  on_progress_();
}

void CommitPath::pop_durable() {
  while (!frames_.empty()) {
    const FramePtr& frame = frames_.front();
    if (frame->state != State::kSynced && !frame->vouched) break;
    durable_ = frame->header.last();
    undurable_bytes_ -= frame->header.length;
    --frame->chunk->undurable;
    const auto file = frame->file;
    file->index.push_back(std::move(frame->rows));
    frames_.pop_front();
    const bool more = !frames_.empty() && frames_.front()->file == file;
    if (file->sealed && !more) seal_file(file);
  }
  written_ = std::max(written_, durable_);
  tail_.trim();
  press();
}

void CommitPath::want_sync() {
  sync_wanted_ = Lsn(next_.value() - 1);
  sync_if_needed();
}

void CommitPath::sync_if_needed() {
  if (syncing_ || !broken_.empty() || frames_.empty()) return;
  const Frame& front = *frames_.front();
  if (front.state != State::kWritten) return;
  const bool wanted =
      front.header.first <= sync_wanted_ ||
      std::ranges::any_of(frames_, [](const FramePtr& frame) { return frame->sync; });
  if (wanted) {
    start_sync();
  } else if (!lazy_armed_) {
    lazy_armed_ = true;
    steps_.after(options_.lazy_sync, [this] {
      lazy_armed_ = false;
      want_sync();
    });
  }
}

void CommitPath::start_sync() {
  const auto file = frames_.front()->file;
  std::vector<FramePtr> covered;
  for (const FramePtr& frame : frames_) {
    if (frame->file == file && frame->state == State::kWritten) covered.push_back(frame);
  }
  const auto slot = file->parts.back().slot;
  ++slot->users;
  ++metrics_.syncs;
  syncing_ = true;
  steps_.run(
      Lane::kReader,
      [handle = slot->handle]() -> Result<void> {
        if (canary(Canary::kAckBeforeFlush)) return {};
        return handle->sync();
      },
      [this, file, slot, covered = std::move(covered)](Result<void> done) {
        syncing_ = false;
        --slot->users;
        if (done) {
          for (const FramePtr& frame : covered) frame->state = State::kSynced;
        } else {
          failed(file, done.error());
        }
        go_on();
      });
}

void CommitPath::failed(const std::shared_ptr<JournalFile>& file, const Error& error) {
  ++metrics_.write_errors;
  if (std::ranges::find(broken_, file) == broken_.end()) broken_.push_back(file);
  const bool first = !problem_;
  problem_ = Error{ErrorCode::kStorageUnavailable, error.message};
  if (first) on_health_();
}

void CommitPath::move_if_idle() {
  if (broken_.empty() || writing_[0] || writing_[1] || syncing_ || move_armed_) return;
  move_armed_ = true;
  const auto delay = std::exchange(
      move_delay_, std::clamp(move_delay_ * 2, options_.retry_first, options_.retry_max));
  steps_.after(delay, [this] {
    move_armed_ = false;
    for (const auto& file : std::exchange(broken_, {})) move(file);
    kick();
  });
}

// Everything of the file that is not durable is written again: after a failed sync nobody knows
// what the device has.
void CommitPath::move(const std::shared_ptr<JournalFile>& file) {
  uint64_t start = file->end;
  for (const FramePtr& frame : frames_) {
    if (frame->file != file) continue;
    frame->state = State::kGathered;
    start = std::min(start, frame->offset);
  }
  files_.move_on(file, start);
}

void CommitPath::mended() {
  if (!problem_) return;
  problem_.reset();
  move_delay_ = {};
  on_health_();
}

void CommitPath::seal_file(const std::shared_ptr<JournalFile>& file) {
  if (file->end == kBlock || file->parts.empty()) return;
  FrameHeader header;
  header.kind = FrameKind::kSeal;
  header.file = file->id;
  header.block = static_cast<uint32_t>(file->end / kBlock);
  header.epoch = epoch_;
  header.first = file->last.next();
  header.now = last_now_;
  header.durable = durable_;
  const Part& part = file->parts.back();
  ++part.slot->users;
  // Nobody waits for a seal: without it the end of the file is found by its frames. The rows of
  // very many small entries take too long for the reactor.
  steps_.run(
      Lane::kReader,
      [header, index = std::exchange(file->index, {}), salt = part.salt, handle = part.slot->handle,
       at = file->end,
       size = file->size] { return write_seal(*handle, header, salt, at, size, index); },
      [slot = part.slot](const Result<void>&) { --slot->users; });
}

}  // namespace weir::storage
