#include "storage/local/live_pieces.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace weir::storage {
namespace {

struct Source {
  FileId id;
  std::vector<Part> parts;
};

struct Collecting {
  std::vector<Source> files;
  size_t next = 0;
  size_t left = broker::kAllLogs;  // logs of the next file
  std::vector<std::vector<std::pair<CellId, broker::Extent>>> spans;
  std::move_only_function<void(LivePieces)> done;
};

LivePieces pieces_of(const Collecting& collected) {
  LivePieces live;
  for (const auto& spans : collected.spans) {
    for (const auto& [cell, span] : spans) {
      const auto file = std::ranges::find(collected.files, span.file, &Source::id);
      const Part& part = part_at(file->parts, span.position);
      live.pieces.push_back({cell, span, part.slot->path(), part.salt});
      live.largest = std::max<size_t>(live.largest, span.length);
    }
  }
  const auto place = [](const CopyPiece& piece) {
    return std::tuple(piece.cell, piece.from.file, piece.from.position);
  };
  std::ranges::sort(live.pieces, {}, place);
  live.pieces.erase(std::ranges::unique(live.pieces, {}, place).begin(), live.pieces.end());
  return live;
}

void collect(Steps& steps, broker::JournalOwner& owner, std::shared_ptr<Collecting> collecting) {
  if (collecting->next < collecting->files.size()) {
    broker::LiveSpans found =
        owner.live_spans(collecting->files[collecting->next].id, collecting->left);
    collecting->spans.push_back(std::move(found.spans));
    collecting->left = found.left;
    if (found.left == 0) {
      ++collecting->next;
      collecting->left = broker::kAllLogs;
    }
    steps.post([&steps, &owner, collecting = std::move(collecting)]() mutable {
      collect(steps, owner, std::move(collecting));
    });
    return;
  }
  // Naming and ordering them takes too long for the reactor.
  steps.run(
      Lane::kBackground,
      [collecting] {
        LivePieces live = pieces_of(*collecting);
        collecting->spans = {};
        return live;
      },
      [collecting](LivePieces live) { collecting->done(std::move(live)); });
}

}  // namespace

void collect_live_pieces(Steps& steps,
                         broker::JournalOwner& owner,
                         const std::vector<std::shared_ptr<JournalFile>>& files,
                         std::move_only_function<void(LivePieces)> done) {
  auto collecting = std::make_shared<Collecting>();
  for (const auto& file : files) collecting->files.push_back({file->id, file->parts});
  collecting->done = std::move(done);
  steps.post([&steps, &owner, collecting = std::move(collecting)]() mutable {
    collect(steps, owner, std::move(collecting));
  });
}

}  // namespace weir::storage
