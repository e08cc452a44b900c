// rooms: base core/log core/bridge
// A filter in the first line, a record's value after it.

#include "core/bridge/filter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const weir::ByteView text(reinterpret_cast<const char*>(data), size);
  const size_t line = std::min(text.find('\n'), text.size());
  const auto filter = weir::bridge::Filter::parse(text.substr(0, line));
  if (!filter) return 0;
  weir::log::ReadRecord record;
  record.key = text.substr(0, line / 2);
  record.value = text.substr(std::min(line + 1, text.size()));
  weir::bridge::Values values;
  values.open(record);
  (void)filter->passes(values);
  return 0;
}
