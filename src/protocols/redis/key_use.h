#pragma once
// What a command does with its keys, as Redis words it: "RW access delete".

#include <span>
#include <string_view>

#include "base/bytes.h"

namespace weir::redis {

struct Command;

// Of the nth key among the arguments, which are as many as the command wants.
std::string_view key_use(const Command& command, std::span<const ByteView> arguments, size_t nth);

}  // namespace weir::redis
