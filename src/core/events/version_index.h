#pragma once
// VersionIndex: the versions of the keys of one log. The events of a key are counted from 0 in the
// order of their offsets; the index knows of each key its last event, and of each event the one of
// its key before it, so that any version is found in a few steps. It is made from the log alone
// and holds no key: only a digest of 128 bits, made with a secret of the process, so that nobody
// can choose keys that collide.
//
// Costs: kEventBytes for each offset, less than kKeyBytesMax for each key, and event ids in two
// generations: at least the last kIdsRemembered are known, at most twice as many are held.
//
// Invariants: a version never changes; version v of a key has a lower offset than version v + 1;
// offsets are added in ascending order, and what is left out belongs to no key.
//
// Thread: one; the state shard's.

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"

namespace weir::events {

// Of a key, or of an event's id.
using Digest = std::array<uint64_t, 2>;

using Version = uint32_t;

inline constexpr size_t kEventBytes = 16;
inline constexpr size_t kKeyBytesMax = 48;
inline constexpr size_t kIdsRemembered = 131'072;
// Offsets, and so events, of one log at most.
inline constexpr uint64_t kEventsMax = uint64_t{1} << 32;

// What an append asks of a key.
struct Expectation {
  enum class Kind : uint8_t { kAny, kNone, kExists, kExact };
  Kind kind = Kind::kAny;
  Version version = 0;  // of the last event, when kExact

  bool holds(std::optional<Version> last) const;
  // "any", "none", "exists" or the version of the key's last event in decimal.
  static std::optional<Expectation> parse(std::string_view text);
  std::string text() const;
};

// One record of an append.
struct Incoming {
  std::optional<Digest> key;  // none: it belongs to no key
  std::optional<Digest> id;
  Expectation expected;

  bool conditional() const { return id || expected.kind != Expectation::Kind::kAny; }
};

struct Decision {
  enum class Kind : uint8_t {
    kAppend,
    kRepeated,      // all of it was appended before, beginning at `first`
    kPartRepeated,  // an id was used before, in another append
    kConflict,
    kFull,
  };
  Kind kind = Kind::kAppend;
  Offset first;
  size_t index = 0;  // of the record that is refused
  std::optional<Version> current;
};

class VersionIndex {
 public:
  VersionIndex(Offset start, Digest secret);
  ~VersionIndex();
  VersionIndex(const VersionIndex&) = delete;
  VersionIndex& operator=(const VersionIndex&) = delete;

  Digest digest(ByteView bytes) const;

  // The offset after the last one that was added.
  Offset next() const { return next_; }
  size_t keys() const { return key_count_; }

  // Whether records may be appended together, each meeting those before it.
  Decision decide(std::span<const Incoming> records) const;
  // A record of the log; `offset` is next() or beyond it. Total.
  void add(Offset offset, const Incoming& record);
  // Offsets below it that were not added belong to no key.
  void skip_to(Offset offset);

  // The version of the key's last event.
  std::optional<Version> last_version(const Digest& key) const;
  std::optional<Offset> last_offset(const Digest& key) const;
  // The version that the event at the offset has; nothing when it has no key.
  std::optional<Version> version_at(Offset offset) const;
  // The offsets of versions [first, end) of a key, ascending; what is beyond the last is left out.
  std::vector<Offset> offsets(const Digest& key, Version first, uint64_t end) const;

  size_t memory_bytes() const;

 private:
  struct Event {
    uint32_t previous;  // place of the key's event before this one; its own place for version 0
    uint32_t jump;      // an earlier one still, so that walks are short
    Version version;
    uint32_t key;
  };
  static_assert(sizeof(Event) == kEventBytes);
  struct Key {
    Digest digest;
    uint32_t last;  // place of its last event
    uint32_t unused;
  };
  static constexpr size_t kBlock = 4096;
  using EventBlock = std::array<Event, kBlock>;
  using KeyBlock = std::array<Key, kBlock>;

  struct KeyHash {
    using is_transparent = void;
    const VersionIndex* index;
    size_t operator()(const Digest& digest) const { return digest[0]; }
    size_t operator()(uint32_t key) const { return index->key(key).digest[0]; }
  };
  struct KeyEqual {
    using is_transparent = void;
    const VersionIndex* index;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, const Digest& b) const { return index->key(a).digest == b; }
    bool operator()(const Digest& a, uint32_t b) const { return index->key(b).digest == a; }
  };
  using KeySet = absl::flat_hash_set<uint32_t, KeyHash, KeyEqual>;
  using Ids = absl::flat_hash_map<Digest, uint32_t>;

  uint32_t place_of(Offset offset) const { return static_cast<uint32_t>(offset - start_); }
  Offset offset_of(uint32_t place) const { return start_ + place; }
  const Key& key(uint32_t index) const { return (*keys_[index / kBlock])[index % kBlock]; }
  Key& key(uint32_t index) { return (*keys_[index / kBlock])[index % kBlock]; }
  const Event* event(uint32_t place) const;
  const Event& known_event(uint32_t place) const { return *event(place); }
  Event& make_event(uint32_t place);
  std::optional<uint32_t> find_key(const Digest& digest) const;
  std::optional<uint32_t> find_id(const Digest& id) const;
  std::optional<Decision> decide_ids(std::span<const Incoming> records) const;
  void remember_id(const Digest& id, uint32_t place);

  const Offset start_;
  const Digest secret_;
  Offset next_;
  std::vector<std::unique_ptr<EventBlock>> events_;  // null where there is no event with a key
  size_t event_blocks_ = 0;
  std::vector<std::unique_ptr<KeyBlock>> keys_;
  uint32_t key_count_ = 0;
  std::vector<KeySet> tables_;  // chosen by digest, so that none is ever large
  Ids ids_;
  Ids older_ids_;
};

}  // namespace weir::events
