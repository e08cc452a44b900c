#pragma once
// What the sorted set commands share: parts of the order named by ranks, scores or members, and
// members with their scores as replies.

#include <optional>
#include <string>
#include <vector>

#include "core/keyspace/sorted_set.h"
#include "protocols/redis/call.h"

namespace weir::redis {

// A part of the order, as ranks [first, first + count).
struct Span {
  size_t first = 0;
  size_t count = 0;
};

enum class RangeBy : uint8_t { kRank, kScore, kMember };

struct ScoreBound {
  double score = 0;
  bool exclusive = false;
};

struct MemberBound {
  enum class Kind : uint8_t { kBelowAll, kAboveAll, kInclusive, kExclusive };
  Kind kind = Kind::kInclusive;
  ByteView member;
};

// Two ends of a range, lower first, of one of the three kinds.
struct Bounds {
  RangeBy by = RangeBy::kRank;
  int64_t start = 0;
  int64_t stop = 0;
  ScoreBound low_score;
  ScoreBound high_score;
  MemberBound low_member;
  MemberBound high_member;
};

// Arguments `index` and the next; `down`: scores and members come with the higher first. Nothing
// when an error was the reply.
std::optional<Bounds> bounds_arguments(Call& call, size_t index, RangeBy by, bool down);
// Of an order of all equal scores, if the bounds are members. Ranks count from the other end when
// `down`.
Span span_of(const keyspace::SortedSet& sorted, const Bounds& bounds, bool down);

struct RangeOptions {
  RangeBy by = RangeBy::kRank;
  bool down = false;
  bool with_scores = false;
  int64_t offset = 0;
  int64_t limit = -1;
  bool limited = false;
};
// From `index` on; `full`: ZRANGE's own REV, BYSCORE and BYLEX too. False when an error was the
// reply.
bool take_range_options(Call& call, size_t index, RangeOptions& options, bool full);
// The items of a range in the order of the options: where to begin and how many. None of an absent
// set.
struct Walk {
  size_t first = 0;
  size_t count = 0;
  bool down = false;
};
Walk walk_of(const keyspace::SortedSet* sorted, const Bounds& bounds, const RangeOptions& options);

// Members with their scores are nested pairs in RESP3, a flat list in RESP2.
void reply_count(Call& call, size_t count, bool with_scores);
void reply_scored(Call& call, const keyspace::SortedSet::Item& item, bool with_scores);
void reply_items(Call& call, const std::vector<keyspace::SortedSet::Item>& items, bool with_scores);
// Replaces whatever `key` holds, with nothing if there are no items. False when an error was the
// reply.
bool store_items(Call& call, ByteView key, const std::vector<keyspace::SortedSet::Item>& items);
// Takes a part of the order out and gives it back.
std::vector<keyspace::SortedSet::Item> take_span(
    Call& call, ByteView key, const keyspace::SortedSet& sorted, Span span, bool down);

}  // namespace weir::redis
