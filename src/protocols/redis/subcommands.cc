#include "protocols/redis/subcommands.h"

#include <fmt/format.h>

#include <string>

#include "protocols/redis/call.h"
#include "protocols/redis/client.h"
#include "protocols/redis/command.h"

namespace weir::redis {
namespace {

constexpr size_t kShownBytesMax = 128;

std::string upper(ByteView text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return result;
}

}  // namespace

void run_subcommand(Call& call) {
  call.client.last_command = call.subcommand->name;
  call.subcommand->handler(call);
}

std::string subcommand_mistake(const Command& command,
                               const Subcommand* subcommand,
                               std::span<const ByteView> arguments) {
  if (command.subcommands.empty() || arguments.size() < 2) return {};
  if (subcommand == nullptr) {
    return fmt::format("ERR unknown subcommand '{}'. Try {} HELP.",
                       arguments[1].substr(0, kShownBytesMax), upper(command.name));
  }
  if (arity_fits(subcommand->arity, arguments.size())) return {};
  return fmt::format("ERR wrong number of arguments for '{}' command", subcommand->name);
}

void fail_subcommand(Call& call) {
  call.fail(
      fmt::format("ERR unknown subcommand or wrong number of arguments for '{}'. Try {} HELP.",
                  call.args[1].substr(0, kShownBytesMax), upper(call.command->name)));
}

void answer_help(Call& call, std::span<const ByteView> lines) {
  call.reply.array(lines.size() + 3);
  call.reply.simple(upper(call.command->name) +
                    " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const ByteView line : lines) call.reply.simple(line);
  call.reply.simple("HELP");
  call.reply.simple("    Print this help.");
}

}  // namespace weir::redis
