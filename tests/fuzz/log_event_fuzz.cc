// rooms: base base/compression core/log
// Any bytes as events in the journal of a log: what is understood encodes to an equal event, what
// fits is applied, and the state that comes out can be written and loaded again.
#include <cstdlib>
#include <string>

#include "base/wire.h"
#include "core/log/log.h"

using namespace weir;       // NOLINT
using namespace weir::log;  // NOLINT

namespace {

void require(bool truth) {
  if (!truth) abort();
}

std::string encoded(const Event& event) {
  std::string bytes;
  std::visit([&bytes](const auto& e) { encode(e, bytes); }, event);
  return bytes;
}

void round_trip(const Event& event) {
  const std::string bytes = encoded(event);
  const auto again = decode_event(bytes);
  require(again.has_value() && encoded(*again) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  Reader input({reinterpret_cast<const char*>(data), size});
  Log log;
  Lsn lsn;
  std::vector<Location> released;
  uint32_t position = 0;
  while (!input.failed() && input.remaining() > 0) {
    const ByteView event = input.bytes();
    if (const auto decoded = decode_event(event)) round_trip(*decoded);
    std::string payload(input.bytes());
    if (payload.size() >= kBatchHeaderBytes) {  // help it over the simplest checks
      const auto named = decode_append(event);
      store_be(payload.data(), named ? named->base_offset.value() : log.end().value());
      store_be(payload.data() + 8, static_cast<int32_t>(payload.size() - 12));
      payload[16] = 2;
    }
    const Location location{FileId(input.u8()), input.u8(), position,
                            static_cast<uint32_t>(payload.size() + 30)};
    position += location.length;
    lsn = lsn.next();
    if (!log.replay(event, payload, location, lsn, released)) continue;
    require(log.start() <= log.end() && log.visible_end(lsn) == log.end());
    require(log.length() >= 0 && log.length() <= log.end() - log.start());
  }
  const auto loaded = Log::load(log.serialize());
  require(loaded.has_value() && loaded->serialize() == log.serialize());
  return 0;
}
