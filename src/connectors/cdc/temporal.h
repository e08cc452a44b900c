#pragma once
// Dates, times and intervals as databases print them (ISO), as numbers, and as ISO 8601.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::cdc {

inline constexpr int64_t kDayUs = 86'400'000'000;

// Both infinities of a date or a timestamp, or a finite one.
enum class Infinite : int8_t { kNo = 0, kPast = -1, kFuture = 1 };

struct Instant {
  Infinite infinite = Infinite::kNo;
  int64_t days = 0;    // since 1970-01-01, proleptic Gregorian
  int64_t day_us = 0;  // of the day; 24:00:00 is a day
};

struct Interval {
  int64_t years = 0;
  int64_t months = 0;
  int64_t days = 0;
  int64_t hours = 0;
  int64_t minutes = 0;
  int64_t seconds_us = 0;
};

// 2026-01-02, 0044-03-15 BC, infinity
std::optional<Instant> read_date(std::string_view text);
// 03:04:05.678901, 24:00:00
std::optional<int64_t> read_time(std::string_view text);
// 03:04:05.6+02, in UTC: the offset is taken off and the day wraps
std::optional<int64_t> read_time_tz(std::string_view text);
// 2026-01-02 03:04:05.678901, with "+01", "-03:30" or nothing behind it; with an offset, in UTC
std::optional<Instant> read_timestamp(std::string_view text);
// 1 year 2 mons 3 days 04:05:06.78, -1 mons -00:00:03
std::optional<Interval> read_interval(std::string_view text);

// Microseconds since 1970; nothing when they do not fit.
std::optional<int64_t> microseconds(const Instant& instant);
// A month has 365.25 / 12 days.
int64_t microseconds(const Interval& interval);

void append_date(std::string& out, int64_t days);  // -0043-03-15, +10000-01-01
// 03:04:05.6; `digits` of the fraction, or as many as it needs when that is negative
void append_time(std::string& out, int64_t day_us, int digits = -1);
void append_interval(std::string& out, const Interval& interval);  // P1Y2M3DT4H5M6.78S

}  // namespace weir::cdc
