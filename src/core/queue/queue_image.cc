// Queue: the image of its whole state.
//
//   version 1 (1 or 2) | policy | now s | floor s | frontier s | end s | next_generation v |
//   settled runs | available runs | of version 2: the runs of each priority from 1 to 9 entries:
//   count v, then for each, ascending: offset gap v, flags 1 (state 2 bits, bound 4, has a
//            due time 8, priority in the upper four bits),
//            [due s], consumer v, deliveries v, [generation v, first delivered s, last delivered s
//            if deliveries > 0]
//   consumers | deduplication: 1, [ids]
//   cache: count v, then 8 bytes of group hash for each message that is not settled, from the floor
//   on
//
// The cache is bounded and may be missing or short: the window is then loaded from the log.

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "core/queue/queue.h"

namespace weir::queue {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kVersionWithLanes = 2;
constexpr size_t kCachedGroupsMax = 8'192;
constexpr uint8_t kBoundFlag = 4;
constexpr uint8_t kDueFlag = 8;
constexpr unsigned kPriorityShift = 4;

void add_all(const OffsetSet& from, OffsetSet& to) {
  for (auto first = from.min(); first;) {
    const int64_t end = from.next_absent(*first);
    to.insert_range(*first, end);
    first = from.next_present(end);
  }
}

// Of the live map or a pinned one.
template <typename Entries>
void write_all(const Entries& entries, Writer& out) {
  out.varint(entries.size());
  int64_t before = 0;
  entries.for_each([&](const auto& item) {
    const auto& [offset, entry] = item;
    out.varint(static_cast<uint64_t>(offset - before));
    before = offset;
    uint8_t flags = static_cast<uint8_t>(entry.state());
    if (entry.bound()) flags |= kBoundFlag;
    if (entry.has_due()) flags |= kDueFlag;
    flags |= static_cast<uint8_t>(entry.priority() << kPriorityShift);
    out.u8(flags);
    if (entry.has_due()) out.svarint(entry.due().ms());
    out.varint(entry.consumer().value());
    out.varint(entry.deliveries());
    if (entry.deliveries() == 0 && entry.state() != EntryState::kLeased) return;
    out.varint(entry.generation().value());
    out.svarint(entry.first_delivered().ms());
    out.svarint(entry.last_delivered().ms());
  });
}

}  // namespace

void Queue::save(Writer& out) const {
  save_head(out);
  write_all(entries_, out);
  consumers_.save(out, true);
  save_dedup(out);
  save_groups(out);
}

Queue::Image Queue::image() const {
  Image image;
  Writer head(image.head);
  save_head(head);
  image.entries = entries_.pin();
  Writer consumers(image.consumers);
  consumers_.save(consumers, true);
  if (dedup_) image.dedup = dedup_->pin();
  Writer groups(image.groups);
  save_groups(groups);
  return image;
}

void Queue::write_rest(const Image& image, Writer& out) {
  write_all(image.entries, out);
  out.raw(image.consumers);
  out.boolean(image.dedup.has_value());
  if (image.dedup) Dedup::save(*image.dedup, out);
  out.raw(image.groups);
}

void Queue::save_dedup(Writer& out) const {
  out.boolean(dedup_ != nullptr);
  if (dedup_) Dedup::save(dedup_->pin(), out);
}

void Queue::save_groups(Writer& out) const {
  std::vector<GroupHash> groups;
  if (window_) {
    for (int64_t at = floor_.value(); at < window_->end() && groups.size() < kCachedGroupsMax;
         ++at) {
      at = settled_.next_absent(at);
      const std::optional<GroupHash> group = window_->group_of(at);
      if (!group) break;
      groups.push_back(*group);
    }
  }
  out.varint(groups.size());
  for (const GroupHash group : groups) out.fixed(group);
}

void Queue::save_head(Writer& out) const {
  out.u8(lanes_ && !lanes_->empty() ? kVersionWithLanes : kVersion);
  encode(policy_, out);
  out.svarint(now_.ms());
  out.svarint(floor_.value());
  out.svarint(frontier_.value());
  out.svarint(end_.value());
  out.varint(next_generation_);
  settled_.save(out);
  available_.save(out);
  if (lanes_ && !lanes_->empty()) lanes_->save(out);
}

Result<Queue> Queue::load(Reader& in) {
  Queue queue;
  const uint8_t version = in.u8();
  bool good = (version == kVersion || version == kVersionWithLanes) &&
              queue.load_state(in, version == kVersionWithLanes) && queue.consumers_.load(in);
  if (good && in.boolean()) {
    queue.dedup_ = std::make_unique<Dedup>();
    good = queue.dedup_->load(in);
  }
  const uint64_t cached = good ? in.count(sizeof(GroupHash)) : 0;
  for (uint64_t i = 0; i < cached && !in.failed(); ++i) {
    const GroupHash group = in.fixed<GroupHash>();
    if (queue.policy_.order != Order::kGroups) break;
    if (!queue.window_) queue.window_ = std::make_unique<GroupWindow>(queue.floor_.value());
    while (queue.done(queue.window_->end())) queue.window_->skip();
    if (queue.window_->end() >= queue.end_.value()) in.fail();
    queue.window_->append(group, [&queue](int64_t offset) { return queue.is_ready(offset); });
  }
  if (!good || in.failed()) {
    return fail(
        ErrorCode::kStorageCorrupt,
        fmt::format("a queue image of version {} is malformed at byte {}", version, in.position()));
  }
  return queue;
}

bool Queue::load_state(Reader& in, bool with_lanes) {
  const auto offset = [&in] {
    const int64_t value = in.svarint();
    if (value < 0 || value == INT64_MAX) in.fail();
    return Offset(value);
  };
  policy_ = decode_policy(in);
  now_ = Timestamp(in.svarint());
  floor_ = offset();
  frontier_ = offset();
  end_ = offset();
  next_generation_ = in.varint();
  if (in.failed() || now_.ms() < 0 || next_generation_ == 0 || next_generation_ > 1ULL << 48)
    return false;
  if (!cursor() && (frontier_ < floor_ || end_ < floor_ || (!unordered() && frontier_ != floor_)))
    return false;
  if (!settled_.load(in, floor_.value(), end_.value())) return false;
  if (!available_.load(in, floor_.value(), std::max(floor_, frontier_).value())) return false;
  if (cursor() && !(settled_.empty() && available_.empty())) return false;
  if (!unordered() && !available_.empty()) return false;
  // The two must not meet, or a settled message would be delivered.
  for (auto at = available_.min(); at && !settled_.empty();) {
    const int64_t end = available_.next_absent(*at);
    const auto settled = settled_.next_present(*at);
    if (settled && *settled < end) return false;
    at = available_.next_present(end);
  }
  if (with_lanes && !load_lanes(in)) return false;
  if (!load_entries(in)) return false;
  for (uint8_t priority = 1; lanes_ && priority <= PriorityLanes::kHighest; ++priority)
    add_all(lanes_->of(priority), held_);
  held_.erase_below(frontier_.value());
  return true;
}

bool Queue::load_lanes(Reader& in) {
  if (cursor() || !unordered()) return false;
  lanes_ = std::make_unique<PriorityLanes>();
  if (!lanes_->load(in, floor_.value(), end_.value())) return false;
  // A message is in one of these sets at most, or it would be delivered twice.
  OffsetSet known;
  add_all(settled_, known);
  add_all(available_, known);
  uint64_t count = settled_.count() + available_.count();
  for (uint8_t priority = 1; priority <= PriorityLanes::kHighest; ++priority) {
    const OffsetSet& lane = lanes_->of(priority);
    add_all(lane, known);
    count += lane.count();
  }
  return known.count() == count;
}

namespace {

std::optional<int64_t> read_gap(Reader& in, int64_t before) {
  const uint64_t gap = in.varint();
  const int64_t from = std::max<int64_t>(before, 0);
  if (in.failed() || gap > static_cast<uint64_t>(INT64_MAX - 1 - from)) return std::nullopt;
  if (before >= 0 && gap == 0) return std::nullopt;
  return from + static_cast<int64_t>(gap);
}

}  // namespace

struct Queue::EntryImage {
  Entry entry;
  EntryState state = EntryState::kReady;
  Timestamp due;
  uint64_t consumer = 0;
  bool bound = false;

  bool read(Reader& in) {
    const uint8_t flags = in.u8();
    state = static_cast<EntryState>(flags & 3U);
    bound = (flags & kBoundFlag) != 0;
    due = (flags & kDueFlag) != 0 ? Timestamp(in.svarint()) : Timestamp::never();
    consumer = in.varint();
    const uint64_t deliveries = in.varint();
    const auto priority = static_cast<uint8_t>(flags >> kPriorityShift);
    if (state > EntryState::kDelayed || priority >= kPrioritiesMax || consumer >= UINT32_MAX ||
        deliveries > kDeliveriesMax) {
      return false;
    }
    entry.set_priority(priority);
    entry.set_deliveries(static_cast<uint32_t>(deliveries));
    if (deliveries > 0 || state == EntryState::kLeased) {
      entry.set_generation(Generation(in.varint()));
      entry.set_first_delivered(Timestamp(in.svarint()));
      entry.set_last_delivered(Timestamp(in.svarint()));
    }
    return !in.failed();
  }

  // What is ready has no due time, what is delayed has one, and only a lease has a consumer.
  bool consistent() const {
    if (state == EntryState::kLeased) return true;
    if (consumer != 0 || bound) return false;
    if (state == EntryState::kReady) return due == Timestamp::never() && entry.deliveries() > 0;
    return Entry::rounded(due) != Timestamp::never();
  }
};

bool Queue::fits(int64_t offset, const EntryImage& image) const {
  const uint8_t priority = image.entry.priority();
  if (priority > 0 && (cursor() || !unordered())) return false;
  if (cursor()) return image.state == EntryState::kLeased && image.due == Timestamp::never();
  if (done(offset) || offset >= end_.value()) return false;
  if (!unordered()) return true;
  const uint8_t lane = lanes_ ? lanes_->find(offset) : 0;
  if (image.state == EntryState::kReady)
    return priority > 0 ? lane == priority : available_.contains(offset);
  return lane == 0 && (offset >= frontier_.value() || !available_.contains(offset));
}

bool Queue::load_entries(Reader& in) {
  const uint64_t count = in.count(4);
  int64_t before = -1;
  for (uint64_t i = 0; i < count; ++i) {
    const auto offset = read_gap(in, before);
    EntryImage image;
    if (!offset || !image.read(in) || !image.consistent() || !fits(*offset, image)) return false;
    before = *offset;
    const auto at = entries_.try_emplace(*offset, image.entry).first;
    set_state(*offset, at->second, image.state);
    set_due(*offset, at->second, image.due);
    set_consumer(*offset, at->second, ConsumerId(static_cast<uint32_t>(image.consumer)),
                 image.bound);
  }
  return !in.failed();
}

bool Queue::same_state(const Queue& other) const {
  const auto state = [](const Queue& queue) {
    Writer out;
    queue.save_head(out);
    write_all(queue.entries_, out);
    queue.consumers_.save(out, false);
    if (queue.dedup_) Dedup::save(queue.dedup_->pin(), out);
    return out.out();
  };
  return state(*this) == state(other);
}

}  // namespace weir::queue
