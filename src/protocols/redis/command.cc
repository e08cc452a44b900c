#include "protocols/redis/command.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <string>

#include "base/assert.h"
#include "base/wire.h"
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

// A name in lower case, padded with zeros, as four words: every command is looked up once for every
// request, so that hashing and comparing it must not cost a call.
class FoldedName {
 public:
  explicit FoldedName(ByteView name) {
    for (size_t i = 0; i < name.size(); ++i) {
      const char c = name[i];
      bytes_[i] = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
  }

  size_t hash() const {
    const uint64_t mixed = (word(0) ^ word(2)) * 0x9e3779b97f4a7c15U + (word(1) ^ word(3));
    return (mixed * 0xff51afd7ed558ccdU) >> 32;
  }
  bool operator==(const FoldedName&) const = default;

 private:
  uint64_t word(size_t index) const { return load_le<uint64_t>(bytes_.data() + index * 8); }

  std::array<char, kNameBytesMax> bytes_{};
};

// Made once, never changed.
class Table {
 public:
  Table() {
    for (const auto family : {acl_commands(),
                              connection_commands(),
                              server_commands(),
                              transaction_commands(),
                              pubsub_commands(),
                              key_commands(),
                              string_commands(),
                              list_commands(),
                              hash_commands(),
                              set_commands(),
                              sorted_set_commands(),
                              sort_commands(),
                              sorted_set_range_commands(),
                              stream_commands(),
                              stream_group_commands(),
                              stream_read_group_commands(),
                              stream_claim_commands(),
                              stream_info_commands(),
                              script_commands(),
                              list_many_commands(),
                              stream_delete_commands(),
                              stream_add_commands(),
                              stream_nack_commands(),
                              stream_settings_commands(),
                              key_move_commands(),
                              lcs_commands(),
                              monitor_commands(),
                              slow_commands(),
                              memory_commands(),
                              command_commands()}) {
      for (const Command& command : family) {
        WEIR_ASSERT(command.name.size() <= kNameBytesMax);
        commands_.push_back(command);
      }
    }
    std::ranges::sort(commands_, {}, &Command::name);
    WEIR_ASSERT(commands_.size() * 2 < kCells);
    numbers_ = commands_.size();
    for (Command& command : commands_) {
      command.first_subcommand = numbers_;
      numbers_ += command.subcommands.size();
      command.number = rows_.size();
      rows_.push_back(&command);
      const FoldedName name(command.name);
      size_t cell = name.hash() % kCells;
      for (; cells_[cell].command != nullptr; cell = (cell + 1) % kCells) {
        WEIR_ASSERT(cells_[cell].name != name, "command {} twice", command.name);
      }
      cells_[cell] = {name, &command};
    }
  }

  const Command* find(ByteView text) const {
    const FoldedName name(text);
    size_t cell = name.hash() % kCells;
    while (cells_[cell].command != nullptr && cells_[cell].name != name) cell = (cell + 1) % kCells;
    return cells_[cell].command;
  }
  const std::vector<const Command*>& rows() const { return rows_; }
  size_t numbers() const { return numbers_; }

 private:
  static constexpr size_t kCells = 1024;
  struct Cell {
    FoldedName name{ByteView()};
    const Command* command = nullptr;
  };

  std::vector<Command> commands_;  // by name
  size_t numbers_ = 0;
  std::vector<const Command*> rows_;
  std::vector<Cell> cells_ = std::vector<Cell>(kCells);  // open addressing
};

const Table& table() {
  static const Table instance;
  return instance;
}

}  // namespace

KeyIndexes key_indexes(const Command& command, std::span<const ByteView> arguments) {
  KeyIndexes indexes;
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
  if (command.name == "sort") {  // the last STORE names a key
    for (size_t i = arguments.size() - 1; i-- > 2;) {
      if (arguments[i].size() != 5 || lower(arguments[i]) != "store") continue;
      indexes.push_back(i + 1);
      break;
    }
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

std::vector<std::string_view> categories_of(const Command& command, const Subcommand* subcommand) {
  // COMMAND is one that also runs alone.
  if (!command.subcommands.empty() && subcommand == nullptr && command.arity < -1) return {"slow"};
  std::vector<std::string_view> all;
  const auto add = [&](std::string_view category) {
    if (std::ranges::find(all, category) == all.end()) all.push_back(category);
  };
  const std::string_view words = command.category;
  for (size_t from = 0; from < words.size();) {
    const size_t end = std::min(words.find(' ', from), words.size());
    add(words.substr(from + 1, end - from - 1));
    from = end + 1;
  }
  const uint32_t flags = subcommand == nullptr ? command.flags : subcommand->flags;
  const auto has = [&](uint32_t bit) { return (flags & bit) != 0; };
  if (has(flag::kWrite) && command.group != "transactions") add("write");
  if (has(flag::kReadonly)) add("read");
  if (has(flag::kAdmin)) add("admin");
  if (has(flag::kAdmin)) add("dangerous");
  if (has(flag::kPubsub)) add("pubsub");
  if (has(flag::kBlocking)) add("blocking");
  add(has(flag::kFast) ? "fast" : "slow");
  return all;
}

bool is_secret(const Command& command, std::span<const ByteView> arguments, size_t index) {
  const auto is = [&](size_t at, std::string_view word) {
    return arguments[at].size() == word.size() && lower(arguments[at]) == word;
  };
  if (command.name == "auth") return index >= 1;
  if (command.name == "hello") {
    return (index >= 3 && is(index - 1, "auth")) || (index >= 4 && is(index - 2, "auth"));
  }
  return command.name == "acl" && index >= 2 && is(1, "setuser");
}

const Command* find_command(ByteView name) {
  if (name.size() > kNameBytesMax) return nullptr;
  return table().find(name);
}

const Subcommand* find_subcommand(const Command& command, std::span<const ByteView> arguments) {
  if (command.subcommands.empty() || arguments.size() < 2) return nullptr;
  const size_t prefix = command.name.size() + 1;
  const auto found = std::ranges::find_if(command.subcommands, [&](const Subcommand& each) {
    return std::ranges::equal(arguments[1], each.name.substr(prefix), {},
                              [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  });
  return found == command.subcommands.end() ? nullptr : std::to_address(found);
}

FoundCommand find_full_name(ByteView name) {
  const size_t bar = name.find('|');
  const Command* command = find_command(name.substr(0, bar));
  if (command == nullptr || bar == ByteView::npos) return {command, nullptr};
  const ByteView words[] = {command->name, name.substr(bar + 1)};
  const Subcommand* subcommand = find_subcommand(*command, words);
  return {subcommand == nullptr ? nullptr : command, subcommand};
}

size_t command_number(const Command& command, const Subcommand* subcommand) {
  if (subcommand == nullptr) return command.number;
  return command.first_subcommand + static_cast<size_t>(subcommand - command.subcommands.data());
}

size_t command_numbers() {
  return table().numbers();
}

const std::vector<const Command*>& all_commands() {
  return table().rows();
}

}  // namespace weir::redis
