#pragma once
// A consumer group as a cell: its committed offsets, its settings and the topology of an
// application are durable, its members are not. protocols/kafka decides on all of them, journals
// what it committed (an event of group::Offsets, group::Settings or group::Topology behind the kind
// byte), and keeps the clock of the members. They are in one of three machines: that of the classic
// protocol, of KIP-848, or of Kafka Streams.

#include <algorithm>

#include "broker/cell.h"
#include "core/group/consumer_group.h"
#include "core/group/membership.h"
#include "core/group/offsets.h"
#include "core/group/settings.h"
#include "core/group/streams_group.h"

namespace weir::broker {

// Which machine the last member was in.
enum class GroupKind : uint8_t { kClassic, kConsumer, kStreams };

class GroupCell final : public Cell {
 public:
  static constexpr CellKind kKind = CellKind::kGroup;
  GroupCell() : Cell(kKind) {}

  static std::string encoded(const group::OffsetsEvent& event) {
    std::string bytes(1, static_cast<char>(kKind));
    group::encode(event, bytes);
    return bytes;
  }
  static std::string encoded(const group::Settings& settings) {
    std::string bytes(1, static_cast<char>(kKind));
    group::encode(settings, bytes);
    return bytes;
  }

  static std::string encoded(const std::optional<group::Topology>& topology) {
    std::string bytes(1, static_cast<char>(kKind));
    group::encode(topology, bytes);
    return bytes;
  }

  Result<void> replay(const Replayed& entry,
                      std::vector<Extent>& /*released*/,
                      std::vector<Extent>& /*held*/) override {
    if (!entry.event.empty() && entry.event.front() == char{group::kSettingsEvent}) {
      auto changed = group::decode_settings_event(entry.event);
      if (!changed) return std::unexpected(changed.error());
      settings = std::move(*changed);
      return {};
    }
    if (!entry.event.empty() && entry.event.front() == char{group::kTopologyEvent}) {
      auto changed = group::decode_topology_event(entry.event);
      if (!changed) return std::unexpected(changed.error());
      restore(std::move(*changed));
      return {};
    }
    const auto event = group::decode_offsets_event(entry.event);
    if (!event) return std::unexpected(event.error());
    offsets.apply(*event);
    return {};
  }
  Result<void> load(ByteView image, std::vector<Extent>& /*held*/) override {
    Reader reader(image);
    auto loaded = group::Offsets::load(reader);
    if (!loaded) return std::unexpected(loaded.error());
    group::Settings loaded_settings;
    if (!reader.done()) loaded_settings = group::load_settings(reader);
    std::optional<group::Topology> topology;
    if (!reader.done()) topology = group::load_topology(reader);
    if (!reader.done()) {
      return fail(ErrorCode::kStorageCorrupt, "a group's image has trailing bytes");
    }
    offsets = std::move(*loaded);
    settings = std::move(loaded_settings);
    restore(std::move(topology));
    return {};
  }
  void save(CellImage& image) const override {
    Writer writer(image.head);
    offsets.save(writer);
    const auto& topology = streams.topology();
    if (!settings.empty() || topology) group::save(settings, writer);
    if (topology) group::save(*topology, writer);
  }

  bool has_members() const {
    return !members.members().empty() || !consumers.members().empty() || !streams.members().empty();
  }
  // Since when it is empty; only while it is.
  Timestamp empty_since() const {
    return std::max({members.empty_since(), consumers.empty_since(), streams.empty_since()});
  }
  // Somebody was in it, or committed to it: it is not merely a name with settings.
  bool is_in_use() const {
    return used || has_members() || !offsets.empty() || streams.topology().has_value();
  }

  group::Offsets offsets;
  group::Settings settings;
  group::Membership members;
  group::ConsumerGroup consumers;
  group::StreamsGroup streams;
  GroupKind kind = GroupKind::kClassic;
  // Since the start of the broker.
  bool used = false;

 private:
  void restore(std::optional<group::Topology> topology) {
    kind = topology ? GroupKind::kStreams : GroupKind::kClassic;
    streams.restore(std::move(topology));
  }
};

}  // namespace weir::broker
