#include "core/log/producers.h"

#include <algorithm>

namespace weir::log {

namespace {

// How far `to` lies behind `from` in the ring of 2^31 sequences.
constexpr int64_t steps_behind(int32_t from, int32_t to) {
  return static_cast<int64_t>((static_cast<uint32_t>(from) - static_cast<uint32_t>(to)) &
                              INT32_MAX);
}

std::string name(const BatchHeader& header) {
  return "producer " + std::to_string(header.producer_id) + " epoch " +
         std::to_string(header.producer_epoch);
}

}  // namespace

Result<std::optional<ProducedBatch>> ProducerTable::check(const BatchHeader& header,
                                                          Timestamp now) const {
  const auto found = by_id_.find(header.producer_id);
  if (found == by_id_.end()) return std::nullopt;
  const Producer& producer = *found->second;
  if (now.ms() - producer.last_ms > kProducerExpiryMs) return std::nullopt;
  if (header.producer_epoch < producer.epoch) {
    return fail(ErrorCode::kProducerFenced,
                name(header) + " is fenced by epoch " + std::to_string(producer.epoch));
  }
  if (header.producer_epoch > producer.epoch) {
    if (header.base_sequence == 0) return std::nullopt;
    return fail(ErrorCode::kOutOfOrderSequence,
                name(header) + " starts with sequence " + std::to_string(header.base_sequence));
  }
  const int32_t last_sequence = sequence_after(header.base_sequence, header.last_offset_delta);
  for (size_t i = 0; i < producer.batches; ++i) {
    const ProducedBatch& batch = producer.window[i];
    if (batch.first_sequence == header.base_sequence && batch.last_sequence == last_sequence) {
      return batch;
    }
  }
  const ProducedBatch& newest = producer.window[producer.batches - 1];
  if (header.base_sequence == sequence_after(newest.last_sequence, 1)) return std::nullopt;
  const ProducedBatch& oldest = producer.window[0];
  const int64_t behind = steps_behind(oldest.first_sequence, last_sequence);
  if (behind > 0 && behind < (int64_t{1} << 30)) {
    return fail(ErrorCode::kDuplicateSequence,
                name(header) + ": sequence " + std::to_string(header.base_sequence) +
                    " was appended before the batches that are remembered");
  }
  return fail(ErrorCode::kOutOfOrderSequence,
              name(header) + ": sequence " + std::to_string(header.base_sequence) + " instead of " +
                  std::to_string(sequence_after(newest.last_sequence, 1)));
}

void ProducerTable::record(const BatchHeader& header, Offset base_offset, Timestamp appended) {
  const ProducedBatch batch{header.base_sequence,
                            sequence_after(header.base_sequence, header.last_offset_delta),
                            base_offset.value(), appended.ms()};
  auto [slot, fresh] = by_id_.try_emplace(header.producer_id);
  if (fresh) {
    by_age_.emplace_back().id = header.producer_id;
    slot->second = std::prev(by_age_.end());
  } else {
    by_age_.splice(by_age_.end(), by_age_, slot->second);
  }
  Producer& producer = by_age_.back();
  const bool expired = appended.ms() - producer.last_ms > kProducerExpiryMs;
  if (producer.epoch != header.producer_epoch || expired) producer.batches = 0;
  producer.epoch = header.producer_epoch;
  producer.last_ms = appended.ms();
  producer.last_timestamp = header.max_timestamp;
  if (producer.batches == kProducerWindow) {
    std::shift_left(producer.window.begin(), producer.window.end(), 1);
    --producer.batches;
  }
  producer.window[producer.batches++] = batch;
  while (by_id_.size() > kProducersMax ||
         appended.ms() - by_age_.front().last_ms > kProducerExpiryMs) {
    by_id_.erase(by_age_.front().id);
    by_age_.pop_front();
  }
}

std::vector<ActiveProducer> ProducerTable::active(Timestamp now) const {
  std::vector<ActiveProducer> active;
  active.reserve(by_age_.size());
  for (const Producer& producer : by_age_) {
    if (now.ms() - producer.last_ms > kProducerExpiryMs) continue;
    active.push_back({.id = producer.id,
                      .epoch = producer.epoch,
                      .last_sequence = producer.window[producer.batches - 1].last_sequence,
                      .last_timestamp = producer.last_timestamp});
  }
  return active;
}

// varint producers, the least recently used first; each: svarint id, i16 epoch, svarint last ms,
// svarint last timestamp, u8 batches; each: u32 first and last sequence, varint base offset,
// svarint appended ms.
void ProducerTable::serialize(Writer& writer) const {
  writer.varint(by_age_.size());
  for (const Producer& producer : by_age_) {
    writer.svarint(producer.id);
    writer.fixed(producer.epoch);
    writer.svarint(producer.last_ms);
    writer.svarint(producer.last_timestamp);
    writer.u8(producer.batches);
    for (size_t i = 0; i < producer.batches; ++i) {
      writer.fixed(producer.window[i].first_sequence);
      writer.fixed(producer.window[i].last_sequence);
      writer.varint(static_cast<uint64_t>(producer.window[i].base_offset));
      writer.svarint(producer.window[i].appended_ms);
    }
  }
}

bool ProducerTable::load(Reader& reader, uint8_t form, ProducerTable& table) {
  if (form == 0 || form > kProducersForm) return false;
  const uint64_t producers = reader.count(5);
  if (producers > kProducersMax) return false;
  for (uint64_t i = 0; i < producers && !reader.failed(); ++i) {
    Producer& producer = table.by_age_.emplace_back();
    producer.id = reader.svarint();
    producer.epoch = reader.fixed<int16_t>();
    producer.last_ms = reader.svarint();
    producer.last_timestamp = form == 1 ? producer.last_ms : reader.svarint();
    producer.batches = reader.u8();
    if (producer.id < 0 || producer.batches == 0 || producer.batches > kProducerWindow)
      return false;
    for (size_t b = 0; b < producer.batches; ++b) {
      ProducedBatch& batch = producer.window[b];
      batch.first_sequence = reader.fixed<int32_t>();
      batch.last_sequence = reader.fixed<int32_t>();
      batch.base_offset = static_cast<int64_t>(reader.varint());
      batch.appended_ms = reader.svarint();
      if (batch.first_sequence < 0 || batch.last_sequence < 0 || batch.base_offset < 0)
        return false;
    }
    if (!table.by_id_.try_emplace(producer.id, std::prev(table.by_age_.end())).second) return false;
  }
  return !reader.failed();
}

}  // namespace weir::log
