#include "protocols/kafka/subscription.h"

#include <algorithm>

#include "base/wire.h"

namespace weir::kafka {
namespace {

constexpr int16_t kOwnedSince = 1;

std::string read_string(Reader& reader) {
  const auto size = reader.fixed_be<int16_t>();
  if (size < 0) {
    reader.fail();
    return {};
  }
  return std::string(reader.raw(static_cast<uint64_t>(size)));
}

// The length of a list whose entries have at least so many bytes.
int32_t read_count(Reader& reader, size_t entry_bytes_min) {
  const auto count = reader.fixed_be<int32_t>();
  if (count < 0 || static_cast<size_t>(count) > reader.remaining() / entry_bytes_min) {
    reader.fail();
    return 0;
  }
  return count;
}

NamedPartitions read_partitions(Reader& reader) {
  NamedPartitions partitions;
  const int32_t topics = read_count(reader, 6);
  for (int32_t t = 0; t < topics && !reader.failed(); ++t) {
    const std::string topic = read_string(reader);
    const int32_t count = read_count(reader, 4);
    for (int32_t p = 0; p < count && !reader.failed(); ++p) {
      partitions.emplace_back(topic, reader.fixed_be<int32_t>());
    }
  }
  return partitions;
}

void skip_user_data(Reader& reader) {
  const auto size = reader.fixed_be<int32_t>();
  if (size > 0) reader.raw(static_cast<uint64_t>(size));
}

}  // namespace

std::optional<Subscription> read_subscription(ByteView metadata) {
  Reader reader(metadata);
  Subscription subscription;
  subscription.version = reader.fixed_be<int16_t>();
  if (subscription.version < 0) return std::nullopt;
  const int32_t topics = read_count(reader, 2);
  for (int32_t i = 0; i < topics && !reader.failed(); ++i) {
    subscription.topics.push_back(read_string(reader));
  }
  if (reader.failed()) return std::nullopt;
  // Some clients leave out what they do not use.
  if (subscription.version >= kOwnedSince && reader.remaining() > 0) {
    skip_user_data(reader);
    subscription.owned = read_partitions(reader);
    if (reader.failed()) subscription.owned.clear();
  }
  return subscription;
}

std::optional<NamedPartitions> read_assignment(ByteView assignment) {
  if (assignment.empty()) return NamedPartitions();
  Reader reader(assignment);
  if (reader.fixed_be<int16_t>() < 0) return std::nullopt;
  NamedPartitions partitions = read_partitions(reader);
  if (reader.failed()) return std::nullopt;
  return partitions;
}

std::string write_assignment(int16_t version, const NamedPartitions& partitions) {
  std::string bytes;
  Writer writer(bytes);
  int32_t topics = 0;
  for (size_t i = 0; i < partitions.size(); ++i) {
    if (i == 0 || partitions[i].first != partitions[i - 1].first) ++topics;
  }
  writer.fixed_be(version);
  writer.fixed_be(topics);
  for (size_t i = 0; i < partitions.size();) {
    const std::string& topic = partitions[i].first;
    size_t end = i;
    while (end < partitions.size() && partitions[end].first == topic) ++end;
    writer.fixed_be(static_cast<int16_t>(topic.size()));
    writer.raw(topic);
    writer.fixed_be(static_cast<int32_t>(end - i));
    for (; i < end; ++i) writer.fixed_be(partitions[i].second);
  }
  writer.fixed_be(int32_t{-1});  // no user data
  return bytes;
}

absl::flat_hash_set<std::string> subscribed_topics(const group::Membership& members) {
  absl::flat_hash_set<std::string> topics;
  if (members.protocol_type() != kConsumerProtocolType) return topics;
  for (const auto& [id, member] : members.members()) {
    for (const group::Protocol& protocol : member.protocols) {
      const auto subscription = read_subscription(protocol.metadata.view());
      if (subscription) topics.insert(subscription->topics.begin(), subscription->topics.end());
    }
  }
  return topics;
}

}  // namespace weir::kafka
