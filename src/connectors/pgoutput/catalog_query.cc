#include "connectors/pgoutput/catalog_query.h"

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "connectors/pgoutput/types.h"
#include "fmt/format.h"

namespace weir::pgoutput {

namespace {

using simdjson::dom::element;

// Numbers of types are unsigned in C and signed nowhere: they go through bigint. Types of the
// system need no description, their numbers are known.
constexpr std::string_view kQuery = R"sql(
SELECT json_build_object(
  'relations', (
    SELECT coalesce(json_agg(json_build_object(
      'id', c.oid::bigint, 'schema', n.nspname, 'table', c.relname, 'identity', c.relreplident,
      'columns', (
        SELECT coalesce(json_agg(json_build_object(
          'name', a.attname, 'type', a.atttypid::bigint, 'typmod', a.atttypmod,
          'not_null', a.attnotnull, 'generated', a.attgenerated <> '',
          'default', coalesce(pg_get_expr(d.adbin, d.adrelid), '')) ORDER BY a.attnum), '[]')
        FROM pg_catalog.pg_attribute a
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
      'key', (
        SELECT coalesce(json_agg(a.attname ORDER BY array_position(k.indkey::int2[], a.attnum)), '[]')
        FROM (
          SELECT i.indkey FROM pg_catalog.pg_index i
          WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
            AND i.indexprs IS NULL
            AND NOT EXISTS (
              SELECT FROM pg_catalog.pg_attribute u
              WHERE u.attrelid = c.oid AND u.attnum = ANY (i.indkey::int2[]) AND NOT u.attnotnull)
          ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1) k
        JOIN pg_catalog.pg_attribute a
          ON a.attrelid = c.oid AND a.attnum = ANY (k.indkey::int2[])))
      ORDER BY c.oid), '[]')
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE {}),
  'types', (
    SELECT coalesce(json_agg(json_build_object(
      'oid', t.oid::bigint, 'name', t.typname, 'kind', t.typtype, 'category', t.typcategory,
      'element', t.typelem::bigint, 'base', t.typbasetype::bigint, 'base_typmod', t.typtypmod,
      'labels', (
        SELECT coalesce(json_agg(e.enumlabel ORDER BY e.enumsortorder), '[]')
        FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)) ORDER BY t.oid), '[]')
    FROM pg_catalog.pg_type t WHERE t.oid >= 16384 AND t.typtype IN ('b', 'e', 'd')))
)sql";

constexpr std::string_view kAllTables =
    "c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND n.nspname <> 'information_schema' "
    "AND n.nspname !~ '^pg_'";

// Reads values and remembers whether one was not there.
class Fields {
 public:
  std::string text(const element& from, std::string_view name) {
    std::string_view value;
    if (from[name].get(value) != simdjson::SUCCESS) wrong_ = true;
    return std::string(value);
  }
  char letter(const element& from, std::string_view name) {
    const std::string value = text(from, name);
    if (value.size() != 1) wrong_ = true;
    return value.empty() ? '?' : value[0];
  }
  int64_t number(const element& from, std::string_view name) {
    int64_t value = 0;
    if (from[name].get(value) != simdjson::SUCCESS) wrong_ = true;
    return value;
  }
  uint32_t oid(const element& from, std::string_view name) {
    return static_cast<uint32_t>(number(from, name));
  }
  bool truth(const element& from, std::string_view name) {
    bool value = false;
    if (from[name].get(value) != simdjson::SUCCESS) wrong_ = true;
    return value;
  }
  simdjson::dom::array list(const element& from, std::string_view name) {
    simdjson::dom::array value;
    if (from[name].get(value) != simdjson::SUCCESS) wrong_ = true;
    return value;
  }
  std::vector<std::string> texts(const element& from, std::string_view name) {
    std::vector<std::string> values;
    if (from[name].is_array()) {
      for (const element one : list(from, name)) {
        std::string_view value;
        if (one.get(value) != simdjson::SUCCESS) wrong_ = true;
        values.emplace_back(value);
      }
    } else {
      wrong_ = true;
    }
    return values;
  }
  bool wrong() const { return wrong_; }

 private:
  bool wrong_ = false;
};

TypeFacts type_of(Fields& fields, const element& from) {
  TypeFacts type;
  type.oid = fields.oid(from, "oid");
  type.name = fields.text(from, "name");
  type.kind = fields.letter(from, "kind");
  type.category = fields.letter(from, "category");
  type.element = fields.oid(from, "element");
  type.base = fields.oid(from, "base");
  type.base_typmod = static_cast<int32_t>(fields.number(from, "base_typmod"));
  type.labels = fields.texts(from, "labels");
  return type;
}

RelationFacts relation_facts(Fields& fields, const element& from) {
  RelationFacts relation;
  relation.id = fields.oid(from, "id");
  relation.schema = fields.text(from, "schema");
  relation.table = fields.text(from, "table");
  relation.identity = fields.letter(from, "identity");
  relation.key = fields.texts(from, "key");
  if (!from["columns"].is_array()) return relation;
  for (const element one : fields.list(from, "columns")) {
    ColumnFacts column;
    column.name = fields.text(one, "name");
    column.type = fields.oid(one, "type");
    column.typmod = static_cast<int32_t>(fields.number(one, "typmod"));
    column.not_null = fields.truth(one, "not_null");
    column.generated = fields.truth(one, "generated");
    column.default_expression = fields.text(one, "default");
    relation.columns.push_back(std::move(column));
  }
  return relation;
}

}  // namespace

std::string facts_query(uint32_t relation) {
  const std::string which =
      relation == 0 ? std::string(kAllTables) : fmt::format("c.oid = {}", relation);
  return fmt::format(fmt::runtime(kQuery), which);
}

Result<std::vector<RelationFacts>> read_facts(std::string_view json) {
  const auto unreadable = [] {
    return fail(ErrorCode::kCorruptBatch, "the catalog's answer about tables cannot be read");
  };
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(json);
  element top;
  if (parser.parse(padded).get(top) != simdjson::SUCCESS || !top.is_object()) return unreadable();
  if (!top["relations"].is_array() || !top["types"].is_array()) return unreadable();
  Fields fields;
  std::vector<TypeFacts> types;
  for (const element one : fields.list(top, "types")) {
    if (!one.is_object()) return unreadable();
    types.push_back(type_of(fields, one));
  }
  std::vector<RelationFacts> relations;
  for (const element one : fields.list(top, "relations")) {
    if (!one.is_object()) return unreadable();
    relations.push_back(relation_facts(fields, one));
    relations.back().types = types;
  }
  if (fields.wrong()) return unreadable();
  return relations;
}

}  // namespace weir::pgoutput
