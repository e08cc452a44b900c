#pragma once
// Lines of COPY … TO STDOUT in its text format. Source: PostgreSQL's manual, COPY, "Text Format".

#include <string>
#include <string_view>

#include "base/error.h"
#include "connectors/cdc/change.h"

namespace weir::pgoutput {

// Takes a line, without or with its newline, apart into a row that borrows `storage`; what
// `storage` held before is gone. Fails when the line has not exactly `columns` fields.
Result<> read_copy_row(std::string_view line, size_t columns, std::string& storage, cdc::Row& row);

}  // namespace weir::pgoutput
