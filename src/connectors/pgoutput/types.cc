#include "connectors/pgoutput/types.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/error.h"
#include "connectors/cdc/change.h"
#include "connectors/pgoutput/message.h"

namespace weir::pgoutput {

namespace {

using cdc::TypeKind;

struct Builtin {
  uint32_t oid;
  uint32_t array;
  TypeKind kind;
  std::string_view name;
};

// From src/include/catalog/pg_type.dat; these numbers never change.
constexpr Builtin kBuiltins[] = {
    {16, 1000, TypeKind::kBool, "bool"},
    {17, 1001, TypeKind::kBytes, "bytea"},
    {18, 1002, TypeKind::kText, "char"},
    {19, 1003, TypeKind::kText, "name"},
    {20, 1016, TypeKind::kInt64, "int8"},
    {21, 1005, TypeKind::kInt16, "int2"},
    {23, 1007, TypeKind::kInt32, "int4"},
    {25, 1009, TypeKind::kText, "text"},
    {26, 1028, TypeKind::kInt64, "oid"},
    {114, 199, TypeKind::kJson, "json"},
    {142, 143, TypeKind::kXml, "xml"},
    {600, 1017, TypeKind::kPoint, "point"},
    {601, 1018, TypeKind::kSegment, "lseg"},
    {602, 1019, TypeKind::kPath, "path"},
    {603, 1020, TypeKind::kBox, "box"},
    {604, 1027, TypeKind::kPolygon, "polygon"},
    {628, 629, TypeKind::kLine, "line"},
    {650, 651, TypeKind::kText, "cidr"},
    {700, 1021, TypeKind::kFloat32, "float4"},
    {701, 1022, TypeKind::kFloat64, "float8"},
    {718, 719, TypeKind::kCircle, "circle"},
    {774, 775, TypeKind::kText, "macaddr8"},
    {790, 791, TypeKind::kMoney, "money"},
    {829, 1040, TypeKind::kText, "macaddr"},
    {869, 1041, TypeKind::kText, "inet"},
    {1042, 1014, TypeKind::kChar, "bpchar"},
    {1043, 1015, TypeKind::kText, "varchar"},
    {1082, 1182, TypeKind::kDate, "date"},
    {1083, 1183, TypeKind::kTime, "time"},
    {1114, 1115, TypeKind::kTimestamp, "timestamp"},
    {1184, 1185, TypeKind::kTimestampTz, "timestamptz"},
    {1186, 1187, TypeKind::kInterval, "interval"},
    {1266, 1270, TypeKind::kTimeTz, "timetz"},
    {1560, 1561, TypeKind::kBits, "bit"},
    {1562, 1563, TypeKind::kBits, "varbit"},
    {1700, 1231, TypeKind::kDecimal, "numeric"},
    {2950, 2951, TypeKind::kUuid, "uuid"},
    {3614, 3643, TypeKind::kTsVector, "tsvector"},
    {3802, 3807, TypeKind::kJson, "jsonb"},
    {3904, 3905, TypeKind::kText, "int4range"},
    {3906, 3907, TypeKind::kText, "numrange"},
    {3908, 3909, TypeKind::kText, "tsrange"},
    {3910, 3911, TypeKind::kText, "tstzrange"},
    {3912, 3913, TypeKind::kText, "daterange"},
    {3926, 3927, TypeKind::kText, "int8range"},
};

struct Extension {
  std::string_view name;
  TypeKind kind;
};

// Types of extensions have no fixed number: they go by name.
constexpr Extension kExtensions[] = {
    {"citext", TypeKind::kText},
    {"isbn", TypeKind::kText},
    {"hstore", TypeKind::kMap},
    {"ltree", TypeKind::kLtree},
    {"geometry", TypeKind::kGeometry},
    {"geography", TypeKind::kGeography},
    {"vector", TypeKind::kVector},
    {"halfvec", TypeKind::kHalfVector},
    {"sparsevec", TypeKind::kSparseVector},
};

constexpr int kDomainsDeepMax = 32;

const TypeFacts* find(uint32_t oid, const std::vector<TypeFacts>& types) {
  const auto found = std::ranges::find(types, oid, &TypeFacts::oid);
  return found == types.end() ? nullptr : &*found;
}

// numeric(p,s) is ((p << 16) | (s & 0x7ff)) + 4; the scale has a sign since PostgreSQL 15.
void numeric_modifier(cdc::Type& type, int32_t typmod) {
  if (typmod < 4) {
    type.kind = TypeKind::kVariableDecimal;
    return;
  }
  const uint32_t value = static_cast<uint32_t>(typmod) - 4;
  type.length = static_cast<int32_t>(value >> 16 & 0xFFFF);
  const auto scale = static_cast<int32_t>(value & 0x7FF);
  type.scale = (scale ^ 1024) - 1024;
}

void apply_modifier(cdc::Type& type, int32_t typmod) {
  if (type.kind == TypeKind::kDecimal) {
    numeric_modifier(type, typmod);
  } else if (type.kind == TypeKind::kInterval) {
    // The low half is the precision, 0xFFFF when there is none.
    type.length = typmod < 0 || (typmod & 0xFFFF) == 0xFFFF ? -1 : typmod & 0xFFFF;
  } else if (type.name == "varchar" || type.kind == TypeKind::kChar) {
    type.length = typmod < 4 ? -1 : typmod - 4;
  } else {
    type.length = typmod;
  }
}

// What is known without the catalog, or by an extension's name.
std::optional<cdc::Type> simple(uint32_t oid, const TypeFacts* facts) {
  for (const Builtin& builtin : kBuiltins) {
    if (builtin.oid != oid && builtin.array != oid) continue;
    cdc::Type type;
    type.kind = builtin.kind;
    type.array = builtin.array == oid;
    type.name = builtin.name;
    return type;
  }
  if (facts == nullptr) return std::nullopt;
  for (const Extension& extension : kExtensions) {
    if (extension.name != facts->name) continue;
    cdc::Type type;
    type.kind = extension.kind;
    type.name = facts->name;
    return type;
  }
  return std::nullopt;
}

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  });
}

bool calls_function(std::string_view expression) {
  std::string_view rest = expression;
  if (rest.starts_with('(')) rest.remove_prefix(1);
  const size_t open = rest.find('(');
  if (open != std::string_view::npos && is_word(rest.substr(0, open))) return true;
  constexpr std::string_view kClocks[] = {"CURRENT_TIMESTAMP", "CURRENT_TIME", "CURRENT_DATE",
                                          "LOCALTIME", "LOCALTIMESTAMP"};
  return std::ranges::find(kClocks, expression) != std::end(kClocks);
}

struct StandIn {
  TypeKind kind;
  std::string_view text;
};

// What a default that a function makes is announced as: there must be some value.
constexpr StandIn kStandIns[] = {
    {TypeKind::kBool, "f"},
    {TypeKind::kInt16, "0"},
    {TypeKind::kInt32, "0"},
    {TypeKind::kInt64, "0"},
    {TypeKind::kFloat32, "0"},
    {TypeKind::kFloat64, "0"},
    {TypeKind::kDecimal, "0.0"},
    {TypeKind::kVariableDecimal, "0.0"},
    {TypeKind::kText, ""},
    {TypeKind::kChar, ""},
    {TypeKind::kXml, ""},
    {TypeKind::kJson, "{}"},
    {TypeKind::kUuid, "00000000-0000-0000-0000-000000000000"},
    {TypeKind::kDate, "1970-01-01"},
    {TypeKind::kTime, "00:00:00"},
    {TypeKind::kTimestamp, "1970-01-01 00:00:00"},
    {TypeKind::kTimestampTz, "1970-01-01 00:00:00+00"},
};

std::optional<std::string> stand_in(const cdc::Type& type) {
  const auto* found = std::ranges::find(kStandIns, type.kind, &StandIn::kind);
  if (found == std::end(kStandIns)) return std::nullopt;
  return std::string(found->text);
}

// Types whose defaults are announced at all.
bool has_default(const cdc::Type& type) {
  if (type.array) return false;
  if (type.kind == TypeKind::kEnum || type.kind == TypeKind::kBits) return true;
  if (type.kind == TypeKind::kInterval) return true;
  if (type.kind == TypeKind::kText) return type.name == "text" || type.name == "varchar";
  return stand_in(type).has_value() && type.name != "oid";
}

std::shared_ptr<const cdc::Relation> finish(cdc::Relation relation,
                                            const std::vector<std::string>& key) {
  for (const std::string& name : key) {
    const auto found = std::ranges::find(relation.columns, name, &cdc::Column::name);
    if (found == relation.columns.end()) continue;
    relation.key.push_back(static_cast<uint32_t>(found - relation.columns.begin()));
  }
  return std::make_shared<const cdc::Relation>(std::move(relation));
}

void add_facts(cdc::Column& column, const ColumnFacts& facts) {
  column.optional = !facts.not_null;
  if (!facts.default_expression.empty() && !facts.generated) {
    column.default_text = default_of(facts.default_expression, column.type);
  }
}

}  // namespace

cdc::Type type_of(uint32_t oid, int32_t typmod, const std::vector<TypeFacts>& types) {
  const TypeFacts* facts = find(oid, types);
  for (int depth = 0; facts != nullptr && facts->kind == 'd' && depth < kDomainsDeepMax; ++depth) {
    if (typmod < 0) typmod = facts->base_typmod;
    oid = facts->base;
    facts = find(oid, types);
  }
  if (std::optional<cdc::Type> type = simple(oid, facts)) {
    apply_modifier(*type, typmod);
    return std::move(*type);
  }
  cdc::Type type;
  if (facts == nullptr) return type;
  if (facts->category == 'A' && facts->element != 0 && facts->element != oid) {
    const TypeFacts* element = find(facts->element, types);
    if (element != nullptr && element->kind == 'd') return type;  // as Debezium: unknown
    type = type_of(facts->element, typmod, types);
    if (type.array) return {};
    type.array = type.kind != TypeKind::kUnknown;
    return type;
  }
  type.name = facts->name;
  if (facts->kind == 'e') {
    type.kind = TypeKind::kEnum;
    type.labels = facts->labels;
  }
  return type;
}

std::optional<std::string> default_of(std::string_view expression, const cdc::Type& type) {
  if (!has_default(type)) return std::nullopt;
  if (type.kind != TypeKind::kEnum && calls_function(expression)) return stand_in(type);
  const size_t open = expression.find('\'');
  if (open == std::string_view::npos) {
    if (expression.starts_with("NULL::")) return std::nullopt;
    // A bare word or number; anything else would have to be computed.
    std::string_view bare = expression;
    if (bare.starts_with('(') && bare.ends_with(')')) {
      bare = bare.substr(1, bare.size() - 2);  // (-1)
    }
    const std::string_view digits = bare.starts_with('-') ? bare.substr(1) : bare;
    if (!is_word(digits)) return std::nullopt;
    return std::string(bare);
  }
  std::string text;
  for (size_t i = open + 1; i < expression.size(); ++i) {
    if (expression[i] == '\'') {
      if (i + 1 >= expression.size() || expression[i + 1] != '\'') return text;
      ++i;
    }
    text += expression[i];
  }
  return std::nullopt;
}

std::shared_ptr<const cdc::Relation> relation_of(const Relation& announced,
                                                 const RelationFacts& facts) {
  cdc::Relation relation;
  relation.id = announced.id;
  relation.schema = announced.schema;
  relation.table = announced.table;
  relation.full_identity = announced.identity == 'f';
  std::vector<std::string> key;
  absl::flat_hash_map<std::string_view, const ColumnFacts*> by_name;
  for (const ColumnFacts& column : facts.columns) by_name.emplace(column.name, &column);
  for (const RelationColumn& from : announced.columns) {
    cdc::Column column;
    column.name = from.name;
    column.type = type_of(from.type, from.typmod, facts.types);
    const auto known = by_name.find(from.name);
    if (known != by_name.end()) add_facts(column, *known->second);
    // With a default or an index identity the flags are the key at the time of the change, which
    // the catalog may have left behind already.
    if (from.key && announced.identity != 'f') key.push_back(column.name);
    relation.columns.push_back(std::move(column));
  }
  const bool known_key = std::ranges::all_of(facts.key, [&](const std::string& name) {
    return std::ranges::find(announced.columns, name, &RelationColumn::name) !=
           announced.columns.end();
  });
  return finish(std::move(relation), known_key && !facts.key.empty() ? facts.key : key);
}

std::shared_ptr<const cdc::Relation> relation_of(const RelationFacts& facts) {
  cdc::Relation relation;
  relation.id = facts.id;
  relation.schema = facts.schema;
  relation.table = facts.table;
  relation.full_identity = facts.identity == 'f';
  for (const ColumnFacts& from : facts.columns) {
    if (from.generated) continue;
    cdc::Column column;
    column.name = from.name;
    column.type = type_of(from.type, from.typmod, facts.types);
    add_facts(column, from);
    relation.columns.push_back(std::move(column));
  }
  return finish(std::move(relation), facts.key);
}

}  // namespace weir::pgoutput
