#pragma once
// The frames of PostgreSQL's streaming replication inside CopyData, and log sequence numbers as
// text. Source: PostgreSQL's manual, "Streaming Replication Protocol". Times are microseconds since
// 1970; on the wire they count from 2000.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"

namespace weir::pgoutput {

inline constexpr int64_t kEpochUs = 946'684'800'000'000;  // 2000-01-01 in microseconds since 1970

// A time from the wire. A peer may send any number: it wraps.
constexpr int64_t since_1970(int64_t since_2000_us) {
  return static_cast<int64_t>(static_cast<uint64_t>(since_2000_us) + kEpochUs);
}

struct XLogData {
  uint64_t start = 0;
  uint64_t end = 0;
  int64_t clock_us = 0;
  std::string_view message;  // borrows the frame
};

struct Keepalive {
  uint64_t end = 0;
  int64_t clock_us = 0;
  bool reply_now = false;
};

using Frame = std::variant<XLogData, Keepalive>;

Result<Frame> read_frame(std::string_view copy_data);

// A standby status update. The positions are sent as they are given.
std::string status_reply(
    uint64_t written, uint64_t flushed, uint64_t applied, int64_t now_us, bool reply_now = false);

Result<uint64_t> parse_lsn(std::string_view text);  // 16/B374D848
std::string format_lsn(uint64_t lsn);

}  // namespace weir::pgoutput
