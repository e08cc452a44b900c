#include "storage/local/tidier.h"

#include <algorithm>
#include <utility>

namespace weir::storage {

using broker::MovedSpan;

namespace {

constexpr size_t kSpansPerSwitch = 256;  // of one commit, and of one turn of the reactor

}  // namespace

struct Tidier::Run {
  std::vector<std::shared_ptr<JournalFile>> sources;
  std::vector<std::shared_ptr<Slot>> slots;  // in use meanwhile
  std::vector<CopyPiece> pieces;
  std::shared_ptr<JournalFile> target;
  std::shared_ptr<Copier> copier;
  std::vector<MovedSpan> moved;
  size_t switched = 0;
};

Tidier::Tidier(const LocalJournalOptions& options,
               Disk& disk,
               Steps& steps,
               FileSet& files,
               JournalMetrics& metrics)
    : options_(options), disk_(disk), steps_(steps), files_(files), metrics_(metrics) {}

Tidier::~Tidier() = default;

// The emptiest files first, as many as fill one new file.
std::vector<std::shared_ptr<JournalFile>> Tidier::choose(Lsn covered) const {
  std::vector<std::shared_ptr<JournalFile>> candidates;
  for (const auto& [id, file] : files_.all()) {
    const bool done = file->sealed && file->ready && file->last <= covered;
    const auto worth = static_cast<double>(file->size) * options_.tidy_share;
    if (done && !file->tidied && file->live > 0 && static_cast<double>(file->live) < worth) {
      candidates.push_back(file);
    }
  }
  std::ranges::sort(candidates, {}, [](const auto& file) { return file->live; });
  uint64_t bytes = 0;
  size_t count = 0;
  while (count < candidates.size() &&
         (count == 0 || bytes + candidates[count]->live <= options_.file_bytes)) {
    bytes += candidates[count++]->live;
  }
  // Files have one size: moving the rest of a single one into another gives nothing back.
  if (count == 1 && candidates[0]->size <= options_.file_bytes) count = 0;
  candidates.resize(count);
  return candidates;
}

void Tidier::consider(Lsn covered) {
  covered_ = covered;
  if (run_ != nullptr || closed_ || owner_ == nullptr || files_.problem()) return;
  auto sources = choose(covered);
  if (sources.empty()) return;
  run_ = std::make_unique<Run>();
  run_->sources = std::move(sources);
  for (const auto& file : run_->sources) {
    file->tidied = true;
    for (const Part& part : file->parts) {
      ++part.slot->users;
      run_->slots.push_back(part.slot);
    }
  }
  collect_live_pieces(steps_, *owner_, run_->sources,
                      [this](LivePieces live) { found(std::move(live)); });
}

void Tidier::found(LivePieces live) {
  if (closed_) return end(false);
  if (live.pieces.empty()) return end(true);
  run_->pieces = std::move(live.pieces);
  run_->target = files_.add(FileKind::kCopies, frame_bytes(live.largest) + 2 * kBlock);
  files_changed();
}

void Tidier::files_changed() {
  if (run_ == nullptr || run_->copier != nullptr || run_->target == nullptr) return;
  if (!run_->target->writable()) return;
  const Part& part = run_->target->parts.back();
  ++part.slot->users;
  run_->slots.push_back(part.slot);
  run_->copier = std::make_shared<Copier>(disk_, std::move(run_->pieces),
                                          Copier::Target{.id = run_->target->id,
                                                         .epoch = run_->target->epoch,
                                                         .size = run_->target->size,
                                                         .salt = part.salt,
                                                         .handle = part.slot->handle});
  copy();
}

void Tidier::copy() {
  steps_.run(
      Lane::kBackground, [copier = run_->copier] { return copier->step(); },
      [this](Result<Copier::Progress> progress) {
        if (!progress) {
          options_.say("tidying failed and will be tried again: " + progress.error().message);
          for (const auto& file : run_->sources) file->tidied = false;
          return end(false);  // until the next checkpoint
        }
        if (progress->done) return hand_over();
        const Duration pause(progress->bytes * 1'000'000'000 / options_.tidy_bytes_per_second);
        steps_.after(pause, [this] { copy(); });
      });
}

// The copies are on the device: from now on they are live, and the owner switches to them.
void Tidier::hand_over() {
  if (closed_) return end(false);
  if (run_->moved.empty()) {
    run_->moved = run_->copier->take_moved();
    for (const std::string& problem : run_->copier->problems()) {
      ++metrics_.scrub_errors;
      options_.say("a stored payload cannot be read and stays where it is: " + problem);
    }
    run_->target->live += run_->copier->copied_bytes();
    run_->target->end = run_->copier->end();
    metrics_.tidied_files += run_->sources.size();
    metrics_.tidied_bytes += run_->copier->copied_bytes();
  }
  const size_t count = std::min(kSpansPerSwitch, run_->moved.size() - run_->switched);
  if (count == 0) return end(true);
  const std::span<const MovedSpan> spans(run_->moved);
  owner_->moved(spans.subspan(run_->switched, count));
  run_->switched += count;
  steps_.post([this] { hand_over(); });
}

void Tidier::end(bool go_on) {
  // A run must give more room back than it takes, or it would go round for ever: what is left in
  // the sources, and the new file, are looked at again only if it did.
  uint64_t emptied = 0;
  for (const auto& file : run_->sources) emptied += file->live == 0 ? file->size : 0;
  if (run_->target != nullptr && run_->switched > 0) {
    const bool paid = emptied > run_->target->size;
    for (const auto& file : run_->sources) file->tidied = !paid;
    run_->target->tidied = !paid;
  }
  for (const auto& slot : run_->slots) --slot->users;
  if (run_->target != nullptr) run_->target->sealed = true;
  // The memory of very many spans takes its time to give back.
  steps_.executor().run(Lane::kBackground,
                        [moved = std::move(run_->moved), copier = std::move(run_->copier)] {});
  run_.reset();
  if (go_on) steps_.post([this] { consider(covered_); });
}

}  // namespace weir::storage
