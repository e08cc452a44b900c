#pragma once
// Settings: what an operator set for one group (Kafka's resource GROUP), by name. Which names there
// are and what they may say is the front end's business. Durable: an event of the group's cell
// carries all of them.
//   3 settings    count, then per setting: name, value
// Image: the same without the kind, behind the offsets, and only when there are any.
//
// Thread: the state shard's. Pure.

#include <map>
#include <string>

#include "base/error.h"
#include "base/wire.h"

namespace weir::group {

using Settings = std::map<std::string, std::string>;

inline constexpr uint8_t kSettingsEvent = 3;

void save(const Settings& settings, Writer& writer);
// Fails the reader when it cannot be read.
Settings load_settings(Reader& reader);

void encode(const Settings& settings, std::string& out);
// kStorageCorrupt for an unknown kind, a cut-off event or bytes that are left over.
Result<Settings> decode_settings_event(ByteView bytes);

}  // namespace weir::group
