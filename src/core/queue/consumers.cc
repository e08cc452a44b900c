#include "core/queue/consumers.h"

#include <algorithm>

namespace weir::queue {

const Consumer* ConsumerTable::find(ConsumerId id) const {
  const auto it = consumers_.find(id);
  return it == consumers_.end() ? nullptr : &it->second;
}

Consumer* ConsumerTable::find(ConsumerId id) {
  const auto it = consumers_.find(id);
  return it == consumers_.end() ? nullptr : &it->second;
}

std::optional<ConsumerId> ConsumerTable::find(std::string_view name) const {
  const auto it = names_.find(name);
  if (it == names_.end()) return std::nullopt;
  return it->second;
}

void ConsumerTable::create(ConsumerId id, std::string_view name, Timestamp now) {
  Consumer& consumer = consumers_[id];
  if (!consumer.name.empty()) names_.erase(consumer.name);
  consumer.name = name;
  consumer.seen = now;
  names_[consumer.name] = id;
  next_id_ = std::max(next_id_, id.value() + 1);
}

void ConsumerTable::remove(ConsumerId id) {
  const auto it = consumers_.find(id);
  if (it == consumers_.end()) return;
  if (!it->second.name.empty()) names_.erase(it->second.name);
  consumers_.erase(it);
}

void ConsumerTable::hold(ConsumerId id, int64_t offset, bool bound) {
  if (id == kNobody) return;
  Consumer& consumer = consumers_[id];
  consumer.held.insert(offset);
  if (bound) ++consumer.bound;
  next_id_ = std::max(next_id_, id.value() + 1);
}

void ConsumerTable::drop(ConsumerId id, int64_t offset, bool bound) {
  if (id == kNobody) return;
  const auto it = consumers_.find(id);
  if (it == consumers_.end()) return;
  Consumer& consumer = it->second;
  if (consumer.held.erase(offset) && bound) --consumer.bound;
  if (consumer.held.empty() && consumer.name.empty()) consumers_.erase(it);
}

void ConsumerTable::became_active(ConsumerId id, Timestamp now) {
  Consumer* consumer = find(id);
  if (consumer == nullptr || consumer->name.empty()) return;
  consumer->active = now;
  consumer->seen = std::max(consumer->seen, now);
}

// count v, then id v | name b | active s for each named one, ascending; with_seen adds seen s to
// each and next_id v at the end.
void ConsumerTable::save(Writer& out, bool with_seen) const {
  out.varint(names_.size());
  for (const auto& [id, consumer] : consumers_) {
    if (consumer.name.empty()) continue;
    out.varint(id.value());
    out.bytes(consumer.name);
    out.svarint(consumer.active.ms());
    if (with_seen) out.svarint(consumer.seen.ms());
  }
  if (with_seen) out.varint(next_id_);
}

bool ConsumerTable::load(Reader& in) {
  const uint64_t count = in.count(4);
  uint64_t before = 0;
  for (uint64_t i = 0; i < count && !in.failed(); ++i) {
    const uint64_t id = in.varint();
    const ByteView name = in.bytes();
    const Timestamp active(in.svarint());
    const Timestamp seen(in.svarint());
    if (id <= before || id >= UINT32_MAX || name.empty() || name.size() > kConsumerNameMax ||
        names_.contains(name)) {
      in.fail();
      break;
    }
    before = id;
    create(ConsumerId(static_cast<uint32_t>(id)), name, seen);
    consumers_[ConsumerId(static_cast<uint32_t>(id))].active = active;
  }
  const uint64_t next_id = in.varint();
  if (next_id > UINT32_MAX || next_id < next_id_) in.fail();
  if (!in.failed()) next_id_ = static_cast<uint32_t>(next_id);
  return !in.failed();
}

}  // namespace weir::queue
