#include "core/group/settings.h"

namespace weir::group {
namespace {

constexpr size_t kSettingBytesMin = 2;

}  // namespace

void save(const Settings& settings, Writer& writer) {
  writer.varint(settings.size());
  for (const auto& [name, value] : settings) {
    writer.bytes(name);
    writer.bytes(value);
  }
}

Settings load_settings(Reader& reader) {
  Settings settings;
  const uint64_t count = reader.count(kSettingBytesMin);
  for (uint64_t i = 0; i < count && !reader.failed(); ++i) {
    std::string name(reader.bytes());
    settings[std::move(name)] = std::string(reader.bytes());
  }
  return settings;
}

void encode(const Settings& settings, std::string& out) {
  Writer writer(out);
  writer.u8(kSettingsEvent);
  save(settings, writer);
}

Result<Settings> decode_settings_event(ByteView bytes) {
  Reader reader(bytes);
  if (reader.u8() != kSettingsEvent) reader.fail();
  Settings settings = load_settings(reader);
  if (!reader.done()) return fail(ErrorCode::kStorageCorrupt, "a group's settings cannot be read");
  return settings;
}

}  // namespace weir::group
