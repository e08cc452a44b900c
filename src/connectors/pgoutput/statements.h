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

// On a replication connection.
std::string create_slot(const cdc::Config& config);
std::string start_replication(const cdc::Config& config, uint64_t from);

// " WITH (…)": what the publication passes on, which is what is not skipped.
std::string publication_options(const cdc::Config& config);
// The publication as its mode wants it: all tables, the captured ones of `tables`, or none. Empty
// when it must be there already.
std::string create_publication(const cdc::Config& config, std::span<const RelationFacts> tables);
// Brings a filtered publication to exactly the captured tables.
std::string alter_publication(const cdc::Config& config, std::span<const RelationFacts> tables);

// COPY of the columns that a stream would have, in their order: up to `rows` rows behind the key
// `after` (texts of the key's columns; empty: from the start), ordered by the key. Without a key,
// or with rows 0, all of the table.
std::string copy_chunk(const RelationFacts& table,
                       std::span<const std::string> after,
                       uint64_t rows);

}  // namespace weir::pgoutput
