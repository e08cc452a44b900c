#include "core/log/rows.h"

#include <algorithm>

#include "base/assert.h"

namespace weir::log {

namespace {

constexpr size_t kRowBytesMin = 14;

// varint rows; per row, differences from the row before (zeros before the first): svarint first
// offset - end, varint count, u32 file, varint frame, varint position, varint length, varint bytes,
// svarint max timestamp, svarint appended ms, varint id ms, varint id seq. Differences are mod
// 2^64.
void serialize_rows(const std::vector<Row>& rows, Writer& writer) {
  writer.varint(rows.size());
  Row previous;
  for (const Row& row : rows) {
    writer.svarint(row.first_offset - previous.end().value());
    writer.varint(row.count);
    writer.fixed(row.span.file.value());
    writer.varint(row.span.frame);
    writer.varint(row.span.position);
    writer.varint(row.span.length);
    writer.varint(row.bytes);
    writer.svarint(static_cast<int64_t>(static_cast<uint64_t>(row.max_timestamp) -
                                        static_cast<uint64_t>(previous.max_timestamp)));
    writer.svarint(static_cast<int64_t>(static_cast<uint64_t>(row.appended_ms) -
                                        static_cast<uint64_t>(previous.appended_ms)));
    writer.varint(row.last_id.ms - previous.last_id.ms);
    writer.varint(row.last_id.seq);
    previous = row;
  }
}

uint32_t get_u32(Reader& reader) {
  const uint64_t value = reader.varint();
  if (value > UINT32_MAX) reader.fail();
  return static_cast<uint32_t>(value);
}

bool load_row(Reader& reader, const Row& previous, bool first, Row& row) {
  const int64_t gap = reader.svarint();
  if (first ? gap < 0 : gap != 0) return false;
  row.first_offset = previous.end().value() + gap;
  row.count = get_u32(reader);
  row.span.file = FileId(reader.fixed<uint32_t>());
  row.span.frame = get_u32(reader);
  row.span.position = get_u32(reader);
  row.span.length = get_u32(reader);
  row.bytes = get_u32(reader);
  row.max_timestamp = static_cast<int64_t>(static_cast<uint64_t>(previous.max_timestamp) +
                                           static_cast<uint64_t>(reader.svarint()));
  row.appended_ms = static_cast<int64_t>(static_cast<uint64_t>(previous.appended_ms) +
                                         static_cast<uint64_t>(reader.svarint()));
  row.last_id.ms = previous.last_id.ms + reader.varint();
  row.last_id.seq = reader.varint();
  return !reader.failed() && row.count > 0 && row.bytes <= row.span.length &&
         row.max_timestamp >= -1 && row.appended_ms >= 0 &&
         row.first_offset <= INT64_MAX - row.count && row.last_id > previous.last_id;
}

bool load_rows(Reader& reader, std::vector<Row>& rows) {
  const uint64_t count = reader.count(kRowBytesMin);
  if (count > RowIndex::kBlockRows) return false;
  rows.reserve(count);
  Row previous;
  for (uint64_t i = 0; i < count; ++i) {
    Row row;
    if (!load_row(reader, previous, i == 0, row)) return false;
    rows.push_back(row);
    previous = row;
  }
  return !reader.failed();
}

}  // namespace

void RowBlock::summarize() {
  max_timestamp = -1;
  file_min = UINT32_MAX;
  file_max = 0;
  for (const Row& row : rows) {
    max_timestamp = std::max(max_timestamp, row.max_timestamp);
    file_min = std::min(file_min, row.span.file.value());
    file_max = std::max(file_max, row.span.file.value());
  }
}

void RowBlock::serialize(std::string& out) const {
  Writer writer(out);
  serialize_rows(rows, writer);
}

bool RowBlock::load(Reader& reader, RowBlock& block) {
  if (!load_rows(reader, block.rows) || block.rows.empty()) return false;
  block.summarize();
  return true;
}

size_t RowIndex::sealed_rows() const {
  return sealed_.empty() ? 0 : starts_.back() + sealed_.back()->rows.size();
}

size_t RowIndex::size() const {
  return sealed_rows() + tail_.size() - skip_;
}

const Row& RowIndex::front() const {
  return at(0);
}

const Row& RowIndex::back() const {
  return tail_.empty() ? sealed_.back()->rows.back() : tail_.back();
}

const Row& RowIndex::at(size_t index) const {
  const size_t absolute = index + skip_;
  const size_t sealed = sealed_rows();
  if (absolute >= sealed) return tail_[absolute - sealed];
  const auto block =
      std::upper_bound(starts_.begin(), starts_.end(), absolute) - starts_.begin() - 1;
  return sealed_[static_cast<size_t>(block)]->rows[absolute - starts_[static_cast<size_t>(block)]];
}

template <typename Before>
size_t RowIndex::partition(Before before) const {
  const auto in_rows = [&before](const std::vector<Row>& rows) {
    return static_cast<size_t>(std::partition_point(rows.begin(), rows.end(), before) -
                               rows.begin());
  };
  const auto block = std::partition_point(
      sealed_.begin(), sealed_.end(), [&before](const auto& b) { return before(b->rows.back()); });
  size_t absolute = 0;
  if (block != sealed_.end()) {
    absolute = starts_[static_cast<size_t>(block - sealed_.begin())] + in_rows((*block)->rows);
  } else {
    absolute = sealed_rows() + in_rows(tail_);
  }
  return std::max<size_t>(absolute, skip_) - skip_;
}

bool RowIndex::may_merge(const Row& left, const Row& right) {
  const Location& a = left.span;
  const Location& b = right.span;
  const uint64_t end = uint64_t{b.position} + b.length;
  return a.file == b.file && a.frame == b.frame && uint64_t{a.position} + a.length <= b.position &&
         end - a.position <= kSpanBytesMax && left.count <= UINT32_MAX - right.count &&
         left.end() == right.first();
}

bool RowIndex::may_join(const Row& left, const Row& right) {
  return may_merge(left, right) && left.span.position + left.span.length == right.span.position;
}

void RowIndex::merge(Row& left, const Row& right) {
  left.span.length = right.span.position + right.span.length - left.span.position;
  left.bytes += right.bytes;
  left.count += right.count;
  left.max_timestamp = std::max(left.max_timestamp, right.max_timestamp);
  left.appended_ms = std::max(left.appended_ms, right.appended_ms);
  left.last_id = right.last_id;
}

void RowIndex::append(const Row& row) {
  if (!tail_.empty() && !tail_closed_ && may_merge(tail_.back(), row)) {
    merge(tail_.back(), row);
    return;
  }
  tail_closed_ = false;
  if (tail_.size() == kBlockRows) seal();
  tail_.push_back(row);
}

void RowIndex::seal() {
  auto block = std::make_shared<RowBlock>();
  // The dead rows at the front are those of the tail only while nothing is sealed.
  const size_t dead = sealed_.empty() ? skip_ : 0;
  if (dead > 0) skip_ = 0;
  block->rows.assign(tail_.begin() + static_cast<ptrdiff_t>(dead), tail_.end());
  block->summarize();
  starts_.push_back(static_cast<uint32_t>(sealed_rows()));
  sealed_.push_back(std::move(block));
  tail_.clear();
}

size_t RowIndex::find_offset(Offset offset) const {
  const size_t index = partition([offset](const Row& row) { return row.end() <= offset; });
  return index < size() && at(index).first() <= offset ? index : size();
}

size_t RowIndex::find_id(StreamId id) const {
  return partition([id](const Row& row) { return row.last_id < id; });
}

size_t RowIndex::find_timestamp(int64_t t, size_t from) const {
  const size_t begin = from + skip_;
  for (size_t b = 0; b < sealed_.size(); ++b) {
    const std::vector<Row>& rows = sealed_[b]->rows;
    if (starts_[b] + rows.size() <= begin || sealed_[b]->max_timestamp < t) continue;
    for (size_t i = begin > starts_[b] ? begin - starts_[b] : 0; i < rows.size(); ++i) {
      if (rows[i].max_timestamp >= t) return starts_[b] + i - skip_;
    }
  }
  const size_t sealed = sealed_rows();
  for (size_t i = begin > sealed ? begin - sealed : 0; i < tail_.size(); ++i) {
    if (tail_[i].max_timestamp >= t) return sealed + i - skip_;
  }
  return size();
}

int64_t RowIndex::max_timestamp() const {
  int64_t newest = -1;
  for (size_t b = 0; b < sealed_.size(); ++b) {
    if (b > 0 || skip_ == 0) {
      newest = std::max(newest, sealed_[b]->max_timestamp);
      continue;
    }
    const std::vector<Row>& rows = sealed_[b]->rows;
    for (size_t i = skip_; i < rows.size(); ++i) newest = std::max(newest, rows[i].max_timestamp);
  }
  for (size_t i = sealed_.empty() ? skip_ : 0; i < tail_.size(); ++i) {
    newest = std::max(newest, tail_[i].max_timestamp);
  }
  return newest;
}

uint64_t RowIndex::drop_below(Offset start, std::vector<Location>& released) {
  uint64_t bytes = 0;
  size_t blocks = 0;
  const auto drop_from = [&](const std::vector<Row>& rows) {
    for (; skip_ < rows.size() && rows[skip_].end() <= start; ++skip_) {
      released.push_back(rows[skip_].held());
      bytes += rows[skip_].bytes;
    }
    return skip_ == rows.size();
  };
  while (blocks < sealed_.size() && drop_from(sealed_[blocks]->rows)) {
    ++blocks;
    skip_ = 0;
  }
  if (blocks > 0) {
    sealed_.erase(sealed_.begin(), sealed_.begin() + static_cast<ptrdiff_t>(blocks));
    renumber();
  }
  if (sealed_.empty()) {
    drop_from(tail_);
    // Amortized: each erase moves no more rows than were dropped.
    if (skip_ > 0 && skip_ * 2 >= tail_.size()) {
      tail_.erase(tail_.begin(), tail_.begin() + skip_);
      skip_ = 0;
      if (tail_.empty() && tail_.capacity() > 8) std::vector<Row>().swap(tail_);
    }
  }
  return bytes;
}

void RowIndex::renumber() {
  starts_.clear();
  uint32_t next = 0;
  for (const auto& block : sealed_) {
    starts_.push_back(next);
    next += static_cast<uint32_t>(block->rows.size());
  }
}

void RowIndex::rows_in_file(FileId file, std::vector<Row>& out) const {
  for (size_t b = 0; b < sealed_.size(); ++b) {
    const RowBlock& block = *sealed_[b];
    if (file.value() < block.file_min || file.value() > block.file_max) continue;
    for (size_t i = b == 0 ? skip_ : 0; i < block.rows.size(); ++i) {
      if (block.rows[i].span.file == file) out.push_back(block.rows[i]);
    }
  }
  for (size_t i = sealed_.empty() ? skip_ : 0; i < tail_.size(); ++i) {
    if (tail_[i].span.file == file) out.push_back(tail_[i]);
  }
}

// The part of `moved` that names rows from `skip` on.
std::span<const MovedRow> RowIndex::part_of(const std::vector<Row>& rows,
                                            size_t skip,
                                            std::span<const MovedRow> moved) {
  if (rows.size() <= skip) return {};
  const auto below = [](const MovedRow& m, Offset offset) { return m.first < offset; };
  const auto begin = std::lower_bound(moved.begin(), moved.end(), rows[skip].first(), below);
  const auto end = std::lower_bound(begin, moved.end(), rows.back().end(), below);
  return {begin, end};
}

// The rows from `skip` on, with their new places.
std::vector<Row> RowIndex::moved_rows(const std::vector<Row>& rows,
                                      size_t skip,
                                      std::span<const MovedRow> moved,
                                      std::vector<Location>& released,
                                      int64_t& difference) {
  std::vector<Row> result;
  auto next = moved.begin();
  for (size_t i = skip; i < rows.size(); ++i) {
    Row row = rows[i];
    while (next != moved.end() && next->first < row.first()) ++next;
    if (next != moved.end() && next->first == row.first()) {
      released.push_back(row.held());
      difference += int64_t{next->bytes} - int64_t{row.bytes};
      row.span = next->to;
      row.bytes = next->bytes;
    }
    if (!result.empty() && may_join(result.back(), row)) {
      merge(result.back(), row);
    } else {
      result.push_back(row);
    }
  }
  return result;
}

int64_t RowIndex::move(const std::vector<MovedRow>& moved, std::vector<Location>& released) {
  int64_t difference = 0;
  std::vector<std::shared_ptr<const RowBlock>> blocks;
  std::shared_ptr<RowBlock> open;  // the last of `blocks`, if it is new here and may still grow
  for (size_t b = 0; b < sealed_.size(); ++b) {
    const std::vector<Row>& rows = sealed_[b]->rows;
    const size_t skip = b == 0 ? skip_ : 0;
    const auto part = part_of(rows, skip, moved);
    const bool small = skip == 0 && rows.size() < kBlockRows / 2;
    if (part.empty() && (open == nullptr || !small)) {
      blocks.push_back(sealed_[b]);
      open = nullptr;
      continue;
    }
    const auto changed = moved_rows(rows, skip, part, released, difference);
    if (b == 0) skip_ = 0;
    if (open == nullptr || open->rows.size() + changed.size() > kBlockRows) {
      open = std::make_shared<RowBlock>();
      blocks.push_back(open);
    }
    open->rows.insert(open->rows.end(), changed.begin(), changed.end());
    open->summarize();
  }
  sealed_ = std::move(blocks);
  renumber();
  const size_t skip = sealed_.empty() ? skip_ : 0;
  const auto part = part_of(tail_, skip, moved);
  if (!part.empty()) {
    tail_ = moved_rows(tail_, skip, part, released, difference);
    if (sealed_.empty()) skip_ = 0;
  }
  return difference;
}

size_t RowIndex::memory_bytes() const {
  size_t total = tail_.capacity() * sizeof(Row) + starts_.capacity() * sizeof(uint32_t) +
                 sealed_.capacity() * sizeof(sealed_[0]);
  for (const auto& block : sealed_) {
    total += sizeof(RowBlock) + block->rows.capacity() * sizeof(Row);
  }
  return total;
}

std::vector<std::shared_ptr<const RowBlock>> RowIndex::serialize_head(Writer& head) const {
  head.varint(sealed_.size());
  head.varint(skip_);
  serialize_rows(tail_, head);
  return sealed_;
}

bool RowIndex::load(Reader& reader, RowIndex& index) {
  const uint64_t blocks = reader.count();
  const uint64_t skip = reader.varint();
  if (!load_rows(reader, index.tail_)) return false;
  for (uint64_t i = 0; i < blocks; ++i) {
    auto block = std::make_shared<RowBlock>();
    if (!RowBlock::load(reader, *block)) return false;
    if (i > 0 && !follows(index.sealed_.back()->rows.back(), block->rows.front())) return false;
    index.starts_.push_back(static_cast<uint32_t>(index.sealed_rows()));
    index.sealed_.push_back(std::move(block));
  }
  if (!index.sealed_.empty() && !index.tail_.empty() &&
      !follows(index.sealed_.back()->rows.back(), index.tail_.front())) {
    return false;
  }
  const size_t first = index.sealed_.empty() ? index.tail_.size() : index.sealed_[0]->rows.size();
  if (skip > 0 && skip >= first) return false;
  index.skip_ = static_cast<uint32_t>(skip);
  return true;
}

bool RowIndex::follows(const Row& left, const Row& right) {
  return left.end() == right.first() && left.last_id < right.last_id;
}

}  // namespace weir::log
