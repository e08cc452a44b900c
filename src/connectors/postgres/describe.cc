#include "connectors/postgres/describe.h"

#include <fmt/format.h>

#include <charconv>

namespace weir::postgres {
namespace {

template <typename Number>
Number number_of(const std::optional<std::string>& cell) {
  Number value = 0;
  if (cell) std::from_chars(cell->data(), cell->data() + cell->size(), value);
  return value;
}

char letter_of(const std::optional<std::string>& cell, char fallback) {
  return cell && !cell->empty() ? cell->front() : fallback;
}

// The columns' types, the elements of arrays and the bases of domains (to the bottom).
constexpr std::string_view kTypes = R"(
WITH RECURSIVE used AS (
  SELECT atttypid AS oid FROM pg_attribute WHERE attrelid = {0} AND attnum > 0 AND NOT attisdropped
  UNION
  SELECT x.oid FROM used u JOIN pg_type t ON t.oid = u.oid
  CROSS JOIN LATERAL (VALUES (t.typelem), (t.typbasetype)) AS x(oid) WHERE x.oid <> 0
), bottom AS (
  SELECT t.oid AS top, t.typbasetype AS base, t.typtypmod AS typmod FROM pg_type t JOIN used USING (oid)
  WHERE t.typtype = 'd'
  UNION ALL
  SELECT b.top, t.typbasetype, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE b.typmod END
  FROM bottom b JOIN pg_type t ON t.oid = b.base WHERE t.typtype = 'd'
)
SELECT t.oid, t.typname, t.typtype, t.typcategory,
  CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END,
  coalesce((SELECT b.base FROM bottom b JOIN pg_type p ON p.oid = b.base
            WHERE b.top = t.oid AND p.typtype <> 'd' LIMIT 1), 0),
  coalesce((SELECT b.typmod FROM bottom b JOIN pg_type p ON p.oid = b.base
            WHERE b.top = t.oid AND p.typtype <> 'd' LIMIT 1), -1)
FROM pg_type t JOIN used USING (oid))";

constexpr std::string_view kLabels = R"(
SELECT e.enumtypid, e.enumlabel FROM pg_enum e WHERE e.enumtypid IN (
  SELECT CASE WHEN t.typcategory = 'A' THEN t.typelem WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = {} AND a.attnum > 0)
ORDER BY e.enumtypid, e.enumsortorder)";

constexpr std::string_view kColumns = R"(
SELECT attname, atttypid, atttypmod, attnotnull, attgenerated <> '', coalesce(pg_get_expr(adbin, adrelid), '')
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = {} AND attnum > 0 AND NOT attisdropped ORDER BY attnum)";

// The primary key, else the first unique index over columns that are never null.
constexpr std::string_view kKey = R"(
SELECT a.attname FROM (
  SELECT i.indkey FROM pg_index i WHERE i.indrelid = {0} AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
    AND NOT EXISTS (SELECT 1 FROM pg_attribute n WHERE n.attrelid = {0} AND n.attnum = ANY (i.indkey::int2[]) AND NOT n.attnotnull)
  ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1) k
JOIN pg_attribute a ON a.attrelid = {0} AND a.attnum = ANY (k.indkey::int2[])
ORDER BY array_position(k.indkey::int2[], a.attnum))";

}  // namespace

Result<pgoutput::RelationFacts> CatalogDescriber::describe(const pgoutput::Relation& announced) {
  auto facts = describe(announced.id);
  if (facts) return facts;
  if (facts.error().code != ErrorCode::kNotFound) return facts;
  pgoutput::RelationFacts gone;  // dropped since: what was announced is all that is known
  gone.id = announced.id;
  gone.schema = announced.schema;
  gone.table = announced.table;
  gone.identity = announced.identity;
  return gone;
}

Result<pgoutput::RelationFacts> CatalogDescriber::describe(uint32_t id) {
  pgoutput::RelationFacts facts;
  facts.id = id;
  const auto relation = connection_.query(
      fmt::format("SELECT n.nspname, c.relname, c.relreplident FROM pg_class c JOIN pg_namespace n "
                  "ON n.oid = c.relnamespace WHERE c.oid = {}",
                  id));
  if (!relation) return std::unexpected(relation.error());
  if (relation->empty()) return fail(ErrorCode::kNotFound, "the table is gone");
  facts.schema = relation->front()[0].value_or("");
  facts.table = relation->front()[1].value_or("");
  facts.identity = letter_of(relation->front()[2], 'd');
  const auto columns = connection_.query(fmt::format(fmt::runtime(kColumns), id));
  if (!columns) return std::unexpected(columns.error());
  for (const Cells& row : *columns) {
    facts.columns.push_back({.name = row[0].value_or(""),
                             .type = number_of<uint32_t>(row[1]),
                             .typmod = number_of<int32_t>(row[2]),
                             .not_null = letter_of(row[3], 'f') == 't',
                             .generated = letter_of(row[4], 'f') == 't',
                             .default_expression = row[5].value_or("")});
  }
  const auto key = connection_.query(fmt::format(fmt::runtime(kKey), id));
  if (!key) return std::unexpected(key.error());
  for (const Cells& row : *key) facts.key.push_back(row[0].value_or(""));
  const auto types = connection_.query(fmt::format(fmt::runtime(kTypes), id));
  if (!types) return std::unexpected(types.error());
  for (const Cells& row : *types) {
    facts.types.push_back({.oid = number_of<uint32_t>(row[0]),
                           .name = row[1].value_or(""),
                           .kind = letter_of(row[2], 'b'),
                           .category = letter_of(row[3], 'U'),
                           .element = number_of<uint32_t>(row[4]),
                           .base = number_of<uint32_t>(row[5]),
                           .base_typmod = number_of<int32_t>(row[6]),
                           .labels = {}});
  }
  const auto labels = connection_.query(fmt::format(fmt::runtime(kLabels), id));
  if (!labels) return std::unexpected(labels.error());
  for (const Cells& row : *labels) {
    for (pgoutput::TypeFacts& type : facts.types) {
      if (type.oid == number_of<uint32_t>(row[0])) type.labels.push_back(row[1].value_or(""));
    }
  }
  return facts;
}

}  // namespace weir::postgres
