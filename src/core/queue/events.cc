#include "core/queue/events.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::queue {
namespace {

enum class Kind : uint8_t {
  kCreated = 1,
  kPolicySet = 2,
  kEnqueued = 3,
  kLeased = 4,
  kSettled = 5,
  kReleased = 6,
  kExtended = 7,
  kConsumerClosed = 8,
  kAssigned = 9,
  kFloorMoved = 10,
  kNextSet = 11,
  kConsumerCreated = 12,
  kConsumerDeleted = 13,
};

class Encoder {
 public:
  explicit Encoder(Writer& out) : out_(out) {}

  void operator()(const Created& event) {
    begin(Kind::kCreated, event.now);
    offset(event.start);
    encode(event.policy, out_);
  }
  void operator()(const PolicySet& event) {
    begin(Kind::kPolicySet, event.now);
    encode(event.policy, out_);
  }
  void operator()(const Enqueued& event) {
    begin(Kind::kEnqueued, event.now);
    offset(event.first);
    out_.varint(event.count);
    time(event.dedup_expiry);
    out_.varint(event.delays.size());
    uint32_t before = 0;
    for (const Enqueued::Delay& delay : event.delays) {
      out_.varint(delay.index - before);
      time(delay.due);
      before = delay.index;
    }
    out_.varint(event.groups.size());
    for (const GroupHash group : event.groups) out_.fixed(group);
    out_.varint(event.ids.size());
    before = 0;
    for (const Enqueued::Id& id : event.ids) {
      out_.varint(id.index - before);
      out_.raw(ByteView(id.id.data(), id.id.size()));
      before = id.index;
    }
    priorities(event.priorities);
  }
  void operator()(const Leased& event) {
    begin(Kind::kLeased, event.now);
    out_.varint(event.consumer.value());
    out_.boolean(event.bound);
    time(event.deadline);
    out_.varint(event.generation.value());
    offset(event.frontier);
    offsets(event.offsets);
    deliveries(event.deliveries);
  }
  void operator()(const Settled& event) {
    begin(Kind::kSettled, event.now);
    offsets(event.offsets);
  }
  void operator()(const Released& event) {
    begin(Kind::kReleased, event.now);
    time(event.due);
    out_.boolean(event.uncount);
    offsets(event.offsets);
  }
  void operator()(const Extended& event) {
    begin(Kind::kExtended, event.now);
    time(event.deadline);
    offsets(event.offsets);
  }
  void operator()(const ConsumerClosed& event) {
    begin(Kind::kConsumerClosed, event.now);
    out_.varint(event.consumer.value());
  }
  void operator()(const Assigned& event) {
    begin(Kind::kAssigned, event.now);
    out_.varint(event.consumer.value());
    time(event.delivered_at);
    offsets(event.offsets);
    deliveries(event.deliveries);
  }
  void operator()(const FloorMoved& event) {
    begin(Kind::kFloorMoved, event.now);
    offset(event.floor);
    out_.boolean(event.keep_leased);
    out_.boolean(event.clear_dedup);
  }
  void operator()(const NextSet& event) {
    begin(Kind::kNextSet, event.now);
    offset(event.next);
  }
  void operator()(const ConsumerCreated& event) {
    begin(Kind::kConsumerCreated, event.now);
    out_.varint(event.consumer.value());
    out_.bytes(event.name);
  }
  void operator()(const ConsumerDeleted& event) {
    begin(Kind::kConsumerDeleted, event.now);
    out_.varint(event.consumer.value());
  }

 private:
  // Absent when there are none, as before there were priorities.
  void priorities(const std::vector<Enqueued::Priority>& list) {
    if (list.empty()) return;
    out_.varint(list.size());
    uint32_t before = 0;
    for (const Enqueued::Priority& one : list) {
      out_.varint(one.index - before);
      out_.u8(one.priority);
      before = one.index;
    }
  }
  void begin(Kind kind, Timestamp now) {
    out_.u8(static_cast<uint8_t>(kind));
    time(now);
  }
  void time(Timestamp value) { out_.svarint(value == Timestamp::never() ? -1 : value.ms()); }
  void offset(Offset value) { out_.svarint(value.value()); }
  void offsets(const OffsetList& list) {
    out_.varint(list.size());
    int64_t before = 0;
    for (const Offset value : list) {
      out_.svarint(value.value() - before);
      before = value.value();
    }
  }
  void deliveries(const Deliveries& counts) {
    const bool equal = std::ranges::adjacent_find(counts, std::not_equal_to<>()) == counts.end();
    out_.boolean(equal);
    if (equal) {
      out_.varint(counts.empty() ? 0 : counts.front());
    } else {
      for (const uint32_t count : counts) out_.varint(count);
    }
  }

  Writer& out_;
};

class Decoder {
 public:
  explicit Decoder(Reader& in) : in_(in) {}

  Event event() {
    const auto kind = static_cast<Kind>(in_.u8());
    const Timestamp now = time();
    switch (kind) {
      case Kind::kCreated: {
        const Offset start = offset();
        return Created{now, start, decode_policy(in_)};
      }
      case Kind::kPolicySet: return PolicySet{now, decode_policy(in_)};
      case Kind::kEnqueued: return enqueued(now);
      case Kind::kLeased: return leased(now);
      case Kind::kSettled: return Settled{now, offsets()};
      case Kind::kReleased: {
        const Timestamp due = time();
        const bool uncount = flag();
        return Released{now, due, uncount, offsets()};
      }
      case Kind::kExtended: {
        const Timestamp deadline = time();
        return Extended{now, deadline, offsets()};
      }
      case Kind::kConsumerClosed: return ConsumerClosed{now, consumer()};
      case Kind::kAssigned: return assigned(now);
      case Kind::kFloorMoved: {
        const Offset floor = offset();
        const bool keep_leased = flag();
        return FloorMoved{now, floor, keep_leased, flag()};
      }
      case Kind::kNextSet: return NextSet{now, offset()};
      case Kind::kConsumerCreated: {
        const ConsumerId id = consumer();
        return ConsumerCreated{now, id, std::string(in_.bytes())};
      }
      case Kind::kConsumerDeleted: return ConsumerDeleted{now, consumer()};
    }
    in_.fail();
    return NextSet{};
  }

 private:
  Timestamp time() {
    const int64_t ms = in_.svarint();
    if (ms == -1) return Timestamp::never();
    if (ms < 0) in_.fail();
    return Timestamp(ms);
  }
  Offset offset() {
    const int64_t value = in_.svarint();
    // The last value is left out so that an offset has a successor.
    if (value < 0 || value == INT64_MAX) in_.fail();
    return Offset(value);
  }
  uint32_t number() {
    const uint64_t value = in_.varint();
    if (value > UINT32_MAX) in_.fail();
    return static_cast<uint32_t>(value);
  }
  ConsumerId consumer() { return ConsumerId(number()); }
  bool flag() {
    const uint8_t value = in_.u8();
    if (value > 1) in_.fail();
    return value == 1;
  }
  OffsetList offsets() {
    OffsetList list;
    list.resize(in_.count());
    int64_t before = 0;
    for (Offset& value : list) {
      int64_t sum = 0;
      if (__builtin_add_overflow(before, in_.svarint(), &sum) || sum < 0 || sum == INT64_MAX)
        in_.fail();
      if (in_.failed()) return {};
      value = Offset(sum);
      before = sum;
    }
    return list;
  }
  Deliveries deliveries(size_t count) {
    const bool equal = flag();
    // When the numbers are not equal each takes a byte or more, and the offsets took one each
    // before.
    if (equal) return Deliveries(in_.failed() ? 0 : count, number());
    Deliveries list;
    if (count > in_.remaining()) in_.fail();
    if (in_.failed()) return list;
    list.resize(count);
    for (uint32_t& value : list) value = number();
    return list;
  }
  // The place of the next message with a delay, an id or a priority.
  uint32_t next_index(uint32_t before, bool first, uint32_t count) {
    const uint32_t gap = number();
    const uint64_t index = uint64_t{before} + gap;
    if ((!first && gap == 0) || index >= count) in_.fail();
    return static_cast<uint32_t>(index);
  }
  Event enqueued(Timestamp now) {
    Enqueued event;
    event.now = now;
    event.first = offset();
    event.count = number();
    event.dedup_expiry = time();
    if (event.first.value() > INT64_MAX - 1 - int64_t{event.count}) in_.fail();
    event.delays.resize(in_.count(2));
    uint32_t before = 0;
    for (Enqueued::Delay& delay : event.delays) {
      delay.index = next_index(before, &delay == event.delays.data(), event.count);
      delay.due = time();
      before = delay.index;
    }
    event.groups.resize(in_.count(sizeof(GroupHash)));
    if (!event.groups.empty() && event.groups.size() != event.count) in_.fail();
    for (GroupHash& group : event.groups) group = in_.fixed<GroupHash>();
    event.ids.resize(in_.count(1 + sizeof(DedupId)));
    before = 0;
    for (Enqueued::Id& id : event.ids) {
      id.index = next_index(before, &id == event.ids.data(), event.count);
      const ByteView bytes = in_.raw(id.id.size());
      std::ranges::copy(bytes, id.id.begin());
      before = id.index;
    }
    if (!in_.failed() && in_.remaining() > 0) priorities(event);
    return event;
  }
  void priorities(Enqueued& event) {
    event.priorities.resize(in_.count(2));
    if (event.priorities.empty()) in_.fail();
    uint32_t before = 0;
    for (Enqueued::Priority& one : event.priorities) {
      one.index = next_index(before, &one == event.priorities.data(), event.count);
      one.priority = in_.u8();
      if (one.priority == 0 || one.priority >= kPrioritiesMax) in_.fail();
      before = one.index;
    }
  }
  Event leased(Timestamp now) {
    Leased event;
    event.now = now;
    event.consumer = consumer();
    event.bound = flag();
    event.deadline = time();
    event.generation = Generation(in_.varint());
    if (event.generation.value() >= (1ULL << 48)) in_.fail();
    event.frontier = offset();
    event.offsets = offsets();
    event.deliveries = deliveries(event.offsets.size());
    return event;
  }
  Event assigned(Timestamp now) {
    Assigned event;
    event.now = now;
    event.consumer = consumer();
    event.delivered_at = time();
    event.offsets = offsets();
    event.deliveries = deliveries(event.offsets.size());
    return event;
  }

  Reader& in_;
};

}  // namespace

void encode(const Event& event, Writer& out) {
  std::visit(Encoder(out), event);
}

Result<Event> decode_event(ByteView bytes) {
  Reader in(bytes);
  Event event = Decoder(in).event();
  if (!in.done()) {
    return fail(ErrorCode::kStorageCorrupt,
                fmt::format("a queue event of {} bytes is malformed at byte {}", bytes.size(),
                            in.position()));
  }
  return event;
}

}  // namespace weir::queue
