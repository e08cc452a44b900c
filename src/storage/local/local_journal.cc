#include "storage/local/local_journal.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "base/assert.h"
#include "storage/local/checkpoint.h"
#include "storage/local/cold_reads.h"
#include "storage/local/commit_path.h"
#include "storage/local/recovery.h"
#include "storage/local/scrubber.h"
#include "storage/local/tail.h"
#include "storage/local/tidier.h"

namespace weir::storage {

using broker::Extent;
using broker::ReadCallback;
using broker::ReadResult;

class LocalJournal::Core {
 public:
  Core(Options options, Disk& disk, Executor& executor)
      : options_(std::move(options)),
        disk_(disk),
        steps_(executor),
        files_(options_, disk_, steps_),
        tail_(options_.tail_bytes_max),
        cold_(options_, disk_, steps_, files_, metrics_),
        path_(options_, steps_, files_, tail_, metrics_),
        checkpointer_(options_, disk_, steps_, files_, path_, metrics_),
        tidier_(options_, disk_, steps_, files_, metrics_),
        scrubber_(options_, disk_, steps_, files_, metrics_) {}

  Result<void> recover(broker::JournalOwner& owner);
  void close(std::function<void()> done);
  std::optional<std::vector<broker::StoredEntry>> read_cached(CellId cell, const Extent& span);
  void read(CellId cell, const Extent& span, ReadCallback callback);
  void background(std::move_only_function<void()> work, std::move_only_function<void()> done);
  void release(const Extent& extent, Lsn lsn);
  void retain(const Extent& span);
  JournalMetrics metrics() const;

  CommitPath& path() { return path_; }
  Checkpointer& checkpointer() { return checkpointer_; }

 private:
  void progressed();
  void files_changed();
  void report_health();
  void when_idle();
  void close_if_quiet();

  const Options options_;
  Disk& disk_;
  JournalMetrics metrics_;
  Steps steps_;
  FileSet files_;
  Tail tail_;
  ColdReads cold_;
  CommitPath path_;
  Checkpointer checkpointer_;
  Tidier tidier_;
  Scrubber scrubber_;
  std::unique_ptr<DirectoryLock> lock_;
  broker::JournalOwner* owner_ = nullptr;
  // Bytes retained in files that are not there; nothing after recovery.
  std::map<FileId, uint64_t> missing_;
  std::optional<Error> reported_;
  bool idle_armed_ = false;
  std::function<void()> closing_;
};

Result<void> LocalJournal::Core::recover(broker::JournalOwner& owner) {
  WEIR_ASSERT(owner_ == nullptr, "a journal is recovered once");
  const Duration began = steps_.now();
  auto lock = disk_.lock();
  if (!lock) return std::unexpected(lock.error());
  lock_ = std::move(*lock);
  auto recovered = Recovery(options_, disk_, files_, owner).run();
  if (!recovered) return std::unexpected(recovered.error());
  owner.replayed();
  if (!missing_.empty()) {
    return fail(
        ErrorCode::kStorageCorrupt,
        fmt::format("journal file {} is missing, and an image refers to it. Restore the data "
                    "directory: what lay in that file is not there",
                    missing_.begin()->first.value()));
  }
  owner_ = &owner;
  if (const std::string note = disk_.note(); !note.empty()) options_.say(note);
  metrics_.replayed_entries = recovered->replayed_entries;
  metrics_.recovery_us = static_cast<uint64_t>((steps_.now() - began).count() / 1000);
  path_.start(
      recovered->current.epoch, recovered->next, recovered->now, [this] { progressed(); },
      [this] { report_health(); });
  path_.on_pressure([this](bool on) { owner_->pressed(on); });
  const uint64_t epoch = recovered->current.epoch;
  checkpointer_.start(std::move(*recovered), owner);
  checkpointer_.on_installed([this] { tidier_.consider(checkpointer_.covered()); });
  tidier_.start(owner);
  scrubber_.start(owner);
  files_.start(epoch, [this] { files_changed(); });
  checkpointer_.consider(false);
  when_idle();
  return {};
}

void LocalJournal::Core::progressed() {
  owner_->progressed(path_.written(), path_.durable());
  checkpointer_.progressed();
  checkpointer_.consider(false);
  when_idle();
  close_if_quiet();
}

void LocalJournal::Core::files_changed() {
  path_.kick();
  tidier_.files_changed();
  report_health();
  if (files_.problem() && checkpointer_.anything_new())
    checkpointer_.consider(true);  // it may free files
  when_idle();
}

void LocalJournal::Core::report_health() {
  const auto& problem = path_.problem() ? path_.problem() : files_.problem();
  if (problem.has_value() == reported_.has_value()) return;
  reported_ = problem;
  owner_->storage_health(problem);
}

// After a pause the disk is free for what makes later commits quick.
void LocalJournal::Core::when_idle() {
  const Duration quiet = steps_.now() - path_.last_submit();
  const bool idle = path_.quiet() && quiet >= options_.idle_after;
  if (idle && files_.next_is_quick() && path_.current_is_slow()) path_.leave_file();
  files_.maintain(idle, path_.prewrite_to());
  if (idle) {
    tail_.trim_to(options_.tail_bytes_idle);
    cold_.clear();
  }
  if (idle || idle_armed_) return;
  idle_armed_ = true;
  steps_.after(options_.idle_after, [this] {
    idle_armed_ = false;
    when_idle();
  });
}

void LocalJournal::Core::close(std::function<void()> done) {
  closing_ = std::move(done);
  path_.close();
  checkpointer_.close();
  tidier_.close();
  scrubber_.close();
  path_.want_sync();
  close_if_quiet();
}

void LocalJournal::Core::close_if_quiet() {
  if (!closing_) return;
  if (!path_.quiet()) return path_.want_sync();
  steps_.post([done = std::exchange(closing_, nullptr)] { done(); });
}

std::optional<std::vector<broker::StoredEntry>> LocalJournal::Core::read_cached(
    CellId cell, const Extent& span) {
  auto found = tail_.find(cell, span);
  if (!found) found = cold_.find(cell, span);
  if (found) ++metrics_.cached_reads;
  return found;
}

void LocalJournal::Core::read(CellId cell, const Extent& span, ReadCallback callback) {
  if (auto found = read_cached(cell, span)) {
    steps_.post([callback = std::move(callback), found = std::move(*found)]() mutable {
      callback(std::move(found));
    });
    return;
  }
  cold_.read(cell, span, std::move(callback));
}

void LocalJournal::Core::background(std::move_only_function<void()> work,
                                    std::move_only_function<void()> done) {
  steps_.run(
      Lane::kBackground,
      [work = std::move(work)]() mutable {
        work();
        return true;
      },
      [done = std::move(done)](bool) mutable { done(); });
}

void LocalJournal::Core::release(const Extent& extent, Lsn lsn) {
  WEIR_ASSERT(owner_ == nullptr || lsn <= path_.next_lsn(),
              "released by a commit that does not exist");
  JournalFile* file = files_.find(extent.file);
  const auto missing = missing_.find(extent.file);
  if (file == nullptr && missing != missing_.end() && missing->second >= extent.length) {
    missing->second -= extent.length;
    if (missing->second == 0) missing_.erase(missing);
    return;
  }
  WEIR_ASSERT(file != nullptr && file->live >= extent.length,
              "more released than live in journal file {}", extent.file.value());
  file->live -= extent.length;
  file->pending += extent.length;
}

void LocalJournal::Core::retain(const Extent& span) {
  JournalFile* file = files_.find(span.file);
  if (file != nullptr) {
    file->live += span.length;
  } else if (span.length > 0) {
    missing_[span.file] += span.length;
  }
}

JournalMetrics LocalJournal::Core::metrics() const {
  JournalMetrics metrics = metrics_;
  metrics.files = files_.all().size();
  metrics.files_free = files_.free_count();
  metrics.file_bytes = files_.bytes();
  metrics.prewritten_bytes = files_.prewritten_bytes();
  metrics.disk_free_bytes = files_.free_bytes();
  for (const auto& [id, file] : files_.all()) metrics.live_bytes += file->live;
  metrics.tail_bytes = tail_.bytes();
  metrics.undurable_bytes = path_.undurable_bytes();
  return metrics;
}

LocalJournal::LocalJournal(Options options, Disk& disk, Executor& executor)
    : core_(std::make_unique<Core>(std::move(options), disk, executor)) {}

LocalJournal::~LocalJournal() = default;

Result<void> LocalJournal::recover(broker::JournalOwner& owner) {
  return core_->recover(owner);
}

Timestamp LocalJournal::last_now() const {
  return core_->path().last_now();
}

void LocalJournal::close(std::function<void()> done) {
  core_->close(std::move(done));
}

void LocalJournal::checkpoint() {
  core_->checkpointer().consider(true);
}

bool LocalJournal::checkpoint_under_way() const {
  return core_->checkpointer().under_way();
}

JournalMetrics LocalJournal::metrics() const {
  return core_->metrics();
}

Lsn LocalJournal::next_lsn() const {
  return core_->path().next_lsn();
}

Result<void> LocalJournal::admit(broker::Admission admission, size_t bytes) const {
  return core_->path().admit(admission, bytes);
}

Lsn LocalJournal::submit(std::span<const broker::Entry> entries,
                         Durability durability,
                         Timestamp now,
                         std::span<Extent> extents) {
  const Lsn lsn = core_->path().submit(entries, durability, now, extents);
  for (const broker::Entry& entry : entries) {
    core_->checkpointer().touched(entry.cell, entry.event.size() + entry.payload_rest.size());
  }
  return lsn;
}

Lsn LocalJournal::written() const {
  return core_->path().written();
}

Lsn LocalJournal::durable() const {
  return core_->path().durable();
}

std::optional<std::vector<broker::StoredEntry>> LocalJournal::read_cached(CellId cell,
                                                                          const Extent& span) {
  return core_->read_cached(cell, span);
}

void LocalJournal::read(CellId cell, const Extent& span, ReadCallback callback) {
  core_->read(cell, span, std::move(callback));
}

void LocalJournal::background(std::move_only_function<void()> work,
                              std::move_only_function<void()> done) {
  core_->background(std::move(work), std::move(done));
}

void LocalJournal::release(const Extent& extent, Lsn lsn) {
  core_->release(extent, lsn);
}

void LocalJournal::retain(const Extent& span) {
  core_->retain(span);
}

}  // namespace weir::storage
