#pragma once
// What the endpoints of event sourcing share.

#include <optional>
#include <string>

#include "admin/api.h"
#include "core/events/version_index.h"
#include "core/log/reader.h"

namespace weir::admin {

// kNotFound, kWrongKind; kInvalidArgument for a topic without versions.
Result<const catalog::Thing*> find_versioned(const broker::Broker& broker,
                                             const catalog::Name& name);

std::string event_json(const log::ReadRecord& record, std::optional<events::Version> version);

void add_event_feed(const Api& api);

}  // namespace weir::admin
