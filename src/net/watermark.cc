#include "net/watermark.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/canary.h"

namespace weir::net {

bool Watermark::covers(Lsn lsn, Durability durability) const {
  if (canary(Canary::kReplyBeforeWatermark)) return true;
  switch (durability) {
    case Durability::kFsync: return lsn <= durable_;
    case Durability::kOs: return lsn <= written_;
    case Durability::kTransient: return true;
  }
  return false;
}

void Watermark::advance(Lsn written, Lsn durable) {
  durable_ = std::max(durable_, durable);
  written_ = std::max({written_, written, durable_});
  release(for_written_, written_);
  release(for_durable_, durable_);
}

void Watermark::release(std::deque<Entry>& waiting, Lsn reached) {
  // A released waiter may park again, behind what is reached.
  while (!waiting.empty() && waiting.front().lsn <= reached) {
    const std::shared_ptr<Parked> waiter = std::move(waiting.front().waiter);
    waiting.pop_front();
    waiter->released();
  }
}

void Watermark::park(Lsn lsn, Durability durability, std::shared_ptr<Parked> waiter) {
  WEIR_ASSERT(!covers(lsn, durability), "lsn {} has been reached", lsn.value());
  std::deque<Entry>& waiting = durability == Durability::kOs ? for_written_ : for_durable_;
  const auto behind = [](Lsn value, const Entry& entry) { return value < entry.lsn; };
  // Nearly always the newest LSN, hence the end.
  const auto place = waiting.empty() || waiting.back().lsn <= lsn
                         ? waiting.end()
                         : std::upper_bound(waiting.begin(), waiting.end(), lsn, behind);
  waiting.insert(place, Entry{lsn, std::move(waiter)});
}

}  // namespace weir::net
