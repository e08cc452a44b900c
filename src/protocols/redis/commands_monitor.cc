// MONITOR: every command as it is run. https://redis.io/docs/latest/commands/monitor/
//
// What is shown is what was asked, at once; whether it became durable is not said.

#include <fmt/format.h>

#include <iterator>
#include <string>

#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

void monitor(Call& call) {
  call.service.monitor(call.client);
  call.reply.ok();
}

// An argument in quotes, with escapes for what is not printable.
void quote(std::string& out, ByteView text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '\\':
      case '"': out += {'\\', c}; continue;
      case '\n': out += "\\n"; continue;
      case '\r': out += "\\r"; continue;
      case '\t': out += "\\t"; continue;
      case '\a': out += "\\a"; continue;
      case '\b': out += "\\b"; continue;
      default: break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    }
  }
  out += '"';
}

using namespace flag;
constexpr Command kCommands[] = {
    {"monitor",
     1,
     kAdmin | kNoMulti,
     {},
     "server",
     "@admin",
     "1.0.0",
     "Shows every command that is run.",
     monitor},
};

}  // namespace

void Service::feed_monitors(const Call& call, const Command& command) {
  if ((command.flags & kAdmin) != 0) return;
  const int64_t ms = call.now().ms();
  std::string line = fmt::format("+{}.{:06} [{} {}]", ms / 1000, ms % 1000 * 1000,
                                 call.service.number_of(call.database()), call.client.address);
  for (size_t i = 0; i < call.count(); ++i) {
    line += ' ';
    quote(line, is_secret(command, call.args, i) ? kRedacted : call.args[i]);
  }
  line += "\r\n";
  for (const auto& [id, listener] : monitors_) listener->push(line, Lsn{});
}

std::span<const Command> monitor_commands() {
  return kCommands;
}

}  // namespace weir::redis
