#include "broker/row_entries.h"

#include <algorithm>

#include "base/wire.h"

namespace weir::broker {

Offset first_offset(const StoredEntry& entry) {
  return Offset(entry.payload.size() < sizeof(int64_t) ? -1
                                                       : load_be<int64_t>(entry.payload.data()));
}

std::vector<StoredEntry> entries_of_row(std::vector<StoredEntry> entries, const log::Row& row) {
  std::erase_if(entries, [&](const StoredEntry& entry) {
    const Offset base = first_offset(entry);
    return base < row.first() || base >= row.end();
  });
  const auto earlier = [](const StoredEntry& a, const StoredEntry& b) {
    return first_offset(a) < first_offset(b);
  };
  if (!std::is_sorted(entries.begin(), entries.end(), earlier)) {
    std::sort(entries.begin(), entries.end(), earlier);
  }
  const auto same = [](const StoredEntry& a, const StoredEntry& b) {
    return first_offset(a) == first_offset(b);
  };
  entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());
  for (StoredEntry& entry : entries) entry.event = entry.event.slice(1);
  return entries;
}

std::vector<StoredEntry> entries_holding(std::span<const StoredEntry> entries,
                                         std::span<const Offset> wanted) {
  std::vector<StoredEntry> found;
  if (entries.empty() || wanted.empty()) return found;
  found.reserve(std::min(entries.size(), wanted.size()));
  // Of batches of one record each, which are many, the place is known.
  const int64_t guess = std::max<int64_t>(0, wanted.front() - first_offset(entries.front()));
  auto after = entries.begin();
  if (static_cast<size_t>(guess) < entries.size() &&
      first_offset(entries[static_cast<size_t>(guess)]) == wanted.front()) {
    after += guess;
  }
  const StoredEntry* last = nullptr;
  for (const Offset offset : wanted) {
    const bool next = after != entries.end() && first_offset(*after) == offset;
    after = next ? after + 1
                 : std::upper_bound(after, entries.end(), offset,
                                    [](Offset value, const StoredEntry& entry) {
                                      return value < first_offset(entry);
                                    });
    if (after == entries.begin()) continue;
    const StoredEntry& entry = *std::prev(after);
    if (&entry != last) found.push_back(entry);
    last = &entry;
  }
  return found;
}

}  // namespace weir::broker
