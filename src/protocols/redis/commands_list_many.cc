// Moving several elements at once between lists: LMOVEM and BLMOVEM.
// https://redis.io/docs/latest/commands/lmovem/

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/command.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

using keyspace::List;
using keyspace::Side;

struct ManyMove {
  Side from = Side::kLeft;
  Side to = Side::kLeft;
  size_t count = 1;
  bool exactly = false;     // all of them or none
  bool one_by_one = false;  // pushed in the order of popping; else they keep their order
};

std::optional<Side> side_argument(Call& call, size_t index) {
  if (call.is(index, "left")) return Side::kLeft;
  if (call.is(index, "right")) return Side::kRight;
  call.fail(errors::kSyntax);
  return std::nullopt;
}

// The how-many block, when there is one, begins at `index`.
std::optional<ManyMove> many_arguments(Call& call, size_t index) {
  ManyMove move;
  const auto from = side_argument(call, 3);
  if (!from) return std::nullopt;
  const auto to = side_argument(call, 4);
  if (!to) return std::nullopt;
  move.from = *from;
  move.to = *to;
  if (call.count() == index) return move;
  move.exactly = call.count() > index && call.is(index, "exactly");
  const bool known = call.count() == index + 3 && (move.exactly || call.is(index, "count"));
  move.one_by_one = known && call.is(index + 2, "obo");
  if (!known || (!move.one_by_one && !call.is(index + 2, "bulk"))) {
    call.fail(errors::kSyntax);
    return std::nullopt;
  }
  const auto count =
      call.integer_between(index + 1, 1, INT64_MAX, "ERR count should be greater than 0");
  if (!count) return std::nullopt;
  move.count = static_cast<size_t>(*count);
  return move;
}

std::vector<std::string> elements_at(const List& list, Side side, size_t count) {
  std::vector<std::string> elements;
  elements.reserve(count);
  list.walk(side == Side::kLeft ? 0 : list.size() - 1, side, [&](ByteView element) {
    elements.emplace_back(element);
    return elements.size() < count;
  });
  return elements;
}

// True when there is a reply: the elements in the order in which they now stand, or an error.
bool move_many(Call& call, const ManyMove& move) {
  const auto source = call.get<List>(call.args[1]);
  const auto target = call.get<List>(call.args[2]);
  if (!source || !target) {
    // Who waits goes on waiting while a key is of another type.
    if (call.resumed && !source) return false;
    call.fail(source ? target.error() : source.error());
    return true;
  }
  const size_t size = *source == nullptr ? 0 : (*source)->size();
  if (size == 0 || (move.exactly && size < move.count)) return false;
  const size_t count = std::min(size, move.count);
  // In the order of popping.
  auto elements = elements_at(**source, move.from, count);
  const bool in_place = call.args[1] == call.args[2] && move.from == move.to;
  // Pushing at the side of popping turns the order round, unless it is turned back before.
  const bool reversed = move.one_by_one && !in_place && move.from == move.to;
  if (!in_place) {
    std::vector<ByteView> values(elements.begin(), elements.end());
    if (move.from == move.to && !move.one_by_one) std::ranges::reverse(values);
    // Pushed first, so that a list that is turned whole does not vanish with its deadline.
    (void)call.keys.push(call.database(), call.args[2], move.to, values);
    call.keys.pop(call.database(), call.args[1], move.from, count);
  }
  const bool as_in_source = !reversed;
  if (as_in_source == (move.from == Side::kRight)) std::ranges::reverse(elements);
  call.reply.array(count);
  for (const std::string& element : elements) call.reply.bulk(element);
  return true;
}

void lmovem(Call& call) {
  const auto move = many_arguments(call, 5);
  if (move && !move_many(call, *move)) call.reply.null_array();
}

void blmovem(Call& call) {
  const auto move = many_arguments(call, 6);
  if (!move) return;
  const auto deadline = call.timeout_seconds(5);
  if (!deadline || move_many(call, *move)) return;
  if (!call.block(call.args.subspan(1, 1), WaitType::kList, *deadline)) call.reply.null_array();
}

using namespace flag;
constexpr KeyPositions kTwo{1, 2, 1};
constexpr Command kCommands[] = {
    {"blmovem", -6, kWrite | kDenyOom | kBlocking, kTwo, "list", "@list", "8.10.0",
     "Moves elements between lists, waiting for them.", blmovem},
    {"lmovem", -5, kWrite | kDenyOom, kTwo, "list", "@list", "8.10.0",
     "Moves elements between lists.", lmovem},
};

}  // namespace

std::span<const Command> list_many_commands() {
  return kCommands;
}

}  // namespace weir::redis
