#pragma once
// A bucket of a keyspace as a cell. protocols/redis decides on it and journals through the broker.

#include "broker/cell.h"
#include "core/keyspace/bucket.h"

namespace weir::broker {

class KeyspaceCell final : public Cell {
 public:
  static constexpr CellKind kKind = CellKind::kKeyspace;
  KeyspaceCell() : Cell(kKind) {}

  Result<void> replay(const Replayed& entry,
                      std::vector<Extent>& /*released*/,
                      std::vector<Extent>& /*held*/) override {
    return bucket.replay(entry.event);
  }
  Result<void> load(ByteView image, std::vector<Extent>& /*held*/) override {
    return bucket.load(image);
  }
  void save(CellImage& image) const override {
    keyspace::BucketImage parts = bucket.image();
    image.head.append(parts.head);
    for (auto& part : parts.deferred) image.deferred.push_back(std::move(part));
  }

  keyspace::Bucket bucket;
};

}  // namespace weir::broker
