#pragma once
// What journal files still hold for live logs. One file may hold a little of very many: their
// owner tells of some logs each time, and requests come in between.
//
// Thread: the reactor. The slots of the files are in use meanwhile.

#include <functional>
#include <memory>
#include <vector>

#include "storage/local/copier.h"

namespace weir::storage {

struct LivePieces {
  std::vector<CopyPiece> pieces;  // by cell and place
  size_t largest = 0;
};

// Calls back later, also when nothing is left. `owner` must outlive the journal's steps.
void collect_live_pieces(Steps& steps,
                         broker::JournalOwner& owner,
                         const std::vector<std::shared_ptr<JournalFile>>& files,
                         std::move_only_function<void(LivePieces)> done);

}  // namespace weir::storage
