#include "connectors/manager.h"

#include <fmt/format.h>

#include <utility>

#include "connectors/commit/commit.h"
#include "connectors/commit/table_progress.h"

namespace weir::connectors {
namespace {

constexpr size_t kWorkMax = 1000;

Result<std::shared_ptr<const cdc::Config>> config_of(const std::string& name,
                                                     const catalog::Properties& properties,
                                                     std::vector<std::string>& notes) {
  auto config = cdc::parse(name, properties, notes);
  if (!config) return std::unexpected(config.error());
  return std::make_shared<const cdc::Config>(std::move(*config));
}

std::unexpected<Error> unknown(const std::string& name) {
  return fail(ErrorCode::kNotFound, fmt::format("there is no connector {}", name));
}

}  // namespace

Manager::Manager(runtime::Owned<broker::Broker>& broker,
                 runtime::Clock& clock,
                 runtime::Logger& logger)
    : broker_(broker),
      clock_(clock),
      logger_(logger),
      work_(std::make_unique<runtime::FileWork>(1, kWorkMax)) {}

void Manager::start() {
  for (const auto& [name, connector] : broker_.here().catalog().connectors()) {
    if (!connector.paused) begin(name);
  }
}

void Manager::stop() {
  std::map<std::string, std::unique_ptr<postgres::Runner>> running;
  broker_.shard().run_and_wait([this, &running] {
    stopped_ = true;
    running.swap(running_);
  });
  stop_->request();
  for (auto& [name, runner] : running) runner->stop();
  running.clear();
  work_.reset();
}

void Manager::begin(const std::string& name) {
  const catalog::Connector* connector = broker_.here().catalog().find_connector(name);
  if (stopped_ || connector == nullptr || connector->paused) return;
  if (running_.contains(name) || ending_.contains(name)) return;
  std::vector<std::string> notes;
  auto config = config_of(name, connector->properties, notes);
  refused_.erase(name);
  if (!config) {
    refused_[name] = config.error().message;
    return;
  }
  running_[name] =
      std::make_unique<postgres::Runner>(name, std::move(*config), broker_, clock_, logger_);
}

void Manager::end(const std::string& name,
                  std::function<Result<>()> beside,
                  std::move_only_function<void(Result<>)> after) {
  std::shared_ptr<postgres::Runner> runner;
  if (const auto found = running_.find(name); found != running_.end()) {
    runner = std::move(found->second);
    running_.erase(found);
    runner->stop();
  }
  ending_.insert(name);
  const auto shared = std::make_shared<std::move_only_function<void(Result<>)>>(std::move(after));
  const auto submitted = work_->submit(
      broker_.shard(),
      [runner = std::move(runner), beside = std::move(beside)]() mutable -> Result<> {
        runner.reset();
        return beside ? beside() : Result<>();
      },
      [this, name, shared](Result<> result) {
        ending_.erase(name);
        (*shared)(std::move(result));
        begin(name);
      });
  if (submitted) return;
  ending_.erase(name);
  (*shared)(submitted);
}

Result<broker::Depends> Manager::add(const std::string& name,
                                     const catalog::Properties& properties,
                                     std::vector<std::string>& notes) {
  if (ending_.contains(name)) {
    return fail(ErrorCode::kAlreadyExists, fmt::format("connector {} is being removed", name));
  }
  const auto config = config_of(name, properties, notes);
  if (!config) return std::unexpected(config.error());
  catalog::Connector connector;
  connector.name = name;
  connector.kind = "postgres";
  connector.properties = properties;
  const auto made = broker_.here().create_connector(connector, clock_.now());
  if (made) begin(name);
  return made;
}

Result<broker::Depends> Manager::pause(const std::string& name, bool paused) {
  const catalog::Connector* known = broker_.here().catalog().find_connector(name);
  if (known == nullptr) return unknown(name);
  catalog::Connector altered = *known;
  altered.paused = paused;
  const auto changed = broker_.here().alter_connector(altered, clock_.now());
  if (!changed) return changed;
  if (!paused) {
    begin(name);
  } else if (running_.contains(name)) {
    end(name, {}, [](const Result<>&) {});
  }
  return changed;
}

Result<broker::Depends> Manager::resnapshot(const std::string& name, const std::string& table) {
  const catalog::Connector* known = broker_.here().catalog().find_connector(name);
  if (known == nullptr) return unknown(name);
  std::vector<std::string> notes;
  const auto config = config_of(name, known->properties, notes);
  if (!config) return std::unexpected(config.error());
  const size_t dot = table.find('.');
  cdc::TableProgress asked;
  asked.schema = table.substr(0, dot);
  asked.table = dot == std::string::npos ? "" : table.substr(dot + 1);
  if (asked.table.empty() || !(*config)->captures(asked.schema, asked.table)) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("{} is no table that {} captures; give it as SCHEMA.TABLE", table, name));
  }
  if ((*config)->snapshot_mode == cdc::SnapshotMode::kInitialOnly) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} has snapshot.mode=initial_only and does not stream; remove it and "
                            "add it again for a new snapshot",
                            name));
  }
  asked.again = true;
  asked.begun = true;
  const auto stored = cdc::ask_for_table(broker_.here(), name, asked, clock_.now());
  if (!stored) return stored;
  if (const auto found = running_.find(name); found != running_.end()) found->second->wake();
  return stored;
}

void Manager::remove(const std::string& name, bool keep_slot, Removed done) {
  const catalog::Connector* known = broker_.here().catalog().find_connector(name);
  if (known == nullptr) return done(unknown(name));
  std::vector<std::string> notes;
  auto config = config_of(name, known->properties, notes);
  std::function<Result<>()> drop;
  if (!keep_slot && config) {
    drop = [config = std::move(*config), stop = stop_]() -> Result<> {
      auto dropped = postgres::drop_slot(*config, *stop);
      if (dropped) return dropped;
      return fail(dropped.error().code,
                  fmt::format("the replication slot {} was not dropped and holds back the "
                              "database's log: {}. To remove the connector alone: --keep-slot",
                              config->slot_name, dropped.error().message));
    };
  }
  end(name, std::move(drop), [this, name, done = std::move(done)](Result<> dropped) mutable {
    if (!dropped) return done(std::unexpected(dropped.error()));
    done(broker_.here().remove_connector(name, clock_.now()));
  });
}

postgres::Status Manager::status(const std::string& name) const {
  if (const auto found = running_.find(name); found != running_.end()) {
    return found->second->status();
  }
  postgres::Status status;
  const auto refused = refused_.find(name);
  status.state = ending_.contains(name)      ? "stopping"
                 : refused != refused_.end() ? "refused"
                                             : "paused";
  if (refused != refused_.end()) status.problem = refused->second;
  return status;
}

}  // namespace weir::connectors
