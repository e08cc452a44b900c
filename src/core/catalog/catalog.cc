#include "core/catalog/catalog.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/catalog/codec.h"

namespace weir::catalog {
namespace {

enum EventKind : uint8_t {
  kThingPut = 1,
  kThingRemoved = 2,
  kGroupPut = 3,
  kGroupRemoved = 4,
  kBridgePut = 5,
  kBridgeRemoved = 6,
  kKeyspacePut = 7,
};

constexpr uint8_t kImageVersion = 4;
// Before there were delegation tokens.
constexpr uint8_t kImageVersionWithoutTokens = 3;
// Before there were connectors.
constexpr uint8_t kImageVersionWithoutConnectors = 2;
// Before there were users, rules and quotas.
constexpr uint8_t kImageVersionWithoutAccess = 1;

std::string_view kind_name(Kind kind) {
  return kind == Kind::kTopic ? "topic" : "queue";
}

template <typename... Values>
std::string event(EventKind kind, const Values&... values) {
  Writer writer;
  writer.u8(kind);
  (encode(writer, values), ...);
  return std::move(writer.out());
}

}  // namespace

const Thing* Catalog::find(const Name& name) const {
  const auto found = things_.find(name);
  return found == things_.end() ? nullptr : found->second.get();
}

const Thing* Catalog::find(const Uuid& uuid) const {
  const auto found = by_uuid_.find({uuid.high, uuid.low});
  return found == by_uuid_.end() ? nullptr : found->second;
}

const Thing* Catalog::owner_of(CellId cell) const {
  const auto found = by_cell_.find(cell);
  return found == by_cell_.end() ? nullptr : found->second;
}

std::optional<CellId> Catalog::find_group(const Name& name) const {
  const auto found = groups_.find(name);
  if (found == groups_.end()) return std::nullopt;
  return found->second;
}

const Bridge* Catalog::find_bridge(std::string_view name) const {
  const auto found = bridges_.find(name);
  return found == bridges_.end() ? nullptr : &found->second;
}

const Keyspace* Catalog::find_keyspace(uint32_t database) const {
  const auto found = keyspaces_.find(database);
  return found == keyspaces_.end() ? nullptr : &found->second;
}

void Catalog::each_thing(std::string_view space,
                         std::string_view from,
                         const std::function<bool(const Thing&)>& visit) const {
  for (auto it = things_.lower_bound(Name{std::string(space), std::string(from)});
       it != things_.end() && it->first.space == space; ++it) {
    if (!visit(*it->second)) return;
  }
}

void Catalog::each_queue(std::string_view space,
                         std::string_view from,
                         const std::function<bool(const Thing&)>& visit) const {
  for (auto it = queues_.lower_bound(Name{std::string(space), std::string(from)});
       it != queues_.end() && (*it)->name.space == space; ++it) {
    if (!visit(**it)) return;
  }
}

void Catalog::each_source(const Name& target,
                          std::string_view from,
                          const std::function<bool(const Thing&)>& visit) const {
  for (auto it = sources_.lower_bound(std::pair(target, std::string(from)));
       it != sources_.end() && it->first == target; ++it) {
    if (!visit(*find(Name{target.space, it->second}))) return;
  }
}

void Catalog::each_thing_from(const Name& from,
                              const std::function<bool(const Thing&)>& visit) const {
  for (auto it = things_.lower_bound(from); it != things_.end(); ++it) {
    if (!visit(*it->second)) return;
  }
}

void Catalog::each_thing_everywhere(const std::function<bool(const Thing&)>& visit) const {
  each_thing_from({}, visit);
}

void Catalog::each_group(const std::function<bool(const Name&, CellId)>& visit) const {
  for (const auto& [name, cell] : groups_) {
    if (!visit(name, cell)) return;
  }
}

Result<void> Catalog::validate(const Thing& thing) const {
  if (thing.name.name.empty()) return fail(ErrorCode::kInvalidArgument, "a name must not be empty");
  if (thing.name.name.size() > limits_.name_bytes_max) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("a name has at most {} bytes", limits_.name_bytes_max));
  }
  if (thing.logs.empty() || thing.logs.size() > limits_.partitions_max) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a topic has 1 to {} partitions", limits_.partitions_max));
  }
  size_t property_bytes = 0;
  for (const auto& [key, value] : thing.properties) property_bytes += key.size() + value.size();
  if (property_bytes > limits_.property_bytes_max) {
    return fail(ErrorCode::kTooLarge, fmt::format("the attributes of {} exceed {} bytes",
                                                  thing.name.name, limits_.property_bytes_max));
  }
  return {};
}

Result<std::string> Catalog::decide_create(const Thing& thing) const {
  if (const auto valid = validate(thing); !valid) return std::unexpected(valid.error());
  if (const Thing* existing = find(thing.name)) {
    return fail(
        existing->kind == thing.kind ? ErrorCode::kAlreadyExists : ErrorCode::kWrongKind,
        fmt::format("{} exists already as a {}", thing.name.name, kind_name(existing->kind)));
  }
  if (find(thing.uuid) != nullptr) {
    // A put of a known identity is a rename; a creation must not become one.
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("the identity of {} belongs to another thing", thing.name.name));
  }
  if (things_.size() >= limits_.things_max) {
    return fail(ErrorCode::kLimitReached,
                fmt::format("there are {} topics and queues, the limit", limits_.things_max));
  }
  return event(kThingPut, thing);
}

Result<std::string> Catalog::decide_alter(const Thing& thing) const {
  if (const auto valid = validate(thing); !valid) return std::unexpected(valid.error());
  const Thing* existing = find(thing.name);
  if (existing == nullptr || existing->kind != thing.kind || existing->uuid != thing.uuid) {
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no {} {}", kind_name(thing.kind), thing.name.name));
  }
  const bool keeps_logs =
      thing.logs.size() >= existing->logs.size() &&
      std::equal(existing->logs.begin(), existing->logs.end(), thing.logs.begin());
  if (!keeps_logs) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("partitions of {} can be added, not removed", thing.name.name));
  }
  return event(kThingPut, thing);
}

Result<std::string> Catalog::decide_remove(const Name& name) const {
  if (find(name) == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no topic or queue {}", name.name));
  }
  return event(kThingRemoved, name);
}

Result<std::string> Catalog::decide_rename(const Name& from, const Name& to) const {
  const Thing* existing = find(from);
  if (existing == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no topic or queue {}", from.name));
  }
  if (find(to) != nullptr) {
    return fail(ErrorCode::kAlreadyExists, fmt::format("{} exists already", to.name));
  }
  // A put of a known identity under a new name moves it (see put()).
  Thing renamed = *existing;
  renamed.name = to;
  if (const auto valid = validate(renamed); !valid) return std::unexpected(valid.error());
  return event(kThingPut, renamed);
}

std::string Catalog::put_group(const Name& name, CellId cell) const {
  Writer writer;
  writer.u8(kGroupPut);
  encode(writer, name);
  writer.varint(cell.value());
  return std::move(writer.out());
}

std::string Catalog::remove_group(const Name& name) const {
  return event(kGroupRemoved, name);
}

Result<std::string> Catalog::decide_put_bridge(const Bridge& bridge, bool create) const {
  const bool exists = bridges_.contains(bridge.name);
  if (create && exists) {
    return fail(ErrorCode::kAlreadyExists, fmt::format("bridge {} exists already", bridge.name));
  }
  if (!create && !exists) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no bridge {}", bridge.name));
  }
  if (bridge.name.empty() || bridge.name.size() > limits_.name_bytes_max) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a bridge's name has 1 to {} bytes", limits_.name_bytes_max));
  }
  return event(kBridgePut, bridge);
}

Result<std::string> Catalog::decide_remove_bridge(std::string_view name) const {
  if (!bridges_.contains(name)) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no bridge {}", name));
  }
  Writer writer;
  writer.u8(kBridgeRemoved);
  writer.bytes(name);
  return std::move(writer.out());
}

std::string Catalog::put_keyspace(const Keyspace& keyspace) const {
  return event(kKeyspacePut, keyspace);
}

void Catalog::raise_next_cell(CellId used) {
  next_cell_ = std::max(next_cell_, used.next());
}

size_t Catalog::logs_in(std::string_view space) const {
  const auto found = logs_in_.find(space);
  return found == logs_in_.end() ? 0 : found->second;
}

void Catalog::index(const Thing& thing) {
  logs_in_[thing.name.space] += thing.logs.size();
  by_uuid_[{thing.uuid.high, thing.uuid.low}] = &thing;
  if (thing.kind == Kind::kQueue) queues_.insert(&thing);
  const auto own = [&](CellId cell) {
    by_cell_[cell] = &thing;
    raise_next_cell(cell);
  };
  for (const CellId cell : thing.logs) own(cell);
  if (thing.queue != CellId{}) own(thing.queue);
  for (const auto& [group, cell] : thing.stream_groups) own(cell);
  if (const std::string& target = thing.queue_policy.dead_letter; !target.empty()) {
    sources_.emplace(Name{thing.name.space, target}, thing.name.name);
  }
}

void Catalog::unindex(const Thing& thing) {
  logs_in_[thing.name.space] -= thing.logs.size();
  by_uuid_.erase({thing.uuid.high, thing.uuid.low});
  queues_.erase(&thing);
  for (const CellId cell : thing.logs) by_cell_.erase(cell);
  by_cell_.erase(thing.queue);
  for (const auto& [group, cell] : thing.stream_groups) by_cell_.erase(cell);
  sources_.erase({Name{thing.name.space, thing.queue_policy.dead_letter}, thing.name.name});
}

void Catalog::put(Thing thing) {
  if (const Thing* known = find(thing.uuid); known != nullptr && known->name != thing.name) {
    erase(Name(known->name));  // renamed
  }
  std::shared_ptr<const Thing>& slot = things_.try_emplace(thing.name).first->second;
  if (slot) unindex(*slot);
  slot = std::make_shared<const Thing>(std::move(thing));
  index(*slot);
}

void Catalog::erase(const Name& name) {
  const auto found = things_.find(name);
  if (found == things_.end()) return;
  unindex(*found->second);
  things_.erase(found);
}

Result<void> Catalog::apply(ByteView event) {
  Reader reader(event);
  const uint8_t kind = reader.u8();
  const auto corrupt = [&] {
    return fail(ErrorCode::kStorageCorrupt,
                fmt::format("catalog event of kind {} cannot be read", kind));
  };
  switch (kind) {
    case kThingPut: {
      Thing thing = decode_thing(reader);
      if (!reader.done()) return corrupt();
      put(std::move(thing));
      return {};
    }
    case kThingRemoved: {
      const Name name = decode_name(reader);
      if (!reader.done()) return corrupt();
      erase(name);
      return {};
    }
    case kGroupPut: {
      Name name = decode_name(reader);
      const CellId cell(reader.varint());
      if (!reader.done()) return corrupt();
      groups_[std::move(name)] = cell;
      raise_next_cell(cell);
      return {};
    }
    case kGroupRemoved: {
      const Name name = decode_name(reader);
      if (!reader.done()) return corrupt();
      groups_.erase(name);
      return {};
    }
    case kBridgePut: {
      Bridge bridge = decode_bridge(reader);
      if (!reader.done()) return corrupt();
      raise_next_cell(bridge.cell);
      std::string name = bridge.name;
      bridges_[std::move(name)] = std::move(bridge);
      return {};
    }
    case kBridgeRemoved: {
      const ByteView name = reader.bytes();
      if (!reader.done()) return corrupt();
      bridges_.erase(std::string(name));
      return {};
    }
    case kKeyspacePut: {
      const Keyspace keyspace = decode_keyspace(reader);
      if (!reader.done() || keyspace.cells == 0) return corrupt();
      keyspaces_[keyspace.database] = keyspace;
      raise_next_cell(CellId(keyspace.first.value() + keyspace.cells - 1));
      return {};
    }
    default: return apply_other(kind, reader) ? Result<void>() : corrupt();
  }
}

// u8 version | varint next cell | groups | bridges | keyspaces | users | rules | quotas |
// connectors | tokens | things; each a varint count, then the values as in events. Version 1 has no
// users, rules and quotas, versions 1 and 2 have no connectors, versions 1 to 3 no tokens.
Catalog::Image Catalog::pinned_image() const {
  Image image;
  Writer writer(image.head);
  writer.u8(kImageVersion);
  writer.varint(next_cell_.value());
  writer.varint(groups_.size());
  for (const auto& [name, cell] : groups_) {
    encode(writer, name);
    writer.varint(cell.value());
  }
  writer.varint(bridges_.size());
  for (const auto& [name, bridge] : bridges_) encode(writer, bridge);
  writer.varint(keyspaces_.size());
  for (const auto& [database, keyspace] : keyspaces_) encode(writer, keyspace);
  access_.save(writer);
  writer.varint(connectors_.size());
  for (const auto& [name, connector] : connectors_) encode(writer, connector);
  tokens_.save(writer);
  writer.varint(things_.size());
  image.things = things_.pin();
  return image;
}

void Catalog::write_things(const Things::Pinned& things, std::string& out) {
  Writer writer(out);
  things.for_each([&](const auto& item) { encode(writer, *item.second); });
}

std::string Catalog::image() const {
  Image whole = pinned_image();
  write_things(whole.things, whole.head);
  return std::move(whole.head);
}

Result<void> Catalog::load(ByteView image) {
  Catalog fresh(limits_);
  Reader reader(image);
  const uint8_t version = reader.u8();
  if (version < kImageVersionWithoutAccess || version > kImageVersion) reader.fail();
  fresh.next_cell_ = CellId(reader.varint());
  for (uint64_t left = reader.count(); left > 0 && !reader.failed(); --left) {
    Name name = decode_name(reader);
    fresh.groups_[std::move(name)] = CellId(reader.varint());
  }
  for (uint64_t left = reader.count(); left > 0 && !reader.failed(); --left) {
    Bridge bridge = decode_bridge(reader);
    std::string name = bridge.name;
    fresh.bridges_[std::move(name)] = std::move(bridge);
  }
  for (uint64_t left = reader.count(); left > 0 && !reader.failed(); --left) {
    const Keyspace keyspace = decode_keyspace(reader);
    fresh.keyspaces_[keyspace.database] = keyspace;
  }
  if (version > kImageVersionWithoutAccess) fresh.access_.load(reader);
  if (version > kImageVersionWithoutConnectors) fresh.load_connectors(reader);
  if (version > kImageVersionWithoutTokens) fresh.tokens_.load(reader);
  for (uint64_t left = reader.count(); left > 0 && !reader.failed(); --left) {
    fresh.put(decode_thing(reader));
  }
  if (!reader.done()) {
    return fail(ErrorCode::kStorageCorrupt, "the catalog's image cannot be read");
  }
  *this = std::move(fresh);
  return {};
}

}  // namespace weir::catalog
