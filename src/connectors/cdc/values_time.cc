#include "connectors/cdc/values_time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/cdc/change.h"
#include "connectors/cdc/config.h"
#include "connectors/cdc/temporal.h"
#include "connectors/cdc/text.h"
#include "connectors/cdc/values.h"

namespace weir::cdc {

namespace {

constexpr int64_t kMs = 1000;
// What Debezium gives for the infinities of dates and timestamps.
constexpr int64_t kFutureDays = 2'146'033'979;
constexpr int64_t kPastDays = -2'147'472'691;
constexpr int64_t kFutureMs = 9'223'372'036'825'200'000;
constexpr int64_t kPastMs = -9'223'372'036'832'400'000;
constexpr std::string_view kFutureIso = "+292278994-08-16T23:00:00Z";
constexpr std::string_view kPastIso = "-292275055-05-16T23:00:00Z";

void append_integer(std::string& out, int64_t value) {
  out += std::to_string(value);
}

int64_t floor_div(int64_t value, int64_t by) {
  return value >= 0 ? value / by : -((-value + by - 1) / by);
}

// What a time or a timestamp is counted in.
enum class Unit : uint8_t { kMs, kUs, kNs };

Unit unit_of(const Type& type, const Style& style) {
  const bool short_fraction = fraction_digits(type) <= 3;
  switch (style.time) {
    case TimeMode::kConnect: return Unit::kMs;
    case TimeMode::kNanoseconds: return Unit::kNs;
    case TimeMode::kMicroseconds:
    case TimeMode::kIsoString: return Unit::kUs;
    case TimeMode::kAdaptiveMicroseconds:
      if (type.kind == TypeKind::kTime) return Unit::kUs;
      return short_fraction ? Unit::kMs : Unit::kUs;
    case TimeMode::kAdaptive: return short_fraction ? Unit::kMs : Unit::kUs;
  }
  return Unit::kUs;
}

void append_units(std::string& out, int64_t us, Unit unit) {
  int64_t ns = 0;
  if (unit == Unit::kMs) {
    append_integer(out, floor_div(us, kMs));
  } else if (unit == Unit::kUs) {
    append_integer(out, us);
  } else if (!__builtin_mul_overflow(us, int64_t{1000}, &ns)) {
    append_integer(out, ns);
  } else {
    append_integer(out, us < 0 ? INT64_MIN : INT64_MAX);
  }
}

void append_infinite_timestamp(std::string& out,
                               const Type& type,
                               bool future,
                               const Style& style) {
  if (style.readable) {
    out += future ? "\"infinity\"" : "\"-infinity\"";
  } else if (style.time == TimeMode::kIsoString) {
    append_json_string(out, future ? kFutureIso : kPastIso);
  } else if (unit_of(type, style) == Unit::kMs) {
    append_integer(out, future ? kFutureMs : kPastMs);
  } else {
    append_integer(out, future ? INT64_MAX : INT64_MIN);
  }
}

}  // namespace

bool append_date_value(std::string& out, std::string_view text, const Style& style) {
  const std::optional<Instant> date = read_date(text);
  if (!date) return false;
  if (date->infinite != Infinite::kNo) {
    const bool future = date->infinite == Infinite::kFuture;
    if (style.readable) {
      append_json_string(out, text);
    } else if (style.time == TimeMode::kIsoString) {
      out += future ? "\"+5877611-06-21Z\"" : "\"-5877611-06-22Z\"";
    } else {
      append_integer(out, future ? kFutureDays : kPastDays);
    }
    return true;
  }
  if (style.time != TimeMode::kIsoString) {
    append_integer(out, date->days);
    return true;
  }
  out += '"';
  append_date(out, date->days);
  out += style.readable ? "\"" : "Z\"";
  return true;
}

bool append_time_value(std::string& out,
                       const Type& type,
                       std::string_view text,
                       const Style& style) {
  const std::optional<int64_t> us = read_time(text);
  if (!us) return false;
  if (style.time == TimeMode::kIsoString) {
    out += '"';
    append_time(out, style.readable ? *us : *us % kDayUs);
    out += style.readable ? "\"" : "Z\"";
  } else {
    append_units(out, *us, unit_of(type, style));
  }
  return true;
}

bool append_timestamp(std::string& out,
                      const Type& type,
                      std::string_view text,
                      const Style& style) {
  const std::optional<Instant> instant = read_timestamp(text);
  if (!instant) return false;
  if (instant->infinite != Infinite::kNo) {
    append_infinite_timestamp(out, type, instant->infinite == Infinite::kFuture, style);
    return true;
  }
  if (style.time == TimeMode::kIsoString) {
    out += '"';
    append_date(out, instant->days);
    out += 'T';
    append_time(out, instant->day_us);
    out += style.readable ? "\"" : "Z\"";
    return true;
  }
  const std::optional<int64_t> us = microseconds(*instant);
  if (!us) return false;
  append_units(out, *us, unit_of(type, style));
  return true;
}

bool append_timestamp_tz(std::string& out,
                         const Type& type,
                         std::string_view text,
                         const Style& style) {
  const std::optional<Instant> instant = read_timestamp(text);
  if (!instant) return false;
  if (instant->infinite != Infinite::kNo) {
    out += instant->infinite == Infinite::kFuture ? "\"infinity\"" : "\"-infinity\"";
    return true;
  }
  out += '"';
  append_date(out, instant->days);
  out += 'T';
  append_time(out, instant->day_us, style.readable ? -1 : fraction_digits(type));
  out += "Z\"";
  return true;
}

bool append_time_tz(std::string& out, std::string_view text) {
  const std::optional<int64_t> us = read_time_tz(text);
  if (!us) return false;
  out += '"';
  append_time(out, *us);
  out += "Z\"";
  return true;
}

bool append_interval_value(std::string& out, std::string_view text, const Style& style) {
  const std::optional<Interval> interval = read_interval(text);
  if (!interval) return false;
  if (!style.interval_text) {
    append_integer(out, microseconds(*interval));
    return true;
  }
  out += '"';
  append_interval(out, *interval);
  out += '"';
  return true;
}

}  // namespace weir::cdc
