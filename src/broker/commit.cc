#include "broker/commit.h"

#include <algorithm>
#include <utility>

namespace weir::broker {
namespace {

// What a commit needs at most times; the memory of a larger one is given back.
constexpr size_t kEventBytesKept = size_t{64} << 10;
constexpr size_t kDraftBytesKept = size_t{16} << 10;
constexpr size_t kDraftsKept = 64;

}  // namespace

void Commit::append(CellId cell, ByteView kind, ByteView event) {
  const size_t begin = events_.size();
  events_.append(kind);
  events_.append(event);
  bytes_ += events_.size() - begin;
  staged_.push_back({cell, begin, events_.size(), kNoPayload});
}

size_t Commit::stage_batch(
    CellId cell, size_t begin, const StampedHead& head, ByteView rest, Bytes owner) {
  bytes_ += events_.size() - begin + head.size() + rest.size();
  staged_.push_back({cell, begin, events_.size(), payloads_.size()});
  payloads_.push_back({head, rest, std::move(owner)});
  return staged_.size() - 1;
}

std::string& Commit::draft() {
  if (drafts_kept_ == drafts_.size()) drafts_.emplace_back();
  return drafts_[drafts_kept_];
}

void Commit::require(Durability durability) {
  durability_ = std::min(durability_, durability);
}

Lsn Commit::submit(Journal& journal, Timestamp now) {
  const ByteView events(events_);
  for (const Staged& staged : staged_) {
    Entry& entry = entries_.emplace_back();
    entry.cell = staged.cell;
    entry.event = events.substr(staged.begin, staged.end - staged.begin);
    if (staged.payload == kNoPayload) continue;
    const Payload& payload = payloads_[staged.payload];
    entry.payload_head = {payload.head.data(), payload.head.size()};
    entry.payload_rest = payload.rest;
  }
  extents_.resize(entries_.size());
  const Lsn lsn = journal.submit(entries_, durability_, now, extents_);
  clear();
  return lsn;
}

void Commit::clear() {
  entries_.clear();
  staged_.clear();
  payloads_.clear();
  events_.clear();
  if (events_.capacity() > kEventBytesKept) std::string().swap(events_);
  for (size_t i = 0; i < drafts_kept_; ++i) {
    if (drafts_[i].capacity() > kDraftBytesKept) std::string().swap(drafts_[i]);
  }
  if (drafts_.size() > kDraftsKept) drafts_.resize(kDraftsKept);
  drafts_kept_ = 0;
  durability_ = Durability::kTransient;
  bytes_ = 0;
}

}  // namespace weir::broker
