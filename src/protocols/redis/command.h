#pragma once
// The table of commands: one row each, in the file of its family, drives dispatch, COMMAND, the
// checks before a handler runs, and the documentation.

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace weir::redis {

class Call;

namespace flag {
inline constexpr uint32_t kWrite = 1U << 0;
inline constexpr uint32_t kReadonly = 1U << 1;
inline constexpr uint32_t kDenyOom = 1U << 2;
inline constexpr uint32_t kFast = 1U << 3;
inline constexpr uint32_t kBlocking = 1U << 4;
inline constexpr uint32_t kPubsub = 1U << 5;
inline constexpr uint32_t kNoMulti = 1U << 6;
inline constexpr uint32_t kAdmin = 1U << 7;
inline constexpr uint32_t kMovableKeys = 1U << 8;
inline constexpr uint32_t kNoAuth = 1U << 9;
inline constexpr uint32_t kInSubscription = 1U
                                            << 10;  // allowed to a RESP2 client that has subscribed
inline constexpr uint32_t kNotQueued = 1U << 11;    // runs at once inside MULTI
inline constexpr uint32_t kSubscription = 1U << 12;  // begins or ends a subscription
inline constexpr uint32_t kPassword = 1U << 13;      // may need work on a password before it runs
}  // namespace flag

// Where the keys stand: first, last (negative: from the end), step, all zero: none there; and where
// the number of further keys stands that follow it (0: nowhere). `streams`: half of what is behind
// the word STREAMS.
struct KeyPositions {
  int first = 0;
  int last = 0;
  int step = 0;
  int numkeys = 0;
  bool streams = false;
};

// One form of a command that is a container of others: CLIENT LIST, SLOWLOG GET. Its categories are
// those that its container's row names, and what its flags say.
struct Subcommand {
  std::string_view name;  // with its container, lower case: "slowlog|get"
  int arity;              // arguments with both words; negative: at least
  uint32_t flags;
  void (*handler)(Call&);
};

struct Command {
  std::string_view name;  // lower case
  int arity;              // arguments with the name; negative: at least
  uint32_t flags;
  KeyPositions keys;
  std::string_view group;     // COMMAND DOCS: "list", "string", ...
  std::string_view category;  // ACL: "@list", "@keyspace @dangerous"; what flags say is added
  std::string_view since;
  std::string_view summary;
  void (*handler)(Call&);
  std::span<const Subcommand> subcommands = {};
  size_t number = 0;            // its place in all_commands()
  size_t first_subcommand = 0;  // the number of the first of its subcommands
};

// Each family's rows.
std::span<const Command> connection_commands();
std::span<const Command> acl_commands();
std::span<const Command> server_commands();
std::span<const Command> transaction_commands();
std::span<const Command> pubsub_commands();
std::span<const Command> key_commands();
std::span<const Command> key_move_commands();
std::span<const Command> string_commands();
std::span<const Command> list_commands();
std::span<const Command> list_many_commands();
std::span<const Command> hash_commands();
std::span<const Command> set_commands();
std::span<const Command> sorted_set_commands();
std::span<const Command> sorted_set_range_commands();
std::span<const Command> script_commands();
std::span<const Command> sort_commands();
std::span<const Command> stream_commands();
std::span<const Command> stream_delete_commands();
std::span<const Command> stream_group_commands();
std::span<const Command> stream_read_group_commands();
std::span<const Command> stream_add_commands();
std::span<const Command> stream_claim_commands();
std::span<const Command> stream_info_commands();
std::span<const Command> stream_nack_commands();
std::span<const Command> stream_settings_commands();
std::span<const Command> lcs_commands();
std::span<const Command> monitor_commands();
std::span<const Command> slow_commands();
std::span<const Command> memory_commands();
std::span<const Command> command_commands();

// Nearly always few.
using KeyIndexes = absl::InlinedVector<size_t, 8>;
// The indexes of the keys among the arguments; what the arguments do not hold is left out.
KeyIndexes key_indexes(const Command& command, std::span<const ByteView> arguments);
// All of its ACL categories, without "@", each once. Of a container alone: "slow".
std::vector<std::string_view> categories_of(const Command& command,
                                            const Subcommand* subcommand = nullptr);
// The subcommand that the second argument names; null when there is none of that name, or the
// command is no container.
const Subcommand* find_subcommand(const Command& command, std::span<const ByteView> arguments);
// Commands and subcommands are numbered together, from 0 on.
size_t command_number(const Command& command, const Subcommand* subcommand);
size_t command_numbers();
inline std::string_view full_name(const Command& command, const Subcommand* subcommand) {
  return subcommand == nullptr ? command.name : subcommand->name;
}
struct FoundCommand {
  const Command* command = nullptr;  // null: there is none
  const Subcommand* subcommand = nullptr;
};
// By "get" or "config|get", in any case.
FoundCommand find_full_name(ByteView name);
// Whether a command of this many arguments is one.
inline bool arity_fits(int arity, size_t arguments) {
  const auto count = static_cast<int>(arguments);
  return arity > 0 ? count == arity : count >= -arity;
}
// Of a command of Redis that is deliberately not there: the error that says so; else empty.
std::string_view why_absent(ByteView name);
// Whether this argument may hold a password, which neither a log nor MONITOR shows.
bool is_secret(const Command& command, std::span<const ByteView> arguments, size_t index);
inline constexpr std::string_view kRedacted = "(redacted)";
// Case-insensitive; null when there is no such command. What is found lives as long as the process.
const Command* find_command(ByteView name);
// All rows, by name.
const std::vector<const Command*>& all_commands();

}  // namespace weir::redis
