// rooms: base connectors/cdc
// Any bytes as the file of a capture: it is refused, or becomes a configuration that can be asked.
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/cdc/config.h"

using namespace weir::cdc;  // NOLINT

namespace {

void use(Loaded& loaded) {
  (void)take_password(loaded.properties);
  std::vector<std::string> notes;
  const auto config = parse(loaded.name, loaded.properties, notes);
  if (!config) {
    if (config.error().message.empty()) abort();
    return;
  }
  (void)config->captures("public", "orders");
  (void)config->captures_column("public", "orders", "id");
  (void)config->captures_message("outbox");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto json = load_json(text)) use(*json);
  if (auto toml = load_toml(text)) {
    for (Loaded& one : *toml) use(one);
  }
  return 0;
}
