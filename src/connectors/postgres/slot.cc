// The replication slot: made with the first cut, checked against what is stored, dropped.

#include <fmt/format.h>

#include <algorithm>

#include "connectors/pgoutput/statements.h"
#include "connectors/postgres/session.h"

namespace weir::postgres {

Result<> Session::check_slot() {
  const auto slot = ordinary_->query(
      fmt::format("SELECT confirmed_flush_lsn, wal_status, active_pid FROM pg_replication_slots "
                  "WHERE slot_name = {}",
                  pgoutput::quote_literal(config_.slot_name)));
  if (!slot) return std::unexpected(slot.error());
  const bool gone = slot->empty() || slot->front()[1] == "lost";
  const auto confirmed = pgoutput::parse_lsn(gone ? "0/0" : slot->front()[0].value_or("0/0"));
  if (!confirmed) return std::unexpected(confirmed.error());
  const bool moved = *confirmed > progress_.flushed;
  const bool afresh = config_.snapshot_mode == cdc::SnapshotMode::kWhenNeeded ||
                      config_.snapshot_mode == cdc::SnapshotMode::kAlways;
  if ((gone || moved) && afresh) return forget();
  if (gone) {
    return fail(ErrorCode::kRefused,
                fmt::format("needs snapshot: replication slot {} {}; changes since then are lost "
                            "to this capture. Remove the connector and add it again",
                            config_.slot_name, slot->empty() ? "is gone" : "was invalidated"));
  }
  if (moved) {
    return fail(ErrorCode::kRefused,
                fmt::format("needs snapshot: replication slot {} stands at {}, and what is stored "
                            "ends at {}: somebody else moved the slot, and the changes between are "
                            "lost to this capture. Remove the connector and add it again",
                            config_.slot_name, pgoutput::format_lsn(*confirmed),
                            pgoutput::format_lsn(progress_.flushed)));
  }
  // The walsender of a connection that was cut may still be there.
  if (slot->front()[2]) {
    const auto ended =
        ordinary_->query(fmt::format("SELECT pg_terminate_backend({})", *slot->front()[2]));
    if (!ended) return std::unexpected(ended.error());
  }
  return {};
}

// What is stored leads nowhere: the capture begins again, with a slot and a snapshot of its own.
Result<> Session::forget() {
  for (const cdc::TableProgress& table : tables_) notes_.push_back({table.note(), std::nullopt});
  tables_.clear();
  awaited_.clear();
  progress_ = {};
  progress_.source = source_;
  dirty_ = true;
  if (auto stored = store(); !stored) return stored;
  return note_durable(true);
}

Result<> Session::make_slot() {
  const std::string literal = pgoutput::quote_literal(config_.slot_name);
  const auto known = ordinary_->query(
      fmt::format("SELECT active FROM pg_replication_slots WHERE slot_name = {}", literal));
  if (!known) return std::unexpected(known.error());
  // One that was made for this capture, and whose point was not stored.
  if (!known->empty() && progress_.source == source_) {
    if (const auto dropped = drop_slot(config_, runner_.stop_); !dropped) return dropped;
  } else if (!known->empty()) {
    return fail(ErrorCode::kRefused,
                fmt::format("replication slot {0} exists already, and nothing is known of its "
                            "position: choose another slot.name, or run SELECT "
                            "pg_drop_replication_slot({1});",
                            config_.slot_name, literal));
  }
  // From here on a slot of this name is ours.
  if (auto forgotten = forget(); !forgotten) return forgotten;
  const bool reads = config_.snapshot_mode != cdc::SnapshotMode::kNoData;
  const auto made = replication_->query(pgoutput::create_slot(
      config_.slot_name, {.snapshot = reads, .failover = config_.slot_failover}));
  if (!made) return std::unexpected(made.error());
  const auto cut = read_cut(*made);
  if (!cut) return std::unexpected(cut.error());
  if (reads) {
    auto tables = snapshot_tables();
    if (!tables) return std::unexpected(tables.error());
    tables_ = std::move(*tables);
  }
  for (const cdc::TableProgress& table : tables_) {
    note_table(table);
    awaited_.insert(table.id);
  }
  progress_.next = {cut->point, 0};
  progress_.flushed = cut->point;
  progress_.snapshot_done = !reads;
  dirty_ = true;
  if (auto stored = store(); !stored) return stored;
  if (auto noted = note_durable(true); !noted) return noted;
  return reads ? read_tables(*cut, true) : Result<>();
}

Result<> Session::poll_slot() {
  polled_us_ = now_us();
  const auto slot = ordinary_->query(fmt::format(
      "SELECT pg_wal_lsn_diff(here.lsn, restart_lsn)::bigint, wal_status, greatest(0, "
      "pg_wal_lsn_diff(here.lsn, '{}'))::bigint FROM pg_replication_slots, (SELECT CASE WHEN "
      "pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn) AS "
      "here WHERE slot_name = {}",
      pgoutput::format_lsn(std::max(received_, progress_.flushed)),
      pgoutput::quote_literal(config_.slot_name)));
  if (!slot) return std::unexpected(slot.error());
  if (slot->empty()) return {};
  const Cells& row = slot->front();
  const int64_t retained = number_of(row[0]);
  const int64_t limit = config_.retained_wal_alarm_bytes;
  const bool alarm = limit > 0 && retained >= limit;
  const bool alarmed = runner_.status().retained_alarm;
  runner_.update([&](Status& status) {
    status.retained_bytes = retained;
    status.retained_alarm = alarm;
    status.lag_bytes = number_of(row[2]);
    status.wal_status = row[1].value_or("");
  });
  if (alarm == alarmed) return {};
  if (alarm) {
    runner_.logger_.warn("cdc", "a capture's slot holds back much of the database's log",
                         {{"capture", runner_.name_},
                          {"slot", config_.slot_name},
                          {"retained_bytes", std::to_string(retained)},
                          {"alarm_bytes", std::to_string(limit)}});
  } else {
    runner_.logger_.info(
        "cdc", "a capture's slot holds back little of the database's log again",
        {{"capture", runner_.name_}, {"retained_bytes", std::to_string(retained)}});
  }
  return {};
}

Result<> drop_slot(const cdc::Config& config, const Stop& stop) {
  auto connection = Connection::open(config.connection, Connection::Kind::kOrdinary, stop);
  if (!connection) return std::unexpected(connection.error());
  const std::string name = pgoutput::quote_literal(config.slot_name);
  const auto ended = (*connection)
                         ->query(fmt::format("SELECT pg_terminate_backend(active_pid) FROM "
                                             "pg_replication_slots WHERE slot_name = {} AND "
                                             "active_pid IS NOT NULL",
                                             name));
  if (!ended) return std::unexpected(ended.error());
  for (int attempt = 0;; ++attempt) {
    const auto dropped = (*connection)
                             ->query(fmt::format("SELECT pg_drop_replication_slot(slot_name) FROM "
                                                 "pg_replication_slots WHERE slot_name = {}",
                                                 name));
    if (dropped) return {};
    // The backend that was told to end takes a moment.
    if (attempt == 50) return std::unexpected(dropped.error());
    if (stop.wait(Milliseconds(100))) return fail(ErrorCode::kTimedOut, "the connector stops");
  }
}

}  // namespace weir::postgres
