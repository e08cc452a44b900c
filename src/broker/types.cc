#include "broker/types.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace weir::broker {

catalog::Uuid message_id(const catalog::Uuid& log, Offset offset) {
  // An odd factor makes the product a bijection, so ids of one log never collide.
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15U;
  return {log.high, log.low ^ (static_cast<uint64_t>(offset.value()) * kFactor)};
}

std::string to_string(const catalog::Uuid& uuid) {
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", uuid.high >> 32,
                     (uuid.high >> 16) & 0xffff, uuid.high & 0xffff, uuid.low >> 48,
                     uuid.low & 0xffffffffffff);
}

std::optional<catalog::Uuid> parse_uuid(ByteView text) {
  if (text.size() != 36) return std::nullopt;
  catalog::Uuid uuid;
  size_t digits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (c != '-') return std::nullopt;
      continue;
    }
    uint64_t value = 0;
    if (c >= '0' && c <= '9') {
      value = static_cast<uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      value = static_cast<uint64_t>(c - 'a') + 10;
    } else {
      return std::nullopt;
    }
    uint64_t& half = digits < 16 ? uuid.high : uuid.low;
    half = half << 4 | value;
    ++digits;
  }
  return uuid;
}

std::optional<uint8_t> parse_priority(ByteView text) {
  constexpr uint8_t kHighest = catalog::kPrioritiesMax - 1;
  uint8_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (stopped != end || error == std::errc::invalid_argument) return std::nullopt;
  return error == std::errc() ? std::min(number, kHighest) : kHighest;
}

uint8_t priority_of(std::span<const log::RecordHeader> headers) {
  const auto found = std::ranges::find(headers, kHeaderPriority, &log::RecordHeader::key);
  if (found == headers.end() || !found->value) return 0;
  return parse_priority(*found->value).value_or(0);
}

catalog::Uuid message_id_of(const catalog::Uuid& log, const log::ReadRecord& record) {
  if (const auto carried = record.headers.find(kHeaderMessageId)) {
    if (const auto id = parse_uuid(*carried)) return *id;
  }
  return message_id(log, record.offset);
}

}  // namespace weir::broker
