#include "broker/row_entries.h"

#include <algorithm>

#include "base/wire.h"

namespace weir::broker {
namespace {

int64_t base_offset(const StoredEntry& entry) {
  return entry.payload.size() < sizeof(int64_t) ? -1 : load_be<int64_t>(entry.payload.data());
}

}  // namespace

std::vector<StoredEntry> entries_of_row(std::vector<StoredEntry> entries, const log::Row& row) {
  std::erase_if(entries, [&](const StoredEntry& entry) {
    const Offset base(base_offset(entry));
    return base < row.first() || base >= row.end();
  });
  const auto earlier = [](const StoredEntry& a, const StoredEntry& b) {
    return base_offset(a) < base_offset(b);
  };
  if (!std::is_sorted(entries.begin(), entries.end(), earlier)) {
    std::sort(entries.begin(), entries.end(), earlier);
  }
  const auto same = [](const StoredEntry& a, const StoredEntry& b) {
    return base_offset(a) == base_offset(b);
  };
  entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());
  for (StoredEntry& entry : entries) entry.event = entry.event.slice(1);
  return entries;
}

}  // namespace weir::broker
