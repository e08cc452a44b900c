#pragma once
// PostgreSQL's types as the neutral ones, and what the catalog tells about a relation beyond its
// announcement in the stream.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connectors/cdc/change.h"
#include "connectors/pgoutput/message.h"

namespace weir::pgoutput {

struct TypeFacts {
  uint32_t oid = 0;
  std::string name;      // typname
  char kind = 'b';       // typtype
  char category = 'U';   // typcategory
  uint32_t element = 0;  // typelem of a true array
  uint32_t base = 0;     // of a domain: its base type, never a domain itself
  int32_t base_typmod = -1;
  std::vector<std::string> labels;  // of an enumeration, in its order
};

struct ColumnFacts {
  std::string name;
  uint32_t type = 0;
  int32_t typmod = -1;
  bool not_null = false;
  bool generated = false;          // not in the stream
  std::string default_expression;  // pg_get_expr; empty: none
};

struct RelationFacts {
  uint32_t id = 0;
  std::string schema;
  std::string table;
  char identity = 'd';
  std::vector<ColumnFacts> columns;  // in the order of attnum, without dropped ones
  // The primary key's columns, else those of the first unique index over columns that are never
  // null, in the index's order.
  std::vector<std::string> key;
  std::vector<TypeFacts> types;  // of the columns, of their elements and their bases
};

class Describer {
 public:
  Describer() = default;
  virtual ~Describer() = default;
  Describer(const Describer&) = delete;
  Describer& operator=(const Describer&) = delete;

  // What the catalog says now, which may be later than the stream.
  virtual Result<RelationFacts> describe(const Relation& announced) = 0;
};

// As the stream announced it: its columns and types hold, the facts add what it does not say.
std::shared_ptr<const cdc::Relation> relation_of(const Relation& announced,
                                                 const RelationFacts& facts);
// As the catalog describes it, for a snapshot: all columns but generated ones.
std::shared_ptr<const cdc::Relation> relation_of(const RelationFacts& facts);

// The neutral type of a column's type and modifier.
cdc::Type type_of(uint32_t oid, int32_t typmod, const std::vector<TypeFacts>& types);

// The default that an expression (pg_get_expr) stands for, as the text of a value: 'x'::text, 42,
// true. What a function makes is announced as the zero of its type; nothing for NULL, for anything
// else that must be evaluated, and for types whose defaults are not announced.
std::optional<std::string> default_of(std::string_view expression, const cdc::Type& type);

}  // namespace weir::pgoutput
