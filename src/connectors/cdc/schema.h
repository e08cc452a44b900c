#pragma once
// Kafka Connect's schemas as JSON: of a column, a key, a row, an envelope. They hang on the
// relation and the configuration alone, so that they are made once for each.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "connectors/cdc/change.h"
#include "connectors/cdc/values.h"

namespace weir::cdc {

// {"type":…,"optional":…,"name":…,"field":…} of a column.
void append_column_schema(std::string& out, const Column& column, const Style& style);

// A struct of the columns at these positions.
std::string key_schema(const Relation& relation,
                       std::span<const uint32_t> columns,
                       std::string_view name,
                       const Style& style);
std::string envelope_schema(const Relation& relation,
                            std::span<const uint32_t> columns,
                            std::string_view prefix,
                            const Style& style);

std::string_view message_key_schema();
std::string message_value_schema(const Style& style);
std::string_view heartbeat_key_schema();
std::string_view heartbeat_value_schema();
std::string_view transaction_key_schema();
std::string_view transaction_value_schema();

}  // namespace weir::cdc
