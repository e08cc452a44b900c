#pragma once
// What the catalog knows of relations, asked in one statement that answers with one JSON value.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connectors/pgoutput/types.h"

namespace weir::pgoutput {

// A statement whose only column is the JSON that read_facts() reads: of one relation, or (0) of all
// tables and partitioned tables that are not the system's. For an ordinary connection.
std::string facts_query(uint32_t relation = 0);

// In the order of their ids. An empty list when there is no such relation.
Result<std::vector<RelationFacts>> read_facts(std::string_view json);

}  // namespace weir::pgoutput
