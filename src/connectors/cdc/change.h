#pragma once
// A change of a database, in words that any database can be translated to: what a source makes and
// the renderer reads. A Change borrows the source's buffer and lives until its next message; a
// Relation is immutable and shared by all changes of one version of a table.

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::cdc {

enum class TypeKind : uint8_t {
  kUnknown,  // no column of an event
  kBool,
  kInt16,
  kInt32,
  kInt64,
  kFloat32,
  kFloat64,
  kDecimal,          // of a fixed precision (length) and scale
  kVariableDecimal,  // each value has a scale of its own
  kMoney,
  kText,
  kChar,  // text in a field of fixed width
  kBytes,
  kBits,  // text of 0 and 1; length 1 is a truth value
  kDate,
  kTime,  // length: digits of the fraction, -1 when not said
  kTimeTz,
  kTimestamp,
  kTimestampTz,
  kInterval,
  kUuid,
  kJson,
  kXml,
  kEnum,
  kTsVector,
  kLtree,
  kMap,  // hstore: text to text or null
  kPoint,
  kBox,
  kSegment,
  kPath,
  kPolygon,
  kCircle,
  kLine,
  kGeometry,  // PostGIS, as hexadecimal EWKB
  kGeography,
  kVector,  // pgvector
  kHalfVector,
  kSparseVector,
};

struct Type {
  TypeKind kind = TypeKind::kUnknown;
  bool array = false;               // of `kind`, of any number of dimensions
  int32_t length = -1;              // precision, characters, bits or digits of a fraction
  int32_t scale = 0;                // kDecimal
  std::string name;                 // as the database calls it
  std::vector<std::string> labels;  // kEnum

  bool operator==(const Type&) const = default;
};

struct Column {
  std::string name;
  Type type;
  bool optional = true;
  // The default as the database prints a value of the type; the zero of the type when a function
  // makes it.
  std::optional<std::string> default_text;

  bool operator==(const Column&) const = default;
};

struct Relation {
  uint64_t id = 0;
  std::string schema;
  std::string table;
  std::vector<Column> columns;
  // Positions in `columns` of the primary key, else of the first unique index over columns that are
  // never null; in the index's order. Empty: none.
  std::vector<uint32_t> key;
  bool full_identity = false;  // old rows are whole

  bool operator==(const Relation&) const = default;
};

struct Value {
  enum class State : uint8_t {
    kNull,
    kText,
    kUnchanged,  // a big value that the change did not touch and the source did not send
    kAbsent,     // not part of what was sent: an old row that is only a key
  };
  State state = State::kNull;
  std::string_view text;  // as the database prints it
};

using Row = std::vector<Value>;  // one per column of the relation

enum class Operation : char {
  kRead = 'r',
  kCreate = 'c',
  kUpdate = 'u',
  kDelete = 'd',
  kTruncate = 't',
  kMessage = 'm',
};

enum class SnapshotMark : uint8_t {
  kNone,  // streamed
  kFirst,
  kFirstInTable,
  kTrue,
  kLastInTable,
  kLast,
  kIncremental,
};

// Where a change stands in the source: unique and in the order of commits. The index counts the
// changes of a transaction from 0, before any filter.
struct Position {
  uint64_t commit_lsn = 0;
  uint64_t index = 0;

  auto operator<=>(const Position&) const = default;
};

struct Change {
  Operation operation = Operation::kRead;
  SnapshotMark snapshot = SnapshotMark::kNone;
  bool transactional = true;                 // kMessage
  std::shared_ptr<const Relation> relation;  // null for kMessage
  std::optional<Row> before;
  std::optional<Row> after;
  Position position;
  uint64_t lsn = 0;                  // of this change; in a snapshot the consistent point
  uint64_t previous_commit_lsn = 0;  // of the transaction before; 0: none seen
  uint32_t transaction = 0;          // 0: none
  int64_t commit_us = 0;             // microseconds since 1970
  std::string_view message_prefix;
  std::string_view message_content;
};

// A transaction of the source. `end_lsn`, the time and the count of changes are known at its end.
struct Transaction {
  uint32_t id = 0;
  uint64_t begin_lsn = 0;
  uint64_t commit_lsn = 0;
  uint64_t end_lsn = 0;
  int64_t commit_us = 0;
  uint64_t changes = 0;  // before any filter
};

}  // namespace weir::cdc
