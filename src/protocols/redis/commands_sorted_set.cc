// Members of sorted sets: https://redis.io/docs/latest/commands/?group=sorted-set

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/command.h"
#include "protocols/redis/draw.h"
#include "protocols/redis/numbers.h"
#include "protocols/redis/scan_arguments.h"
#include "protocols/redis/service.h"
#include "protocols/redis/sorted_set_ranges.h"

namespace weir::redis {
namespace {

using keyspace::SortedSet;

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

bool* option_named(AddOptions& options, const Call& call, size_t index) {
  const std::pair<ByteView, bool*> known[] = {
      {"nx", &options.only_absent}, {"xx", &options.only_present}, {"gt", &options.greater},
      {"lt", &options.less},        {"ch", &options.changed},      {"incr", &options.increment}};
  for (const auto& [name, option] : known) {
    if (call.is(index, name)) return option;
  }
  return nullptr;
}

// What is wrong with the options; empty: nothing.
ByteView contradiction(const AddOptions& options, size_t count) {
  if (count == 0 || count % 2 != 0) return errors::kSyntax;
  if (options.only_absent && options.only_present) {
    return "ERR XX and NX options at the same time are not compatible";
  }
  const bool compares = options.greater || options.less;
  if ((options.greater && options.less) || (options.only_absent && compares)) {
    return "ERR GT, LT, and/or NX options at the same time are not compatible";
  }
  if (options.increment && count > 2) {
    return "ERR INCR option supports a single increment-element pair";
  }
  return {};
}

std::optional<AddOptions> add_options(Call& call) {
  AddOptions options;
  for (; options.pairs < call.count(); ++options.pairs) {
    bool* option = option_named(options, call, options.pairs);
    if (option == nullptr) break;
    *option = true;
  }
  const ByteView wrong = contradiction(options, call.count() - options.pairs);
  if (wrong.empty()) return options;
  call.fail(wrong);
  return std::nullopt;
}

// The score that a member gets; nothing: it keeps what it has, or stays away.
std::optional<double> wanted_score(const AddOptions& options,
                                   std::optional<double> before,
                                   double amount) {
  if (!before) return options.only_present ? std::nullopt : std::optional(amount);
  if (options.only_absent) return std::nullopt;
  const double score = options.increment ? *before + amount : amount;
  const bool held_back =
      (options.greater && score <= *before) || (options.less && score >= *before);
  return held_back ? std::nullopt : std::optional(score);
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
  absl::flat_hash_map<ByteView, double> given;  // by this command: a member may come twice
  for (size_t i = 0; i < amounts.size(); ++i) {
    const ByteView member = call.args[options.pairs + 2 * i + 1];
    const auto again = given.find(member);
    const auto before = again != given.end() ? std::optional(again->second)
                        : *sorted == nullptr ? std::nullopt
                                             : (*sorted)->score(member);
    const auto score = wanted_score(options, before, amounts[i]);
    if (!score) continue;
    if (std::isnan(*score)) return call.fail("ERR resulting score is not a number (NaN)");
    result = score;
    if (before == score) continue;
    before ? ++updated : ++added;
    members.push_back(member);
    scores.push_back(*score);
    if (amounts.size() > 1) given[member] = *score;
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
  absl::flat_hash_set<ByteView> seen;
  for (const ByteView member : call.args.subspan(2)) {
    if (*sorted == nullptr || !(*sorted)->score(member)) continue;
    if (seen.insert(member).second) present.push_back(member);
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

// ---- popping

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
    const Span span = end_span(**sorted, highest, static_cast<size_t>(*count));
    items = take_span(call, call.args[1], **sorted, span, highest);
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
    const auto items = take_span(call, key, **sorted, end_span(**sorted, highest, 1), highest);
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

// ZMPOP numkeys key.. MIN|MAX [COUNT n]; BZMPOP has the timeout before.
struct MultiPop {
  std::span<const ByteView> keys;
  bool highest = false;
  size_t count = 1;
};

std::optional<MultiPop> multi_pop_arguments(Call& call, size_t index) {
  const auto numkeys =
      call.integer_between(index, 1, INT64_MAX, "ERR numkeys should be greater than 0");
  if (!numkeys) return std::nullopt;
  const auto refuse = [&](ByteView error) {
    call.fail(error);
    return std::nullopt;
  };
  if (*numkeys >= static_cast<int64_t>(call.count() - index - 1)) return refuse(errors::kSyntax);
  MultiPop pop;
  pop.keys = call.args.subspan(index + 1, static_cast<size_t>(*numkeys));
  const size_t end = index + 1 + static_cast<size_t>(*numkeys);
  pop.highest = call.is(end, "max");
  if (!pop.highest && !call.is(end, "min")) return refuse(errors::kSyntax);
  if (call.count() == end + 1) return pop;
  if (call.count() != end + 3 || !call.is(end + 1, "count")) return refuse(errors::kSyntax);
  const auto count =
      call.integer_between(end + 2, 1, INT64_MAX, "ERR count should be greater than 0");
  if (!count) return std::nullopt;
  pop.count = static_cast<size_t>(*count);
  return pop;
}

// False when no set has anything (no reply then).
bool multi_pop(Call& call, const MultiPop& pop) {
  for (const ByteView key : pop.keys) {
    const auto sorted = call.get<SortedSet>(key);
    if (!sorted && call.resumed) continue;
    if (!sorted) {
      call.fail(sorted.error());
      return true;
    }
    if (*sorted == nullptr) continue;
    const Span span = end_span(**sorted, pop.highest, pop.count);
    const auto items = take_span(call, key, **sorted, span, pop.highest);
    call.reply.array(2);
    call.reply.bulk(key);
    call.reply.array(items.size());
    for (const SortedSet::Item& item : items) {
      call.reply.array(2);
      call.reply.bulk(item.member);
      call.reply.real(item.score);
    }
    return true;
  }
  return false;
}

void zmpop(Call& call) {
  const auto pop = multi_pop_arguments(call, 1);
  if (pop && !multi_pop(call, *pop)) call.reply.null_array();
}

void bzmpop(Call& call) {
  const auto deadline = call.timeout_seconds(1);
  if (!deadline) return;
  const auto pop = multi_pop_arguments(call, 2);
  if (!pop || multi_pop(call, *pop)) return;
  if (!call.block(pop->keys, WaitType::kSortedSet, *deadline)) call.reply.null_array();
}

void zrandmember(Call& call) {
  const bool has_count = call.count() > 2;
  const bool with_scores = call.count() == 4 && call.is(3, "withscores");
  std::optional<int64_t> count = 1;
  if (has_count)
    count = call.integer_between(2, -INT64_MAX / 2, INT64_MAX / 2, "ERR value is out of range");
  if (!count) return;
  if (call.count() > 3 && !with_scores) return call.fail(errors::kSyntax);
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  if (*sorted == nullptr) return has_count ? call.reply.array(0) : call.reply.null();
  const auto drawn = draw_slots((*sorted)->members(), *count, call.service.random());
  if (!has_count) return call.reply.bulk(drawn.front()->key);
  reply_count(call, drawn.size(), with_scores);
  for (const auto* slot : drawn) {
    if (with_scores && call.reply.resp3()) call.reply.array(2);
    call.reply.bulk(slot->key);
    if (with_scores) call.reply.real(slot->value);
  }
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
      found.emplace_back(slot.key);
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
    {"bzmpop",
     -5,
     kWrite | kBlocking | kMovableKeys,
     {.numkeys = 2},
     "sorted-set",
     "@sortedset",
     "7.0.0",
     "Pops members of the first non-empty sorted set, waiting for one.",
     bzmpop},
    {"bzpopmax", -3, kWrite | kBlocking | kFast, kAllButLast, "sorted-set", "@sortedset", "5.0.0",
     "Pops the member with the highest score, waiting for one.", bzpopmax},
    {"bzpopmin", -3, kWrite | kBlocking | kFast, kAllButLast, "sorted-set", "@sortedset", "5.0.0",
     "Pops the member with the lowest score, waiting for one.", bzpopmin},
    {"zadd", -4, kWrite | kDenyOom | kFast, kOne, "sorted-set", "@sortedset", "1.2.0",
     "Adds members or sets their scores.", zadd},
    {"zcard", 2, kRead, kOne, "sorted-set", "@sortedset", "1.2.0", "Counts the members.", zcard},
    {"zincrby", 4, kWrite | kDenyOom | kFast, kOne, "sorted-set", "@sortedset", "1.2.0",
     "Adds to a score.", zincrby},
    {"zmpop",
     -4,
     kWrite | kMovableKeys,
     {.numkeys = 1},
     "sorted-set",
     "@sortedset",
     "7.0.0",
     "Pops members of the first non-empty sorted set.",
     zmpop},
    {"zmscore", -3, kRead, kOne, "sorted-set", "@sortedset", "6.2.0", "Reads several scores.",
     zmscore},
    {"zpopmax", -2, kWrite | kFast, kOne, "sorted-set", "@sortedset", "5.0.0",
     "Pops members with the highest scores.", zpopmax},
    {"zpopmin", -2, kWrite | kFast, kOne, "sorted-set", "@sortedset", "5.0.0",
     "Pops members with the lowest scores.", zpopmin},
    {"zrandmember", -2, kReadonly, kOne, "sorted-set", "@sortedset", "6.2.0", "Draws members.",
     zrandmember},
    {"zrank", -3, kRead, kOne, "sorted-set", "@sortedset", "2.0.0", "The rank of a member.", zrank},
    {"zrem", -3, kWrite | kFast, kOne, "sorted-set", "@sortedset", "1.2.0", "Removes members.",
     zrem},
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
