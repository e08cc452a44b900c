#pragma once
// What a log remembers of idempotent producers (KIP-98): per producer id its epoch and the last
// five batches, so that a retried batch is acknowledged again with its first offset instead of
// being stored twice. Entries expire a day after their last append and are bounded in number; the
// oldest goes first. Both follow from the appended events alone, so that replay arrives at the same
// state.

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <list>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "base/wire.h"
#include "core/log/record_batch.h"

namespace weir::log {

inline constexpr size_t kProducerWindow = 5;
inline constexpr uint8_t kProducersForm = 2;
inline constexpr size_t kProducersMax = 10'000;  // per log; some 250 bytes each
inline constexpr int64_t kProducerExpiryMs = int64_t{24} * 60 * 60 * 1000;

// The sequence that follows: 2^31 - 1 wraps to 0.
constexpr int32_t sequence_after(int32_t sequence, int64_t steps) {
  return static_cast<int32_t>((sequence + steps) & INT32_MAX);
}

struct ProducedBatch {
  int32_t first_sequence = 0;
  int32_t last_sequence = 0;
  int64_t base_offset = 0;
  int64_t appended_ms = 0;
};

struct ActiveProducer {
  int64_t id = 0;
  int16_t epoch = 0;
  int32_t last_sequence = 0;
  int64_t last_timestamp = 0;  // the highest of its last batch
};

class ProducerTable {
 public:
  // Nothing: a new batch, append it. A value: the batch of the window that this one repeats.
  // Errors: kProducerFenced, kOutOfOrderSequence, kDuplicateSequence (already appended, but older
  // than the window).
  Result<std::optional<ProducedBatch>> check(const BatchHeader& header, Timestamp now) const;
  void record(const BatchHeader& header, Offset base_offset, Timestamp appended);

  // Those that have not expired, the least recently used first.
  std::vector<ActiveProducer> active(Timestamp now) const;

  size_t size() const { return by_id_.size(); }
  // As form 2 of an image. Form 1 had no timestamps: the times of the appends stand for them.
  void serialize(Writer& writer) const;
  static bool load(Reader& reader, uint8_t form, ProducerTable& table);

 private:
  struct Producer {
    int64_t id = 0;
    int16_t epoch = 0;
    uint8_t batches = 0;  // in use
    int64_t last_ms = 0;  // the broker's time of its last append
    int64_t last_timestamp = 0;
    std::array<ProducedBatch, kProducerWindow> window;  // oldest first
  };

  std::list<Producer> by_age_;  // the least recently used first
  absl::flat_hash_map<int64_t, std::list<Producer>::iterator> by_id_;
};

}  // namespace weir::log
