#pragma once
// The statements that a capture sends to PostgreSQL, as texts. Names are quoted, values are
// literals.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "connectors/cdc/config.h"
#include "connectors/pgoutput/types.h"

namespace weir::pgoutput {

std::string quote_identifier(std::string_view name);  // "a ""b"""
std::string quote_literal(std::string_view text);     // 'it''s'; a backslash stays one
std::string quote_table(std::string_view schema, std::string_view table);

// On a replication connection. A temporary slot ends with its connection.
struct SlotOptions {
  bool temporary = false;
  bool snapshot = true;   // exported; it lasts until the connection's next statement
  bool failover = false;  // PostgreSQL 17 and newer
};
std::string create_slot(std::string_view name, const SlotOptions& options);
std::string start_replication(const cdc::Config& config, uint64_t from);

// " WITH (…)": what the publication passes on, which is what is not skipped.
std::string publication_options(const cdc::Config& config);
// The publication as its mode wants it: all tables, the captured ones of `tables`, or none. Empty
// when it must be there already.
std::string create_publication(const cdc::Config& config, std::span<const RelationFacts> tables);
// Brings a filtered publication to exactly the captured tables.
std::string alter_publication(const cdc::Config& config, std::span<const RelationFacts> tables);

// COPY of the columns that a stream would have, in their order, and in the order of the key: the
// rows behind the key `after` (texts of the key's columns; empty: from the start) up to and with
// the key `until` (empty: to the end). Without a key all rows, in any order. `select` stands in
// for the table when it is not empty.
std::string copy_rows(const RelationFacts& table,
                      std::string_view select,
                      std::span<const std::string> after,
                      std::span<const std::string> until);

// Keys that divide the table into `parts` of about as many rows each: rows of the key's columns as
// texts, in order, less than `parts` of them. From a sample of `percent` of its pages.
std::string divide_rows(const RelationFacts& table, uint32_t parts, double percent);

}  // namespace weir::pgoutput
