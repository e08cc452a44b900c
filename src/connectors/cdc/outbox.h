#pragma once
// The outbox: a row, or a logical message, that says itself where it goes. Source of the options
// and their defaults: Debezium's outbox event router.

#include <vector>

#include "base/error.h"
#include "connectors/cdc/change.h"
#include "connectors/cdc/config.h"
#include "connectors/cdc/renderer.h"
#include "connectors/cdc/values.h"

namespace weir::cdc {

// An inserted or snapshot row becomes one Output; deletes and truncates become none, an update is
// dropped or an error as the configuration says. Columns that go along have the form of `style`.
// Fails when a column that is needed is missing.
Result<> route_row(const Outbox& outbox,
                   const Change& change,
                   const Style& style,
                   std::vector<Output>& out);

// The content must be a JSON object with the columns as its fields.
Result<> route_message(const Outbox& outbox, const Change& change, std::vector<Output>& out);

}  // namespace weir::cdc
