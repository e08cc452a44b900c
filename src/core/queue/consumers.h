#pragma once
// The consumers of one queue: named ones, which live until they are deleted (Redis), and nameless
// ones (a connection's subscription, a member), which live while they hold a lease. Each has an
// index of what it holds, by offset.

#include <absl/container/btree_map.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "base/wire.h"
#include "core/queue/events.h"
#include "core/queue/offset_set.h"

namespace weir::queue {

constexpr size_t kConsumersMax = 100'000;
constexpr size_t kConsumerNameMax = 64 * 1024;

struct Consumer {
  std::string name;  // empty: nameless
  Timestamp seen;    // asked for something; not part of the durable state
  Timestamp active;  // got something
  OffsetSet held;
  uint32_t bound = 0;  // how many of them end with the consumer
};

class ConsumerTable {
 public:
  using Map = absl::btree_map<ConsumerId, Consumer>;

  const Map& all() const { return consumers_; }
  const Consumer* find(ConsumerId id) const;
  Consumer* find(ConsumerId id);
  std::optional<ConsumerId> find(std::string_view name) const;
  size_t size() const { return consumers_.size(); }

  ConsumerId next_id() const { return ConsumerId(next_id_); }
  ConsumerId reserve() { return ConsumerId(next_id_++); }

  void create(ConsumerId id, std::string_view name, Timestamp now);
  void remove(ConsumerId id);
  // kNobody is ignored by both.
  void hold(ConsumerId id, int64_t offset, bool bound);
  void drop(ConsumerId id, int64_t offset, bool bound);
  void became_active(ConsumerId id, Timestamp now);

  // Names and times; what is held comes back with the entries.
  void save(Writer& out, bool with_seen) const;
  bool load(Reader& in);

 private:
  Map consumers_;
  absl::btree_map<std::string, ConsumerId, std::less<>> names_;
  uint32_t next_id_ = 1;
};

}  // namespace weir::queue
