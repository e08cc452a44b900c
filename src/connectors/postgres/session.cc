// Before the stream: what the server allows, publication and slot, and whether the slot still
// stands where it was left.

#include "connectors/postgres/session.h"

#include <fmt/format.h>

#include <charconv>
#include <future>

#include "broker/connector_cell.h"
#include "connectors/pgoutput/statements.h"

namespace weir::postgres {

Session::Session(Runner& runner)
    : runner_(runner), config_(*runner.config_), renderer_(runner.config_, runner.name_) {}

Result<> Session::run() {
  if (auto ready = connect(); !ready) return ready;
  if (auto checked = check_server(); !checked) return checked;
  if (auto loaded = load_progress(); !loaded) return loaded;
  if (auto made = make_publication(); !made) return made;
  if (!progress_.snapshot_done) {
    if (auto made = make_slot(); !made) return made;
  } else if (auto stands = check_slot(); !stands) {
    return stands;
  }
  if (config_.snapshot_mode == cdc::SnapshotMode::kInitialOnly) {
    runner_.update([](Status& status) { status.state = "done"; });
    while (!runner_.stop_.wait(Milliseconds(60'000))) continue;
    return fail(ErrorCode::kTimedOut, "the connector stops");
  }
  return stream();
}

Result<> Session::connect() {
  runner_.update([](Status& status) { status.state = "connecting"; });
  auto ordinary = Connection::open(config_.connection, Connection::Kind::kOrdinary, runner_.stop_);
  if (!ordinary) return std::unexpected(ordinary.error());
  ordinary_ = std::move(*ordinary);
  describer_ = std::make_unique<CatalogDescriber>(*ordinary_);
  return {};
}

Result<> Session::check_server() {
  const auto facts = ordinary_->query(
      "SELECT current_setting('wal_level'), "
      "(SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user), "
      "current_user, (SELECT system_identifier FROM pg_control_system())");
  if (!facts) return std::unexpected(facts.error());
  const Cells& row = facts->front();
  if (row[0] != "logical") {
    return fail(
        ErrorCode::kRefused,
        fmt::format("wal_level is {}: run ALTER SYSTEM SET wal_level = logical; and restart "
                    "PostgreSQL",
                    row[0].value_or("")));
  }
  const std::string user = row[2].value_or("");
  if (row[1] != "t") {
    return fail(ErrorCode::kRefused,
                fmt::format("{0} may not replicate: run ALTER ROLE {0} REPLICATION;",
                            ordinary_->quoted_name(user)));
  }
  source_ =
      fmt::format("{}/{}/{}", row[3].value_or(""), config_.connection.database, config_.slot_name);
  auto replication =
      Connection::open(config_.connection, Connection::Kind::kReplication, runner_.stop_);
  if (!replication) return std::unexpected(replication.error());
  replication_ = std::move(*replication);
  return {};
}

Result<> Session::load_progress() {
  const auto note = std::make_shared<std::promise<std::string>>();
  auto loaded = note->get_future();
  runner_.broker_.call([note, name = runner_.name_](broker::Broker& broker) {
    const catalog::Connector* known = broker.catalog().find_connector(name);
    std::string text;
    if (known != nullptr) {
      text = broker.cell<broker::ConnectorCell>(known->cell).note(cdc::kProgressNote);
    }
    note->set_value(std::move(text));
  });
  while (loaded.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
    if (runner_.stop_.requested()) return fail(ErrorCode::kTimedOut, "the connector stops");
  }
  const std::string text = loaded.get();
  if (text.empty()) return {};
  auto progress = cdc::Progress::decode(text);
  if (!progress) return std::unexpected(progress.error());
  progress_ = std::move(*progress);
  durable_flushed_ = stored_flushed_ = progress_.flushed;
  if (progress_.source != source_) {
    return fail(ErrorCode::kRefused,
                fmt::format("needs snapshot: this is another database ({}) than the one that was "
                            "captured ({}); remove the connector and add it again",
                            source_, progress_.source));
  }
  return {};
}

Result<std::vector<Session::Table>> Session::tables() {
  const auto found = ordinary_->query(
      "SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = "
      "c.relnamespace WHERE (c.relkind = 'r' AND NOT c.relispartition OR c.relkind = 'p' OR "
      "c.relispartition AND c.relkind = 'r') AND c.relpersistence = 'p' ORDER BY 2, 3");
  if (!found) return std::unexpected(found.error());
  std::vector<Table> result;
  for (const Cells& row : *found) {
    Table table{0, row[1].value_or(""), row[2].value_or("")};
    const std::string& id = row[0].value_or("");
    std::from_chars(id.data(), id.data() + id.size(), table.id);
    if (config_.captures(table.schema, table.name)) result.push_back(std::move(table));
  }
  return result;
}

Result<> Session::make_publication() {
  const auto found =
      ordinary_->query(fmt::format("SELECT 1 FROM pg_publication WHERE pubname = {}",
                                   ordinary_->quoted_literal(config_.publication_name)));
  if (!found) return std::unexpected(found.error());
  if (!found->empty()) return {};
  const std::string name = ordinary_->quoted_name(config_.publication_name);
  std::string sql = fmt::format("CREATE PUBLICATION {}", name);
  switch (config_.publication_autocreate) {
    case cdc::Autocreate::kDisabled:
      return fail(ErrorCode::kRefused,
                  fmt::format("there is no publication {0}: run CREATE PUBLICATION {0} FOR ALL "
                              "TABLES;",
                              name));
    case cdc::Autocreate::kAllTables: sql += " FOR ALL TABLES"; break;
    case cdc::Autocreate::kNoTables: break;
    case cdc::Autocreate::kFiltered: {
      const auto captured = tables();
      if (!captured) return std::unexpected(captured.error());
      std::string list;
      for (const Table& table : *captured) {
        list +=
            fmt::format("{}{}.{}", list.empty() ? " FOR TABLE " : ", ",
                        ordinary_->quoted_name(table.schema), ordinary_->quoted_name(table.name));
      }
      sql += list;
      break;
    }
  }
  sql += pgoutput::publication_options(config_);
  const auto made = ordinary_->query(sql);
  if (made) return {};
  return fail(ErrorCode::kRefused,
              fmt::format("{}; let an owner of the tables run: {};", made.error().message, sql));
}

Result<> Session::check_slot() {
  const auto slot = ordinary_->query(
      fmt::format("SELECT confirmed_flush_lsn, wal_status, active_pid FROM pg_replication_slots "
                  "WHERE slot_name = {}",
                  ordinary_->quoted_literal(config_.slot_name)));
  if (!slot) return std::unexpected(slot.error());
  if (slot->empty() || slot->front()[1] == "lost") {
    return fail(ErrorCode::kRefused,
                fmt::format("needs snapshot: replication slot {} {}; changes since then are lost "
                            "to this capture. Remove the connector and add it again",
                            config_.slot_name, slot->empty() ? "is gone" : "was invalidated"));
  }
  const Cells& row = slot->front();
  const auto confirmed = pgoutput::parse_lsn(row[0].value_or("0/0"));
  if (!confirmed) return std::unexpected(confirmed.error());
  if (*confirmed > progress_.flushed) {
    return fail(ErrorCode::kRefused,
                fmt::format("needs snapshot: replication slot {} stands at {}, and what is stored "
                            "ends at {}: somebody else moved the slot, and the changes between are "
                            "lost to this capture. Remove the connector and add it again",
                            config_.slot_name, row[0].value_or(""),
                            pgoutput::format_lsn(progress_.flushed)));
  }
  // The walsender of a connection that was cut may still be there.
  if (row[2]) {
    const auto ended = ordinary_->query(fmt::format("SELECT pg_terminate_backend({})", *row[2]));
    if (!ended) return std::unexpected(ended.error());
  }
  return {};
}

// A snapshot that was interrupted begins again, with a slot of its own: the exported snapshot is
// gone with its connection.
Result<> Session::make_slot() {
  const std::string name = replication_->quoted_name(config_.slot_name);
  const auto known =
      ordinary_->query(fmt::format("SELECT active FROM pg_replication_slots WHERE slot_name = {}",
                                   ordinary_->quoted_literal(config_.slot_name)));
  if (!known) return std::unexpected(known.error());
  if (!known->empty() && progress_.source == source_) {
    if (const auto dropped = drop_slot(config_, runner_.stop_); !dropped) return dropped;
  } else if (!known->empty()) {
    return fail(ErrorCode::kRefused,
                fmt::format("replication slot {0} exists already, and nothing is known of its "
                            "position: choose another slot.name, or run SELECT "
                            "pg_drop_replication_slot({1});",
                            config_.slot_name, ordinary_->quoted_literal(config_.slot_name)));
  }
  // From here on a slot of this name is ours.
  progress_ = {};
  progress_.source = source_;
  dirty_ = true;
  if (auto stored = store(); !stored) return stored;
  if (auto noted = note_durable(true); !noted) return noted;
  const bool reads = config_.snapshot_mode != cdc::SnapshotMode::kNoData;
  const auto made =
      replication_->query(fmt::format("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput {}", name,
                                      reads ? "EXPORT_SNAPSHOT" : "NOEXPORT_SNAPSHOT"));
  if (!made) return std::unexpected(made.error());
  const Cells& row = made->front();
  const auto point = pgoutput::parse_lsn(row[1].value_or(""));
  if (!point) return std::unexpected(point.error());
  Result<> read;
  if (reads) read = snapshot(row[2].value_or(""), *point);
  if (!read) {
    // The next attempt begins with a slot and a snapshot of its own.
    const auto dropped = drop_slot(config_, runner_.stop_);
    if (!dropped && dropped.error().code != ErrorCode::kTimedOut) return dropped;
    return read;
  }
  progress_.next = {*point, 0};
  progress_.flushed = *point;
  progress_.snapshot_done = true;
  dirty_ = true;
  if (auto stored = store(); !stored) return stored;
  return note_durable(true);
}

Result<> Session::poll_slot() {
  polled_us_ = now_us();
  const auto slot = ordinary_->query(fmt::format(
      "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint, wal_status FROM "
      "pg_replication_slots WHERE slot_name = {}",
      ordinary_->quoted_literal(config_.slot_name)));
  if (!slot) return std::unexpected(slot.error());
  if (slot->empty()) return {};
  const std::string bytes = slot->front()[0].value_or("0");
  int64_t retained = 0;
  std::from_chars(bytes.data(), bytes.data() + bytes.size(), retained);
  runner_.update([&](Status& status) {
    status.retained_bytes = retained;
    status.wal_status = slot->front()[1].value_or("");
  });
  return {};
}

Result<> drop_slot(const cdc::Config& config, const Stop& stop) {
  auto connection = Connection::open(config.connection, Connection::Kind::kOrdinary, stop);
  if (!connection) return std::unexpected(connection.error());
  const std::string name = (*connection)->quoted_literal(config.slot_name);
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
