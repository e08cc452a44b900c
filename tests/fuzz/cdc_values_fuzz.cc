// rooms: base connectors/cdc
// Any text as a value of any type: it is refused, or becomes JSON.
#include <simdjson.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "connectors/cdc/values.h"

using namespace weir::cdc;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3 || size > 4096) return 0;
  constexpr unsigned kKinds = static_cast<unsigned>(TypeKind::kSparseVector) + 1;
  Type type;
  type.kind = static_cast<TypeKind>(data[0] % kKinds);
  type.array = (data[1] & 1) != 0;
  type.length = static_cast<int32_t>(data[1] >> 4) - 1;
  type.scale = static_cast<int32_t>(data[1] >> 1 & 7);
  Style style;
  style.readable = (data[2] & 1) != 0;
  style.interval_text = (data[2] & 2) != 0;
  style.hstore_map = (data[2] & 4) != 0;
  style.decimal = static_cast<DecimalMode>((data[2] >> 3 & 3) % 3);
  style.time = static_cast<TimeMode>((data[2] >> 5) % 6);
  const std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
  std::string out;
  const bool taken = append_value(out, type, text, style);
  // A source's own JSON goes through as it is in the readable form; all else is JSON by our doing,
  // as long as the text is UTF-8.
  const bool as_it_is = type.kind == TypeKind::kJson && style.readable;
  if (taken && !as_it_is && simdjson::validate_utf8(text.data(), text.size())) {
    simdjson::dom::parser parser;
    const simdjson::padded_string json(out);
    if (parser.parse(json).error() != simdjson::SUCCESS) abort();
  }
  return 0;
}
