// SORT and SORT_RO: https://redis.io/docs/latest/commands/sort/

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/numbers.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

using keyspace::Hash;
using keyspace::List;
using keyspace::Set;
using keyspace::SortedSet;

struct SortOptions {
  std::optional<ByteView> by;
  std::vector<ByteView> get;
  std::optional<ByteView> store;
  int64_t offset = 0;
  int64_t count = -1;
  bool down = false;
  bool as_text = false;

  // A pattern without a star is the same for all: the order stays as it is.
  bool keeps_order() const { return by && by->find('*') == ByteView::npos; }
};

std::optional<SortOptions> sort_options(Call& call, bool may_store) {
  SortOptions options;
  for (size_t i = 2; i < call.count(); ++i) {
    const size_t more = call.count() - i - 1;
    if (call.is(i, "asc")) {
      options.down = false;
    } else if (call.is(i, "desc")) {
      options.down = true;
    } else if (call.is(i, "alpha")) {
      options.as_text = true;
    } else if (call.is(i, "limit") && more >= 2) {
      const auto offset = call.integer(i + 1);
      if (!offset) return std::nullopt;
      const auto count = call.integer(i + 2);
      if (!count) return std::nullopt;
      options.offset = *offset;
      options.count = *count;
      i += 2;
    } else if (call.is(i, "by") && more >= 1) {
      options.by = call.args[++i];
    } else if (call.is(i, "get") && more >= 1) {
      options.get.push_back(call.args[++i]);
    } else if (may_store && call.is(i, "store") && more >= 1) {
      options.store = call.args[++i];
    } else {
      call.fail(errors::kSyntax);
      return std::nullopt;
    }
  }
  return options;
}

// What the key holds, in its own order; nothing when an error was the reply.
std::optional<std::vector<std::string>> elements_of(Call& call,
                                                    ByteView key,
                                                    const SortOptions& options) {
  std::vector<std::string> elements;
  const auto list = call.get<List>(key);
  if (list) {
    if (*list != nullptr) {
      (*list)->walk(0, keyspace::Side::kLeft, [&](ByteView element) {
        elements.emplace_back(element);
        return true;
      });
    }
    return elements;
  }
  if (const auto set = call.get<Set>(key)) {
    (*set)->members.for_each([&](const auto& slot) { elements.emplace_back(slot.key); });
    return elements;
  }
  const auto sorted = call.get<SortedSet>(key);
  if (!sorted) {
    call.fail(sorted.error());
    return std::nullopt;
  }
  const bool down = options.keeps_order() && options.down;
  (*sorted)->walk(down ? (*sorted)->size() - 1 : 0, (*sorted)->size(), down,
                  [&](const SortedSet::Item& item) { elements.emplace_back(item.member); });
  return elements;
}

// The string, or the field of a hash, that a pattern names for an element.
std::optional<std::string> look_up(Call& call, ByteView pattern, const std::string& element) {
  if (pattern == "#") return element;
  const size_t star = pattern.find('*');
  if (star == ByteView::npos) return std::nullopt;
  const size_t arrow = pattern.find("->", star + 1);
  const bool in_hash = arrow != ByteView::npos && arrow + 2 < pattern.size();
  const ByteView name = in_hash ? pattern.substr(0, arrow) : pattern;
  std::string key(name.substr(0, star));
  key += element;
  key += name.substr(star + 1);
  if (in_hash) {
    const auto hash = call.get<Hash>(key);
    if (!hash || *hash == nullptr) return std::nullopt;
    const Text* value = (*hash)->fields.find(pattern.substr(arrow + 2));
    return value == nullptr ? std::nullopt : std::optional<std::string>(std::in_place, *value);
  }
  const auto text = call.get<Text>(key);
  if (!text || *text == nullptr) return std::nullopt;
  return std::optional<std::string>(std::in_place, **text);
}

struct Weighted {
  std::string element;
  std::optional<std::string> text;
  double number = 0;
};

bool before(const Weighted& a, const Weighted& b, bool as_text) {
  if (as_text) {
    if (a.text != b.text) return a.text < b.text;  // nothing comes first
  } else if (a.number != b.number) {
    return a.number < b.number;
  }
  return a.element < b.element;
}

// False when an error was the reply.
bool sort_elements(Call& call, const SortOptions& options, std::vector<std::string>& elements) {
  std::vector<Weighted> weighted;
  weighted.reserve(elements.size());
  for (std::string& element : elements) {
    Weighted item;
    item.text = options.by ? look_up(call, *options.by, element) : std::optional(element);
    if (!options.as_text && item.text) {
      // An empty text counts as nought here.
      const auto number = item.text->empty() ? std::optional(0.0) : parse_double(*item.text);
      if (!number) {
        call.fail("ERR One or more scores can't be converted into double");
        return false;
      }
      item.number = *number;
    }
    item.element = std::move(element);
    weighted.push_back(std::move(item));
  }
  std::ranges::sort(weighted, [&](const Weighted& a, const Weighted& b) {
    return options.down ? before(b, a, options.as_text) : before(a, b, options.as_text);
  });
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = std::move(weighted[i].element);
  return true;
}

void store_list(Call& call, ByteView key, const std::vector<std::optional<std::string>>& values) {
  if (const auto removed = call.service.remove_stream(call, key); !removed)
    return call.fail(removed.error());
  call.keys.erase(call.database(), key);
  std::vector<ByteView> views;
  views.reserve(values.size());
  for (const auto& value : values) views.push_back(value ? ByteView(*value) : ByteView());
  if (!views.empty()) (void)call.keys.push(call.database(), key, keyspace::Side::kRight, views);
  call.reply.integer(static_cast<int64_t>(views.size()));
}

// Patterns read keys that the arguments do not name.
ByteView pattern_refusal(const Call& call, const SortOptions& options) {
  const KnownUser* known = call.client.known.get();
  if (known == nullptr || known->rules.reads_every_key({*call.command, nullptr, call.args}))
    return {};
  if (options.by && !options.keeps_order())
    return "ERR BY option of SORT denied due to insufficient ACL permissions";
  const bool looks_up = std::ranges::any_of(options.get, [](ByteView name) { return name != "#"; });
  if (looks_up) return "ERR GET option of SORT denied due to insufficient ACL permissions";
  return {};
}

void sort_key(Call& call, bool may_store) {
  const auto options = sort_options(call, may_store);
  if (!options) return;
  if (const ByteView refused = pattern_refusal(call, *options); !refused.empty())
    return call.fail(refused);
  // Patterns read keys that the arguments do not name.
  if (options->by || !options->get.empty()) call.buffer.depends_on(call.service.last_lsn());
  auto elements = elements_of(call, call.args[1], *options);
  if (!elements) return;
  if (!options->keeps_order()) {
    if (!sort_elements(call, *options, *elements)) return;
  } else if (options->store && call.get<Set>(call.args[1])) {
    // What is stored does not depend on the order in which a set happens to hold its members.
    std::ranges::sort(*elements);
  }
  const auto size = static_cast<int64_t>(elements->size());
  const int64_t first = std::clamp<int64_t>(options->offset, 0, size);
  const int64_t count = options->count < 0 ? size - first : std::min(options->count, size - first);
  std::vector<std::optional<std::string>> values;
  for (int64_t i = first; i < first + count; ++i) {
    std::string& element = (*elements)[static_cast<size_t>(i)];
    for (const ByteView pattern : options->get) values.push_back(look_up(call, pattern, element));
    if (options->get.empty()) values.emplace_back(std::move(element));
  }
  if (options->store) return store_list(call, *options->store, values);
  call.reply.array(values.size());
  for (const auto& value : values) value ? call.reply.bulk(*value) : call.reply.null();
}

void sort(Call& call) {
  sort_key(call, true);
}
void sort_ro(Call& call) {
  sort_key(call, false);
}

using namespace flag;
constexpr KeyPositions kOne{1, 1, 1};
constexpr Command kCommands[] = {
    {"sort", -2, kWrite | kDenyOom | kMovableKeys, kOne, "generic",
     "@set @sortedset @list @dangerous", "1.0.0",
     "Sorts the elements of a list, set or sorted set.", sort},
    {"sort_ro", -2, kReadonly | kMovableKeys, kOne, "generic", "@set @sortedset @list @dangerous",
     "7.0.0", "Sorts without storing.", sort_ro},
};

}  // namespace

std::span<const Command> sort_commands() {
  return kCommands;
}

}  // namespace weir::redis
