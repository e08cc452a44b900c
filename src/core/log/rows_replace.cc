// What compaction does to the rows of a log.

#include <algorithm>

#include "base/assert.h"
#include "core/log/rows.h"

namespace weir::log {

bool RowIndex::may_replace(Offset first, Offset end) const {
  const size_t from = find_offset(first);
  const size_t to = find_offset(end);
  return first < end && from < size() && to < size() && at(from).first() == first &&
         at(to).first() == end && at(to).end() - first <= int64_t{UINT32_MAX};
}

// What stands for the rows [from, to] afterwards: `rows` grown down over the gaps, and the row `to`
// over the last one.
std::vector<Row> RowIndex::replacement(size_t from, size_t to, const std::vector<Row>& rows) const {
  std::vector<Row> result;
  Offset next = at(from).first();
  const auto add = [&](Row row) {
    const Offset end = row.end();
    row.first_offset = next.value();
    row.count = static_cast<uint32_t>(end - next);
    next = end;
    if (!result.empty() && may_join(result.back(), row)) {
      merge(result.back(), row);
    } else {
      result.push_back(row);
    }
  };
  for (const Row& row : rows) {
    WEIR_ASSERT(row.first() >= next && row.end() <= at(to).first(), "a row at {} is out of place",
                row.first_offset);
    add(row);
  }
  add(at(to));
  return result;
}

// The rows [from, to] are exchanged for `rows`, with the blocks around them. A small block before
// them joins, so that blocks stay few when a log shrinks again and again.
void RowIndex::rebuild(size_t from, size_t to, const std::vector<Row>& rows) {
  const size_t first = from + skip_;
  const size_t last = to + skip_;
  const size_t sealed = sealed_rows();
  const auto block_of = [&](size_t absolute) {
    const auto above = std::upper_bound(starts_.begin(), starts_.end(), absolute);
    return static_cast<size_t>(above - starts_.begin()) - 1;
  };
  size_t head = first < sealed ? block_of(first) : sealed_.size();
  if (head > 1 && sealed_[head - 1]->rows.size() < kBlockRows / 2) --head;
  const bool in_tail = last >= sealed;
  const size_t end = in_tail ? sealed_.size() : block_of(last) + 1;

  const size_t dead = head == 0 ? skip_ : 0;
  const size_t begin = head < sealed_.size() ? starts_[head] : sealed;
  const size_t beyond =
      in_tail ? sealed + tail_.size() : starts_[end - 1] + sealed_[end - 1]->rows.size();
  std::vector<Row> whole;
  for (size_t i = begin + dead; i < first; ++i) whole.push_back(at(i - skip_));
  whole.insert(whole.end(), rows.begin(), rows.end());
  for (size_t i = last + 1; i < beyond; ++i) whole.push_back(at(i - skip_));

  std::vector<std::shared_ptr<const RowBlock>> blocks(
      sealed_.begin(), sealed_.begin() + static_cast<ptrdiff_t>(head));
  size_t taken = 0;
  while (whole.size() - taken > (in_tail ? kBlockRows : 0)) {
    auto block = std::make_shared<RowBlock>();
    const size_t count = std::min(kBlockRows, whole.size() - taken);
    const auto at = whole.begin() + static_cast<ptrdiff_t>(taken);
    block->rows.assign(at, at + static_cast<ptrdiff_t>(count));
    block->summarize();
    blocks.push_back(std::move(block));
    taken += count;
  }
  blocks.insert(blocks.end(), sealed_.begin() + static_cast<ptrdiff_t>(end), sealed_.end());
  if (in_tail) tail_.assign(whole.begin() + static_cast<ptrdiff_t>(taken), whole.end());
  if (head == 0) skip_ = 0;
  sealed_ = std::move(blocks);
  renumber();
}

int64_t RowIndex::replace(Offset first,
                          Offset end,
                          const std::vector<Row>& rows,
                          std::vector<Location>& released) {
  const size_t from = find_offset(first);
  const size_t to = find_offset(end);
  int64_t difference = 0;
  for (size_t i = from; i < to; ++i) {
    released.push_back(at(i).held());
    difference -= at(i).bytes;
  }
  for (const Row& row : rows) difference += row.bytes;
  rebuild(from, to, replacement(from, to, rows));
  close_tail();
  return difference;
}

}  // namespace weir::log
