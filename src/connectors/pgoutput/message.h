#pragma once
// The messages of PostgreSQL's logical decoding plugin pgoutput, protocol version 1. Source:
// PostgreSQL's manual, "Logical Replication Message Formats". Decoded messages borrow the bytes
// they were read from. Every count is checked against the bytes that are there before memory is
// taken.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace weir::pgoutput {

inline constexpr uint32_t kColumnsMax = 1664;         // PostgreSQL's own limit is 1600
inline constexpr uint32_t kTruncatedMax = 1'000'000;  // relations of one TRUNCATE

struct Begin {
  uint64_t commit_lsn = 0;
  int64_t commit_us = 0;
  uint32_t transaction = 0;
};

struct Commit {
  uint64_t commit_lsn = 0;
  uint64_t end_lsn = 0;
  int64_t commit_us = 0;
};

struct Origin {
  uint64_t lsn = 0;
  std::string_view name;
};

struct RelationColumn {
  bool key = false;  // part of the replica identity
  std::string_view name;
  uint32_t type = 0;
  int32_t typmod = -1;
};

struct Relation {
  uint32_t id = 0;
  std::string_view schema;  // never empty: "" on the wire is pg_catalog
  std::string_view table;
  char identity = 'd';  // default, nothing, full, index
  std::vector<RelationColumn> columns;
};

struct TypeName {
  uint32_t id = 0;
  std::string_view schema;
  std::string_view name;
};

struct Field {
  char kind = 'n';  // null, unchanged, text, binary
  std::string_view bytes;
};
using Tuple = std::vector<Field>;

struct Insert {
  uint32_t relation = 0;
  Tuple row;
};

struct Update {
  uint32_t relation = 0;
  char old_kind = 0;  // 0: no old row; K: only its key; O: whole
  Tuple old_row;
  Tuple row;
};

struct Delete {
  uint32_t relation = 0;
  char old_kind = 0;
  Tuple old_row;
};

struct Truncate {
  bool cascade = false;
  bool restart_identity = false;
  std::vector<uint32_t> relations;
};

struct LogicalMessage {
  bool transactional = false;
  uint64_t lsn = 0;
  std::string_view prefix;
  std::string_view content;
};

using Message = std::variant<Begin,
                             Commit,
                             Origin,
                             Relation,
                             TypeName,
                             Insert,
                             Update,
                             Delete,
                             Truncate,
                             LogicalMessage>;

Result<Message> read_message(std::string_view bytes);

}  // namespace weir::pgoutput
