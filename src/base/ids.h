#pragma once
// Numbers that must not be mixed. Each is a 64-bit value with a name, ordered and hashable, without
// arithmetic except where a difference or a successor has a meaning.

#include <compare>
#include <cstdint>
#include <functional>
#include <utility>

namespace weir {

template <typename Tag, typename Representation = uint64_t>
class Id {
 public:
  using representation = Representation;

  constexpr Id() = default;
  constexpr explicit Id(Representation value) : value_(value) {}

  constexpr Representation value() const { return value_; }
  constexpr Id next() const { return Id(static_cast<Representation>(value_ + 1)); }
  constexpr auto operator<=>(const Id&) const = default;

  template <typename H>
  friend H AbslHashValue(H state, const Id& id) {
    return H::combine(std::move(state), id.value_);
  }

 private:
  Representation value_ = 0;
};

// The place of a commit in the journal; 0 is before the first. Dense.
using Lsn = Id<struct LsnTag>;
// The smallest piece of state with an image of its own: a log, a queue, a group, a range of a
// keyspace, the catalog. Never reused. CellId 0 is the catalog.
using CellId = Id<struct CellIdTag>;
// A journal file; never reused.
using FileId = Id<struct FileIdTag, uint32_t>;
// An append to a log; dense, from 0. Signed because Kafka's wire has negative sentinels; a real
// offset is never negative.
using Offset = Id<struct OffsetTag, int64_t>;

constexpr Offset operator+(Offset offset, int64_t count) {
  return Offset(offset.value() + count);
}
constexpr int64_t operator-(Offset left, Offset right) {
  return left.value() - right.value();
}

// How long an acknowledgement waits: until the commit is on the device, until it was handed to the
// operating system, or not at all.
enum class Durability : uint8_t { kFsync = 0, kOs = 1, kTransient = 2 };

}  // namespace weir

template <typename Tag, typename Representation>
struct std::hash<weir::Id<Tag, Representation>> {
  size_t operator()(const weir::Id<Tag, Representation>& id) const noexcept {
    return std::hash<Representation>{}(id.value());
  }
};
