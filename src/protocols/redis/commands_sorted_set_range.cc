// Ranges of sorted sets by rank, score and member, and what is made of several of them:
// https://redis.io/docs/latest/commands/?group=sorted-set

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/command.h"
#include "protocols/redis/numbers.h"
#include "protocols/redis/service.h"
#include "protocols/redis/sorted_set_ranges.h"

namespace weir::redis {
namespace {

using keyspace::Set;
using keyspace::SortedSet;
using Item = SortedSet::Item;

// ---- ranges

void range(Call& call, RangeOptions options, bool full) {
  if (!take_range_options(call, 4, options, full)) return;
  const auto bounds = bounds_arguments(call, 2, options.by, options.down);
  if (!bounds) return;
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  const Walk walk = walk_of(*sorted, *bounds, options);
  reply_count(call, walk.count, options.with_scores);
  if (walk.count == 0) return;
  (*sorted)->walk(walk.first, walk.count, walk.down,
                  [&](const Item& item) { reply_scored(call, item, options.with_scores); });
}

void zrange(Call& call) {
  range(call, {}, true);
}
void zrevrange(Call& call) {
  range(call, {.down = true}, false);
}
void zrangebyscore(Call& call) {
  range(call, {.by = RangeBy::kScore}, false);
}
void zrevrangebyscore(Call& call) {
  range(call, {.by = RangeBy::kScore, .down = true}, false);
}
void zrangebylex(Call& call) {
  range(call, {.by = RangeBy::kMember}, false);
}
void zrevrangebylex(Call& call) {
  range(call, {.by = RangeBy::kMember, .down = true}, false);
}

void zrangestore(Call& call) {
  RangeOptions options;
  if (!take_range_options(call, 5, options, true)) return;
  if (options.with_scores) return call.fail(errors::kSyntax);
  const auto bounds = bounds_arguments(call, 3, options.by, options.down);
  if (!bounds) return;
  const auto sorted = call.get<SortedSet>(call.args[2]);
  if (!sorted) return call.fail(sorted.error());
  const Walk walk = walk_of(*sorted, *bounds, options);
  std::vector<Item> items;
  if (walk.count > 0) {
    (*sorted)->walk(walk.first, walk.count, walk.down,
                    [&](const Item& item) { items.push_back(item); });
  }
  if (store_items(call, call.args[1], items))
    call.reply.integer(static_cast<int64_t>(items.size()));
}

void count_range(Call& call, RangeBy by) {
  const auto bounds = bounds_arguments(call, 2, by, false);
  if (!bounds) return;
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  call.reply.integer(
      *sorted == nullptr ? 0 : static_cast<int64_t>(span_of(**sorted, *bounds, false).count));
}

void zcount(Call& call) {
  count_range(call, RangeBy::kScore);
}
void zlexcount(Call& call) {
  count_range(call, RangeBy::kMember);
}

void remove_range(Call& call, RangeBy by) {
  const auto bounds = bounds_arguments(call, 2, by, false);
  if (!bounds) return;
  const auto sorted = call.get<SortedSet>(call.args[1]);
  if (!sorted) return call.fail(sorted.error());
  if (*sorted == nullptr) return call.reply.integer(0);
  const Span span = span_of(**sorted, *bounds, false);
  call.reply.integer(
      static_cast<int64_t>(take_span(call, call.args[1], **sorted, span, false).size()));
}

void zremrangebyscore(Call& call) {
  remove_range(call, RangeBy::kScore);
}
void zremrangebyrank(Call& call) {
  remove_range(call, RangeBy::kRank);
}
void zremrangebylex(Call& call) {
  remove_range(call, RangeBy::kMember);
}

// ---- several sets made into one

enum class Operation : uint8_t { kUnion, kIntersection, kDifference };
enum class Aggregate : uint8_t { kSum, kMin, kMax };

// One input: a sorted set, or a set whose members all have the score 1.
struct Input {
  const SortedSet* sorted = nullptr;
  const Set* set = nullptr;

  size_t size() const {
    return sorted != nullptr ? sorted->size() : set != nullptr ? set->members.size() : 0;
  }
  std::optional<double> score(ByteView member) const {
    if (sorted != nullptr) return sorted->score(member);
    return set != nullptr && set->members.find(member) != nullptr ? std::optional(1.0)
                                                                  : std::nullopt;
  }
  template <typename F>
  void for_each(F&& visit) const {
    if (sorted != nullptr)
      sorted->members().for_each([&](const auto& slot) { visit(slot.key, slot.value); });
    if (set != nullptr) set->members.for_each([&](const auto& slot) { visit(slot.key, 1.0); });
  }
};

struct CombineArguments {
  std::vector<Input> inputs;
  std::vector<double> weights;
  Aggregate aggregate = Aggregate::kSum;
  bool with_scores = false;
  size_t limit = SIZE_MAX;
};

// The keys behind their number at `index`; the options begin at `options`. What the keys hold is
// judged before the options are.
bool combine_keys(Call& call, size_t index, CombineArguments& arguments, size_t& options) {
  const auto numkeys = call.integer(index);
  if (!numkeys) return false;
  if (*numkeys < 1) {
    call.fail(
        fmt::format("ERR at least 1 input key is needed for '{}' command", call.command->name));
    return false;
  }
  if (*numkeys > static_cast<int64_t>(call.count() - index - 1)) {
    call.fail(errors::kSyntax);
    return false;
  }
  const auto keys = call.args.subspan(index + 1, static_cast<size_t>(*numkeys));
  for (const ByteView key : keys) {
    const auto sorted = call.get<SortedSet>(key);
    const auto set = sorted ? Result<const Set*>(nullptr) : call.get<Set>(key);
    if (!set) {
      call.fail(set.error());
      return false;
    }
    arguments.inputs.push_back({sorted ? *sorted : nullptr, *set});
  }
  arguments.weights.assign(keys.size(), 1);
  options = index + 1 + keys.size();
  return true;
}

bool take_weights(Call& call, size_t& index, CombineArguments& arguments) {
  if (call.count() - index - 1 < arguments.weights.size()) {
    call.fail(errors::kSyntax);
    return false;
  }
  for (double& weight : arguments.weights) {
    const auto value = call.real(++index, "ERR weight value is not a float");
    if (!value) return false;
    weight = *value;
  }
  return true;
}

bool take_aggregate(Call& call, size_t index, CombineArguments& arguments) {
  if (call.is(index, "sum")) {
    arguments.aggregate = Aggregate::kSum;
  } else if (call.is(index, "min")) {
    arguments.aggregate = Aggregate::kMin;
  } else if (call.is(index, "max")) {
    arguments.aggregate = Aggregate::kMax;
  } else {
    call.fail(errors::kSyntax);
    return false;
  }
  return true;
}

std::optional<CombineArguments> combine_arguments(Call& call,
                                                  size_t index,
                                                  bool weighted,
                                                  bool stored) {
  CombineArguments arguments;
  size_t i = 0;
  if (!combine_keys(call, index, arguments, i)) return std::nullopt;
  for (; i < call.count(); ++i) {
    if (weighted && call.is(i, "weights")) {
      if (!take_weights(call, i, arguments)) return std::nullopt;
    } else if (weighted && call.is(i, "aggregate") && i + 1 < call.count()) {
      if (!take_aggregate(call, ++i, arguments)) return std::nullopt;
    } else if (!stored && call.is(i, "withscores")) {
      arguments.with_scores = true;
    } else {
      call.fail(errors::kSyntax);
      return std::nullopt;
    }
  }
  return arguments;
}

double weighted(double score, double weight) {
  const double product = score * weight;
  return std::isnan(product) ? 0 : product;
}

double joined(double a, double b, Aggregate aggregate) {
  switch (aggregate) {
    case Aggregate::kSum: return std::isnan(a + b) ? 0 : a + b;
    case Aggregate::kMin: return std::min(a, b);
    case Aggregate::kMax: return std::max(a, b);
  }
  return a;
}

SortedSet unite(const CombineArguments& arguments) {
  const auto& inputs = arguments.inputs;
  SortedSet result;
  for (size_t i = 0; i < inputs.size(); ++i) {
    inputs[i].for_each([&](ByteView member, double score) {
      const double value = weighted(score, arguments.weights[i]);
      const auto before = result.score(member);
      result.set(member, before ? joined(*before, value, arguments.aggregate) : value);
    });
  }
  return result;
}

SortedSet intersect(const CombineArguments& arguments) {
  const auto& inputs = arguments.inputs;
  SortedSet result;
  const auto smallest = std::ranges::min_element(inputs, {}, &Input::size);
  smallest->for_each([&](ByteView member, double) {
    if (result.size() >= arguments.limit) return;
    std::optional<double> value;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const auto score = inputs[i].score(member);
      if (!score) return;
      const double here = weighted(*score, arguments.weights[i]);
      value = value ? joined(*value, here, arguments.aggregate) : here;
    }
    result.set(member, *value);
  });
  return result;
}

SortedSet subtract(const std::vector<Input>& inputs) {
  SortedSet result;
  inputs.front().for_each([&](ByteView member, double score) {
    const bool elsewhere = std::any_of(inputs.begin() + 1, inputs.end(), [&](const Input& other) {
      return other.score(member).has_value();
    });
    if (!elsewhere) result.set(member, score);
  });
  return result;
}

// The items of the result in order.
std::vector<Item> combine(const CombineArguments& arguments, Operation operation) {
  const SortedSet result = operation == Operation::kUnion          ? unite(arguments)
                           : operation == Operation::kIntersection ? intersect(arguments)
                                                                   : subtract(arguments.inputs);
  std::vector<Item> items;
  items.reserve(result.size());
  result.walk(0, result.size(), false, [&](const Item& item) { items.push_back(item); });
  return items;
}

void reply_combined(Call& call, Operation operation) {
  const auto arguments = combine_arguments(call, 1, operation != Operation::kDifference, false);
  if (arguments) reply_items(call, combine(*arguments, operation), arguments->with_scores);
}

void store_combined(Call& call, Operation operation) {
  const auto arguments = combine_arguments(call, 2, operation != Operation::kDifference, true);
  if (!arguments) return;
  const auto items = combine(*arguments, operation);
  if (store_items(call, call.args[1], items))
    call.reply.integer(static_cast<int64_t>(items.size()));
}

void zunion(Call& call) {
  reply_combined(call, Operation::kUnion);
}
void zinter(Call& call) {
  reply_combined(call, Operation::kIntersection);
}
void zdiff(Call& call) {
  reply_combined(call, Operation::kDifference);
}
void zunionstore(Call& call) {
  store_combined(call, Operation::kUnion);
}
void zinterstore(Call& call) {
  store_combined(call, Operation::kIntersection);
}
void zdiffstore(Call& call) {
  store_combined(call, Operation::kDifference);
}

void zintercard(Call& call) {
  CombineArguments arguments;
  size_t options = 0;
  if (!combine_keys(call, 1, arguments, options)) return;
  if (call.count() > options) {
    if (call.count() != options + 2 || !call.is(options, "limit"))
      return call.fail(errors::kSyntax);
    const auto limit =
        call.integer_between(options + 1, 0, INT64_MAX, "ERR LIMIT can't be negative");
    if (!limit) return;
    if (*limit > 0) arguments.limit = static_cast<size_t>(*limit);
  }
  call.reply.integer(static_cast<int64_t>(intersect(arguments).size()));
}

using namespace flag;
constexpr KeyPositions kOne{1, 1, 1};
constexpr KeyPositions kTwo{1, 2, 1};
constexpr KeyPositions kNumbered{.numkeys = 1};
constexpr KeyPositions kStored{.first = 1, .last = 1, .step = 1, .numkeys = 2};
constexpr uint32_t kRead = kReadonly | kFast;
constexpr uint32_t kCombine = kReadonly | kMovableKeys;
constexpr uint32_t kStore = kWrite | kDenyOom | kMovableKeys;
constexpr ByteView kGroup = "sorted-set";
constexpr ByteView kCategory = "@sortedset";
constexpr Command kCommands[] = {
    {"zcount", 4, kRead, kOne, "sorted-set", "@sortedset", "2.0.0",
     "Counts the members within scores.", zcount},
    {"zdiff", -3, kCombine, kNumbered, kGroup, kCategory, "6.2.0", "The difference of sorted sets.",
     zdiff},
    {"zdiffstore", -4, kStore, kStored, kGroup, kCategory, "6.2.0",
     "Stores the difference of sorted sets.", zdiffstore},
    {"zinter", -3, kCombine, kNumbered, kGroup, kCategory, "6.2.0",
     "The intersection of sorted sets.", zinter},
    {"zintercard", -3, kCombine, kNumbered, kGroup, kCategory, "7.0.0",
     "Counts the intersection of sorted sets.", zintercard},
    {"zinterstore", -4, kStore, kStored, kGroup, kCategory, "2.0.0",
     "Stores the intersection of sorted sets.", zinterstore},
    {"zlexcount", 4, kRead, kOne, kGroup, kCategory, "2.8.9", "Counts the members of a range.",
     zlexcount},
    {"zrange", -4, kReadonly, kOne, "sorted-set", "@sortedset", "1.2.0",
     "Reads a range by rank or score.", zrange},
    {"zrangebylex", -4, kReadonly, kOne, kGroup, kCategory, "2.8.9", "Reads a range of members.",
     zrangebylex},
    {"zrangebyscore", -4, kReadonly, kOne, "sorted-set", "@sortedset", "1.0.5",
     "Reads a range by score.", zrangebyscore},
    {"zrangestore", -5, kWrite | kDenyOom, kTwo, kGroup, kCategory, "6.2.0", "Stores a range.",
     zrangestore},
    {"zremrangebylex", 4, kWrite, kOne, kGroup, kCategory, "2.8.9", "Removes a range of members.",
     zremrangebylex},
    {"zremrangebyrank", 4, kWrite, kOne, "sorted-set", "@sortedset", "2.0.0",
     "Removes a range by rank.", zremrangebyrank},
    {"zremrangebyscore", 4, kWrite, kOne, "sorted-set", "@sortedset", "1.2.0",
     "Removes a range by score.", zremrangebyscore},
    {"zrevrange", -4, kReadonly, kOne, "sorted-set", "@sortedset", "1.2.0",
     "Reads a range by rank, backwards.", zrevrange},
    {"zrevrangebylex", -4, kReadonly, kOne, kGroup, kCategory, "2.8.9",
     "Reads a range of members, backwards.", zrevrangebylex},
    {"zrevrangebyscore", -4, kReadonly, kOne, "sorted-set", "@sortedset", "2.2.0",
     "Reads a range by score, backwards.", zrevrangebyscore},
    {"zunion", -3, kCombine, kNumbered, kGroup, kCategory, "6.2.0", "The union of sorted sets.",
     zunion},
    {"zunionstore", -4, kStore, kStored, kGroup, kCategory, "2.0.0",
     "Stores the union of sorted sets.", zunionstore},
};

}  // namespace

std::span<const Command> sorted_set_range_commands() {
  return kCommands;
}

}  // namespace weir::redis
