// The durable form of a topology; the layout is in topology.h.

#include <algorithm>
#include <limits>

#include "core/group/topology.h"

namespace weir::group {
namespace {

constexpr size_t kNameBytesMin = 1;
constexpr size_t kSettingBytesMin = 2;
constexpr size_t kTopicBytesMin = 4;
constexpr size_t kPartBytesMin = 6;

void save(const std::vector<std::string>& names, Writer& writer) {
  writer.varint(names.size());
  for (const std::string& name : names) writer.bytes(name);
}

std::vector<std::string> load_names(Reader& reader) {
  std::vector<std::string> names;
  const uint64_t count = reader.count(kNameBytesMin);
  for (uint64_t i = 0; i < count && !reader.failed(); ++i) names.emplace_back(reader.bytes());
  return names;
}

void save(const std::vector<InternalTopic>& topics, Writer& writer) {
  writer.varint(topics.size());
  for (const InternalTopic& topic : topics) {
    writer.bytes(topic.name);
    writer.varint(topic.partitions);
    writer.svarint(topic.copies);
    writer.varint(topic.settings.size());
    for (const auto& [name, value] : topic.settings) {
      writer.bytes(name);
      writer.bytes(value);
    }
  }
}

std::vector<InternalTopic> load_topics(Reader& reader) {
  std::vector<InternalTopic> topics;
  const uint64_t count = reader.count(kTopicBytesMin);
  for (uint64_t i = 0; i < count && !reader.failed(); ++i) {
    InternalTopic& topic = topics.emplace_back();
    topic.name = std::string(reader.bytes());
    topic.partitions = static_cast<uint32_t>(reader.varint());
    topic.copies = static_cast<int16_t>(reader.svarint());
    const uint64_t settings = reader.count(kSettingBytesMin);
    for (uint64_t s = 0; s < settings && !reader.failed(); ++s) {
      std::string name(reader.bytes());
      topic.settings.emplace_back(std::move(name), std::string(reader.bytes()));
    }
  }
  return topics;
}

}  // namespace

void save(const Topology& topology, Writer& writer) {
  writer.svarint(topology.epoch);
  writer.varint(topology.parts.size());
  for (const Subtopology& part : topology.parts) {
    writer.bytes(part.id);
    save(part.sources, writer);
    save(part.sinks, writer);
    save(part.repartitions, writer);
    save(part.changelogs, writer);
    writer.varint(part.copartitioned.size());
    for (const auto& names : part.copartitioned) save(names, writer);
  }
}

Topology load_topology(Reader& reader) {
  Topology topology;
  topology.epoch = static_cast<int32_t>(reader.svarint());
  const uint64_t count = reader.count(kPartBytesMin);
  for (uint64_t i = 0; i < count && !reader.failed(); ++i) {
    Subtopology& part = topology.parts.emplace_back();
    part.id = std::string(reader.bytes());
    part.sources = load_names(reader);
    part.sinks = load_names(reader);
    part.repartitions = load_topics(reader);
    part.changelogs = load_topics(reader);
    const uint64_t groups = reader.count(kNameBytesMin);
    for (uint64_t g = 0; g < groups && !reader.failed(); ++g) {
      part.copartitioned.push_back(load_names(reader));
    }
  }
  return topology;
}

void encode(const std::optional<Topology>& topology, std::string& out) {
  Writer writer(out);
  writer.u8(kTopologyEvent);
  writer.boolean(topology.has_value());
  if (topology) save(*topology, writer);
}

Result<std::optional<Topology>> decode_topology_event(ByteView bytes) {
  Reader reader(bytes);
  if (reader.u8() != kTopologyEvent) reader.fail();
  std::optional<Topology> topology;
  if (reader.boolean()) topology = load_topology(reader);
  if (!reader.done()) return fail(ErrorCode::kStorageCorrupt, "a group's topology cannot be read");
  return topology;
}

}  // namespace weir::group
