#include "admin/cdc.h"

#include <fmt/format.h>

#include <utility>

#include "admin/api.h"
#include "connectors/pgoutput/frame.h"

namespace weir::admin {
namespace {

using broker::Broker;
using connectors::Manager;

std::string connector_json(const catalog::Connector& connector, const Manager& manager) {
  const postgres::Status status = manager.status(connector.name);
  JsonObject properties;
  for (const auto& [key, value] : connector.properties) properties.text(key, value);
  const auto whole = [](uint64_t value) { return static_cast<int64_t>(value); };
  return JsonObject()
      .text("name", connector.name)
      .text("kind", connector.kind)
      .text("state", connector.paused ? "paused" : status.state)
      .text("problem", status.problem)
      .integer("records", whole(status.events))
      .integer("transactions", whole(status.transactions))
      .integer("reconnects", whole(status.reconnects))
      .integer("snapshot_rows", whole(status.snapshot_rows))
      .integer("snapshot_tables", whole(status.snapshot_tables))
      .integer("snapshot_tables_done", whole(status.snapshot_tables_done))
      .integer("snapshot_rows_estimated", status.snapshot_rows_estimated)
      .text("flushed_lsn", pgoutput::format_lsn(status.flushed_lsn))
      .integer("retained_wal_bytes", status.retained_bytes)
      .flag("retained_wal_alarm", status.retained_alarm)
      .integer("lag_bytes", status.lag_bytes)
      .text("wal_status", status.wal_status)
      .integer("last_commit_ms", status.last_commit_us / 1000)
      .raw("properties", properties.done())
      .integer("created_ms", connector.created.ms())
      .done();
}

Result<Answer> show(Broker& broker,
                    const Manager& manager,
                    const std::string& name,
                    int status,
                    broker::Depends depends) {
  const catalog::Connector* connector = broker.catalog().find_connector(name);
  if (connector == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no connector {}", name));
  }
  return answered(status, connector_json(*connector, manager), depends);
}

Result<Answer> list(Broker& broker, Manager& manager, const Request&) {
  JsonList items;
  for (const auto& [name, connector] : broker.catalog().connectors()) {
    items.raw(connector_json(connector, manager));
  }
  return answered(200, JsonObject().raw("connectors", items.done()).done(),
                  broker.catalog_depends());
}

Result<Answer> describe(Broker& broker, Manager& manager, const Request& request) {
  return show(broker, manager, request.name("name"), 200, broker.catalog_depends());
}

Result<Answer> add(Broker& broker, Manager& manager, const Request& request) {
  auto loaded = cdc::load_json(request.http.body);
  if (!loaded) return std::unexpected(loaded.error());
  if (cdc::take_password(loaded->properties)) {
    return fail(ErrorCode::kInvalidArgument,
                "a password is not stored: put it into a file and name that with "
                "database.password.file, or into the broker's environment and name the variable "
                "with database.password.env");
  }
  std::vector<std::string> notes;
  const auto added = manager.add(loaded->name, loaded->properties, notes);
  if (!added) return std::unexpected(added.error());
  return show(broker, manager, loaded->name, 201, *added);
}

Result<Answer> set_paused(Broker& broker, Manager& manager, const Request& request, bool paused) {
  const std::string& name = request.name("name");
  const auto changed = manager.pause(name, paused);
  if (!changed) return std::unexpected(changed.error());
  return show(broker, manager, name, 200, *changed);
}

Result<Answer> pause(Broker& broker, Manager& manager, const Request& request) {
  return set_paused(broker, manager, request, true);
}

Result<Answer> resume(Broker& broker, Manager& manager, const Request& request) {
  return set_paused(broker, manager, request, false);
}

Result<Answer> resnapshot(Broker& broker, Manager& manager, const Request& request) {
  const std::string& name = request.name("name");
  const auto asked = manager.resnapshot(name, request.name("table"));
  if (!asked) return std::unexpected(asked.error());
  return show(broker, manager, name, 202, *asked);
}

void send(Broker& broker, net::HttpResponder& responder, Result<Answer> result) {
  Answer answer = result ? std::move(*result) : refused(broker, result.error());
  responder.send(std::move(answer.response), answer.depends.lsn, answer.depends.durability);
}

using Handle = Result<Answer> (*)(Broker& broker, Manager& manager, const Request& request);

}  // namespace

void add_cdc_endpoints(Router& router, runtime::Owned<Broker>& owned, Manager& manager) {
  const auto plain = [&](std::string method, std::string_view pattern, Handle handle) {
    router.add(std::move(method), pattern,
               [&owned, &manager, handle](Request request, net::HttpResponder responder) {
                 owned.call([&manager, handle, request = std::move(request),
                             responder = std::move(responder)](Broker& broker) mutable {
                   send(broker, responder, handle(broker, manager, request));
                 });
               });
  };
  plain("GET", "/api/v1/cdc", list);
  plain("POST", "/api/v1/cdc", add);
  plain("GET", "/api/v1/cdc/{name}", describe);
  plain("POST", "/api/v1/cdc/{name}/pause", pause);
  plain("POST", "/api/v1/cdc/{name}/resume", resume);
  plain("POST", "/api/v1/cdc/{name}/tables/{table}/snapshot", resnapshot);
  router.add(
      "DELETE", "/api/v1/cdc/{name}",
      [&owned, &manager](Request request, net::HttpResponder responder) {
        owned.call([&owned, &manager, request = std::move(request),
                    responder = std::move(responder)](Broker&) mutable {
          const bool keep = net::query_parameter(request.http.query(), "keep_slot") == "true";
          const std::string& name = request.name("name");
          manager.remove(
              name, keep,
              [&owned, name,
               responder = std::move(responder)](Result<broker::Depends> removed) mutable {
                Result<Answer> answer =
                    removed ? Result<Answer>(answered(
                                  200, JsonObject().text("name", name).flag("removed", true).done(),
                                  *removed))
                            : std::unexpected(removed.error());
                send(owned.here(), responder, std::move(answer));
              });
        });
      });
}

}  // namespace weir::admin
