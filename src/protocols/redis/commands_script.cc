// Scripts and functions: there are none. What asks for those that are loaded, or removes them, is
// answered as by a server that holds none; loading and running is refused by name.
// https://redis.io/docs/latest/commands/?group=scripting

#include "protocols/redis/call.h"
#include "protocols/redis/command.h"
#include "protocols/redis/subcommands.h"

namespace weir::redis {
namespace {

constexpr ByteView kNoScripts = "ERR this server runs no scripts";

void eval(Call& call) {
  call.fail(kNoScripts);
}

void evalsha(Call& call) {
  call.fail("NOSCRIPT No matching script. Please use EVAL.");
}

void fcall(Call& call) {
  call.fail("ERR Function not found");
}

void no_scripts(Call& call) {
  call.fail(kNoScripts);
}

void nothing_runs(Call& call) {
  call.fail("NOTBUSY No scripts in execution right now.");
}

void flush(Call& call) {
  const bool said = call.count() == 3 && (call.is(2, "async") || call.is(2, "sync"));
  if (call.count() != 2 && !said) return fail_subcommand(call);
  call.reply.ok();
}

void script_exists(Call& call) {
  call.reply.array(call.count() - 2);
  for (size_t i = 2; i < call.count(); ++i) call.reply.integer(0);
}

void function_list(Call& call) {
  call.reply.array(0);
}

void function_delete(Call& call) {
  call.fail("ERR Library not found");
}

void function_stats(Call& call) {
  call.reply.map(2);
  call.reply.bulk("running_script");
  call.reply.null();
  call.reply.bulk("engines");
  call.reply.map(0);
}

using namespace flag;
constexpr Subcommand kScript[] = {
    {"script|debug", 3, 0, no_scripts}, {"script|exists", -3, 0, script_exists},
    {"script|flush", -2, 0, flush},     {"script|kill", 2, 0, nothing_runs},
    {"script|load", 3, 0, no_scripts},
};
constexpr Subcommand kFunction[] = {
    {"function|delete", 3, kWrite, function_delete}, {"function|dump", 2, 0, no_scripts},
    {"function|flush", -2, kWrite, flush},           {"function|kill", 2, 0, nothing_runs},
    {"function|list", -2, 0, function_list},         {"function|load", -3, kWrite, no_scripts},
    {"function|restore", -3, kWrite, no_scripts},    {"function|stats", 2, 0, function_stats},
};
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
     run_subcommand,
     kFunction},
    {"script",
     -2,
     0,
     {},
     "scripting",
     "@scripting",
     "2.6.0",
     "Asks about scripts; there are none.",
     run_subcommand,
     kScript},
};

}  // namespace

std::span<const Command> script_commands() {
  return kCommands;
}

}  // namespace weir::redis
