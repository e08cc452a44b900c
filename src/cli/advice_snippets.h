#pragma once
// The programs that `weir advise` prints. Pure. tests/clients/cli/advise.test.mjs runs each of
// them.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "cli/advice.h"

namespace weir::cli {

// What a program does.
enum class Role : uint8_t {
  kSend,         // puts work on a queue
  kSendInOrder,  // on a FIFO queue
  kWork,         // works a queue off
  kPublish,      // adds to a topic
  kRead,         // reads a topic as a group
  kReadInOrder,  // the same with several members, in the order of each key
};

// What stands in the programs where they name things.
struct SnippetNames {
  std::string log;    // the queue or topic
  std::string group;  // of readers
};

// `client`'s program when it can do that at all, else the one of the client that is the role's
// first.
Snippet snippet_for(Role role, std::string_view client, const SnippetNames& names);

bool can_do(Role role, std::string_view client);

}  // namespace weir::cli
