#pragma once
// Commands that are containers of others: CLIENT LIST, SLOWLOG GET.

#include <span>
#include <string>

#include "base/bytes.h"
#include "protocols/redis/command.h"

namespace weir::redis {

// Runs the one that the first argument names, which has been found (Call::subcommand).
void run_subcommand(Call& call);

// Empty when the arguments are as the container wants them, else the error.
std::string subcommand_mistake(const Command& command,
                               const Subcommand* subcommand,
                               std::span<const ByteView> arguments);

// "ERR unknown subcommand or wrong number of arguments for ...", for what an arity cannot say.
void fail_subcommand(Call& call);

// Answers with these lines, framed as Redis frames them.
void answer_help(Call& call, std::span<const ByteView> lines);

}  // namespace weir::redis
