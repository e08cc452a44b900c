#include "protocols/redis/command.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "base/assert.h"
#include "protocols/redis/numbers.h"

namespace weir::redis {
namespace {

constexpr size_t kNameBytesMax = 32;

std::string lower(ByteView text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// Made once, never changed.
struct Table {
  std::vector<const Command*> rows;
  absl::flat_hash_map<std::string_view, const Command*> by_name;

  Table() {
    for (const auto family :
         {connection_commands(), server_commands(), transaction_commands(), pubsub_commands(),
          key_commands(), string_commands(), list_commands(), hash_commands(), set_commands(),
          sorted_set_commands(), sort_commands(), sorted_set_range_commands(), stream_commands(),
          stream_group_commands(), stream_claim_commands(), stream_info_commands(),
          script_commands(), list_many_commands(), stream_delete_commands()}) {
      for (const Command& command : family) {
        WEIR_ASSERT(command.name.size() <= kNameBytesMax);
        const bool fresh = by_name.emplace(command.name, &command).second;
        WEIR_ASSERT(fresh, "command {} twice", command.name);
        rows.push_back(&command);
      }
    }
    std::ranges::sort(rows, {}, &Command::name);
  }
};

const Table& table() {
  static const Table instance;
  return instance;
}

}  // namespace

std::vector<size_t> key_indexes(const Command& command, std::span<const ByteView> arguments) {
  std::vector<size_t> indexes;
  const KeyPositions& keys = command.keys;
  const auto count = static_cast<int>(arguments.size());
  const int last = keys.last < 0 ? count + keys.last : keys.last;
  for (int i = keys.first; keys.step != 0 && i <= last && i < count; i += keys.step)
    indexes.push_back(static_cast<size_t>(i));
  if (keys.numkeys != 0 && keys.numkeys < count) {
    const auto at = static_cast<size_t>(keys.numkeys);
    const int64_t more = parse_integer(arguments[at]).value_or(0);
    for (size_t i = at + 1; i < arguments.size() && static_cast<int64_t>(i - at) <= more; ++i)
      indexes.push_back(i);
  }
  if (keys.streams) {
    const auto word = std::ranges::find_if(arguments, [](ByteView argument) {
      return argument.size() == 7 && lower(argument) == "streams";
    });
    const auto behind = static_cast<size_t>(arguments.end() - word);
    for (size_t i = 0; behind > 0 && i < (behind - 1) / 2; ++i)
      indexes.push_back(arguments.size() - behind + 1 + i);
  }
  return indexes;
}

const Command* find_command(ByteView name) {
  if (name.size() > kNameBytesMax) return nullptr;
  char lower[kNameBytesMax];
  std::ranges::transform(name, lower, [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  const auto found = table().by_name.find(std::string_view(lower, name.size()));
  return found == table().by_name.end() ? nullptr : found->second;
}

const std::vector<const Command*>& all_commands() {
  return table().rows;
}

}  // namespace weir::redis
