#include "connectors/cdc/temporal.h"

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "fmt/format.h"

namespace weir::cdc {

namespace {

constexpr int64_t kSecondUs = 1'000'000;
constexpr int64_t kYearMax = 300'000;  // PostgreSQL ends at 294276
constexpr double kDaysPerMonth = 365.25 / 12.0;

// Takes values off the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  std::optional<int64_t> number() {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || value < 0) return std::nullopt;
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return value;
  }
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  // .678901 as microseconds; digits beyond are cut off
  int64_t fraction() {
    int64_t us = 0;
    int64_t unit = kSecondUs / 10;
    while (!rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9') {
      us += (rest_[0] - '0') * unit;
      unit /= 10;
      rest_.remove_prefix(1);
    }
    return us;
  }
  std::string_view rest() const { return rest_; }
  bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

int64_t days_of(int64_t year, unsigned month, unsigned day) {
  // std::chrono's year ends at 32767: whole cycles of 400 years are taken off.
  const int64_t cycles = (year >= 0 ? year : year - 399) / 400;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(year - cycles * 400)),
                                         std::chrono::month(month), std::chrono::day(day));
  constexpr int64_t kCycleDays = 146'097;
  return std::chrono::sys_days(date).time_since_epoch().count() + cycles * kCycleDays;
}

std::optional<int64_t> date(Scanner& from, bool& before_christ) {
  const auto year = from.number();
  if (!year || *year > kYearMax || !from.take('-')) return std::nullopt;
  const auto month = from.number();
  if (!month || !from.take('-')) return std::nullopt;
  const auto day = from.number();
  if (!day || *month < 1 || *month > 12 || *day < 1 || *day > 31) return std::nullopt;
  before_christ = from.rest().ends_with(" BC");
  const int64_t astronomical = before_christ ? 1 - *year : *year;
  return days_of(astronomical, static_cast<unsigned>(*month), static_cast<unsigned>(*day));
}

std::optional<int64_t> clock(Scanner& from) {
  const auto hours = from.number();
  if (!hours || !from.take(':')) return std::nullopt;
  const auto minutes = from.number();
  int64_t seconds = 0;
  if (from.take(':')) {
    const auto read = from.number();
    if (!read) return std::nullopt;
    seconds = *read;
  }
  if (!minutes || *hours > 24 || *minutes > 59 || seconds > 60) return std::nullopt;
  const int64_t us = from.take('.') ? from.fraction() : 0;
  return ((*hours * 60 + *minutes) * 60 + seconds) * kSecondUs + us;
}

// +02, -03:30, +00:19:32 as microseconds east of UTC; nothing when there is none.
std::optional<int64_t> offset(Scanner& from) {
  const bool west = from.rest().starts_with('-');
  if (!from.take('+') && !from.take('-')) return std::nullopt;
  int64_t seconds = 0;
  for (const int64_t unit : {3600, 60, 1}) {
    const auto part = from.number();
    if (!part || *part > 60) return std::nullopt;
    seconds += *part * unit;
    if (!from.take(':')) break;
  }
  return (west ? -seconds : seconds) * kSecondUs;
}

std::optional<Instant> infinite(std::string_view text) {
  if (text == "infinity") return Instant{.infinite = Infinite::kFuture};
  if (text == "-infinity") return Instant{.infinite = Infinite::kPast};
  return std::nullopt;
}

// The signed clock at the end of an interval.
bool interval_clock(std::string_view word, Interval& interval) {
  const bool negative = word.starts_with('-');
  if (negative || word.starts_with('+')) word.remove_prefix(1);
  Scanner from(word);
  const auto hours = from.number();
  if (!hours || !from.take(':')) return false;
  const auto minutes = from.number();
  if (!minutes || !from.take(':')) return false;
  const auto seconds = from.number();
  if (!seconds || *seconds > 60) return false;
  const int64_t us = *seconds * kSecondUs + (from.take('.') ? from.fraction() : 0);
  const int64_t sign = negative ? -1 : 1;
  interval.hours = sign * *hours;
  interval.minutes = sign * *minutes;
  interval.seconds_us = sign * us;
  return from.done();
}

std::string_view next_word(std::string_view& rest) {
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  return word;
}

// Seconds with as many digits as they need.
void append_seconds(std::string& out, int64_t us) {
  if (us < 0) out += '-';
  us = us < 0 ? -us : us;
  out += fmt::format("{}", us / kSecondUs);
  if (us % kSecondUs == 0) return;
  std::string fraction = fmt::format("{:06}", us % kSecondUs);
  fraction.resize(fraction.find_last_not_of('0') + 1);
  out += '.';
  out += fraction;
}

}  // namespace

std::optional<Instant> read_date(std::string_view text) {
  if (const auto found = infinite(text)) return found;
  Scanner from(text);
  bool before_christ = false;
  const auto days = date(from, before_christ);
  if (before_christ) from.take(" BC");
  if (!days || !from.done()) return std::nullopt;
  return Instant{.days = *days};
}

std::optional<int64_t> read_time(std::string_view text) {
  Scanner from(text);
  const auto us = clock(from);
  return us && from.done() ? us : std::nullopt;
}

std::optional<int64_t> read_time_tz(std::string_view text) {
  Scanner from(text);
  const auto us = clock(from);
  const auto east = offset(from);
  if (!us || !east || !from.done()) return std::nullopt;
  return ((*us - *east) % kDayUs + kDayUs) % kDayUs;
}

std::optional<Instant> read_timestamp(std::string_view text) {
  if (const auto found = infinite(text)) return found;
  Scanner from(text);
  bool before_christ = false;
  const auto days = date(from, before_christ);
  if (!days || !from.take(' ')) return std::nullopt;
  const auto us = clock(from);
  if (!us) return std::nullopt;
  const auto east = offset(from);
  if (before_christ) from.take(" BC");
  if (!from.done()) return std::nullopt;
  const int64_t utc = *us - east.value_or(0);
  const int64_t day = utc >= 0 ? utc / kDayUs : (utc - kDayUs + 1) / kDayUs;
  return Instant{.days = *days + day, .day_us = utc - day * kDayUs};
}

std::optional<Interval> read_interval(std::string_view text) {
  Interval interval;
  std::string_view rest = text;
  for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) {
    if (word.find(':') != std::string_view::npos) {
      if (!interval_clock(word, interval) || !next_word(rest).empty()) return std::nullopt;
      return interval;
    }
    if (word.starts_with('+')) word.remove_prefix(1);
    int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
    if (value > INT32_MAX || value < INT32_MIN) return std::nullopt;
    const std::string_view unit = next_word(rest);
    if (unit.starts_with("year")) {
      interval.years = value;
    } else if (unit.starts_with("mon")) {
      interval.months = value;
    } else if (unit.starts_with("day")) {
      interval.days = value;
    } else {
      return std::nullopt;
    }
  }
  return interval;
}

std::optional<int64_t> microseconds(const Instant& instant) {
  int64_t us = 0;
  if (__builtin_mul_overflow(instant.days, kDayUs, &us)) return std::nullopt;
  if (__builtin_add_overflow(us, instant.day_us, &us)) return std::nullopt;
  return us;
}

int64_t microseconds(const Interval& interval) {
  const double months = static_cast<double>(interval.years * 12 + interval.months);
  const double days = months * kDaysPerMonth + static_cast<double>(interval.days);
  const double minutes = (days * 24 + static_cast<double>(interval.hours)) * 60 +
                         static_cast<double>(interval.minutes);
  const double us = (minutes * 60 + static_cast<double>(interval.seconds_us) / 1e6) * 1e6;
  if (us >= 9.2e18) return std::numeric_limits<int64_t>::max();
  if (us <= -9.2e18) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(us);
}

void append_date(std::string& out, int64_t days) {
  constexpr int64_t kCycleDays = 146'097;
  const int64_t cycles = (days >= 0 ? days : days - kCycleDays + 1) / kCycleDays;
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(days - cycles * kCycleDays))};
  const int64_t year = static_cast<int>(date.year()) + cycles * 400;
  if (year < 0) {
    out += fmt::format("-{:04}", -year);
  } else {
    if (year > 9999) out += '+';
    out += fmt::format("{:04}", year);
  }
  out += fmt::format("-{:02}-{:02}", static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

void append_time(std::string& out, int64_t day_us, int digits) {
  const int64_t seconds = day_us / kSecondUs;
  out += fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (digits == 0 || (digits < 0 && day_us % kSecondUs == 0)) return;
  std::string fraction = fmt::format("{:06}", day_us % kSecondUs);
  if (digits > 0) {
    fraction.resize(static_cast<size_t>(digits), '0');
  } else {
    fraction.resize(fraction.find_last_not_of('0') + 1);
  }
  out += '.';
  out += fraction;
}

void append_interval(std::string& out, const Interval& interval) {
  out += fmt::format("P{}Y{}M{}DT{}H{}M", interval.years, interval.months, interval.days,
                     interval.hours, interval.minutes);
  append_seconds(out, interval.seconds_us);
  out += 'S';
}

}  // namespace weir::cdc
