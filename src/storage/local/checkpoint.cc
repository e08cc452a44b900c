#include "storage/local/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/canary.h"
#include "storage/local/image_reader.h"
#include "storage/local/image_writer.h"

namespace weir::storage {
namespace {

constexpr size_t kBatchBytes = size_t{512} << 10;
constexpr int kBatchesMax = 2;         // handed to the background lane and not written yet
constexpr size_t kImageFilesMax = 32;  // beyond, the smallest are emptied

}  // namespace

struct Checkpointer::Run {
  uint64_t number = 0;
  Lsn covered;
  uint64_t bytes = 0;  // of journal that it covers, to be counted again if it fails
  uint64_t entries = 0;
  std::vector<Planned> work;  // ascending
  size_t next = 0;
  std::vector<TakenImage> batch;
  size_t batch_bytes = 0;
  int batches = 0;
  bool paused = false;  // until a batch is written
  Lsn newest;           // of all images
  std::vector<DroppedCell> fresh_drops;
  std::shared_ptr<const std::vector<DroppedCell>> dropped;  // with those of earlier checkpoints
  std::shared_ptr<ImageWriter> writer;
  std::optional<ImageFileRef> file;
  bool installing = false;
  std::map<uint64_t, Live> leaving;  // what older image files lose to this one
  size_t settled = 0;                // rows entered into the directory after installing
  size_t removed = 0;                // dropped cells taken out of it
};

Checkpointer::Checkpointer(const LocalJournalOptions& options,
                           Disk& disk,
                           Steps& steps,
                           FileSet& files,
                           CommitPath& path,
                           JournalMetrics& metrics)
    : options_(options),
      disk_(disk),
      steps_(steps),
      files_(files),
      path_(path),
      metrics_(metrics) {}

Checkpointer::~Checkpointer() = default;

void Checkpointer::start(Recovered recovered, broker::JournalOwner& owner) {
  owner_ = &owner;
  current_ = recovered.current;
  manifest_ = std::move(recovered.manifest);
  cells_ = std::move(recovered.cells);
  dropped_ = std::make_shared<const std::vector<DroppedCell>>(std::move(recovered.dropped));
  last_number_ = current_.manifest;
  bytes_since_ = recovered.replayed_bytes;
  entries_since_ = recovered.replayed_entries;
  salvaged_ = recovered.salvaged;
  for (const auto& [cell, place] : cells_) {
    if (place.image_file != 0) {
      live_[place.image_file].bytes += place.bytes;
      ++live_[place.image_file].cells;
    }
    if (place.dirty) dirty_.push_back(cell);
  }
  remove_leftovers();
  free_files();
}

// Files of checkpoints that were never installed, or are no longer referred to.
void Checkpointer::remove_leftovers() {
  std::vector<std::string> kept;
  if (current_.manifest != 0) kept.push_back(manifest_path(current_.manifest));
  for (const ImageFileRef& file : manifest_.images) kept.push_back(image_file_path(file.number));
  steps_.run(
      Lane::kBackground,
      [&disk = disk_, kept = std::move(kept)]() -> Result<void> {
        const auto names = disk.list(kCheckpointFolder);
        if (!names) return std::unexpected(names.error());
        for (const std::string& name : *names) {
          const std::string path = fmt::format("{}/{}", kCheckpointFolder, name);
          if (std::ranges::find(kept, path) == kept.end()) static_cast<void>(disk.remove(path));
        }
        return {};
      },
      [](const Result<void>&) {});
}

bool Checkpointer::due() const {
  if (salvaged_) return true;
  const uint32_t files = files_.last_id().value() - manifest_.last_file.value();
  const auto reached = [&](uint64_t times) {
    return bytes_since_ >= options_.checkpoint_bytes * times ||
           entries_since_ >= options_.checkpoint_entries * times ||
           files >= options_.checkpoint_files * times;
  };
  if (!reached(1)) return false;
  uint64_t written = 0;  // frames take whole blocks, which is far more when entries come singly
  const auto& all = files_.all();
  for (auto at = all.upper_bound(manifest_.last_file); at != all.end(); ++at)
    written += at->second->end;
  written = std::max(written, bytes_since_);
  const uint64_t images = manifest_.images.empty() ? 0 : manifest_.images.back().bytes;
  return written >= images || reached(options_.checkpoint_delay_max);
}

void Checkpointer::consider(bool wanted) {
  if (run_ != nullptr || retrying_ || closed_ || owner_ == nullptr) return;
  if (wanted || due()) begin();
}

void Checkpointer::begin() {
  run_ = std::make_unique<Run>();
  run_->number = ++last_number_;
  run_->covered = Lsn(path_.next_lsn().value() - 1);
  run_->newest = run_->covered;
  run_->bytes = std::exchange(bytes_since_, 0);
  run_->entries = std::exchange(entries_since_, 0);
  run_->writer = std::make_shared<ImageWriter>(disk_, run_->number);
  salvaged_ = false;
  for (const auto& [id, file] : files_.all()) file->covered = file->pending;
  // Ordering much work, and finding out what lies in a file to be emptied, takes too long for the
  // reactor.
  steps_.run(
      Lane::kBackground,
      [&disk = disk_, dirty = std::exchange(dirty_, {}), emptied = to_be_emptied()]() mutable {
        std::vector<Planned> work;
        work.reserve(dirty.size());
        for (const CellId cell : dirty) work.push_back({.cell = cell});
        for (const ImageFileRef& file : emptied) {
          const auto index = read_image_index(disk, file);
          if (!index) continue;  // it stays as it is
          for (const ImageRow& row : index->rows)
            work.push_back({.cell = row.cell, .image_file = file.number});
        }
        // A cell that was imaged while it lay in the list for the next time may be there twice, and
        // so may one that is dirty and lies in a file to be emptied.
        std::ranges::sort(work);
        const auto again = [](const Planned& a, const Planned& b) {
          return a.cell == b.cell && (a.image_file == 0 || a.image_file == b.image_file);
        };
        work.erase(std::ranges::unique(work, again).begin(), work.end());
        return work;
      },
      [this](std::vector<Planned> work) { planned(std::move(work)); });
}

std::vector<ImageFileRef> Checkpointer::to_be_emptied() const {
  std::vector<ImageFileRef> files = manifest_.images;
  std::ranges::sort(files, {}, &ImageFileRef::bytes);
  const size_t surplus = files.size() - std::min(files.size(), kImageFilesMax);
  std::vector<ImageFileRef> chosen(files.begin(), files.begin() + static_cast<ptrdiff_t>(surplus));
  constexpr size_t kAtOnce = 2;
  size_t picked = 0;
  for (size_t i = surplus; i < files.size() && picked < kAtOnce; ++i) {
    const auto live = live_.find(files[i].number);
    const uint64_t bytes = live == live_.end() ? 0 : live->second.bytes;
    if (bytes * 2 < files[i].index_at) {
      chosen.push_back(files[i]);
      ++picked;
    }
  }
  return chosen;
}

void Checkpointer::planned(std::vector<Planned> work) {
  run_->work = std::move(work);
  step();
}

bool Checkpointer::wanted(const Planned& planned) const {
  if (planned.image_file == 0) return true;
  const auto place = cells_.find(planned.cell);
  return place != cells_.end() && place->second.image_file == planned.image_file;
}

void Checkpointer::step() {
  const Duration began = steps_.now();
  const Duration until = began + options_.checkpoint_step;
  while (run_->next < run_->work.size()) {
    const Planned& next = run_->work[run_->next++];
    if (wanted(next)) take_image(next.cell);
    if (steps_.now() >= until) break;
  }
  const Duration took = steps_.now() - began;
  metrics_.checkpoint_step_max_us =
      std::max(metrics_.checkpoint_step_max_us, static_cast<uint64_t>(took.count() / 1000));
  const bool last = run_->next == run_->work.size();
  if (last || run_->batch_bytes >= kBatchBytes || run_->batch.size() >= 1024) flush_batch();
  if (last) {
    finish_images();
  } else if (run_->batches >= kBatchesMax) {
    run_->paused = true;
  } else {
    // Requests come first: at most a third of the reactor's time.
    steps_.after(took * 2, [this] {
      if (run_ != nullptr) step();
    });
  }
}

void Checkpointer::take_image(CellId cell) {
  const Lsn lsn(path_.next_lsn().value() - 1);
  auto image = owner_->image(cell);
  CellPlace& place = cells_[cell];
  place.dirty = false;
  run_->newest = std::max(run_->newest, lsn);
  if (place.image_file != 0) {
    Live& leaving = run_->leaving[place.image_file];
    leaving.bytes += place.bytes;
    ++leaving.cells;
  }
  if (!image) {
    run_->fresh_drops.push_back({.cell = cell, .lsn = lsn, .image_file = place.image_file});
    return;
  }
  run_->batch_bytes += image->head.size();
  run_->batch.push_back(TakenImage{cell, lsn, std::move(*image)});
  ++metrics_.checkpoint_images;
}

void Checkpointer::flush_batch() {
  if (run_->batch.empty()) return;
  run_->batch_bytes = 0;
  ++run_->batches;
  steps_.run(
      Lane::kBackground,
      [writer = run_->writer, batch = std::exchange(run_->batch, {})]() mutable {
        return writer->write(std::move(batch));
      },
      [this](const Result<void>& done) {
        if (run_ == nullptr) return;
        --run_->batches;
        if (!done) {
          abandon(done.error());
        } else if (std::exchange(run_->paused, false)) {
          step();
        }
      });
}

struct Checkpointer::Finished {
  Result<ImageFileRef> file;
  std::shared_ptr<const std::vector<DroppedCell>> dropped;
};

// All images are taken: what remains is their index, which tells of the cells that are gone, too.
void Checkpointer::finish_images() {
  uint64_t oldest = run_->number;
  for (const ImageFileRef& file : manifest_.images) oldest = std::min(oldest, file.number);
  steps_.run(
      Lane::kBackground,
      [writer = run_->writer, dropped = std::exchange(run_->fresh_drops, {}), before = dropped_,
       covered = run_->covered, oldest]() mutable {
        for (const DroppedCell& cell : *before) {
          const bool needed = cell.lsn > covered || cell.image_file >= oldest;
          if (needed) dropped.push_back(cell);
        }
        Finished finished{.file = writer->finish(dropped), .dropped = {}};
        finished.dropped = std::make_shared<const std::vector<DroppedCell>>(std::move(dropped));
        return finished;
      },
      [this](Finished finished) {
        if (run_ == nullptr) return;
        if (!finished.file) return abandon(finished.file.error());
        run_->file = *finished.file;
        run_->dropped = std::move(finished.dropped);
        path_.want_sync();
        progressed();
      });
}

void Checkpointer::progressed() {
  if (canary(Canary::kFreeFileEarly)) free_files();
  if (run_ == nullptr || !run_->file || run_->installing) return;
  if (path_.durable() < run_->newest && !canary(Canary::kInstallUnsyncedCheckpoint)) return;
  install();
}

void Checkpointer::install() {
  run_->installing = true;
  Manifest manifest;
  manifest.number = run_->number;
  manifest.covered = run_->covered;
  manifest.now = path_.last_now();
  manifest.last_file = files_.last_id();
  for (const auto& [id, file] : files_.all()) {
    const bool freed = file->sealed && file->ready && file->last <= run_->covered &&
                       file->live == 0 && file->pending == file->covered;
    if (!freed) manifest.files.push_back({id, file->sealed ? file->last : Lsn()});
  }
  // An older image file stays while it holds the newest image of any cell.
  for (const ImageFileRef& file : manifest_.images) {
    if (live_[file.number].cells > run_->leaving[file.number].cells)
      manifest.images.push_back(file);
  }
  manifest.images.push_back(*run_->file);
  Current current = current_;
  current.manifest = manifest.number;
  steps_.run(
      Lane::kBackground,
      [&disk = disk_, manifest, current]() -> Result<Manifest> {
        const std::string path = manifest_path(manifest.number);
        const std::string name = path.substr(path.find('/') + 1);
        if (auto ok = replace_file(disk, kCheckpointFolder, name, encode_manifest(manifest)); !ok) {
          return std::unexpected(ok.error());
        }
        if (auto ok = replace_file(disk, "", kCurrentName, encode_current(current)); !ok) {
          return std::unexpected(ok.error());
        }
        return manifest;
      },
      [this](Result<Manifest> done) {
        if (done) {
          installed(std::move(*done));
        } else {
          abandon(done.error());
        }
      });
}

void Checkpointer::installed(Manifest manifest) {
  const Manifest before = std::exchange(manifest_, std::move(manifest));
  current_.manifest = manifest_.number;
  retry_ = {};
  ++metrics_.checkpoints;
  metrics_.checkpoint_bytes += run_->file->bytes;
  dropped_ = run_->dropped;
  for (const auto& [number, leaving] : run_->leaving) {
    live_[number].bytes -= leaving.bytes;
    live_[number].cells -= leaving.cells;
  }
  for (const auto& [id, file] : files_.all()) file->pending -= std::exchange(file->covered, 0);
  remove_old(before);
  free_files();
  files_.surrendered_is_used();
  settle();
}

// The directory learns where the images lie now, a slice at a time.
void Checkpointer::settle() {
  constexpr size_t kSlice = 4096;
  const auto& rows = run_->writer->rows();
  const size_t end = std::min(rows.size(), run_->settled + kSlice);
  Live& live = live_[run_->number];
  for (; run_->settled < end; ++run_->settled) {
    const ImageRow& row = rows[run_->settled];
    CellPlace& place = cells_[row.cell];
    place.image_file = run_->number;
    place.bytes = row.length;
    place.lsn = row.lsn;
    live.bytes += row.length;
    ++live.cells;
  }
  if (end < rows.size()) return steps_.post([this] { settle(); });
  const size_t removed = std::min(run_->dropped->size(), run_->removed + kSlice);
  for (; run_->removed < removed; ++run_->removed)
    cells_.erase((*run_->dropped)[run_->removed].cell);
  if (removed < run_->dropped->size()) return steps_.post([this] { settle(); });
  // The memory of a large one takes its time to give back.
  steps_.executor().run(Lane::kBackground, [run = std::move(run_)] {});
  if (on_installed_) on_installed_();
  consider(false);
}

void Checkpointer::remove_old(const Manifest& before) {
  std::vector<std::string> paths;
  if (before.number != 0) paths.push_back(manifest_path(before.number));
  for (const ImageFileRef& file : before.images) {
    const bool kept = std::ranges::any_of(
        manifest_.images, [&](const ImageFileRef& other) { return other.number == file.number; });
    if (kept) continue;
    paths.push_back(image_file_path(file.number));
    live_.erase(file.number);
  }
  steps_.run(
      Lane::kBackground,
      [&disk = disk_, paths = std::move(paths)]() -> Result<void> {
        for (const std::string& path : paths) {
          if (auto ok = disk.remove(path); !ok) return ok;
        }
        return {};
      },
      [](const Result<void>&) {});  // the next start removes what is left
}

void Checkpointer::abandon(const Error& error) {
  options_.say(fmt::format("a checkpoint failed and will be tried again: {}", error.message));
  ++metrics_.checkpoint_failures;
  // A full disk is emptied by checkpoints: a file of the reserve makes room for this one.
  if (disk_.free_bytes() < options_.file_bytes) files_.surrender();
  for (size_t i = 0; i < run_->work.size(); ++i) {
    const auto place = cells_.find(run_->work[i].cell);
    if (place == cells_.end() || !wanted(run_->work[i])) continue;
    const bool taken = i < run_->next;
    const bool again = taken ? !place->second.dirty : place->second.dirty;
    if (again) dirty_.push_back(run_->work[i].cell);
    if (taken) place->second.dirty = true;
  }
  bytes_since_ += run_->bytes;
  entries_since_ += run_->entries;
  run_.reset();
  retrying_ = true;
  retry_ = std::clamp(retry_ * 2, options_.retry_first, options_.retry_max);
  steps_.after(retry_, [this] {
    retrying_ = false;
    consider(true);
  });
}

bool Checkpointer::may_free(const JournalFile& file) const {
  if (!file.sealed || !file.ready || file.live > 0) return false;
  if (canary(Canary::kFreeFileEarly)) return true;
  return file.pending == 0 && file.last <= manifest_.covered;
}

void Checkpointer::free_files() {
  std::vector<FileId> freed;
  for (const auto& [id, file] : files_.all()) {
    if (may_free(*file)) freed.push_back(id);
  }
  for (const FileId id : freed) files_.free(id);
}

}  // namespace weir::storage
