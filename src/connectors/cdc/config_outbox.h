#pragma once
// Options of an outbox, with the names of Debezium's event router or with ours.

#include <string>
#include <string_view>

#include "base/error.h"
#include "connectors/cdc/config.h"

namespace weir::cdc {

// One option; `full` is its whole name, for errors. `known` becomes false when there is none such.
Result<> set_outbox_option(Outbox& outbox,
                           std::string_view full,
                           std::string_view option,
                           const std::string& value,
                           bool& known);

// Checks what hangs together, compiles what was given.
Result<> finish_outbox(Outbox& outbox, std::string_view full);

}  // namespace weir::cdc
