// The snapshot: rows of the captured tables as they are at a cut of the database's history, put
// between the changes before the cut and those behind it.
//
// The first cut is the point where the slot begins. If reading is interrupted, that snapshot is
// gone with its connection; what is left is read at a later cut, which the stream reaches first.
// Changes before it are told of tables whose rows are stored (in part), and left out of tables
// whose rows are all to come. Tables that are asked for again are read pass by pass, each a cut of
// its own, so that the stream goes on between.

#include <fmt/format.h>

#include <algorithm>

#include "broker/connector_cell.h"
#include "connectors/pgoutput/statements.h"
#include "connectors/postgres/session.h"

namespace weir::postgres {
namespace {

constexpr Milliseconds kWait{50};
// Rows of a pass between changes: the stream stands for so long.
constexpr size_t kPassBytes = size_t{8} << 20;
// Tables of fewer rows are read by one connection.
constexpr int64_t kDividedRows = 50'000;
constexpr double kSampledRows = 20'000;
constexpr int64_t kRetryUs = 1'000'000;
constexpr int64_t kLastHoldUs = 60'000'000;
constexpr Milliseconds kSoon{5};

// Without their partitions' or roots' share: reltuples is -1 before the first ANALYZE or VACUUM.
constexpr std::string_view kTables =
    "SELECT c.oid, n.nspname, c.relname, c.reltuples::bigint FROM pg_class c JOIN pg_namespace n "
    "ON "
    "n.oid = c.relnamespace WHERE c.relpersistence = 'p' AND {} ORDER BY 2, 3";

}  // namespace

// Rows of a partitioned table are read once: of its root or of its partitions, as they stream.
Result<std::vector<cdc::TableProgress>> Session::snapshot_tables() {
  const auto found = ordinary_->query(
      fmt::format(fmt::runtime(kTables), config_.publish_via_partition_root
                                             ? "c.relkind IN ('r', 'p') AND NOT c.relispartition"
                                             : "c.relkind = 'r'"));
  if (!found) return std::unexpected(found.error());
  std::vector<cdc::TableProgress> tables;
  for (const Cells& row : *found) {
    cdc::TableProgress table;
    table.id = static_cast<uint32_t>(number_of(row[0]));
    table.schema = row[1].value_or("");
    table.table = row[2].value_or("");
    table.estimated = number_of(row[3]);
    const bool wanted =
        config_.snapshot_include.empty() || config_.snapshot_include.matches(table.name());
    if (wanted && config_.captures(table.schema, table.table)) tables.push_back(std::move(table));
  }
  return tables;
}

// The number of a table that was named only; a table that is gone is done.
Result<> Session::look_up(cdc::TableProgress& table) {
  const auto found = ordinary_->query(fmt::format(
      fmt::runtime(kTables),
      fmt::format("n.nspname = {} AND c.relname = {} AND c.relkind IN ('r', 'p')",
                  pgoutput::quote_literal(table.schema), pgoutput::quote_literal(table.table))));
  if (!found) return std::unexpected(found.error());
  if (found->empty()) {
    table.pieces = {{.after = {}, .until = {}, .done = true}};
    return {};
  }
  const auto id = static_cast<uint32_t>(number_of(found->front()[0]));
  if (table.id != 0 && table.id != id) table.pieces.clear();  // another one of the same name
  table.id = id;
  table.estimated = number_of(found->front()[3]);
  return {};
}

// Cuts a table into pieces; one that was cut keeps them while they are cut by its key.
Result<> Session::divide(cdc::TableProgress& table) {
  const bool large = config_.snapshot_threads > 1 && table.estimated >= kDividedRows &&
                     !config_.snapshot_selects.contains(table.name());
  if (table.pieces.empty() && !large) {
    table.pieces.resize(1);
    return {};
  }
  const auto facts = describer_->describe(table.id);
  if (!facts) return std::unexpected(facts.error());
  if (!table.pieces.empty() && (table.key.empty() || table.key == facts->key)) return {};
  table.key = facts->key;
  table.pieces.assign(1, {});
  if (!large || facts->key.empty()) return {};
  const double percent =
      std::min(100.0, 100.0 * kSampledRows / static_cast<double>(table.estimated));
  const auto bounds =
      ordinary_->query(pgoutput::divide_rows(*facts, config_.snapshot_threads, percent));
  if (!bounds) return std::unexpected(bounds.error());
  for (const Cells& row : *bounds) {
    std::vector<std::string> bound;
    for (const auto& cell : row) bound.push_back(cell.value_or(""));
    table.pieces.back().until = bound;
    table.pieces.push_back({.after = bound, .until = {}, .done = false});
  }
  return {};
}

Result<> Session::prepare_tables() {
  for (cdc::TableProgress& table : tables_) {
    if (table.done()) continue;
    // The first snapshot's tables were listed a moment ago.
    if (streaming_ || table.id == 0) {
      if (auto looked = look_up(table); !looked) return looked;
    }
    if (table.done()) continue;
    if (auto divided = divide(table); !divided) return divided;
  }
  return {};
}

bool Session::unfinished() const {
  return std::ranges::any_of(tables_, [](const auto& table) { return !table.done(); });
}

void Session::note_table(const cdc::TableProgress& table) {
  notes_.push_back({table.note(), table.encode()});
  dirty_ = true;
}

void Session::show_snapshot() {
  uint64_t done = 0;
  uint64_t rows = 0;
  int64_t estimated = 0;
  for (const cdc::TableProgress& table : tables_) {
    if (table.done()) ++done;
    rows += table.rows;
    const auto stored = static_cast<int64_t>(table.rows);
    estimated += table.done() ? stored : std::max(table.estimated, stored);
  }
  runner_.update([&](Status& status) {
    status.snapshot_tables = tables_.size();
    status.snapshot_tables_done = done;
    status.snapshot_rows = rows;
    status.snapshot_rows_estimated = estimated;
  });
}

// Everything that is left, or, between changes, as much as they may wait for.
Result<> Session::read_tables(const Cut& cut, bool to_the_end) {
  if (auto prepared = prepare_tables(); !prepared) return prepared;
  show_snapshot();
  if (to_the_end) runner_.update([](Status& status) { status.state = "snapshot"; });
  Readers readers({.config = runner_.config_,
                   .connector = runner_.name_,
                   .snapshot = cut.snapshot,
                   .point = cut.point,
                   .incremental = !to_the_end},
                  tables_, config_.snapshot_threads);
  size_t taken = 0;
  while (!readers.finished()) {
    auto batch = readers.next(kWait);
    if (!batch) return std::unexpected(batch.error());
    if (runner_.stop_.requested()) return fail(ErrorCode::kTimedOut, "the connector stops");
    if (*batch) {
      taken += (*batch)->bytes;
      if (auto stored = take_rows(std::move(**batch)); !stored) return stored;
      if (!to_the_end && taken >= kPassBytes) readers.halt();
    }
    if (auto noted = note_durable(false); !noted) return noted;
    if (streaming_) {
      if (auto answered = answer(false); !answered) return answered;
    }
    if (now_us() - polled_us_ > kPollUs) {
      if (auto polled = poll_slot(); !polled) return polled;
    }
  }
  return finish_tables();
}

Result<> Session::take_rows(Readers::Batch batch) {
  cdc::TableProgress& table = tables_[batch.table];
  cdc::Piece& piece = table.pieces[batch.piece];
  table.begun = true;
  table.rows += batch.rows;
  table.key = std::move(batch.key);
  if (!batch.last.empty()) piece.after = std::move(batch.last);
  piece.done = batch.done;
  gathered_ = std::move(batch.outputs);
  note_table(table);
  reading_ = true;
  auto stored = store();
  reading_ = false;
  show_snapshot();
  return stored;
}

Result<> Session::finish_tables() {
  const bool first_is_done =
      std::ranges::all_of(tables_, [](const auto& table) { return table.again || table.done(); });
  std::vector<cdc::TableProgress> left;
  for (cdc::TableProgress& table : tables_) {
    const bool over = table.again ? table.done() : first_is_done;
    if (over) {
      notes_.push_back({table.note(), std::nullopt});
    } else {
      left.push_back(std::move(table));
    }
  }
  if (first_is_done) {
    progress_.snapshot_done = true;
    awaited_.clear();
  }
  show_snapshot();
  tables_ = std::move(left);
  dirty_ = true;
  if (auto stored = store(); !stored) return stored;
  return note_durable(true);
}

// ---- between changes

// While a cut is sought the stream stands: what it takes meanwhile could lie behind the cut. Where
// long transactions keep the database from a cut, it goes on after a while, and a cut that it has
// passed is sought again, with more patience.
bool Session::holds() const {
  return opening_ && cut_.point == 0 && now_us() - opening_since_us_ < hold_us_;
}

Result<> Session::advance_cut() {
  if (cut_.point != 0) return answer(true, true);  // a silent stream is asked where it stands
  const int64_t now = now_us();
  if (!opening_) {
    if (!unfinished() || now < cut_after_us_) return {};
    opening_ = std::make_unique<CutOpening>(runner_.config_);
    opening_since_us_ = now;
    return {};
  }
  const bool late = now - opening_since_us_ > kFirstHoldUs;
  auto found = opening_->poll(holds() ? kSoon : Milliseconds(0));
  if (!found && late) {
    runner_.update([](Status& status) {
      status.problem =
          "the snapshot waits for the transactions that write in the database now to end";
    });
  }
  if (!found) return {};
  if (*found) return take_cut(std::move(**found));
  opening_.reset();
  cut_after_us_ = now + kRetryUs;
  runner_.update([&](Status& status) { status.problem = found->error().message; });
  return {};
}

Result<> Session::take_cut(Cut cut) {
  runner_.update([](Status& status) { status.problem.clear(); });
  if (cut.point > begun_lsn_) {
    cut_ = std::move(cut);
    hold_us_ = kFirstHoldUs;
    return answer(true, true);
  }
  cut = {};
  opening_.reset();
  hold_us_ = std::min(2 * hold_us_, kLastHoldUs);
  return {};
}

// Whether all that committed before the cut came before this frame.
bool Session::is_past_cut(const std::string& bytes) const {
  if (assembler_->in_transaction()) return false;
  const auto frame = pgoutput::read_frame(bytes);
  if (!frame) return false;
  if (const auto* alive = std::get_if<pgoutput::Keepalive>(&*frame)) {
    return alive->end >= cut_.point;
  }
  const auto message = pgoutput::read_message(std::get<pgoutput::XLogData>(*frame).message);
  const auto* begin = message ? std::get_if<pgoutput::Begin>(&*message) : nullptr;
  return begin != nullptr && begin->commit_lsn >= cut_.point;
}

// The stream has come to the cut: its rows stand here, before this frame.
Result<> Session::pass(const std::string& frame) {
  if (!is_past_cut(frame)) return {};
  if (auto stored = store(); !stored) return stored;
  auto read = read_tables(cut_, !progress_.snapshot_done);
  cut_ = {};
  opening_.reset();
  if (!read || !progress_.snapshot_done) return read;
  if (config_.snapshot_mode == cdc::SnapshotMode::kInitialOnly) return rest_for_good();
  runner_.update([](Status& status) { status.state = "streaming"; });
  return {};
}

// snapshot.mode=always: everything once more, at a cut that the stream comes to.
Result<> Session::snapshot_again() {
  auto tables = snapshot_tables();
  if (!tables) return std::unexpected(tables.error());
  for (const cdc::TableProgress& stale : tables_) notes_.push_back({stale.note(), std::nullopt});
  tables_ = std::move(*tables);
  for (cdc::TableProgress& table : tables_) {
    table.begun = true;
    note_table(table);
  }
  progress_.snapshot_done = tables_.empty();
  if (auto stored = store(); !stored) return stored;
  return note_durable(true);
}

// Tables that were asked for since the notes were read.
Result<> Session::take_requests() {
  const uint64_t requests = runner_.requests_;
  if (requests == requests_seen_ || cut_.point != 0) return {};
  requests_seen_ = requests;
  const auto notes = load_notes();
  if (!notes) return std::unexpected(notes.error());
  return take_tables(*notes);
}

}  // namespace weir::postgres
