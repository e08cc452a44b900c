#pragma once
// How far the snapshot of a table has come. Each is a note of the connector's cell, journaled in
// the commit of the rows that it speaks of, so that what was read is known exactly.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace weir::cdc {

// A stretch of a table in the order of its key: the rows behind the key `after` up to and with the
// key `until`, as texts of the key's columns.
struct Piece {
  std::vector<std::string> after;  // empty: from the start
  std::vector<std::string> until;  // empty: to the end
  bool done = false;

  bool operator==(const Piece&) const = default;
};

struct TableProgress {
  uint32_t id = 0;  // the database's number of the table; 0: not looked up yet
  std::string schema;
  std::string table;
  bool again = false;      // asked for while the stream goes on: pass by pass, between changes
  bool begun = false;      // its changes are told; else they are in the rows that are to come
  uint64_t rows = 0;       // stored
  int64_t estimated = -1;  // rows of the table; -1: the database does not know
  std::vector<std::string> key;  // the columns that the pieces are cut by
  std::vector<Piece> pieces;     // none: not divided yet

  bool operator==(const TableProgress&) const = default;

  bool done() const;
  std::string name() const { return schema + "." + table; }
  std::string note() const;  // its name in the cell

  std::string encode() const;
  // kStorageCorrupt.
  static Result<TableProgress> decode(ByteView note);
};

inline constexpr std::string_view kTableNotes = "table/";  // what their names begin with

}  // namespace weir::cdc
