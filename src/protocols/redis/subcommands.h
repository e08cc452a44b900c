#pragma once
// Commands that are containers of others: CLIENT LIST, SLOWLOG GET.

#include <span>
#include <string_view>

#include "base/bytes.h"

namespace weir::redis {

class Call;

struct Subcommand {
  std::string_view name;  // with its container: "slowlog|get"
  int arity;              // arguments with both words; negative: at least
  void (*handler)(Call&);
};

// Runs the one that the first argument names, or answers that there is none or that the number of
// arguments is wrong.
void run_subcommand(Call& call, std::span<const Subcommand> all);

// "ERR unknown subcommand or wrong number of arguments for ...", for what an arity cannot say.
void fail_subcommand(Call& call);

// Answers with these lines, framed as Redis frames them.
void answer_help(Call& call, std::span<const ByteView> lines);

}  // namespace weir::redis
