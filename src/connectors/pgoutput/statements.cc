#include "connectors/pgoutput/statements.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "connectors/cdc/config.h"
#include "connectors/pgoutput/frame.h"
#include "connectors/pgoutput/types.h"
#include "fmt/format.h"

namespace weir::pgoutput {

namespace {

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    out += c;
    if (c == quote) out += c;
  }
  return out + quote;
}

std::string captured(const cdc::Config& config, std::span<const RelationFacts> tables) {
  std::string list;
  for (const RelationFacts& table : tables) {
    if (!config.captures(table.schema, table.table)) continue;
    if (!list.empty()) list += ", ";
    list += quote_table(table.schema, table.table);
  }
  return list;
}

std::string keys_of(const RelationFacts& table) {
  std::string names;
  for (const std::string& column : table.key) {
    if (!names.empty()) names += ", ";
    names += quote_identifier(column);
  }
  return names;
}

// (a, b) > ('1', 'x'), with values as literals that take the columns' types.
std::string compared(const RelationFacts& table,
                     std::string_view comparison,
                     std::span<const std::string> key) {
  std::string values;
  for (const std::string& text : key) {
    if (!values.empty()) values += ", ";
    values += quote_literal(text);
  }
  return fmt::format("({}) {} ({})", keys_of(table), comparison, values);
}

}  // namespace

std::string quote_identifier(std::string_view name) {
  return quoted(name, '"');
}

std::string quote_literal(std::string_view text) {
  if (text.find('\\') == std::string_view::npos) return quoted(text, '\'');
  // Whatever standard_conforming_strings says, this form means what it writes.
  std::string escaped;
  for (const char c : text) {
    escaped += c;
    if (c == '\\') escaped += c;
  }
  return "E" + quoted(escaped, '\'');
}

std::string quote_table(std::string_view schema, std::string_view table) {
  return quote_identifier(schema) + "." + quote_identifier(table);
}

std::string create_slot(std::string_view name, const SlotOptions& options) {
  std::string out = fmt::format("CREATE_REPLICATION_SLOT {}{} LOGICAL pgoutput",
                                quote_identifier(name), options.temporary ? " TEMPORARY" : "");
  // The options in brackets came with PostgreSQL 15; failover with 17.
  if (options.failover) {
    return out +
           fmt::format(" (SNAPSHOT '{}', FAILOVER true)", options.snapshot ? "export" : "nothing");
  }
  return out + (options.snapshot ? " EXPORT_SNAPSHOT" : " NOEXPORT_SNAPSHOT");
}

std::string start_replication(const cdc::Config& config, uint64_t from) {
  std::string out = fmt::format(
      "START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', publication_names {}, "
      "messages 'true'",
      quote_identifier(config.slot_name), format_lsn(from),
      quote_literal(quote_identifier(config.publication_name)));
  for (const auto& [name, value] : config.slot_stream_params) {
    out += fmt::format(", {} {}", quote_identifier(name), quote_literal(value));
  }
  return out + ")";
}

std::string publication_options(const cdc::Config& config) {
  constexpr std::pair<char, std::string_view> kOperations[] = {
      {'c', "insert"}, {'u', "update"}, {'d', "delete"}, {'t', "truncate"}};
  std::string list;
  for (const auto& [letter, word] : kOperations) {
    const bool skipped = config.skipped_operations.find(letter) != std::string::npos;
    // An outbox takes its rows whatever is skipped.
    if (skipped && (letter != 'c' || config.outboxes.empty())) continue;
    if (!list.empty()) list += ", ";
    list += word;
  }
  std::string out = fmt::format(" WITH (publish = '{}'", list);
  if (config.publish_via_partition_root) out += ", publish_via_partition_root = true";
  return out + ")";
}

std::string create_publication(const cdc::Config& config, std::span<const RelationFacts> tables) {
  if (config.publication_autocreate == cdc::Autocreate::kDisabled) return {};
  std::string out = "CREATE PUBLICATION " + quote_identifier(config.publication_name);
  if (config.publication_autocreate == cdc::Autocreate::kAllTables) {
    out += " FOR ALL TABLES";
  } else if (config.publication_autocreate == cdc::Autocreate::kFiltered) {
    const std::string list = captured(config, tables);
    if (!list.empty()) out += " FOR TABLE " + list;
  }
  return out + publication_options(config);
}

std::string alter_publication(const cdc::Config& config, std::span<const RelationFacts> tables) {
  if (config.publication_autocreate != cdc::Autocreate::kFiltered) return {};
  const std::string list = captured(config, tables);
  if (list.empty()) return {};
  return fmt::format("ALTER PUBLICATION {} SET TABLE {}", quote_identifier(config.publication_name),
                     list);
}

std::string copy_rows(const RelationFacts& table,
                      std::string_view select,
                      std::span<const std::string> after,
                      std::span<const std::string> until) {
  std::string columns;
  for (const ColumnFacts& column : table.columns) {
    if (column.generated) continue;
    if (!columns.empty()) columns += ", ";
    columns += quote_identifier(column.name);
  }
  std::string out = fmt::format("COPY (SELECT {} FROM {}", columns,
                                select.empty() ? quote_table(table.schema, table.table)
                                               : fmt::format("({}) AS chosen", select));
  if (!table.key.empty()) {
    std::string where;
    if (!after.empty()) where = compared(table, ">", after);
    if (!until.empty()) where += (where.empty() ? "" : " AND ") + compared(table, "<=", until);
    if (!where.empty()) out += " WHERE " + where;
    out += " ORDER BY " + keys_of(table);
  }
  return out + ") TO STDOUT";
}

std::string divide_rows(const RelationFacts& table, uint32_t parts, double percent) {
  std::string texts;
  std::string descending;
  for (const std::string& column : table.key) {
    const std::string name = quote_identifier(column);
    if (!texts.empty()) texts += ", ";
    texts += name + "::text";
    descending += fmt::format(", sample.{} DESC", name);
  }
  const std::string keys = keys_of(table);
  return fmt::format(
      "SELECT DISTINCT ON (weir_part) {0} FROM (SELECT {1}, ntile({2}) OVER (ORDER BY {1}) AS "
      "weir_part FROM {3} TABLESAMPLE SYSTEM ({4:.6f})) AS sample WHERE weir_part < {2} ORDER BY "
      "weir_part{5}",
      texts, keys, parts, quote_table(table.schema, table.table), percent, descending);
}

}  // namespace weir::pgoutput
