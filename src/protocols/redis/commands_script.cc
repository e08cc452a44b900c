// Scripts and functions: there are none. What asks for those that are loaded, or removes them, is
// answered as by a server that holds none; loading and running is refused by name.
// https://redis.io/docs/latest/commands/?group=scripting

#include <fmt/format.h>

#include <optional>

#include "protocols/redis/call.h"
#include "protocols/redis/command.h"

namespace weir::redis {
namespace {

constexpr ByteView kNoScripts = "ERR this server runs no scripts";

void unknown_subcommand(Call& call, ByteView container) {
  call.fail(fmt::format("ERR unknown subcommand '{}'. Try {} HELP.", call.args[1].substr(0, 128),
                        container));
}

bool is_flush(const Call& call) {
  return call.is(1, "flush") &&
         (call.count() == 2 || (call.count() == 3 && (call.is(2, "async") || call.is(2, "sync"))));
}

void eval(Call& call) {
  call.fail(kNoScripts);
}

void evalsha(Call& call) {
  call.fail("NOSCRIPT No matching script. Please use EVAL.");
}

void fcall(Call& call) {
  call.fail("ERR Function not found");
}

void script(Call& call) {
  if (is_flush(call)) return call.reply.ok();
  if (call.is(1, "exists") && call.count() > 2) {
    call.reply.array(call.count() - 2);
    for (size_t i = 2; i < call.count(); ++i) call.reply.integer(0);
    return;
  }
  if (call.is(1, "kill") && call.count() == 2)
    return call.fail("NOTBUSY No scripts in execution right now.");
  if (call.is(1, "load") || call.is(1, "debug")) return call.fail(kNoScripts);
  unknown_subcommand(call, "SCRIPT");
}

void function_stats(Call& call) {
  call.reply.map(2);
  call.reply.bulk("running_script");
  call.reply.null();
  call.reply.bulk("engines");
  call.reply.map(0);
}

void function(Call& call) {
  if (is_flush(call)) return call.reply.ok();
  if (call.is(1, "list")) return call.reply.array(0);
  if (call.is(1, "stats") && call.count() == 2) return function_stats(call);
  if (call.is(1, "delete") && call.count() == 3) return call.fail("ERR Library not found");
  if (call.is(1, "kill") && call.count() == 2)
    return call.fail("NOTBUSY No scripts in execution right now.");
  if (call.is(1, "load") || call.is(1, "dump") || call.is(1, "restore"))
    return call.fail(kNoScripts);
  unknown_subcommand(call, "FUNCTION");
}

using namespace flag;
constexpr Command kCommands[] = {
    {"eval",
     -3,
     kMovableKeys,
     {.numkeys = 2},
     "scripting",
     "@scripting",
     "2.6.0",
     "Refused: no scripts.",
     eval},
    {"evalsha",
     -3,
     kMovableKeys,
     {.numkeys = 2},
     "scripting",
     "@scripting",
     "2.6.0",
     "Refused: no scripts.",
     evalsha},
    {"fcall",
     -3,
     kMovableKeys,
     {.numkeys = 2},
     "scripting",
     "@scripting",
     "7.0.0",
     "Refused: no functions.",
     fcall},
    {"function",
     -2,
     0,
     {},
     "scripting",
     "@scripting",
     "7.0.0",
     "Asks about functions; there are none.",
     function},
    {"script",
     -2,
     0,
     {},
     "scripting",
     "@scripting",
     "2.6.0",
     "Asks about scripts; there are none.",
     script},
};

}  // namespace

std::span<const Command> script_commands() {
  return kCommands;
}

}  // namespace weir::redis
