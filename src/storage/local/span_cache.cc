#include "storage/local/span_cache.h"

#include <algorithm>

namespace weir::storage {
namespace {

constexpr size_t kSpansMax = 64;

bool same(const broker::Extent& a, const broker::Extent& b) {
  return a.file == b.file && a.position == b.position && a.length == b.length;
}

bool contains(const broker::Extent& outer, const broker::Extent& inner) {
  return outer.file == inner.file && outer.position <= inner.position &&
         inner.position + inner.length <= outer.position + outer.length;
}

}  // namespace

std::optional<std::vector<broker::StoredEntry>> SpanCache::find(CellId cell,
                                                                const broker::Extent& span) {
  const auto found = std::ranges::find_if(
      spans_, [&](const Held& held) { return held.cell == cell && contains(held.span, span); });
  if (found == spans_.end()) return std::nullopt;
  spans_.splice(spans_.begin(), spans_, found);
  if (same(found->span, span)) return found->entries;
  // Entries lie in the order of their places.
  const auto place = [](const broker::StoredEntry& entry) { return entry.extent.position; };
  const auto first = std::ranges::lower_bound(found->entries, span.position, {}, place);
  const auto end =
      std::ranges::lower_bound(first, found->entries.end(), span.position + span.length, {}, place);
  if (first == end) return std::nullopt;
  return std::vector(first, end);
}

void SpanCache::put(CellId cell,
                    const broker::Extent& span,
                    const std::vector<broker::StoredEntry>& entries) {
  if (span.length > bytes_max_ / 4) return;
  std::erase_if(spans_, [&](const Held& held) {
    const bool again = held.cell == cell && same(held.span, span);
    if (again) bytes_ -= held.span.length;
    return again;
  });
  spans_.push_front({cell, span, entries});
  bytes_ += span.length;
  while (bytes_ > bytes_max_ || spans_.size() > kSpansMax) {
    bytes_ -= spans_.back().span.length;
    spans_.pop_back();
  }
}

void SpanCache::clear() {
  spans_.clear();
  bytes_ = 0;
}

}  // namespace weir::storage
