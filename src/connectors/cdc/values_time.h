#pragma once
// Dates, times and intervals as JSON, in the form that the configuration asks for.

#include <string>
#include <string_view>

#include "connectors/cdc/change.h"
#include "connectors/cdc/values.h"

namespace weir::cdc {

// Each appends the value; false when the text is none of its type.
bool append_date_value(std::string& out, std::string_view text, const Style& style);
bool append_time_value(std::string& out,
                       const Type& type,
                       std::string_view text,
                       const Style& style);
bool append_time_tz(std::string& out, std::string_view text);
bool append_timestamp(std::string& out,
                      const Type& type,
                      std::string_view text,
                      const Style& style);
bool append_timestamp_tz(std::string& out,
                         const Type& type,
                         std::string_view text,
                         const Style& style);
bool append_interval_value(std::string& out, std::string_view text, const Style& style);

}  // namespace weir::cdc
