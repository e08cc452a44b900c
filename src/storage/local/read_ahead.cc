#include "storage/local/read_ahead.h"

#include <algorithm>

namespace weir::storage {
namespace {

constexpr size_t kMarksMax = 128;
constexpr uint64_t kGapMax = uint64_t{512} << 10;
constexpr uint64_t kGapSmall = uint64_t{64} << 10;
// Rows are not always asked for in their order.
constexpr uint64_t kBackBytes = uint64_t{128} << 10;
// Of what is fetched so much must be taken, judged over so many bytes.
constexpr uint64_t kWorthOneOf = 4;
constexpr uint64_t kJudgedBytes = uint64_t{32} << 20;
// What lies further behind a mark may be out of the page cache again.
constexpr uint64_t kBehindBytes = uint64_t{32} << 20;

}  // namespace

uint64_t ReadAhead::gap_max() const {
  const bool in_vain = fetched_ > kJudgedBytes && taken_ < fetched_ / kWorthOneOf;
  return in_vain ? kGapSmall : kGapMax;
}

bool ReadAhead::note(const Stretch& read, uint64_t bytes, std::vector<Stretch>& ahead) {
  Mark* mark = before(read.file, read.begin, gap_max());
  if (mark == nullptr) {
    add({read.file, read.begin, read.end, read.end});
    return false;
  }
  taken_ += bytes;
  mark->end = std::max(mark->end, read.end);
  mark->begin = std::max(mark->begin, mark->end - std::min(mark->end, kBehindBytes));
  fetch(*mark, mark->end + kAheadBytes, ahead);
  if (fetched_ > 2 * kJudgedBytes) {
    fetched_ /= 2;
    taken_ /= 2;
  }
  return true;
}

// The newest mark after which `begin` goes on, which becomes the first.
ReadAhead::Mark* ReadAhead::before(FileId file, uint64_t begin, uint64_t gap) {
  const auto found = std::ranges::find_if(marks_, [&](const Mark& mark) {
    return mark.file == file && begin + kBackBytes >= mark.end && begin <= mark.end + gap;
  });
  if (found == marks_.end()) return nullptr;
  std::rotate(marks_.begin(), found, std::next(found));
  return &marks_.front();
}

ReadAhead::Mark& ReadAhead::add(Mark mark) {
  if (marks_.size() == kMarksMax) marks_.pop_back();
  return marks_.emplace_front(mark);
}

void ReadAhead::fetch(Mark& mark, uint64_t to, std::vector<Stretch>& ahead) {
  const JournalFile* file = files_.find(mark.file);
  if (file == nullptr || file->parts.empty()) return;
  const uint64_t limit = file->readable_end();
  const FileId id = mark.file;
  uint64_t from = mark.fetched;
  // Others who read here have fetched it.
  for (const Mark& other : marks_) {
    if (other.file == id && other.begin <= from) from = std::max(from, other.fetched);
  }
  const uint64_t end = std::min(to, limit);
  if (from < end && (end - from >= kStepBytes || end == limit)) {
    ahead.push_back({id, from, end});
    fetched_ += end - from;
    from = end;
  }
  mark.fetched = std::max(mark.fetched, from);
  if (to <= limit || !file->sealed) return;
  const JournalFile* next = next_file(id);
  if (next == nullptr) return;
  Mark* first = before(next->id, kBlock, 0);
  if (first == nullptr) first = &add({next->id, kBlock, kBlock, kBlock});
  fetch(*first, kBlock + std::min(to - limit, kAheadBytes), ahead);
}

// The file in which who has read `file` reads on.
JournalFile* ReadAhead::next_file(FileId file) const {
  const auto found = files_.all().upper_bound(file);
  if (found == files_.all().end()) return nullptr;
  JournalFile* next = found->second.get();
  return next->kind == FileKind::kCommits && !next->parts.empty() ? next : nullptr;
}

}  // namespace weir::storage
