#include "protocols/redis/idempotence.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/checksum.h"
#include "base/wire.h"
#include "protocols/redis/numbers.h"
#include "protocols/redis/streams.h"

namespace weir::redis {
namespace {

using keyspace::Hash;
using keyspace::kSideDatabase;
using keyspace::Transaction;

constexpr char kProducer = 'i';
constexpr char kCounters = 'c';
constexpr size_t kPrefixBytes = 1 + sizeof(uint64_t);
constexpr ByteView kAdded = "a";
constexpr ByteView kDuplicates = "d";

std::string key_of(char kind, CellId log, ByteView producer = {}) {
  std::string key(1, kind);
  Writer writer(key);
  writer.fixed(log.value());
  return key.append(producer);
}

std::optional<CellId> log_of(ByteView key) {
  if (key.size() < kPrefixBytes) return std::nullopt;
  return CellId(load_le<uint64_t>(key.data() + 1));
}

const Hash* hash_at(const Transaction& keys, const std::string& key) {
  const auto found = keys.get<Hash>(kSideDatabase, key);
  return found ? *found : nullptr;
}

StreamId id_in(ByteView text) {
  return parse_id(text, 0).value_or(StreamId{});
}

bool expired(StreamId id, Timestamp now, const Idempotence::Settings& settings) {
  const int64_t from = (now - settings.duration).ms();
  return from >= 0 && id.ms <= static_cast<uint64_t>(from);
}

// The messages that go when one more comes: what is too old, and the oldest of too many.
std::vector<std::string> leaving(const Hash& known,
                                 ByteView message,
                                 Timestamp now,
                                 const Idempotence::Settings& settings) {
  std::vector<std::string> names;
  known.fields.scan(0, [&](const auto& slot) {
    const bool too_many = known.fields.size() - names.size() >= settings.size_max;
    if (!too_many && !expired(id_in(slot.value), now, settings)) return false;
    names.emplace_back(slot.key);
    return true;
  });
  // It is remembered anew, so it is the youngest again.
  if (known.fields.find(message) != nullptr && std::ranges::find(names, message) == names.end())
    names.emplace_back(message);
  return names;
}

}  // namespace

std::string Idempotence::name_of_fields(std::span<const ByteView> fields) {
  std::vector<std::array<uint64_t, 2>> pairs;
  for (size_t i = 0; i + 1 < fields.size(); i += 2) {
    std::string pair;
    Writer writer(pair);
    writer.bytes(fields[i]);
    writer.bytes(fields[i + 1]);
    pairs.push_back(hash128(pair));
  }
  std::ranges::sort(pairs);
  std::string all;
  Writer writer(all);
  for (const auto& [low, high] : pairs) {
    writer.fixed(low);
    writer.fixed(high);
  }
  const auto [low, high] = hash128(all);
  std::string name;
  Writer out(name);
  out.fixed(low);
  out.fixed(high);
  return name;
}

std::optional<StreamId> Idempotence::find(const Transaction& keys,
                                          CellId log,
                                          ByteView producer,
                                          ByteView message,
                                          const Settings& settings) const {
  const Hash* known = hash_at(keys, key_of(kProducer, log, producer));
  const Text* text = known == nullptr ? nullptr : known->fields.find(message);
  if (text == nullptr || expired(id_in(*text), keys.now(), settings)) return std::nullopt;
  return id_in(*text);
}

void Idempotence::remember(Transaction& keys,
                           CellId log,
                           ByteView producer,
                           ByteView message,
                           StreamId id,
                           const Settings& settings) {
  const std::string key = key_of(kProducer, log, producer);
  if (const Hash* known = hash_at(keys, key)) {
    const auto names = leaving(*known, message, keys.now(), settings);
    const std::vector<ByteView> views(names.begin(), names.end());
    // The last field would take the key along; it is put back in this commit.
    if (!views.empty()) keys.erase_fields(kSideDatabase, key, views);
  }
  const std::string text = to_text(id);
  const ByteView field[] = {message, text};
  keys.set_fields(kSideDatabase, key, field);
  producers_[log].emplace(producer);
  // The key goes some time after its last message; to say so once in a while is enough.
  const keyspace::KeyState* state = keys.find(kSideDatabase, key);
  if (state->deadline == Timestamp::never() || state->deadline < keys.now() + settings.duration)
    keys.expire_at(kSideDatabase, key, keys.now() + 2 * settings.duration);
  count(keys, log, kAdded);
}

void Idempotence::count(Transaction& keys, CellId log, ByteView what) {
  const std::string key = key_of(kCounters, log);
  const Hash* counters = hash_at(keys, key);
  const Text* before = counters == nullptr ? nullptr : counters->fields.find(what);
  const int64_t value = before == nullptr ? 0 : parse_integer(*before).value_or(0);
  const std::string text = std::to_string(value + 1);
  const ByteView field[] = {what, text};
  keys.set_fields(kSideDatabase, key, field);
  producers_[log];
}

void Idempotence::count_duplicate(Transaction& keys, CellId log) {
  count(keys, log, kDuplicates);
}

void Idempotence::clear(Transaction& keys, CellId log) {
  const auto known = producers_.find(log);
  if (known == producers_.end()) return;
  for (const std::string& producer : known->second)
    keys.erase(kSideDatabase, key_of(kProducer, log, producer));
  known->second.clear();
}

void Idempotence::forget(Transaction& keys, CellId log) {
  clear(keys, log);
  if (producers_.erase(log) > 0) keys.erase(kSideDatabase, key_of(kCounters, log));
}

Idempotence::Counts Idempotence::counts(const Transaction& keys,
                                        CellId log,
                                        const Settings& settings) const {
  Counts counts;
  const auto known = producers_.find(log);
  if (known == producers_.end()) return counts;
  for (const std::string& producer : known->second) {
    const Hash* messages = hash_at(keys, key_of(kProducer, log, producer));
    if (messages == nullptr) continue;
    int64_t ids = 0;
    messages->fields.for_each(
        [&](const auto& slot) { ids += expired(id_in(slot.value), keys.now(), settings) ? 0 : 1; });
    counts.ids += ids;
    counts.producers += ids > 0 ? 1 : 0;
  }
  const Hash* counters = hash_at(keys, key_of(kCounters, log));
  const auto counter = [&](ByteView what) {
    const Text* text = counters == nullptr ? nullptr : counters->fields.find(what);
    return text == nullptr ? 0 : parse_integer(*text).value_or(0);
  };
  counts.added = counter(kAdded);
  counts.duplicates = counter(kDuplicates);
  return counts;
}

std::vector<CellId> Idempotence::recover(const std::function<const log::Log*(CellId)>& find_log) {
  keyspace_.for_each(kSideDatabase, Timestamp(0), [&](ByteView key, const keyspace::KeyState&) {
    const auto log = log_of(key);
    if (!log || (key.front() != kProducer && key.front() != kCounters)) return;
    auto& producers = producers_[*log];
    if (key.front() == kProducer) producers.emplace(key.substr(kPrefixBytes));
  });
  std::vector<CellId> gone;
  for (const auto& [log, producers] : producers_) {
    if (find_log(log) == nullptr) gone.push_back(log);
  }
  return gone;
}

void Idempotence::removed(ByteView key) {
  const auto log = log_of(key);
  if (!log || key.front() != kProducer) return;
  if (keyspace_.find_any(kSideDatabase, key) != nullptr) return;  // and came back
  const auto known = producers_.find(*log);
  if (known != producers_.end()) known->second.erase(std::string(key.substr(kPrefixBytes)));
}

}  // namespace weir::redis
