#pragma once
// From submit() to the watermarks: the open frame, the frames under way, and what happens when a
// write fails.
//
// - Commits gather in the open frame, directly in the memory from which it is written. At the end
// of the reactor's turn the
//   frame goes to a writer if one of the two is free; otherwise it gathers on until one is.
// - When both have become free, the answers leave first: a frame of a few commits waits for what
// those who are answered ask next, while it
//   comes, and no longer than the last write took. Who asks at the same pace shares a frame then
//   instead of waiting for that of the others, and the device has half as many.
// - Frames are written at the place where they were gathered; they complete in any order and are
// announced in order.
// - A frame in which somebody waits for the device is written with Sync::kData. Others are written
// without, and get one
//   sync before the durable watermark passes them (RWF_DSYNC may vouch for its own write only).
// - A failed write or sync: once nothing is under way any more, everything of that file that is not
// durable goes to a fresh
//   slot, at the same places. Until then nothing further is written. No commit is ever taken back.
//
// Thread: the reactor.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "storage/local/files.h"
#include "storage/local/tail.h"

namespace weir::storage {

class CommitPath {
 public:
  CommitPath(const LocalJournalOptions& options,
             Steps& steps,
             FileSet& files,
             Tail& tail,
             JournalMetrics& metrics);

  // on_progress after a watermark moved, on_health after problem() changed.
  void start(uint64_t epoch,
             Lsn next,
             Timestamp now,
             std::function<void()> on_progress,
             std::function<void()> on_health);

  // Told when too much waits for the disk, and when it has gone down again (with hysteresis).
  void on_pressure(std::function<void(bool on)> listener) { on_pressure_ = std::move(listener); }

  Lsn next_lsn() const { return next_; }
  Lsn written() const { return written_; }
  Lsn durable() const { return durable_; }
  Timestamp last_now() const { return last_now_; }

  Result<void> admit(broker::Admission admission, size_t bytes) const;
  Lsn submit(std::span<const broker::Entry> entries,
             Durability durability,
             Timestamp now,
             std::span<broker::Extent> extents);

  // Something may have changed that frames waited for.
  void kick();
  // What was submitted so far becomes durable without waiting for the lazy sync.
  void want_sync();
  // The next frame begins in the file prepared next.
  void leave_file() { leave_file_ = true; }
  void close() { closed_ = true; }

  const std::optional<Error>& problem() const { return problem_; }
  size_t undurable_bytes() const { return undurable_bytes_; }
  // Commits into the current file cost the device more than into one that was written before.
  bool current_is_slow() const;
  // Up to here the next file had better be written in advance now; nothing when idle time will do.
  uint64_t prewrite_to() const;
  bool quiet() const { return frames_.empty() && open_ == nullptr; }
  Duration last_submit() const { return last_submit_; }
  const JournalFile* current() const { return file_.get(); }

 private:
  enum class State : uint8_t { kGathered, kUnderWay, kWritten, kSynced };
  struct Frame {
    FrameHeader header;
    std::shared_ptr<JournalFile> file;
    std::shared_ptr<Chunk> chunk;
    char* memory = nullptr;
    uint64_t offset = 0;
    size_t bytes_max = 0;
    bool sync = false;  // somebody waits for the device
    State state = State::kGathered;
    bool vouched = false;  // only by a canary
    Duration handed{};
    std::vector<IndexRow> rows;
  };
  using FramePtr = std::shared_ptr<Frame>;

  void begin(size_t entries, Timestamp now);
  bool fits(size_t entries, Timestamp now) const;
  void seal();
  void end_of_turn();
  void hold(Duration flush);
  void look();
  bool held() const;
  void dispatch();
  void hand_over(const FramePtr& frame, size_t writer);
  void completed(const FramePtr& frame, size_t writer, Result<std::vector<IndexRow>> done);
  void go_on();
  void move_watermarks();
  void announce();
  void press();
  void pop_durable();
  void sync_if_needed();
  void start_sync();
  void failed(const std::shared_ptr<JournalFile>& file, const Error& error);
  void move_if_idle();
  void move(const std::shared_ptr<JournalFile>& file);
  void mended();
  void seal_file(const std::shared_ptr<JournalFile>& file);

  const LocalJournalOptions& options_;
  Steps& steps_;
  FileSet& files_;
  Tail& tail_;
  JournalMetrics& metrics_;
  std::function<void()> on_progress_;
  std::function<void()> on_health_;
  std::function<void(bool)> on_pressure_;

  uint64_t epoch_ = 0;
  Lsn next_{1};
  Lsn written_;
  Lsn durable_;
  Lsn announced_written_;
  Lsn announced_durable_;
  Timestamp last_now_;
  Duration last_submit_{};
  std::shared_ptr<JournalFile> file_;
  FramePtr open_;
  size_t frame_bytes_mean_ = 0;
  std::deque<FramePtr> frames_;  // sealed, not yet durable, in order
  size_t undurable_bytes_ = 0;
  bool pressed_ = false;
  std::array<bool, 2> writing_{};
  bool turn_posted_ = false;
  bool holding_ = false;  // the open frame waits for those who are being answered
  Duration hold_until_{};
  uint32_t seen_ = 0;    // commits in the open frame at the last look
  int quiet_looks_ = 0;  // looks since it had more
  bool leave_file_ = false;
  bool closed_ = false;
  bool syncing_ = false;
  Lsn sync_wanted_;  // up to here without delay
  bool lazy_armed_ = false;
  std::vector<std::shared_ptr<JournalFile>> broken_;  // to be moved once nothing is under way
  bool move_armed_ = false;
  std::chrono::milliseconds move_delay_{};
  std::optional<Error> problem_;
};

}  // namespace weir::storage
