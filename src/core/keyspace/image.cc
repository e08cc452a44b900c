// The image of a bucket: next sequence; then the keys whose values stand inline; then the keys with
// a large value, whose bodies follow in the same order. Byte table: docs/formats/keyspace.md.

#include <algorithm>
#include <utility>
#include <vector>

#include "base/wire.h"
#include "core/keyspace/bucket.h"

namespace weir::keyspace {
namespace {

// A value of at least this many bytes is pinned (what it holds is shared) and written off the
// shard; of a bucket that holds much, a smaller one, so that not too much is left to write at once.
constexpr size_t kDeferredBytesMin = 16 << 10;
constexpr size_t kDeferredBytesMinOfMuch = 1 << 10;
constexpr size_t kMuchBytes = 512 << 10;

struct Loaded {
  ByteView key{};
  uint64_t sequence = 0;
  Timestamp deadline{};
  Value value{};
};

}  // namespace

BucketImage Bucket::image() const {
  BucketImage image;
  Writer writer(image.head);
  const size_t deferred_min =
      used_bytes_ < kMuchBytes ? kDeferredBytesMin : kDeferredBytesMinOfMuch;
  const auto is_deferred = [&](const KeyState& state) {
    return memory_of(state.value) >= deferred_min;
  };
  size_t deferred = 0;
  keys_.for_each([&](const auto& slot) { deferred += is_deferred(slot.value) ? 1 : 0; });
  const auto put_key = [&](const auto& slot) {
    writer.bytes(slot.key);
    writer.varint(slot.sequence);
    writer.svarint(slot.value.deadline.ms());
  };
  writer.varint(keys_.next_sequence());
  writer.varint(keys_.size() - deferred);
  keys_.for_each([&](const auto& slot) {
    if (is_deferred(slot.value)) return;
    put_key(slot);
    encode(slot.value.value, writer);
  });
  writer.varint(deferred);
  keys_.for_each([&](const auto& slot) {
    if (!is_deferred(slot.value)) return;
    put_key(slot);
    encode_later(slot.value.value, image.deferred);
  });
  return image;
}

Result<void> Bucket::load(ByteView image) {
  Reader reader(image);
  std::vector<Loaded> loaded;
  const auto get_key = [&] {
    Loaded key{.key = reader.bytes()};
    key.sequence = reader.varint();
    key.deadline = Timestamp(reader.svarint());
    return key;
  };
  const uint64_t next_sequence = reader.varint();
  const uint64_t inlined = reader.count(4);
  loaded.reserve(inlined);
  for (uint64_t i = 0; i < inlined; ++i) {
    Loaded key = get_key();
    auto value = decode_value(reader);
    if (!value) return std::unexpected(value.error());
    key.value = std::move(*value);
    loaded.push_back(std::move(key));
  }
  const uint64_t deferred = reader.count(4);
  for (uint64_t i = 0; i < deferred; ++i) loaded.push_back(get_key());
  for (uint64_t i = inlined; i < loaded.size(); ++i) {
    auto value = decode_value(reader);
    if (!value) return std::unexpected(value.error());
    loaded[i].value = std::move(*value);
  }
  const auto corrupt = [] {
    return fail(ErrorCode::kStorageCorrupt, "a keyspace image that does not fit its bucket");
  };
  if (!reader.done()) return corrupt();
  std::ranges::sort(loaded, {}, &Loaded::sequence);
  for (Loaded& key : loaded) {
    if (key.sequence < keys_.next_sequence() || key.sequence >= next_sequence) return corrupt();
    keys_.set_next_sequence(key.sequence);
    if (keys_.find(key.key) != nullptr) return corrupt();
    put(key.key, std::move(key.value), key.deadline);
  }
  keys_.set_next_sequence(next_sequence);
  return {};
}

}  // namespace weir::keyspace
