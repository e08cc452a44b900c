#include "core/events/version_index.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/assert.h"
#include "base/checksum.h"

namespace weir::events {
namespace {

constexpr size_t kTables = 256;
constexpr uint32_t kNoKey = UINT32_MAX;

size_t table_of(const Digest& digest) {
  return digest[1] % kTables;
}

}  // namespace

bool Expectation::holds(std::optional<Version> last) const {
  switch (kind) {
    case Kind::kAny: return true;
    case Kind::kNone: return !last;
    case Kind::kExists: return last.has_value();
    case Kind::kExact: return last == version;
  }
  return false;
}

std::optional<Expectation> Expectation::parse(std::string_view text) {
  if (text == "any") return Expectation{Kind::kAny};
  if (text == "none") return Expectation{Kind::kNone};
  if (text == "exists") return Expectation{Kind::kExists};
  Version version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return Expectation{Kind::kExact, version};
}

std::string Expectation::text() const {
  switch (kind) {
    case Kind::kAny: return "any";
    case Kind::kNone: return "none";
    case Kind::kExists: return "exists";
    case Kind::kExact: return std::to_string(version);
  }
  return "any";
}

VersionIndex::VersionIndex(Offset start, Digest secret)
    : start_(start), secret_(secret), next_(start) {
  tables_.reserve(kTables);
  for (size_t i = 0; i < kTables; ++i) tables_.emplace_back(0, KeyHash{this}, KeyEqual{this});
}

VersionIndex::~VersionIndex() = default;

Digest VersionIndex::digest(ByteView bytes) const {
  std::string text(sizeof secret_ + bytes.size(), '\0');
  std::memcpy(text.data(), secret_.data(), sizeof secret_);
  std::ranges::copy(bytes, text.begin() + sizeof secret_);
  return hash128(text);
}

const VersionIndex::Event* VersionIndex::event(uint32_t place) const {
  const size_t block = place / kBlock;
  if (block >= events_.size() || events_[block] == nullptr) return nullptr;
  return &(*events_[block])[place % kBlock];
}

VersionIndex::Event& VersionIndex::make_event(uint32_t place) {
  const size_t block = place / kBlock;
  if (block >= events_.size()) events_.resize(block + 1);
  if (events_[block] == nullptr) {
    events_[block] = std::make_unique<EventBlock>();
    events_[block]->fill({0, 0, 0, kNoKey});
    ++event_blocks_;
  }
  return (*events_[block])[place % kBlock];
}

std::optional<uint32_t> VersionIndex::find_key(const Digest& digest) const {
  const KeySet& table = tables_[table_of(digest)];
  const auto found = table.find(digest);
  if (found == table.end()) return std::nullopt;
  return *found;
}

std::optional<uint32_t> VersionIndex::find_id(const Digest& id) const {
  if (const auto found = ids_.find(id); found != ids_.end()) return found->second;
  if (const auto found = older_ids_.find(id); found != older_ids_.end()) return found->second;
  return std::nullopt;
}

// Nothing when no id is known.
std::optional<Decision> VersionIndex::decide_ids(std::span<const Incoming> records) const {
  absl::flat_hash_set<Digest> own;
  std::optional<uint32_t> first;
  for (size_t i = 0; i < records.size(); ++i) {
    if (!records[i].id) continue;
    const auto place = find_id(*records[i].id);
    const bool twice = !own.insert(*records[i].id).second;
    if (place && i == 0) first = place;
    if (twice || (place && !first)) return Decision{Decision::Kind::kPartRepeated, {}, i, {}};
  }
  if (!first) return std::nullopt;
  // What repeats an append repeats every event of it, at the places that follow each other.
  for (size_t i = 0; i < records.size(); ++i) {
    const auto place = records[i].id ? find_id(*records[i].id) : std::nullopt;
    const Event* known = place ? event(*place) : nullptr;
    const auto own_key = records[i].key ? find_key(*records[i].key) : std::nullopt;
    const uint32_t known_key = known == nullptr ? kNoKey : known->key;
    if (!place || *place != *first + i || known_key != own_key.value_or(kNoKey)) {
      return Decision{Decision::Kind::kPartRepeated, {}, records[i].id ? i : 0, {}};
    }
  }
  return Decision{Decision::Kind::kRepeated, offset_of(*first), 0, {}};
}

Decision VersionIndex::decide(std::span<const Incoming> records) const {
  if (auto repeated = decide_ids(records)) return *repeated;
  absl::flat_hash_map<Digest, Version> appended;
  for (size_t i = 0; i < records.size(); ++i) {
    if (!records[i].key) continue;
    const auto before = appended.find(*records[i].key);
    const std::optional<Version> last =
        before == appended.end() ? last_version(*records[i].key) : before->second;
    if (!records[i].expected.holds(last)) {
      return {Decision::Kind::kConflict, {}, i, last};
    }
    appended[*records[i].key] = last ? *last + 1 : 0;
  }
  if (static_cast<uint64_t>(next_ - start_) + records.size() > kEventsMax) {
    return {Decision::Kind::kFull, {}, 0, {}};
  }
  return {};
}

void VersionIndex::add(Offset offset, const Incoming& record) {
  WEIR_ASSERT(offset >= next_, "offset {} was added to an index that ends at {}", offset.value(),
              next_.value());
  next_ = offset.next();
  if (static_cast<uint64_t>(offset - start_) >= kEventsMax) return;
  const uint32_t place = place_of(offset);
  if (record.id) remember_id(*record.id, place);
  if (!record.key) return;
  Event& added = make_event(place);
  const auto known = find_key(*record.key);
  if (!known) {
    if (key_count_ % kBlock == 0) keys_.push_back(std::make_unique<KeyBlock>());
    const uint32_t fresh = key_count_++;
    key(fresh) = {*record.key, place, 0};
    tables_[table_of(*record.key)].insert(fresh);
    added = {place, place, 0, fresh};
    return;
  }
  Key& owner = key(*known);
  const Event& last = known_event(owner.last);
  const Event& jump = known_event(last.jump);
  const Event& beyond = known_event(jump.jump);
  // Two jumps of one length become one of twice the length, so that every version is within a
  // number of steps that grows with the logarithm of its distance.
  const bool even = last.version - jump.version == jump.version - beyond.version;
  added = {owner.last, even ? jump.jump : owner.last, last.version + 1, *known};
  owner.last = place;
}

void VersionIndex::skip_to(Offset offset) {
  next_ = std::max(next_, offset);
}

void VersionIndex::remember_id(const Digest& id, uint32_t place) {
  if (ids_.size() >= kIdsRemembered) {
    older_ids_ = std::move(ids_);
    ids_ = {};
  }
  ids_[id] = place;
}

std::optional<Version> VersionIndex::last_version(const Digest& digest) const {
  const auto known = find_key(digest);
  if (!known) return std::nullopt;
  return known_event(key(*known).last).version;
}

std::optional<Offset> VersionIndex::last_offset(const Digest& digest) const {
  const auto known = find_key(digest);
  if (!known) return std::nullopt;
  return offset_of(key(*known).last);
}

std::optional<Version> VersionIndex::version_at(Offset offset) const {
  if (offset < start_ || offset >= next_) return std::nullopt;
  const Event* found = event(place_of(offset));
  if (found == nullptr || found->key == kNoKey) return std::nullopt;
  return found->version;
}

std::vector<Offset> VersionIndex::offsets(const Digest& digest, Version first, uint64_t end) const {
  const auto known = find_key(digest);
  if (!known) return {};
  uint32_t place = key(*known).last;
  const uint64_t beyond = uint64_t{known_event(place).version} + 1;
  end = std::min(end, beyond);
  if (first >= end) return {};
  while (known_event(place).version > end - 1) {
    const Event& at = known_event(place);
    place = known_event(at.jump).version >= end - 1 ? at.jump : at.previous;
  }
  std::vector<Offset> found(end - first);
  for (auto slot = found.rbegin(); slot != found.rend(); ++slot) {
    *slot = offset_of(place);
    place = known_event(place).previous;
  }
  return found;
}

size_t VersionIndex::memory_bytes() const {
  size_t bytes = event_blocks_ * sizeof(EventBlock) + events_.capacity() * sizeof(void*) +
                 keys_.size() * sizeof(KeyBlock) + keys_.capacity() * sizeof(void*);
  for (const KeySet& table : tables_) bytes += table.capacity() * (sizeof(uint32_t) + 1);
  return bytes + (ids_.capacity() + older_ids_.capacity()) * (sizeof(Ids::value_type) + 1);
}

}  // namespace weir::events
