#include "connectors/pgoutput/frame.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/wire.h"
#include "fmt/format.h"

namespace weir::pgoutput {

namespace {

constexpr size_t kReplyBytes = 34;

}  // namespace

Result<Frame> read_frame(std::string_view copy_data) {
  Reader reader(copy_data);
  const auto kind = static_cast<char>(reader.u8());
  if (kind == 'w') {
    XLogData data;
    data.start = reader.fixed_be<uint64_t>();
    data.end = reader.fixed_be<uint64_t>();
    data.clock_us = since_1970(reader.fixed_be<int64_t>());
    data.message = reader.raw(reader.remaining());
    if (!reader.failed()) return data;
  } else if (kind == 'k') {
    Keepalive alive;
    alive.end = reader.fixed_be<uint64_t>();
    alive.clock_us = since_1970(reader.fixed_be<int64_t>());
    alive.reply_now = reader.boolean();
    if (reader.done()) return alive;
  }
  return fail(ErrorCode::kCorruptBatch,
              fmt::format("a replication frame of {} bytes and kind 0x{:02x} cannot be read",
                          copy_data.size(), static_cast<unsigned char>(kind)));
}

std::string status_reply(
    uint64_t written, uint64_t flushed, uint64_t applied, int64_t now_us, bool reply_now) {
  Writer writer;
  writer.out().reserve(kReplyBytes);
  writer.u8('r');
  writer.fixed_be(written);
  writer.fixed_be(flushed);
  writer.fixed_be(applied);
  writer.fixed_be(now_us - kEpochUs);
  writer.boolean(reply_now);
  return writer.out();
}

Result<uint64_t> parse_lsn(std::string_view text) {
  const auto wrong = [&] {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("\"{}\" is no log sequence number such as 16/B374D848", text));
  };
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return wrong();
  uint32_t parts[2] = {};
  const std::string_view texts[2] = {text.substr(0, slash), text.substr(slash + 1)};
  for (size_t part = 0; part < 2; ++part) {
    const char* end = texts[part].data() + texts[part].size();
    const auto [rest, error] = std::from_chars(texts[part].data(), end, parts[part], 16);
    if (error != std::errc() || rest != end) return wrong();
  }
  return uint64_t{parts[0]} << 32 | parts[1];
}

std::string format_lsn(uint64_t lsn) {
  return fmt::format("{:X}/{:X}", lsn >> 32, lsn & 0xFFFF'FFFF);
}

}  // namespace weir::pgoutput
