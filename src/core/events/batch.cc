#include "core/events/batch.h"

#include <fmt/format.h>

#include <functional>

#include "base/compression/compression.h"

namespace weir::events {
namespace {

constexpr size_t kIdBytesMax = 256;
constexpr size_t kKeyShownMax = 100;

// False when the batch cannot be opened; the visitor ends it with false.
bool each_record(const log::BatchHeader& header,
                 ByteView batch,
                 const std::function<bool(const log::RecordView&)>& visit) {
  ByteView bytes = batch.substr(log::kBatchHeaderBytes);
  std::string plain;
  if (header.codec() != Codec::kNone) {
    auto opened = decompress(header.codec(), bytes, DecompressLimits{});
    if (!opened) return false;
    plain = std::move(*opened);
    bytes = plain;
  }
  log::RecordIterator records(bytes, header.count);
  log::RecordView record;
  while (records.next(record)) {
    if (!visit(record)) return true;
  }
  return records.complete();
}

}  // namespace

Result<Incoming> incoming_of(const VersionIndex& index,
                             const std::optional<ByteView>& key,
                             const log::HeaderList& headers) {
  Incoming incoming;
  if (key) incoming.key = index.digest(*key);
  if (headers.empty()) return incoming;
  if (const auto id = headers.find(kHeaderEventId)) {
    if (id->empty() || id->size() > kIdBytesMax) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{} must have 1 to {} bytes", kHeaderEventId, kIdBytesMax));
    }
    incoming.id = index.digest(*id);
  }
  const auto expected = headers.find(kHeaderExpectedVersion);
  if (!expected) return incoming;
  const auto parsed = Expectation::parse(*expected);
  if (!parsed) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} must be any, none, exists or a version", kHeaderExpectedVersion));
  }
  if (!key && parsed->kind != Expectation::Kind::kAny) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a record with {} needs a key", kHeaderExpectedVersion));
  }
  incoming.expected = *parsed;
  return incoming;
}

Result<std::vector<Incoming>> incoming_of(const VersionIndex& index,
                                          const log::BatchHeader& header,
                                          ByteView batch) {
  std::vector<Incoming> all;
  std::optional<Error> error;
  const bool opened = each_record(header, batch, [&](const log::RecordView& record) {
    auto incoming = incoming_of(index, record.key, record.headers);
    if (!incoming) {
      error = std::move(incoming.error());
      return false;
    }
    all.push_back(*incoming);
    return true;
  });
  if (error) return std::unexpected(std::move(*error));
  if (!opened) return fail(ErrorCode::kCorruptBatch, "the records of the batch cannot be read");
  return all;
}

std::string key_of(const log::BatchHeader& header, ByteView batch, size_t record) {
  std::string key;
  each_record(header, batch, [&](const log::RecordView& view) {
    if (static_cast<size_t>(view.offset_delta) != record) return true;
    key = view.key.value_or("").substr(0, kKeyShownMax);
    return false;
  });
  return key;
}

}  // namespace weir::events
