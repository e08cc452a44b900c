// The catalog's connectors, and whatever event is not of things, groups, bridges and keyspaces.

#include <fmt/format.h>

#include <algorithm>

#include "core/catalog/catalog.h"
#include "core/catalog/codec.h"

namespace weir::catalog {
namespace {

enum EventKind : uint8_t {
  kConnectorPut = 13,
  kConnectorRemoved = 14,
};

constexpr size_t kConnectorsMax = 1000;
// A name is a part of names in the source (a replication slot, a publication) and of paths.
constexpr size_t kNameBytesMax = 100;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

}  // namespace

const Connector* Catalog::find_connector(std::string_view name) const {
  const auto found = connectors_.find(name);
  return found == connectors_.end() ? nullptr : &found->second;
}

Result<std::string> Catalog::decide_put_connector(const Connector& connector, bool create) const {
  const bool exists = connectors_.contains(connector.name);
  if (create && exists) {
    return fail(ErrorCode::kAlreadyExists,
                fmt::format("connector {} exists already", connector.name));
  }
  if (!create && !exists) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no connector {}", connector.name));
  }
  const std::string& name = connector.name;
  if (name.empty() || name.size() > kNameBytesMax || !std::ranges::all_of(name, is_plain)) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a connector's name has 1 to {} letters, digits, dots, dashes and "
                            "underscores",
                            kNameBytesMax));
  }
  if (create && connectors_.size() >= kConnectorsMax) {
    return fail(ErrorCode::kLimitReached,
                fmt::format("there are {} connectors, the limit", kConnectorsMax));
  }
  size_t bytes = 0;
  for (const auto& [key, value] : connector.properties) bytes += key.size() + value.size();
  if (bytes > limits_.property_bytes_max) {
    return fail(ErrorCode::kTooLarge, fmt::format("the properties of {} exceed {} bytes", name,
                                                  limits_.property_bytes_max));
  }
  Writer writer;
  writer.u8(kConnectorPut);
  encode(writer, connector);
  return std::move(writer.out());
}

Result<std::string> Catalog::decide_remove_connector(std::string_view name) const {
  if (find_connector(name) == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no connector {}", name));
  }
  Writer writer;
  writer.u8(kConnectorRemoved);
  writer.bytes(name);
  return std::move(writer.out());
}

bool Catalog::apply_other(uint8_t kind, Reader& reader) {
  switch (kind) {
    case kConnectorPut: {
      Connector connector = decode_connector(reader);
      if (!reader.done()) return false;
      raise_next_cell(connector.cell);
      std::string name = connector.name;
      connectors_[std::move(name)] = std::move(connector);
      return true;
    }
    case kConnectorRemoved: {
      const ByteView name = reader.bytes();
      if (!reader.done()) return false;
      connectors_.erase(std::string(name));
      return true;
    }
    default: return access_.apply(kind, reader) || tokens_.apply(kind, reader);
  }
}

void Catalog::load_connectors(Reader& reader) {
  for (uint64_t left = reader.count(); left > 0 && !reader.failed(); --left) {
    Connector connector = decode_connector(reader);
    std::string name = connector.name;
    connectors_[std::move(name)] = std::move(connector);
  }
}

}  // namespace weir::catalog
