#include "protocols/redis/command.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cctype>

#include "base/assert.h"

namespace weir::redis {
namespace {

constexpr size_t kNameBytesMax = 32;

// Made once, never changed.
struct Table {
  std::vector<const Command*> rows;
  absl::flat_hash_map<std::string_view, const Command*> by_name;

  Table() {
    for (const auto family :
         {connection_commands(), server_commands(), transaction_commands(), pubsub_commands(),
          key_commands(), string_commands(), list_commands(), hash_commands(), set_commands(),
          sorted_set_commands(), stream_commands(), stream_group_commands(),
          stream_claim_commands(), stream_info_commands()}) {
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
