#include "storage/local/scrubber.h"

#include <utility>

#include "storage/local/tail.h"

namespace weir::storage {
namespace {

constexpr uint64_t kStepBytes = uint64_t{1} << 20;

}  // namespace

Scrubber::Scrubber(const LocalJournalOptions& options,
                   Disk& disk,
                   Steps& steps,
                   FileSet& files,
                   JournalMetrics& metrics)
    : options_(options), disk_(disk), steps_(steps), files_(files), metrics_(metrics) {}

void Scrubber::start(broker::JournalOwner& owner) {
  owner_ = &owner;
  rest();
}

void Scrubber::rest() {
  last_ = FileId();
  if (options_.scrub_every > std::chrono::seconds(0)) {
    steps_.after(options_.scrub_every, [this] { next_file(); });
  }
}

void Scrubber::next_file() {
  if (closed_) return;
  const auto& all = files_.all();
  auto at = all.upper_bound(last_);
  while (at != all.end() && (!at->second->sealed || !at->second->ready || at->second->live == 0))
    ++at;
  if (at == all.end()) return rest();
  last_ = at->first;
  pass_ = std::make_shared<Pass>();
  for (const Part& part : at->second->parts) {
    ++part.slot->users;
    slots_.push_back(part.slot);
  }
  collect_live_pieces(steps_, *owner_, {at->second}, [this](LivePieces live) {
    pass_->pieces = std::move(live.pieces);
    step();
  });
}

void Scrubber::step() {
  steps_.run(
      Lane::kBackground, [&disk = disk_, pass = pass_] { return check(disk, *pass); },
      [this](const Found& found) {
        metrics_.scrubbed_bytes += found.bytes;
        metrics_.scrub_errors += found.problems.size();
        for (const std::string& problem : found.problems) {
          options_.say("a stored payload has rotted: " + problem);
        }
        const bool more = pass_->next < pass_->pieces.size() && !closed_;
        if (!more) {
          for (const auto& slot : std::exchange(slots_, {})) --slot->users;
        }
        const Duration pause(found.bytes * 1'000'000'000 / options_.scrub_bytes_per_second);
        steps_.after(pause, [this, more] {
          if (more) {
            step();
          } else {
            next_file();
          }
        });
      });
}

Scrubber::Found Scrubber::check(Disk& disk, Pass& pass) {
  Found found;
  while (pass.next < pass.pieces.size() && found.bytes < kStepBytes) {
    const CopyPiece& piece = pass.pieces[pass.next++];
    const auto raw =
        read_whole_entries(disk, pass.sources[piece.path], piece.path, piece.salt, piece.from);
    if (!raw) found.problems.push_back(raw.error().message);
    found.bytes += piece.from.length;
  }
  return found;
}

}  // namespace weir::storage
