#include "protocols/sqs/handle.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "protocols/sqs/digest.h"

namespace weir::sqs {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kBytes = 1 + 16 + 8 + 8 + 4;

}  // namespace

std::string make_receipt_handle(const catalog::Uuid& queue, const queue::Handle& handle) {
  Writer writer;
  writer.u8(kVersion);
  writer.fixed(queue.high);
  writer.fixed(queue.low);
  writer.fixed(handle.offset.value());
  writer.fixed(handle.generation.value());
  writer.fixed(crc32c(writer.out()));
  return base64(writer.out());
}

std::optional<queue::Handle> parse_receipt_handle(const catalog::Uuid& queue,
                                                  std::string_view text) {
  if (text.size() > 2 * kBytes) return std::nullopt;
  const auto bytes = from_base64(text);
  if (!bytes || bytes->size() != kBytes) return std::nullopt;
  Reader reader(*bytes);
  const uint8_t version = reader.u8();
  const catalog::Uuid owner{reader.fixed<uint64_t>(), reader.fixed<uint64_t>()};
  const Offset offset(reader.fixed<int64_t>());
  const queue::Generation generation(reader.fixed<uint64_t>());
  const auto check = reader.fixed<uint32_t>();
  if (version != kVersion || owner != queue || offset < Offset(0)) return std::nullopt;
  if (crc32c(ByteView(*bytes).substr(0, kBytes - 4)) != check) return std::nullopt;
  return queue::Handle{offset, generation};
}

}  // namespace weir::sqs
