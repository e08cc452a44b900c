#pragma once
// What the commands that look into queues share.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "admin/json.h"
#include "cli/client.h"
#include "cli/command.h"

namespace weir::cli {

// Messages of one queue.
struct Selection {
  std::string queue;
  std::string filter;
  std::string state;

  // The address of "messages" or "counts" from that offset on.
  Target target(const Line& line, std::string_view noun, int64_t from) const;
};

// NAME, --filter and --state.
void add_selection(CLI::App& command, Selection& wanted);

// Where to go on after this answer, which began at `from`; nothing at the end.
std::optional<int64_t> next_of(const admin::Json& page, int64_t from);

// Visits them in the order of their offsets, until `visit` says false.
Result<> each_message(Client& client,
                      const Line& line,
                      const Selection& wanted,
                      const std::function<bool(const admin::Json&)>& visit);

void add_queue_messages(CLI::App& queue, Line& line);  // peek, count
void add_queue_redrive(CLI::App& queue, Line& line);

}  // namespace weir::cli
