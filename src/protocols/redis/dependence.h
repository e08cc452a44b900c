#pragma once
// Dependence: what the answers of a segment wait for. Each fact that they tell of names a commit
// and how safe that commit must be (docs/durability.md); together they wait for one watermark.

#include <algorithm>

#include "base/ids.h"
#include "broker/types.h"

namespace weir::redis {

class Dependence {
 public:
  Dependence() = default;
  // Implicit: a commit that must be synced is the usual case.
  // NOLINTBEGIN(google-explicit-constructor)
  Dependence(Lsn synced) : synced_(synced) {}
  Dependence(const broker::Depends& depends) { put(depends); }
  // NOLINTEND(google-explicit-constructor)

  void add(const Dependence& other) {
    synced_ = std::max(synced_, other.synced_);
    written_ = std::max(written_, other.written_);
  }

  // One watermark for both: when neither covers the other, the stricter kind at the later place.
  broker::Depends as_one() const {
    if (written_ <= synced_) return {synced_, Durability::kFsync};
    return {written_, synced_ == Lsn{} ? Durability::kOs : Durability::kFsync};
  }

 private:
  void put(const broker::Depends& depends) {
    switch (depends.durability) {
      case Durability::kFsync: synced_ = std::max(synced_, depends.lsn); break;
      case Durability::kOs: written_ = std::max(written_, depends.lsn); break;
      case Durability::kTransient: break;
    }
  }

  Lsn synced_;   // on the device
  Lsn written_;  // with the operating system
};

}  // namespace weir::redis
