#pragma once
// Reads several spans of one slot in one step, into memory that they share: spans that overlap or
// touch are read and checked once.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/ports/journal.h"
#include "storage/local/region_pool.h"

namespace weir::storage {

struct Piece {
  CellId cell;
  broker::Extent span;
};

// The entries of each piece, checked; nothing where they are not (all) what was written, or cannot
// be read. `pieces` ascend by their place. `handle` is opened kCached if it is empty. Blocking.
std::vector<std::optional<std::vector<broker::StoredEntry>>> read_pieces(
    Disk& disk,
    RegionPool& pool,
    std::shared_ptr<File>& handle,
    const std::string& path,
    uint32_t salt,
    std::span<const Piece> pieces);

}  // namespace weir::storage
