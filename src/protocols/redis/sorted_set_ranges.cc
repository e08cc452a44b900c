#include "protocols/redis/sorted_set_ranges.h"

#include <algorithm>

#include "protocols/redis/numbers.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

using keyspace::SortedSet;
using Item = SortedSet::Item;
using Kind = MemberBound::Kind;

std::optional<ScoreBound> score_bound(Call& call, size_t index) {
  ByteView text = call.args[index];
  const bool exclusive = text.starts_with('(');
  if (exclusive) text.remove_prefix(1);
  const auto score = parse_double(text);
  if (!score) {
    call.fail("ERR min or max is not a float");
    return std::nullopt;
  }
  return ScoreBound{*score, exclusive};
}

std::optional<MemberBound> member_bound(Call& call, size_t index) {
  const ByteView text = call.args[index];
  if (text == "-") return MemberBound{Kind::kBelowAll, {}};
  if (text == "+") return MemberBound{Kind::kAboveAll, {}};
  if (text.starts_with('[')) return MemberBound{Kind::kInclusive, text.substr(1)};
  if (text.starts_with('(')) return MemberBound{Kind::kExclusive, text.substr(1)};
  call.fail("ERR min or max not valid string range item");
  return std::nullopt;
}

// True from the first member on that the bound lets in from below.
bool reaches(const MemberBound& low, ByteView member) {
  switch (low.kind) {
    case Kind::kBelowAll: return true;
    case Kind::kAboveAll: return false;
    case Kind::kInclusive: return member >= low.member;
    case Kind::kExclusive: return member > low.member;
  }
  return false;
}

// True from the first member on that lies above the bound.
bool exceeds(const MemberBound& high, ByteView member) {
  switch (high.kind) {
    case Kind::kBelowAll: return true;
    case Kind::kAboveAll: return false;
    case Kind::kInclusive: return member > high.member;
    case Kind::kExclusive: return member >= high.member;
  }
  return false;
}

Span span_of_scores(const SortedSet& sorted, const ScoreBound& low, const ScoreBound& high) {
  const size_t first = sorted.partition_rank([&](const Item& item) {
    return low.exclusive ? item.score > low.score : item.score >= low.score;
  });
  const size_t end = sorted.partition_rank([&](const Item& item) {
    return high.exclusive ? item.score >= high.score : item.score > high.score;
  });
  return {first, end > first ? end - first : 0};
}

Span span_of_members(const SortedSet& sorted, const MemberBound& low, const MemberBound& high) {
  const size_t first =
      sorted.partition_rank([&](const Item& item) { return reaches(low, item.member); });
  const size_t end =
      sorted.partition_rank([&](const Item& item) { return exceeds(high, item.member); });
  return {first, end > first ? end - first : 0};
}

Span span_of_ranks(int64_t start, int64_t stop, size_t size, bool down) {
  const auto whole = static_cast<int64_t>(size);
  if (start < 0) start = std::max<int64_t>(start + whole, 0);
  if (stop < 0) stop += whole;
  stop = std::min(stop, whole - 1);
  if (start > stop || start >= whole) return {};
  const auto count = static_cast<size_t>(stop - start + 1);
  return {down ? static_cast<size_t>(whole - 1 - stop) : static_cast<size_t>(start), count};
}

}  // namespace

std::optional<Bounds> bounds_arguments(Call& call, size_t index, RangeBy by, bool down) {
  Bounds bounds;
  bounds.by = by;
  if (by == RangeBy::kRank) {
    const auto start = call.integer(index);
    if (!start) return std::nullopt;
    const auto stop = call.integer(index + 1);
    if (!stop) return std::nullopt;
    bounds.start = *start;
    bounds.stop = *stop;
    return bounds;
  }
  const size_t low = down ? index + 1 : index;
  const size_t high = down ? index : index + 1;
  if (by == RangeBy::kScore) {
    const auto low_score = score_bound(call, low);
    if (!low_score) return std::nullopt;
    const auto high_score = score_bound(call, high);
    if (!high_score) return std::nullopt;
    bounds.low_score = *low_score;
    bounds.high_score = *high_score;
    return bounds;
  }
  const auto low_member = member_bound(call, low);
  if (!low_member) return std::nullopt;
  const auto high_member = member_bound(call, high);
  if (!high_member) return std::nullopt;
  bounds.low_member = *low_member;
  bounds.high_member = *high_member;
  return bounds;
}

Span span_of(const SortedSet& sorted, const Bounds& bounds, bool down) {
  switch (bounds.by) {
    case RangeBy::kRank: return span_of_ranks(bounds.start, bounds.stop, sorted.size(), down);
    case RangeBy::kScore: return span_of_scores(sorted, bounds.low_score, bounds.high_score);
    case RangeBy::kMember: return span_of_members(sorted, bounds.low_member, bounds.high_member);
  }
  return {};
}

bool take_range_options(Call& call, size_t index, RangeOptions& options, bool full) {
  for (size_t i = index; i < call.count(); ++i) {
    if (call.is(i, "withscores")) {
      options.with_scores = true;
    } else if (call.is(i, "limit") && i + 2 < call.count()) {
      const auto offset = call.integer(i + 1);
      if (!offset) return false;
      const auto limit = call.integer(i + 2);
      if (!limit) return false;
      options.offset = *offset;
      options.limit = *limit;
      options.limited = true;
      i += 2;
    } else if (full && call.is(i, "rev")) {
      options.down = true;
    } else if (full && call.is(i, "byscore")) {
      options.by = RangeBy::kScore;
    } else if (full && call.is(i, "bylex")) {
      options.by = RangeBy::kMember;
    } else {
      call.fail(errors::kSyntax);
      return false;
    }
  }
  if (options.limited && options.by == RangeBy::kRank) {
    call.fail(
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
    return false;
  }
  if (options.with_scores && options.by == RangeBy::kMember) {
    call.fail("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    return false;
  }
  return true;
}

Walk walk_of(const SortedSet* sorted, const Bounds& bounds, const RangeOptions& options) {
  if (sorted == nullptr || options.offset < 0) return {};
  const Span span = span_of(*sorted, bounds, options.down);
  const size_t skip = std::min<size_t>(span.count, static_cast<size_t>(options.offset));
  size_t count = span.count - skip;
  if (options.limit >= 0) count = std::min<size_t>(count, static_cast<size_t>(options.limit));
  if (count == 0) return {};
  return {options.down ? span.first + span.count - 1 - skip : span.first + skip, count,
          options.down};
}

void reply_scored(Call& call, const Item& item, bool with_scores) {
  if (with_scores && call.reply.resp3()) call.reply.array(2);
  call.reply.bulk(item.member);
  if (with_scores) call.reply.real(item.score);
}

void reply_count(Call& call, size_t count, bool with_scores) {
  call.reply.array(with_scores && !call.reply.resp3() ? count * 2 : count);
}

void reply_items(Call& call, const std::vector<Item>& items, bool with_scores) {
  reply_count(call, items.size(), with_scores);
  for (const Item& item : items) reply_scored(call, item, with_scores);
}

bool store_items(Call& call, ByteView key, const std::vector<Item>& items) {
  if (const auto removed = call.service.remove_stream(call, key); !removed) {
    call.fail(removed.error());
    return false;
  }
  call.keys.erase(call.database(), key);
  std::vector<ByteView> members;
  std::vector<double> scores;
  for (const Item& item : items) {
    members.push_back(item.member);
    scores.push_back(item.score);
  }
  if (!members.empty()) call.keys.set_scores(call.database(), key, members, scores);
  return true;
}

std::vector<Item> take_span(
    Call& call, ByteView key, const SortedSet& sorted, Span span, bool down) {
  std::vector<Item> items;
  if (span.count == 0) return items;
  const size_t first = down ? span.first + span.count - 1 : span.first;
  // Copies: the events borrow, and the set changes under them.
  sorted.walk(first, span.count, down, [&](const Item& item) { items.push_back(item); });
  std::vector<ByteView> members;
  members.reserve(items.size());
  for (const Item& item : items) members.push_back(item.member);
  call.keys.erase_scored(call.database(), key, members);
  return items;
}

}  // namespace weir::redis
