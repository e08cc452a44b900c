// rooms: base base/compression core/log
// Any bytes as the image of a log: refused, or a state that answers and encodes to an image that
// loads to the same. Producers come in two forms, of which the older is written as the newer one.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <tuple>

#include "core/log/log.h"

using namespace weir;       // NOLINT
using namespace weir::log;  // NOLINT

namespace {

void require(bool truth) {
  if (!truth) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto log = Log::load({reinterpret_cast<const char*>(data), size});
  if (!log) return 0;
  const std::string image = log->serialize();
  const auto again = Log::load(image);
  require(again.has_value() && again->serialize() == image && again->bytes() == log->bytes());
  const auto names = [](const ActiveProducer& one) {
    return std::tuple(one.id, one.epoch, one.last_sequence, one.last_timestamp);
  };
  const Timestamp now(log->max_timestamp());
  require(log->producer_count() == again->producer_count());
  require(std::ranges::equal(log->active_producers(now), again->active_producers(now), {}, names,
                             names));
  if (!log->empty()) {
    const auto row = log->row_at(log->start());
    require(row && row->first() <= log->start() && row->end() > log->start());
    require(log->row_by_time(Timestamp(log->max_timestamp())).has_value());
    require(log->row_by_id({0, 0})->first() == row->first());
  }
  require(log->decide_trim_to_length(log->length() / 2).start <= log->end());
  std::vector<Location> released;
  log->apply(TrimEvent{log->end()}, Lsn(1), released);
  require(log->empty() && log->bytes() == 0 && log->length() == 0);
  return 0;
}
