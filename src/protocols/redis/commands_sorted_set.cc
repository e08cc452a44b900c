// Sorted sets: https://redis.io/docs/latest/commands/?group=sorted-set

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/command.h"
#include "protocols/redis/numbers.h"
#include "protocols/redis/scan_arguments.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

using keyspace::SortedSet;

constexpr ByteView kBadRange = "ERR min or max is not a float";

// One member with its score: nested in RESP3, flat in RESP2.
void write_scored(Call& call, const SortedSet::Item& item, bool with_scores) {
  if (with_scores && call.reply.resp3()) call.reply.array(2);
  call.reply.bulk(item.member);
  if (with_scores) call.reply.real(item.score);
}

void write_range(
    Call& call, const SortedSet* sorted, size_t first, size_t count, bool down, bool with_scores) {
  const size_t shown = sorted == nullptr ? 0 : count;
  call.reply.array(with_scores && !call.reply.resp3() ? shown * 2 : shown);
  if (shown == 0) return;
  sorted->walk(first, shown, down,
               [&](const SortedSet::Item& item) { write_scored(call, item, with_scores); });
}

// ---- adding

struct AddOptions {
  bool only_absent = false;
  bool only_present = false;
  bool greater = false;
  bool less = false;
  bool changed = false;
  bool increment = false;
  size_t pairs = 2;  // index of the first
};

std::optional<AddOptions> add_options(Call& call) {
  AddOptions options;
  for (;; ++options.pairs) {
    const size_t i = options.pairs;
    if (i >= call.count()) break;
    bool* option = call.is(i, "nx")     ? &options.only_absent
                   : call.is(i, "xx")   ? &options.only_present
                   : call.is(i, "gt")   ? &options.greater
                   : call.is(i, "lt")   ? &options.less
                   : call.is(i, "ch")   ? &options.changed
                   : call.is(i, "incr") ? &options.increment
                                        : nullptr;
    if (option == nullptr) break;
    *option = true;
  }
  const size_t count = call.count() - options.pairs;
  if (count == 0 || count % 2 != 0) {
    call.fail(errors::kSyntax);
    return std::nullopt;
  }
  if (options.only_absent && options.only_present) {
    call.fail("ERR XX and NX options at the same time are not compatible");
    return std::nullopt;
  }
  if ((options.greater && options.less) ||
      (options.only_absent && (options.greater || options.less))) {
    call.fail("ERR GT, LT, and/or NX options at the same time are not compatible");
    return std::nullopt;
  }
  if (options.increment && count > 2) {
    call.fail("ERR INCR option supports a single increment-element pair");
    return std::nullopt;
  }
  return options;
}

void add(Call& call, const AddOptions& options) {
  std::vector<double> amounts;
  for (size_t i = options.pairs; i < call.count(); i += 2) {
    const auto amount = call.real(i);
    if (!amount) return;
    amounts.push_back(*amount);
  }
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  int64_t added = 0;
  int64_t updated = 0;
  std::optional<double> result;
  std::vector<ByteView> members;
  std::vector<double> scores;
  const auto known = [&](ByteView member) -> std::optional<double> {
    for (size_t i = members.size(); i-- > 0;) {
      if (members[i] == member) return scores[i];
    }
    return *sorted == nullptr ? std::nullopt : (*sorted)->score(member);
  };
  for (size_t i = 0; i < amounts.size(); ++i) {
    const ByteView member = call.args[options.pairs + 2 * i + 1];
    const auto before = known(member);
    if (before ? options.only_absent : options.only_present) continue;
    const double score = options.increment && before ? *before + amounts[i] : amounts[i];
    if (std::isnan(score)) return call.fail("ERR resulting score is not a number (NaN)");
    if (before && ((options.greater && score <= *before) || (options.less && score >= *before)))
      continue;
    result = score;
    if (before && *before == score) continue;
    before ? ++updated : ++added;
    members.push_back(member);
    scores.push_back(score);
  }
  if (!members.empty()) call.keys.set_scores(call.database(), call.args[1], members, scores);
  if (options.increment) return result ? call.reply.real(*result) : call.reply.null();
  call.reply.integer(options.changed ? added + updated : added);
}

void zadd(Call& call) {
  if (const auto options = add_options(call)) add(call, *options);
}

void zincrby(Call& call) {
  AddOptions options;
  options.increment = true;
  add(call, options);
}

// ---- single members

void zrem(Call& call) {
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  std::vector<ByteView> present;
  for (const ByteView member : call.args.subspan(2)) {
    if (*sorted == nullptr || !(*sorted)->score(member)) continue;
    if (std::ranges::find(present, member) == present.end()) present.push_back(member);
  }
  if (!present.empty()) call.keys.erase_scored(call.database(), call.args[1], present);
  call.reply.integer(static_cast<int64_t>(present.size()));
}

void zcard(Call& call) {
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  call.reply.integer(*sorted == nullptr ? 0 : static_cast<int64_t>((*sorted)->size()));
}

void write_score(Call& call, const SortedSet* sorted, ByteView member) {
  const auto score = sorted == nullptr ? std::nullopt : sorted->score(member);
  score ? call.reply.real(*score) : call.reply.null();
}

void zscore(Call& call) {
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  write_score(call, *sorted, call.args[2]);
}

void zmscore(Call& call) {
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  call.reply.array(call.count() - 2);
  for (const ByteView member : call.args.subspan(2)) write_score(call, *sorted, member);
}

void rank(Call& call, bool down) {
  const bool with_score = call.count() == 4 && call.is(3, "withscore");
  if (call.count() > 3 && !with_score) return call.fail(errors::kSyntax);
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  const auto score = *sorted == nullptr ? std::nullopt : (*sorted)->score(call.args[2]);
  if (!score) return with_score ? call.reply.null_array() : call.reply.null();
  const size_t up = (*sorted)->rank(*score, call.args[2]);
  if (with_score) call.reply.array(2);
  call.reply.integer(static_cast<int64_t>(down ? (*sorted)->size() - 1 - up : up));
  if (with_score) call.reply.real(*score);
}

void zrank(Call& call) {
  rank(call, false);
}
void zrevrank(Call& call) {
  rank(call, true);
}

// ---- ranges

// A part of the order, as ranks [first, first + count).
struct Span {
  size_t first = 0;
  size_t count = 0;
};

struct ScoreBound {
  double score = 0;
  bool exclusive = false;
};

std::optional<ScoreBound> score_bound(Call& call, size_t index) {
  ByteView text = call.args[index];
  const bool exclusive = text.starts_with('(');
  if (exclusive) text.remove_prefix(1);
  const auto score = parse_double(text);
  if (!score) {
    call.fail(kBadRange);
    return std::nullopt;
  }
  return ScoreBound{*score, exclusive};
}

Span span_of_scores(const SortedSet& sorted, const ScoreBound& low, const ScoreBound& high) {
  const size_t first = sorted.partition_rank([&](const SortedSet::Item& item) {
    return low.exclusive ? item.score > low.score : item.score >= low.score;
  });
  const size_t end = sorted.partition_rank([&](const SortedSet::Item& item) {
    return high.exclusive ? item.score >= high.score : item.score > high.score;
  });
  return {first, end > first ? end - first : 0};
}

Span span_of_ranks(int64_t start, int64_t stop, size_t size) {
  const auto whole = static_cast<int64_t>(size);
  if (start < 0) start = std::max<int64_t>(start + whole, 0);
  if (stop < 0) stop += whole;
  stop = std::min(stop, whole - 1);
  if (start > stop || start >= whole) return {};
  return {static_cast<size_t>(start), static_cast<size_t>(stop - start + 1)};
}

struct RangeOptions {
  bool by_score = false;
  bool down = false;
  bool with_scores = false;
  int64_t offset = 0;
  int64_t limit = -1;
  bool limited = false;
};

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
      options.by_score = true;
    } else {
      call.fail(errors::kSyntax);
      return false;
    }
  }
  if (options.limited && !options.by_score) {
    call.fail(
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
    return false;
  }
  return true;
}

void range_by_score(Call& call, const RangeOptions& options) {
  const auto low = score_bound(call, options.down ? 3 : 2);
  if (!low) return;
  const auto high = score_bound(call, options.down ? 2 : 3);
  if (!high) return;
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  if (*sorted == nullptr || options.offset < 0) return call.reply.array(0);
  const Span span = span_of_scores(**sorted, *low, *high);
  const size_t skip = std::min<size_t>(span.count, static_cast<size_t>(options.offset));
  size_t count = span.count - skip;
  if (options.limit >= 0) count = std::min<size_t>(count, static_cast<size_t>(options.limit));
  const size_t first = options.down ? span.first + span.count - 1 - skip : span.first + skip;
  write_range(call, *sorted, first, count, options.down, options.with_scores);
}

void range_by_rank(Call& call, const RangeOptions& options) {
  const auto start = call.integer(2);
  if (!start) return;
  const auto stop = call.integer(3);
  if (!stop) return;
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  if (*sorted == nullptr) return call.reply.array(0);
  const Span span = span_of_ranks(*start, *stop, (*sorted)->size());
  const size_t first = options.down ? (*sorted)->size() - 1 - span.first : span.first;
  write_range(call, *sorted, first, span.count, options.down, options.with_scores);
}

void zrange(Call& call) {
  RangeOptions options;
  if (!take_range_options(call, 4, options, true)) return;
  options.by_score ? range_by_score(call, options) : range_by_rank(call, options);
}

void zrevrange(Call& call) {
  RangeOptions options{.down = true};
  if (take_range_options(call, 4, options, false)) range_by_rank(call, options);
}

void zrangebyscore(Call& call) {
  RangeOptions options{.by_score = true};
  if (take_range_options(call, 4, options, false)) range_by_score(call, options);
}

void zrevrangebyscore(Call& call) {
  RangeOptions options{.by_score = true, .down = true};
  if (take_range_options(call, 4, options, false)) range_by_score(call, options);
}

void zcount(Call& call) {
  const auto low = score_bound(call, 2);
  if (!low) return;
  const auto high = score_bound(call, 3);
  if (!high) return;
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  call.reply.integer(
      *sorted == nullptr ? 0 : static_cast<int64_t>(span_of_scores(**sorted, *low, *high).count));
}

// ---- removing ranges

// Takes a part of the order out; `items` gets copies, since the events borrow.
void remove_span(Call& call,
                 ByteView key,
                 const SortedSet& sorted,
                 Span span,
                 bool down,
                 std::vector<SortedSet::Item>& items) {
  const size_t first = down ? span.first + span.count - 1 : span.first;
  if (span.count > 0)
    sorted.walk(first, span.count, down,
                [&](const SortedSet::Item& item) { items.push_back(item); });
  std::vector<ByteView> members;
  for (const SortedSet::Item& item : items) members.push_back(item.member);
  if (!members.empty()) call.keys.erase_scored(call.database(), key, members);
}

void zremrangebyscore(Call& call) {
  const auto low = score_bound(call, 2);
  if (!low) return;
  const auto high = score_bound(call, 3);
  if (!high) return;
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  std::vector<SortedSet::Item> items;
  if (*sorted != nullptr)
    remove_span(call, call.args[1], **sorted, span_of_scores(**sorted, *low, *high), false, items);
  call.reply.integer(static_cast<int64_t>(items.size()));
}

void zremrangebyrank(Call& call) {
  const auto start = call.integer(2);
  if (!start) return;
  const auto stop = call.integer(3);
  if (!stop) return;
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  std::vector<SortedSet::Item> items;
  if (*sorted != nullptr) {
    remove_span(call, call.args[1], **sorted, span_of_ranks(*start, *stop, (*sorted)->size()),
                false, items);
  }
  call.reply.integer(static_cast<int64_t>(items.size()));
}

Span end_span(const SortedSet& sorted, bool highest, size_t count) {
  const size_t taken = std::min(count, sorted.size());
  return {highest ? sorted.size() - taken : 0, taken};
}

void pop(Call& call, bool highest) {
  if (call.count() > 3) return call.fail(errors::kSyntax);
  std::optional<int64_t> count = 1;
  const bool has_count = call.count() == 3;
  if (has_count) count = call.integer_between(2, 0, INT64_MAX, errors::kNotPositive);
  if (!count) return;
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  std::vector<SortedSet::Item> items;
  if (*sorted != nullptr) {
    remove_span(call, call.args[1], **sorted,
                end_span(**sorted, highest, static_cast<size_t>(*count)), highest, items);
  }
  const bool nested = has_count && call.reply.resp3();
  call.reply.array(nested ? items.size() : items.size() * 2);
  for (const SortedSet::Item& item : items) {
    if (nested) call.reply.array(2);
    call.reply.bulk(item.member);
    call.reply.real(item.score);
  }
}

void zpopmin(Call& call) {
  pop(call, false);
}
void zpopmax(Call& call) {
  pop(call, true);
}

void pop_or_wait(Call& call, bool highest) {
  const auto deadline = call.timeout_seconds(call.count() - 1);
  if (!deadline) return;
  const auto wait_for = call.args.subspan(1, call.count() - 2);
  for (const ByteView key : wait_for) {
    const auto sorted = call.get<SortedSet>(key);
    if (!sorted && call.resumed) continue;
    if (!sorted) return call.fail(sorted.error());
    if (*sorted == nullptr) continue;
    std::vector<SortedSet::Item> items;
    remove_span(call, key, **sorted, end_span(**sorted, highest, 1), highest, items);
    call.reply.array(3);
    call.reply.bulk(key);
    call.reply.bulk(items.front().member);
    return call.reply.real(items.front().score);
  }
  if (!call.block(wait_for, WaitType::kSortedSet, *deadline)) call.reply.null_array();
}

void bzpopmin(Call& call) {
  pop_or_wait(call, false);
}
void bzpopmax(Call& call) {
  pop_or_wait(call, true);
}

void zscan(Call& call) {
  const auto arguments = scan_arguments(call, 2);
  if (!arguments) return;
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  std::vector<std::string> found;
  uint64_t next = 0;
  if (*sorted != nullptr) {
    next = scan_slots((*sorted)->members(), *arguments, [&](const auto& slot) {
      found.push_back(slot.key);
      found.push_back(format_double(slot.value));
    });
  }
  reply_scan(call, next, {found.begin(), found.end()});
}

using namespace flag;
constexpr KeyPositions kOne{1, 1, 1};
constexpr KeyPositions kAllButLast{1, -2, 1};
constexpr uint32_t kRead = kReadonly | kFast;
constexpr Command kCommands[] = {
    {"bzpopmax", -3, kWrite | kBlocking | kFast, kAllButLast, "sorted-set", "@sortedset", "5.0.0",
     "Pops the member with the highest score, waiting for one.", bzpopmax},
    {"bzpopmin", -3, kWrite | kBlocking | kFast, kAllButLast, "sorted-set", "@sortedset", "5.0.0",
     "Pops the member with the lowest score, waiting for one.", bzpopmin},
    {"zadd", -4, kWrite | kDenyOom | kFast, kOne, "sorted-set", "@sortedset", "1.2.0",
     "Adds members or sets their scores.", zadd},
    {"zcard", 2, kRead, kOne, "sorted-set", "@sortedset", "1.2.0", "Counts the members.", zcard},
    {"zcount", 4, kRead, kOne, "sorted-set", "@sortedset", "2.0.0",
     "Counts the members within scores.", zcount},
    {"zincrby", 4, kWrite | kDenyOom | kFast, kOne, "sorted-set", "@sortedset", "1.2.0",
     "Adds to a score.", zincrby},
    {"zmscore", -3, kRead, kOne, "sorted-set", "@sortedset", "6.2.0", "Reads several scores.",
     zmscore},
    {"zpopmax", -2, kWrite | kFast, kOne, "sorted-set", "@sortedset", "5.0.0",
     "Pops members with the highest scores.", zpopmax},
    {"zpopmin", -2, kWrite | kFast, kOne, "sorted-set", "@sortedset", "5.0.0",
     "Pops members with the lowest scores.", zpopmin},
    {"zrange", -4, kReadonly, kOne, "sorted-set", "@sortedset", "1.2.0",
     "Reads a range by rank or score.", zrange},
    {"zrangebyscore", -4, kReadonly, kOne, "sorted-set", "@sortedset", "1.0.5",
     "Reads a range by score.", zrangebyscore},
    {"zrank", -3, kRead, kOne, "sorted-set", "@sortedset", "2.0.0", "The rank of a member.", zrank},
    {"zrem", -3, kWrite | kFast, kOne, "sorted-set", "@sortedset", "1.2.0", "Removes members.",
     zrem},
    {"zremrangebyrank", 4, kWrite, kOne, "sorted-set", "@sortedset", "2.0.0",
     "Removes a range by rank.", zremrangebyrank},
    {"zremrangebyscore", 4, kWrite, kOne, "sorted-set", "@sortedset", "1.2.0",
     "Removes a range by score.", zremrangebyscore},
    {"zrevrange", -4, kReadonly, kOne, "sorted-set", "@sortedset", "1.2.0",
     "Reads a range by rank, backwards.", zrevrange},
    {"zrevrangebyscore", -4, kReadonly, kOne, "sorted-set", "@sortedset", "2.2.0",
     "Reads a range by score, backwards.", zrevrangebyscore},
    {"zrevrank", -3, kRead, kOne, "sorted-set", "@sortedset", "2.0.0",
     "The rank of a member from the highest score.", zrevrank},
    {"zscan", -3, kReadonly, kOne, "sorted-set", "@sortedset", "2.8.0",
     "Iterates over the members.", zscan},
    {"zscore", 3, kRead, kOne, "sorted-set", "@sortedset", "1.2.0", "The score of a member.",
     zscore},
};

}  // namespace

std::span<const Command> sorted_set_commands() {
  return kCommands;
}

}  // namespace weir::redis
