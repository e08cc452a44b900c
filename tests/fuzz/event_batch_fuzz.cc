// rooms: base base/compression core/log core/events
// What producers say of versions in the headers of their records: any bytes as a batch with a CRC
// that matches, and once more as a key and headers of a batch that is well formed. What is
// understood can be decided and counted; an append that was counted and had ids is known again.
#include <cstdlib>
#include <string>

#include "base/checksum.h"
#include "base/wire.h"
#include "core/events/batch.h"

using namespace weir;          // NOLINT
using namespace weir::events;  // NOLINT

namespace {

constexpr DecompressLimits kLimits{
    .bytes_max = size_t{1} << 20, .ratio_max = 256, .ratio_free_bytes = size_t{1} << 16};

void require(bool truth) {
  if (!truth) abort();
}

void append(VersionIndex& index, const log::BatchHeader& header, ByteView batch) {
  const auto incoming = incoming_of(index, header, batch);
  if (!incoming) return;
  require(incoming->size() == static_cast<size_t>(header.count));
  for (const Incoming& one : *incoming) {
    require(Expectation::parse(one.expected.text()).has_value());
    require(one.key || one.expected.kind == Expectation::Kind::kAny);
  }
  const Decision decision = index.decide(*incoming);
  require(decision.index == 0 || decision.index < incoming->size());
  if (decision.kind == Decision::Kind::kConflict) (void)key_of(header, batch, decision.index);
  if (decision.kind != Decision::Kind::kAppend) return;
  const Offset first = index.next();
  bool all_named = !incoming->empty();
  for (const Incoming& one : *incoming) {
    const auto before = one.key ? index.last_version(*one.key) : std::nullopt;
    index.add(index.next(), one);
    all_named = all_named && one.id;
    if (one.key) require(index.last_version(*one.key) == (before ? *before + 1 : 0));
  }
  if (!all_named) return;
  const Decision again = index.decide(*incoming);
  require(again.kind == Decision::Kind::kRepeated && again.first == first);
}

// Key and header values of one record after the other.
std::string well_formed(Reader input, log::BatchHeader& header) {
  std::string bytes;
  log::BatchBuilder builder(bytes);
  do {
    const std::string key(input.bytes());
    const std::string expected(input.bytes());
    const std::string id(input.bytes());
    const uint8_t which = input.u8();
    std::vector<log::RecordHeader> headers;
    if ((which & 1) != 0) headers.push_back({kHeaderExpectedVersion, expected});
    if ((which & 2) != 0) headers.push_back({kHeaderEventId, id});
    if ((which & 4) != 0) headers.push_back({kHeaderExpectedVersion, std::nullopt});
    const auto named = (which & 8) != 0 ? std::nullopt : std::optional<ByteView>(key);
    builder.add({named, ByteView("v"), headers, Timestamp(1)});
  } while (!input.failed() && input.remaining() > 0 && builder.count() < 1000);
  header = builder.finish();
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > (size_t{1} << 16)) return 0;
  const ByteView text(reinterpret_cast<const char*>(data), size);
  VersionIndex index(Offset(7), {1, 2});
  log::BatchHeader header;
  for (int round = 0; round < 2; ++round) {
    const std::string batch = well_formed(Reader(text), header);
    append(index, header, batch);
  }
  std::string batch(text);
  if (batch.size() < log::kBatchHeaderBytes) return 0;
  store_be(batch.data() + 8, static_cast<int32_t>(size - 12));
  batch[16] = 2;
  store_be(batch.data() + 17, crc32c(ByteView(batch).substr(21)));
  const auto valid =
      log::validate_batch(batch, {.walk = log::DoorRules::Walk::kAll, .decompress = kLimits});
  if (valid) append(index, *valid, batch);
  return 0;
}
