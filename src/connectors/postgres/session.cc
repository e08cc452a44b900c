// Before the stream: what the server allows, what is stored of the capture, and its publication.

#include "connectors/postgres/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "connectors/pgoutput/statements.h"

namespace weir::postgres {

Session::Session(Runner& runner)
    : runner_(runner), config_(*runner.config_), renderer_(runner.config_, runner.name_) {}

Result<> Session::run() {
  if (auto ready = connect(); !ready) return ready;
  if (auto checked = check_server(); !checked) return checked;
  if (auto loaded = load_progress(); !loaded) return loaded;
  // Also of a capture that stands still.
  if (auto polled = poll_slot(); !polled) return polled;
  const bool once = config_.snapshot_mode == cdc::SnapshotMode::kInitialOnly;
  if (once && progress_.snapshot_done) return rest_for_good();
  if (auto made = make_publication(); !made) return made;
  if (progress_.flushed != 0) {
    if (auto stands = check_slot(); !stands) return stands;
  }
  const bool always = config_.snapshot_mode == cdc::SnapshotMode::kAlways;
  if (progress_.flushed == 0) {
    if (auto made = make_slot(); !made) return made;
  } else if (always && progress_.snapshot_done && !runner_.snapshot_begun_) {
    if (auto begun = snapshot_again(); !begun) return begun;
  } else if (!progress_.snapshot_done && !unfinished()) {
    if (auto finished = finish_tables(); !finished) return finished;
  }
  runner_.snapshot_begun_ = true;
  if (once && progress_.snapshot_done) return rest_for_good();
  return stream();
}

// Only the snapshot was asked for. The slot would hold back the database's log.
Result<> Session::rest_for_good() {
  replication_.reset();
  if (auto dropped = drop_slot(config_, runner_.stop_); !dropped) return dropped;
  runner_.update([](Status& status) {
    status.state = "done";
    status.problem.clear();
  });
  while (!runner_.stop_.wait(Milliseconds(60'000))) continue;
  return fail(ErrorCode::kTimedOut, "the connector stops");
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
      "current_user, (SELECT system_identifier FROM pg_control_system()), "
      "current_setting('server_version_num')::int >= 170000, current_setting('server_version')");
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
                            pgoutput::quote_identifier(user)));
  }
  if (config_.slot_failover && row[4] != "t") {
    return fail(ErrorCode::kRefused,
                fmt::format("slot.failover needs PostgreSQL 17, and this is {}: leave it out",
                            row[5].value_or("")));
  }
  source_ =
      fmt::format("{}/{}/{}", row[3].value_or(""), config_.connection.database, config_.slot_name);
  auto replication =
      Connection::open(config_.connection, Connection::Kind::kReplication, runner_.stop_);
  if (!replication) return std::unexpected(replication.error());
  replication_ = std::move(*replication);
  return {};
}

Result<broker::ConnectorCell::Notes> Session::load_notes() {
  using Notes = broker::ConnectorCell::Notes;
  const auto promise = std::make_shared<std::promise<Notes>>();
  auto loaded = promise->get_future();
  runner_.broker_.call([promise, name = runner_.name_](broker::Broker& broker) {
    const catalog::Connector* known = broker.catalog().find_connector(name);
    promise->set_value(known == nullptr ? Notes()
                                        : broker.cell<broker::ConnectorCell>(known->cell).notes());
  });
  while (loaded.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
    if (runner_.stop_.requested()) return fail(ErrorCode::kTimedOut, "the connector stops");
  }
  return loaded.get();
}

Result<> Session::load_progress() {
  requests_seen_ = runner_.requests_;
  const auto notes = load_notes();
  if (!notes) return std::unexpected(notes.error());
  const auto stored = notes->find(cdc::kProgressNote);
  if (stored != notes->end()) {
    auto progress = cdc::Progress::decode(stored->second);
    if (!progress) return std::unexpected(progress.error());
    progress_ = std::move(*progress);
  }
  const auto left = notes->find(cdc::kInterruptedNote);
  if (left != notes->end()) {
    const auto interrupted = cdc::Interrupted::decode(left->second);
    if (!interrupted) return std::unexpected(interrupted.error());
    // The rows of the next cut are others: better some of them twice than one not at all.
    if (interrupted->snapshot) {
      notes_.push_back({std::string(cdc::kInterruptedNote), std::nullopt});
      dirty_ = true;
      if (auto forgotten = store(); !forgotten) return forgotten;
    }
  }
  durable_flushed_ = stored_flushed_ = progress_.flushed;
  if (!progress_.source.empty() && progress_.source != source_) {
    return fail(ErrorCode::kRefused,
                fmt::format("needs snapshot: this is another database ({}) than the one that was "
                            "captured ({}); remove the connector and add it again",
                            source_, progress_.source));
  }
  return take_tables(*notes);
}

Result<> Session::take_tables(const broker::ConnectorCell::Notes& notes) {
  tables_.clear();
  awaited_.clear();
  for (const auto& [name, value] : notes) {
    if (!name.starts_with(cdc::kTableNotes)) continue;
    auto table = cdc::TableProgress::decode(value);
    if (!table) return std::unexpected(table.error());
    if (!table->again && !table->begun) awaited_.insert(table->id);
    tables_.push_back(std::move(*table));
  }
  show_snapshot();
  return {};
}

Result<std::vector<pgoutput::RelationFacts>> Session::captured_tables() {
  const auto found = ordinary_->query(
      "SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = "
      "c.relnamespace WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' ORDER BY 2, 3");
  if (!found) return std::unexpected(found.error());
  std::vector<pgoutput::RelationFacts> tables;
  for (const Cells& row : *found) {
    pgoutput::RelationFacts table;
    table.schema = row[1].value_or("");
    table.table = row[2].value_or("");
    if (config_.captures(table.schema, table.table)) tables.push_back(std::move(table));
  }
  return tables;
}

Result<> Session::make_publication() {
  const auto found =
      ordinary_->query(fmt::format("SELECT puballtables FROM pg_publication WHERE pubname = {}",
                                   pgoutput::quote_literal(config_.publication_name)));
  if (!found) return std::unexpected(found.error());
  if (!found->empty()) return found->front()[0] == "t" ? Result<>() : extend_publication();
  const auto tables = captured_tables();
  if (!tables) return std::unexpected(tables.error());
  const std::string sql = pgoutput::create_publication(config_, *tables);
  if (sql.empty()) {
    return fail(ErrorCode::kRefused,
                fmt::format("there is no publication {0}: run CREATE PUBLICATION {0} FOR ALL "
                            "TABLES;",
                            pgoutput::quote_identifier(config_.publication_name)));
  }
  const auto made = ordinary_->query(sql);
  if (made) return {};
  return fail(ErrorCode::kRefused,
              fmt::format("{}; let an owner of the tables run: {};", made.error().message, sql));
}

// By the tables that were made since.
Result<> Session::extend_publication() {
  const auto published = ordinary_->query(
      fmt::format("SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = {0} "
                  "UNION SELECT n.nspname, c.relname FROM pg_publication p JOIN "
                  "pg_publication_rel r ON r.prpubid = p.oid JOIN pg_class c ON c.oid = r.prrelid "
                  "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = {0}",
                  pgoutput::quote_literal(config_.publication_name)));
  if (!published) return std::unexpected(published.error());
  const auto tables = captured_tables();
  if (!tables) return std::unexpected(tables.error());
  const bool whole = std::ranges::all_of(*tables, [&](const auto& table) {
    return std::ranges::find(*published, Cells{table.schema, table.table}) != published->end();
  });
  const std::string sql = pgoutput::alter_publication(config_, *tables);
  if (whole || sql.empty()) return {};
  const auto altered = ordinary_->query(sql);
  if (altered) return {};
  return fail(ErrorCode::kRefused,
              fmt::format("{}; let an owner of the tables run: {};", altered.error().message, sql));
}

}  // namespace weir::postgres
