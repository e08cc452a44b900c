// The first snapshot: every captured table as it was at the slot's consistent point, read under the
// snapshot that the making of the slot exported. The stream begins at that very point, so there is
// neither gap nor overlap.

#include <fmt/format.h>

#include <deque>

#include "connectors/postgres/session.h"

namespace weir::postgres {
namespace {

constexpr size_t kRowsBytes = size_t{1} << 20;

// A line of COPY's text format: values between tabs, \N for null, and backslash escapes.
// https://www.postgresql.org/docs/current/sql-copy.html
Result<cdc::Row> row_of(std::string_view line, size_t columns, std::deque<std::string>& texts) {
  cdc::Row row;
  row.reserve(columns);
  if (columns == 0) return row;
  for (size_t at = 0;;) {
    const size_t end = std::min(line.find('\t', at), line.size());
    const std::string_view raw = line.substr(at, end - at);
    if (raw == "\\N") {
      row.push_back({});
    } else if (raw.find('\\') == std::string_view::npos) {
      row.push_back({cdc::Value::State::kText, raw});
    } else {
      std::string& text = texts.emplace_back();
      for (size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '\\' || i + 1 == raw.size()) {
          text.push_back(raw[i]);
          continue;
        }
        switch (raw[++i]) {
          case 'b': text.push_back('\b'); break;
          case 'f': text.push_back('\f'); break;
          case 'n': text.push_back('\n'); break;
          case 'r': text.push_back('\r'); break;
          case 't': text.push_back('\t'); break;
          case 'v': text.push_back('\v'); break;
          default: text.push_back(raw[i]); break;
        }
      }
      row.push_back({cdc::Value::State::kText, text});
    }
    if (end == line.size()) break;
    at = end + 1;
  }
  if (row.size() != columns) {
    return fail(ErrorCode::kCorruptBatch, fmt::format("a row of the snapshot has {} values for {} "
                                                      "columns",
                                                      row.size(), columns));
  }
  return row;
}

cdc::SnapshotMark mark_of(uint64_t row, bool first_table, bool at_end, bool last_table) {
  using cdc::SnapshotMark;
  if (at_end) return last_table ? SnapshotMark::kLast : SnapshotMark::kLastInTable;
  if (row > 0) return SnapshotMark::kTrue;
  return first_table ? SnapshotMark::kFirst : SnapshotMark::kFirstInTable;
}

std::string columns_of(const cdc::Relation& relation, const Connection& reader) {
  std::string columns;
  for (const cdc::Column& column : relation.columns) {
    columns += fmt::format("{}{}", columns.empty() ? "" : ", ", reader.quoted_name(column.name));
  }
  return columns;
}

}  // namespace

Result<> Session::snapshot(const std::string& name, uint64_t point) {
  auto reader = Connection::open(config_.connection, Connection::Kind::kOrdinary, runner_.stop_);
  if (!reader) return std::unexpected(reader.error());
  const auto begun = (*reader)->query(
      fmt::format("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}",
                  (*reader)->quoted_literal(name)));
  if (!begun) return std::unexpected(begun.error());
  const auto all = tables();
  if (!all) return std::unexpected(all.error());
  std::vector<Table> captured;
  for (const Table& table : *all) {
    const auto kind = ordinary_->query(
        fmt::format("SELECT relkind, relispartition FROM pg_class WHERE oid = {}", table.id));
    if (!kind) return std::unexpected(kind.error());
    if (kind->empty()) continue;
    // Rows of a partitioned table are read once: of its root or of its partitions, as they stream.
    const bool root = kind->front()[0] == "p";
    const bool part = kind->front()[1] == "t";
    if (config_.publish_via_partition_root ? part : root) continue;
    captured.push_back(table);
  }
  runner_.update([&](Status& status) {
    status.state = "snapshot";
    status.snapshot_tables = captured.size();
    status.snapshot_tables_done = 0;
    status.snapshot_rows = 0;
  });
  for (size_t i = 0; i < captured.size(); ++i) {
    if (auto read = snapshot_table(**reader, captured[i], point, i == 0, i + 1 == captured.size());
        !read) {
      return read;
    }
    runner_.update([](Status& status) { ++status.snapshot_tables_done; });
  }
  return {};
}

Result<> Session::snapshot_table(
    Connection& reader, const Table& table, uint64_t point, bool first, bool last) {
  CatalogDescriber describer(reader);
  const auto facts = describer.describe(table.id);
  if (!facts) return std::unexpected(facts.error());
  const auto relation = pgoutput::relation_of(*facts);
  const std::string columns = columns_of(*relation, reader);
  const auto select = config_.snapshot_selects.find(table.schema + "." + table.name);
  const std::string from =
      select == config_.snapshot_selects.end()
          ? fmt::format("{}.{}", reader.quoted_name(table.schema), reader.quoted_name(table.name))
          : fmt::format("({}) AS chosen", select->second);
  const int64_t began_us = now_us();
  uint64_t rows = 0;
  // One row is held back: the last one of a table is marked.
  std::optional<std::string> held;
  const auto emit = [&](std::string_view line, bool at_end) -> Result<> {
    std::deque<std::string> texts;
    auto row = row_of(line, relation->columns.size(), texts);
    if (!row) return std::unexpected(row.error());
    cdc::Change change;
    change.relation = relation;
    change.after = std::move(*row);
    change.position = {point, rows};
    change.lsn = point;
    change.commit_us = began_us;
    change.snapshot = mark_of(rows, first, at_end, last);
    ++rows;
    runner_.update([](Status& status) { ++status.snapshot_rows; });
    const size_t before = gathered_.size();
    if (auto rendered = renderer_.render(change, now_us(), gathered_); !rendered) return rendered;
    for (size_t i = before; i < gathered_.size(); ++i) {
      gathered_bytes_ += 64 + gathered_[i].value.value_or("").size();
    }
    dirty_ = true;
    if (gathered_bytes_ < kRowsBytes) return {};
    return store();
  };
  auto copied = reader.copy_out(fmt::format("COPY (SELECT {} FROM {}) TO STDOUT", columns, from),
                                [&](std::string_view line) -> Result<> {
                                  Result<> done;
                                  if (held) done = emit(*held, false);
                                  held = std::string(line);
                                  return done;
                                });
  if (!copied) return copied;
  if (held) {
    if (auto done = emit(*held, true); !done) return done;
  }
  return store();
}

}  // namespace weir::postgres
