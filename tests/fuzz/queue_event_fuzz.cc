// rooms: base core/queue
// Arbitrary bytes as an event of a queue: refused, or an event whose encoding leads to the same
// event again.

#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "core/queue/events.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir;
  const auto event = queue::decode_event(ByteView(reinterpret_cast<const char*>(data), size));
  if (!event) return 0;
  Writer out;
  queue::encode(*event, out);
  const auto again = queue::decode_event(out.out());
  WEIR_ASSERT(again.has_value() && *again == *event,
              "an event changes when it is written and read");
  return 0;
}
