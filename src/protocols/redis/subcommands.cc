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

void run_subcommand(Call& call, std::span<const Subcommand> all) {
  const size_t prefix = call.command->name.size() + 1;
  for (const Subcommand& sub : all) {
    if (!call.is(1, sub.name.substr(prefix))) continue;
    call.client.last_command = sub.name;
    const auto count = static_cast<int>(call.count());
    if (sub.arity > 0 ? count != sub.arity : count < -sub.arity) {
      return call.fail(fmt::format("ERR wrong number of arguments for '{}' command", sub.name));
    }
    return sub.handler(call);
  }
  call.fail(fmt::format("ERR unknown subcommand '{}'. Try {} HELP.",
                        call.args[1].substr(0, kShownBytesMax), upper(call.command->name)));
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
