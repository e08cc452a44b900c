#include "core/group/offsets.h"

namespace weir::group {
namespace {

constexpr uint8_t kCommitted = 1;
constexpr uint8_t kRemoved = 2;
constexpr size_t kPartitionBytesMin = 17;
constexpr size_t kEntryBytesMin = kPartitionBytesMin + 4;

void write(const TopicPartition& partition, Writer& writer) {
  writer.fixed(partition.topic.high);
  writer.fixed(partition.topic.low);
  writer.varint(partition.partition);
}

TopicPartition read_partition(Reader& reader) {
  TopicPartition partition;
  partition.topic.high = reader.fixed<uint64_t>();
  partition.topic.low = reader.fixed<uint64_t>();
  const uint64_t number = reader.varint();
  if (number > INT32_MAX) reader.fail();
  partition.partition = static_cast<uint32_t>(number);
  return partition;
}

void write(const TopicPartition& partition, const CommittedOffset& offset, Writer& writer) {
  write(partition, writer);
  writer.svarint(offset.offset);
  writer.svarint(offset.leader_epoch);
  writer.bytes(offset.metadata);
  writer.svarint(offset.committed.ms());
}

std::pair<TopicPartition, CommittedOffset> read_entry(Reader& reader) {
  const TopicPartition partition = read_partition(reader);
  CommittedOffset offset;
  offset.offset = reader.svarint();
  const int64_t epoch = reader.svarint();
  if (epoch < INT32_MIN || epoch > INT32_MAX) reader.fail();
  offset.leader_epoch = static_cast<int32_t>(epoch);
  offset.metadata = std::string(reader.bytes());
  offset.committed = Timestamp(reader.svarint());
  return {partition, std::move(offset)};
}

}  // namespace

std::optional<ErrorCode> Offsets::refuses(const TopicPartition& partition,
                                          const CommittedOffset& offset,
                                          const OffsetsLimits& limits) const {
  if (offset.metadata.size() > limits.metadata_bytes_max) return ErrorCode::kTooLarge;
  if (offsets_.size() >= limits.partitions_max && !offsets_.contains(partition)) {
    return ErrorCode::kLimitReached;
  }
  return std::nullopt;
}

OffsetsRemoved Offsets::decide_remove(TopicId topic) const {
  OffsetsRemoved event;
  for (auto it = offsets_.lower_bound({topic, 0}); it != offsets_.end() && it->first.topic == topic;
       ++it) {
    event.partitions.push_back(it->first);
  }
  return event;
}

OffsetsRemoved Offsets::decide_remove(const std::vector<TopicPartition>& partitions) const {
  OffsetsRemoved event;
  for (const TopicPartition& partition : partitions) {
    if (offsets_.contains(partition)) event.partitions.push_back(partition);
  }
  return event;
}

OffsetsRemoved Offsets::decide_expire(Timestamp before) const {
  OffsetsRemoved event;
  for (const auto& [partition, offset] : offsets_) {
    if (offset.committed <= before) event.partitions.push_back(partition);
  }
  return event;
}

void Offsets::apply(const OffsetsEvent& event) {
  if (const auto* committed = std::get_if<OffsetsCommitted>(&event)) {
    for (const auto& [partition, offset] : committed->offsets) offsets_[partition] = offset;
  } else {
    for (const TopicPartition& partition : std::get<OffsetsRemoved>(event).partitions) {
      offsets_.erase(partition);
    }
  }
}

const CommittedOffset* Offsets::find(const TopicPartition& partition) const {
  const auto found = offsets_.find(partition);
  return found == offsets_.end() ? nullptr : &found->second;
}

bool Offsets::knows(TopicId topic) const {
  const auto found = offsets_.lower_bound({topic, 0});
  return found != offsets_.end() && found->first.topic == topic;
}

void Offsets::save(Writer& writer) const {
  writer.varint(offsets_.size());
  for (const auto& [partition, offset] : offsets_) write(partition, offset, writer);
}

Result<Offsets> Offsets::load(Reader& reader) {
  Offsets offsets;
  const uint64_t count = reader.count(kEntryBytesMin);
  for (uint64_t i = 0; i < count && !reader.failed(); ++i)
    offsets.offsets_.insert(read_entry(reader));
  if (reader.failed()) return fail(ErrorCode::kStorageCorrupt, "a group's image cannot be read");
  return offsets;
}

void encode(const OffsetsEvent& event, std::string& out) {
  Writer writer(out);
  if (const auto* committed = std::get_if<OffsetsCommitted>(&event)) {
    writer.u8(kCommitted);
    writer.varint(committed->offsets.size());
    for (const auto& [partition, offset] : committed->offsets) write(partition, offset, writer);
    return;
  }
  const auto& removed = std::get<OffsetsRemoved>(event);
  writer.u8(kRemoved);
  writer.varint(removed.partitions.size());
  for (const TopicPartition& partition : removed.partitions) write(partition, writer);
}

Result<OffsetsEvent> decode_offsets_event(ByteView bytes) {
  Reader reader(bytes);
  const uint8_t kind = reader.u8();
  OffsetsEvent event;
  if (kind == kCommitted) {
    OffsetsCommitted committed;
    const uint64_t count = reader.count(kEntryBytesMin);
    for (uint64_t i = 0; i < count && !reader.failed(); ++i)
      committed.offsets.push_back(read_entry(reader));
    event = std::move(committed);
  } else if (kind == kRemoved) {
    OffsetsRemoved removed;
    const uint64_t count = reader.count(kPartitionBytesMin);
    for (uint64_t i = 0; i < count && !reader.failed(); ++i)
      removed.partitions.push_back(read_partition(reader));
    event = std::move(removed);
  } else {
    reader.fail();
  }
  if (!reader.done()) return fail(ErrorCode::kStorageCorrupt, "a group's event cannot be read");
  return event;
}

}  // namespace weir::group
