#include "core/queue/dedup.h"

#include <algorithm>
#include <cstring>

namespace weir::queue {

size_t Dedup::SlotHash::operator()(const DedupId& id) const {
  // The id is a digest already.
  size_t value;
  std::memcpy(&value, id.data(), sizeof value);
  return absl::HashOf(value);
}

size_t Dedup::SlotHash::operator()(uint32_t slot) const {
  return (*this)(owner->slot(slot).id);
}

bool Dedup::SlotEqual::operator()(uint32_t slot, const DedupId& id) const {
  return owner->slot(slot).id == id;
}

Dedup::Dedup() : index_(0, SlotHash{this}, SlotEqual{this}) {}

std::optional<Offset> Dedup::find(const DedupId& id) const {
  const auto it = index_.find(id);
  if (it == index_.end()) return std::nullopt;
  return Offset(slot(*it).offset);
}

void Dedup::insert(const DedupId& id, Offset offset, Timestamp expiry) {
  if (index_.contains(id)) return;
  slots_.push_back({id, offset.value()});
  index_.insert(first_ + static_cast<uint32_t>(slots_.size() - 1));
  if (!runs_.empty()) expiry = std::max(expiry, runs_.back().expiry);
  if (!runs_.empty() && runs_.back().expiry == expiry) {
    ++runs_.back().count;
  } else {
    runs_.push_back({expiry, 1});
  }
}

void Dedup::expire(Timestamp now) {
  while (!runs_.empty() && runs_.front().expiry <= now) {
    for (uint32_t i = 0; i < runs_.front().count; ++i) {
      index_.erase(first_);
      slots_.pop_front();
      ++first_;
    }
    runs_.pop_front();
  }
}

Dedup::Pinned Dedup::pin() const {
  return {.slots = slots_.pin(), .runs = runs_.pin()};
}

// runs: count v, then expiry s | count v each; slots: id 16 | offset s each
void Dedup::save(const Pinned& pinned, Writer& out) {
  out.varint(pinned.runs.size());
  pinned.runs.for_each([&](const Run& run) {
    out.svarint(run.expiry.ms());
    out.varint(run.count);
  });
  pinned.slots.for_each([&](const Slot& slot) {
    out.raw(ByteView(slot.id.data(), slot.id.size()));
    out.svarint(slot.offset);
  });
}

bool Dedup::load(Reader& in) {
  std::deque<Run> runs;
  uint64_t total = 0;
  const uint64_t count = in.count(2);
  for (uint64_t i = 0; i < count; ++i) {
    const Timestamp expiry(in.svarint());
    const uint64_t ids = in.varint();
    total += ids;
    if (in.failed() || ids == 0 || total > in.remaining() / (sizeof(DedupId) + 1) ||
        (!runs.empty() && expiry <= runs.back().expiry)) {
      in.fail();
      return false;
    }
    runs.push_back({expiry, static_cast<uint32_t>(ids)});
  }
  for (const Run& run : runs) {
    for (uint32_t i = 0; i < run.count; ++i) {
      DedupId id{};
      std::ranges::copy(in.raw(id.size()), id.begin());
      const int64_t offset = in.svarint();
      if (in.failed() || offset < 0 || index_.contains(id)) {
        in.fail();
        return false;
      }
      insert(id, Offset(offset), run.expiry);
    }
  }
  return !in.failed();
}

}  // namespace weir::queue
