// Lists: https://redis.io/docs/latest/commands/?group=list

#include <algorithm>
#include <string>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/command.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

using keyspace::List;
using keyspace::Side;

// Counts from the end for negative indexes; may stay negative.
int64_t from_start(int64_t index, size_t size) {
  return index < 0 ? index + static_cast<int64_t>(size) : index;
}

std::optional<Side> side_argument(Call& call, size_t index) {
  if (call.is(index, "left")) return Side::kLeft;
  if (call.is(index, "right")) return Side::kRight;
  call.fail(errors::kSyntax);
  return std::nullopt;
}

void push(Call& call, Side side, bool only_existing) {
  const ByteView key = call.args[1];
  const auto list = call.get<List>(key);
  if (!list) return call.fail(list.error());
  if (only_existing && *list == nullptr) return call.reply.integer(0);
  const size_t size = call.keys.push(call.database(), key, side, call.args.subspan(2), *list);
  call.reply.integer(static_cast<int64_t>(size));
}

void lpush(Call& call) {
  push(call, Side::kLeft, false);
}
void rpush(Call& call) {
  push(call, Side::kRight, false);
}
void lpushx(Call& call) {
  push(call, Side::kLeft, true);
}
void rpushx(Call& call) {
  push(call, Side::kRight, true);
}

// Replies with the elements and takes them off.
void take(Call& call, ByteView key, const List& list, Side side, size_t count) {
  const size_t taken = std::min(count, list.size());
  call.reply.array(taken);
  size_t left = taken;
  list.walk(side == Side::kLeft ? 0 : list.size() - 1, side, [&](ByteView element) {
    if (left == 0) return false;
    call.reply.bulk(element);
    return --left > 0;
  });
  if (taken > 0) call.keys.pop(call.database(), key, side, taken);
}

void pop(Call& call, Side side) {
  if (call.count() > 3) {
    return call.fail("ERR wrong number of arguments for '" + std::string(call.command->name) +
                     "' command");
  }
  const bool has_count = call.count() == 3;
  int64_t count = 1;
  if (has_count) {
    const auto wanted = call.integer_between(2, 0, INT64_MAX, errors::kNotPositive);
    if (!wanted) return;
    count = *wanted;
  }
  const ByteView key = call.args[1];
  const auto list = call.get<List>(key);
  if (!list) return call.fail(list.error());
  if (*list == nullptr) return has_count ? call.reply.null_array() : call.reply.null();
  if (has_count) return take(call, key, **list, side, static_cast<size_t>(count));
  call.reply.bulk((*list)->end(side));
  call.keys.pop(call.database(), key, side, 1);
}

void lpop(Call& call) {
  pop(call, Side::kLeft);
}
void rpop(Call& call) {
  pop(call, Side::kRight);
}

void llen(Call& call) {
  const auto list = call.get<List>(call.args[1]);
  if (!list) return call.fail(list.error());
  call.reply.integer(*list == nullptr ? 0 : static_cast<int64_t>((*list)->size()));
}

void lindex(Call& call) {
  const auto list = call.get<List>(call.args[1]);
  if (!list) return call.fail(list.error());
  if (*list == nullptr) return call.reply.null();
  const auto wanted = call.integer(2);
  if (!wanted) return;
  const int64_t index = from_start(*wanted, (*list)->size());
  if (index < 0 || index >= static_cast<int64_t>((*list)->size())) return call.reply.null();
  call.reply.bulk((*list)->at(static_cast<size_t>(index)));
}

// The range that start and stop (arguments 2 and 3) mean in a list of this size: first, count.
struct Range {
  size_t first = 0;
  size_t count = 0;
};

Range clip(int64_t start, int64_t stop, size_t size) {
  start = std::max<int64_t>(from_start(start, size), 0);
  stop = std::min<int64_t>(from_start(stop, size), static_cast<int64_t>(size) - 1);
  if (start > stop || start >= static_cast<int64_t>(size)) return {};
  return {static_cast<size_t>(start), static_cast<size_t>(stop - start + 1)};
}

void lrange(Call& call) {
  const auto start = call.integer(2);
  if (!start) return;
  const auto stop = call.integer(3);
  if (!stop) return;
  const auto list = call.get<List>(call.args[1]);
  if (!list) return call.fail(list.error());
  if (*list == nullptr) return call.reply.array(0);
  const Range range = clip(*start, *stop, (*list)->size());
  call.reply.array(range.count);
  size_t left = range.count;
  if (left == 0) return;
  (*list)->walk(range.first, Side::kLeft, [&](ByteView element) {
    call.reply.bulk(element);
    return --left > 0;
  });
}

void ltrim(Call& call) {
  const auto start = call.integer(2);
  if (!start) return;
  const auto stop = call.integer(3);
  if (!stop) return;
  const auto list = call.get<List>(call.args[1]);
  if (!list) return call.fail(list.error());
  if (*list != nullptr) {
    const Range range = clip(*start, *stop, (*list)->size());
    if (range.count < (*list)->size()) {
      call.keys.trim(call.database(), call.args[1], range.first, range.count);
    }
  }
  call.reply.ok();
}

void lset(Call& call) {
  const auto list = call.get<List>(call.args[1]);
  if (!list) return call.fail(list.error());
  if (*list == nullptr) return call.fail(errors::kNoSuchKey);
  const auto wanted = call.integer(2);
  if (!wanted) return;
  const int64_t index = from_start(*wanted, (*list)->size());
  if (index < 0 || index >= static_cast<int64_t>((*list)->size())) {
    return call.fail(errors::kIndexOutOfRange);
  }
  call.keys.set_element(call.database(), call.args[1], static_cast<size_t>(index), call.args[3]);
  call.reply.ok();
}

void linsert(Call& call) {
  const bool after = call.is(2, "after");
  if (!after && !call.is(2, "before")) return call.fail(errors::kSyntax);
  const auto list = call.get<List>(call.args[1]);
  if (!list) return call.fail(list.error());
  if (*list == nullptr) return call.reply.integer(0);
  size_t index = 0;
  bool found = false;
  (*list)->walk(0, Side::kLeft, [&](ByteView element) {
    found = element == call.args[3];
    index += found ? 0 : 1;
    return !found;
  });
  if (!found) return call.reply.integer(-1);
  const size_t size = (*list)->size() + 1;
  call.keys.insert_element(call.database(), call.args[1], index + (after ? 1 : 0), call.args[4]);
  call.reply.integer(static_cast<int64_t>(size));
}

void lrem(Call& call) {
  const auto wanted = call.integer(2);
  if (!wanted) return;
  const auto list = call.get<List>(call.args[1]);
  if (!list) return call.fail(list.error());
  if (*list == nullptr) return call.reply.integer(0);
  const bool backwards = *wanted < 0;
  const uint64_t limit = *wanted == 0 ? UINT64_MAX
                         : backwards  ? uint64_t{0} - static_cast<uint64_t>(*wanted)
                                      : static_cast<uint64_t>(*wanted);
  std::vector<uint64_t> indexes;
  const size_t size = (*list)->size();
  uint64_t index = backwards ? size - 1 : 0;
  (*list)->walk(index, backwards ? Side::kRight : Side::kLeft, [&](ByteView element) {
    if (element == call.args[3]) indexes.push_back(index);
    backwards ? --index : ++index;
    return indexes.size() < limit;
  });
  if (backwards) std::ranges::reverse(indexes);
  if (!indexes.empty()) call.keys.erase_elements(call.database(), call.args[1], indexes);
  call.reply.integer(static_cast<int64_t>(indexes.size()));
}

struct PositionOptions {
  int64_t rank = 1;
  int64_t count = -1;  // absent
  int64_t compared_max = 0;
};

std::optional<PositionOptions> position_options(Call& call) {
  PositionOptions options;
  for (size_t i = 3; i < call.count(); i += 2) {
    const bool has_value = i + 1 < call.count();
    if (has_value && call.is(i, "rank")) {
      const auto rank = call.integer(i + 1);
      if (!rank) return std::nullopt;
      if (*rank == INT64_MIN) {
        call.fail(
            "ERR value is out of range, value must between -9223372036854775807 and "
            "9223372036854775807");
        return std::nullopt;
      }
      if (*rank == 0) {
        call.fail(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or "
            "use negative to "
            "start from the end of the list");
        return std::nullopt;
      }
      options.rank = *rank;
    } else if (has_value && call.is(i, "count")) {
      const auto count = call.integer_between(i + 1, 0, INT64_MAX, "ERR COUNT can't be negative");
      if (!count) return std::nullopt;
      options.count = *count;
    } else if (has_value && call.is(i, "maxlen")) {
      const auto most = call.integer_between(i + 1, 0, INT64_MAX, "ERR MAXLEN can't be negative");
      if (!most) return std::nullopt;
      options.compared_max = *most;
    } else {
      call.fail(errors::kSyntax);
      return std::nullopt;
    }
  }
  return options;
}

void lpos(Call& call) {
  const auto options = position_options(call);
  if (!options) return;
  const auto list = call.get<List>(call.args[1]);
  if (!list) return call.fail(list.error());
  const bool many = options->count >= 0;
  if (*list == nullptr) return many ? call.reply.array(0) : call.reply.null();
  const bool backwards = options->rank < 0;
  int64_t skip = (backwards ? -options->rank : options->rank) - 1;
  const size_t wanted = !many                 ? 1
                        : options->count == 0 ? SIZE_MAX
                                              : static_cast<size_t>(options->count);
  std::vector<int64_t> found;
  auto index = static_cast<int64_t>(backwards ? (*list)->size() - 1 : 0);
  int64_t compared = 0;
  (*list)->walk(static_cast<size_t>(index), backwards ? Side::kRight : Side::kLeft,
                [&](ByteView element) {
                  if (element == call.args[2] && skip-- <= 0) found.push_back(index);
                  index += backwards ? -1 : 1;
                  if (options->compared_max != 0 && ++compared >= options->compared_max)
                    return false;
                  return found.size() < wanted;
                });
  if (!many) return found.empty() ? call.reply.null() : call.reply.integer(found.front());
  call.reply.array(found.size());
  for (const int64_t position : found) call.reply.integer(position);
}

// --- moving between lists

// False when the source has nothing (no reply then).
bool move(Call& call, Side from, Side to) {
  const auto source = call.get<List>(call.args[1]);
  if (!source) {
    call.fail(source.error());
    return true;
  }
  if (*source == nullptr) return false;
  const auto target = call.args[1] == call.args[2] ? source : call.get<List>(call.args[2]);
  if (!target) {
    call.fail(target.error());
    return true;
  }
  const std::string element((*source)->end(from));
  const ByteView values[] = {element};
  // Pushed first, so that a list of one element rotated onto itself does not vanish with its
  // deadline; pushed at the end it is popped from, it would be the one that is popped.
  const bool in_place = call.args[1] == call.args[2] && from == to;
  if (!in_place) {
    call.keys.push(call.database(), call.args[2], to, values, *target);
    call.keys.pop(call.database(), call.args[1], from, 1);
  } else {
    call.keys.set_element(call.database(), call.args[1],
                          from == Side::kLeft ? 0 : (*source)->size() - 1, element);
  }
  call.reply.bulk(element);
  return true;
}

void move_or_null(Call& call, Side from, Side to) {
  if (!move(call, from, to)) call.reply.null();
}

void move_or_wait(Call& call, Side from, Side to, size_t timeout_index) {
  const auto deadline = call.timeout_seconds(timeout_index);
  if (!deadline || move(call, from, to)) return;
  if (!call.block(call.args.subspan(1, 1), WaitType::kList, *deadline)) call.reply.null();
}

void lmove(Call& call) {
  const auto from = side_argument(call, 3);
  if (!from) return;
  const auto to = side_argument(call, 4);
  if (to) move_or_null(call, *from, *to);
}

void blmove(Call& call) {
  const auto from = side_argument(call, 3);
  if (!from) return;
  const auto to = side_argument(call, 4);
  if (to) move_or_wait(call, *from, *to, 5);
}

void rpoplpush(Call& call) {
  move_or_null(call, Side::kRight, Side::kLeft);
}
void brpoplpush(Call& call) {
  move_or_wait(call, Side::kRight, Side::kLeft, 3);
}

// --- popping from the first of several lists that has something

void pop_from_any(Call& call, Side side) {
  const auto deadline = call.timeout_seconds(call.count() - 1);
  if (!deadline) return;
  const auto wait_for = call.args.subspan(1, call.count() - 2);
  for (const ByteView key : wait_for) {
    const auto list = call.get<List>(key);
    // Who waits already goes on waiting while a key is of another type.
    if (!list && call.resumed) continue;
    if (!list) return call.fail(list.error());
    if (*list == nullptr) continue;
    call.reply.array(2);
    call.reply.bulk(key);
    call.reply.bulk((*list)->end(side));
    return call.keys.pop(call.database(), key, side, 1);
  }
  if (!call.block(wait_for, WaitType::kList, *deadline)) call.reply.null_array();
}

void blpop(Call& call) {
  pop_from_any(call, Side::kLeft);
}
void brpop(Call& call) {
  pop_from_any(call, Side::kRight);
}

// LMPOP numkeys key.. side [COUNT n]; BLMPOP has the timeout before.
struct MultiPop {
  std::span<const ByteView> keys;
  Side side = Side::kLeft;
  size_t count = 1;
};

std::optional<MultiPop> multi_pop_arguments(Call& call, size_t numkeys_index) {
  const auto numkeys =
      call.integer_between(numkeys_index, 1, INT64_MAX, "ERR numkeys should be greater than 0");
  if (!numkeys) return std::nullopt;
  if (*numkeys >= static_cast<int64_t>(call.count() - numkeys_index - 1)) {
    call.fail(errors::kSyntax);
    return std::nullopt;
  }
  MultiPop pop;
  pop.keys = call.args.subspan(numkeys_index + 1, static_cast<size_t>(*numkeys));
  const size_t side_index = numkeys_index + 1 + static_cast<size_t>(*numkeys);
  const auto side = side_argument(call, side_index);
  if (!side) return std::nullopt;
  pop.side = *side;
  bool has_count = false;
  for (size_t i = side_index + 1; i < call.count(); i += 2) {
    if (has_count || !call.is(i, "count") || i + 1 >= call.count()) {
      call.fail(errors::kSyntax);
      return std::nullopt;
    }
    const auto count =
        call.integer_between(i + 1, 1, INT64_MAX, "ERR count should be greater than 0");
    if (!count) return std::nullopt;
    pop.count = static_cast<size_t>(*count);
    has_count = true;
  }
  return pop;
}

// False when no list has anything (no reply then).
bool multi_pop(Call& call, const MultiPop& pop) {
  for (const ByteView key : pop.keys) {
    const auto list = call.get<List>(key);
    if (!list && call.resumed) continue;
    if (!list) {
      call.fail(list.error());
      return true;
    }
    if (*list == nullptr) continue;
    call.reply.array(2);
    call.reply.bulk(key);
    take(call, key, **list, pop.side, pop.count);
    return true;
  }
  return false;
}

void lmpop(Call& call) {
  const auto pop = multi_pop_arguments(call, 1);
  if (pop && !multi_pop(call, *pop)) call.reply.null_array();
}

void blmpop(Call& call) {
  const auto deadline = call.timeout_seconds(1);
  if (!deadline) return;
  const auto pop = multi_pop_arguments(call, 2);
  if (!pop || multi_pop(call, *pop)) return;
  if (!call.block(pop->keys, WaitType::kList, *deadline)) call.reply.null_array();
}

using namespace flag;
constexpr KeyPositions kOne{1, 1, 1};
constexpr KeyPositions kTwo{1, 2, 1};
constexpr KeyPositions kAllButLast{1, -2, 1};

constexpr Command kCommands[] = {
    {"blmove", 6, kWrite | kDenyOom | kBlocking, kTwo, "list", "@list", "6.2.0",
     "Moves an element between lists, waiting for one.", blmove},
    {"blmpop",
     -5,
     kWrite | kBlocking | kMovableKeys,
     {.numkeys = 2},
     "list",
     "@list",
     "7.0.0",
     "Pops elements from the first non-empty list, waiting for one.",
     blmpop},
    {"blpop", -3, kWrite | kBlocking, kAllButLast, "list", "@list", "2.0.0",
     "Pops the first element of a list, waiting for one.", blpop},
    {"brpop", -3, kWrite | kBlocking, kAllButLast, "list", "@list", "2.0.0",
     "Pops the last element of a list, waiting for one.", brpop},
    {"brpoplpush", 4, kWrite | kDenyOom | kBlocking, kTwo, "list", "@list", "2.2.0",
     "Moves the last element of a list to the front of another, waiting for one.", brpoplpush},
    {"lindex", 3, kReadonly, kOne, "list", "@list", "1.0.0", "Reads an element by its index.",
     lindex},
    {"linsert", 5, kWrite | kDenyOom, kOne, "list", "@list", "2.2.0",
     "Inserts an element before or after another.", linsert},
    {"llen", 2, kReadonly | kFast, kOne, "list", "@list", "1.0.0", "Counts the elements of a list.",
     llen},
    {"lmove", 5, kWrite | kDenyOom, kTwo, "list", "@list", "6.2.0",
     "Moves an element between lists.", lmove},
    {"lmpop",
     -4,
     kWrite | kMovableKeys,
     {.numkeys = 1},
     "list",
     "@list",
     "7.0.0",
     "Pops elements from the first non-empty list.",
     lmpop},
    {"lpop", -2, kWrite | kFast, kOne, "list", "@list", "1.0.0",
     "Pops elements from the front of a list.", lpop},
    {"lpos", -3, kReadonly, kOne, "list", "@list", "6.0.6", "Finds the index of matching elements.",
     lpos},
    {"lpush", -3, kWrite | kDenyOom | kFast, kOne, "list", "@list", "1.0.0",
     "Prepends elements to a list.", lpush},
    {"lpushx", -3, kWrite | kDenyOom | kFast, kOne, "list", "@list", "2.2.0",
     "Prepends elements to a list that exists.", lpushx},
    {"lrange", 4, kReadonly, kOne, "list", "@list", "1.0.0", "Reads a range of elements.", lrange},
    {"lrem", 4, kWrite, kOne, "list", "@list", "1.0.0", "Removes matching elements.", lrem},
    {"lset", 4, kWrite | kDenyOom, kOne, "list", "@list", "1.0.0",
     "Replaces an element by its index.", lset},
    {"ltrim", 4, kWrite, kOne, "list", "@list", "1.0.0", "Keeps a range of elements.", ltrim},
    {"rpop", -2, kWrite | kFast, kOne, "list", "@list", "1.0.0",
     "Pops elements from the end of a list.", rpop},
    {"rpoplpush", 3, kWrite | kDenyOom, kTwo, "list", "@list", "1.2.0",
     "Moves the last element of a list to the front of another.", rpoplpush},
    {"rpush", -3, kWrite | kDenyOom | kFast, kOne, "list", "@list", "1.0.0",
     "Appends elements to a list.", rpush},
    {"rpushx", -3, kWrite | kDenyOom | kFast, kOne, "list", "@list", "2.2.0",
     "Appends elements to a list that exists.", rpushx},
};

}  // namespace

std::span<const Command> list_commands() {
  return kCommands;
}

}  // namespace weir::redis
