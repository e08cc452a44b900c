#pragma once
// Which of the entries that a span of the journal gave belong to the row that was asked for.

#include <span>
#include <vector>

#include "broker/ports/journal.h"
#include "core/log/rows.h"

namespace weir::broker {

// The entries that the row stands for, in their order, as readers of batches know them: without the
// kind byte before the log's event. A span may hold others of the same log: after the tidier has
// moved rows, neighbours by offset need not be neighbours in the file, and copies that died on the
// way lie between them.
std::vector<StoredEntry> entries_of_row(std::vector<StoredEntry> entries, const log::Row& row);

// Where the batch of an entry begins; -1 when it is none.
Offset first_offset(const StoredEntry& entry);

// Of the entries of a row those that hold one of `wanted`, ascending offsets of the row.
std::vector<StoredEntry> entries_holding(std::span<const StoredEntry> entries,
                                         std::span<const Offset> wanted);

}  // namespace weir::broker
