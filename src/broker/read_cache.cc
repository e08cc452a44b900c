#include "broker/read_cache.h"

#include "broker/row_entries.h"

namespace weir::broker {

template <typename Value>
const Value* ReadCache::Recent<Value>::find(const Key& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  items_.splice(items_.begin(), items_, found->second);
  return &found->second->value;
}

template <typename Value>
void ReadCache::Recent<Value>::put(const Key& key, Value value, size_t cost) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    cost_ -= found->second->cost;
    items_.erase(found->second);
    by_key_.erase(found);
  }
  items_.push_front({key, std::move(value), cost});
  by_key_.emplace(key, items_.begin());
  cost_ += cost;
  while (cost_ > cost_max_ && items_.size() > 1) {
    cost_ -= items_.back().cost;
    by_key_.erase(items_.back().key);
    items_.pop_back();
  }
}

template <typename Value>
void ReadCache::Recent<Value>::clear() {
  by_key_ = {};
  items_.clear();
  cost_ = 0;
}

const ReadCache::Places* ReadCache::places(CellId log, const log::Row& row) {
  used_ = true;
  return places_.find({log, row.span.file, row.span.position, row.span.length});
}

void ReadCache::put_places(CellId log,
                           const log::Row& row,
                           const std::vector<StoredEntry>& entries) {
  if (entries.size() < kRowBatchesMin) return;
  Places places;
  places.reserve(entries.size());
  for (const StoredEntry& entry : entries) places.push_back({first_offset(entry), entry.extent});
  const size_t cost = places.size();
  places_.put({log, row.span.file, row.span.position, row.span.length}, std::move(places), cost);
}

std::shared_ptr<const log::OpenedBatch> ReadCache::open(const StoredEntry& entry) {
  used_ = true;
  // A place belongs to one log only.
  const Key key{CellId(), entry.extent.file, entry.extent.position, entry.extent.length};
  if (const auto* found = opened_.find(key)) return *found;
  auto opened = log::OpenedBatch::open({entry.event, entry.payload});
  ++batches_opened_;
  if (!opened) return nullptr;
  const size_t bytes = opened->memory_bytes();
  auto shared = std::make_shared<const log::OpenedBatch>(std::move(*opened));
  opened_.put(key, shared, bytes);
  return shared;
}

void ReadCache::forget_when_idle() {
  if (!used_) {
    places_.clear();
    opened_.clear();
  }
  used_ = false;
}

}  // namespace weir::broker
