#pragma once
// Time is an argument, never asked for inside core/ and broker/. A Timestamp is wall time in
// milliseconds since 1970 as the broker knows it: it never runs backwards, also not across restarts
// (the journal's frames carry it).

#include <chrono>
#include <compare>
#include <cstdint>

namespace weir {

using Milliseconds = std::chrono::milliseconds;

class Timestamp {
 public:
  constexpr Timestamp() = default;
  constexpr explicit Timestamp(int64_t ms) : ms_(ms) {}

  constexpr int64_t ms() const { return ms_; }
  constexpr auto operator<=>(const Timestamp&) const = default;

  static constexpr Timestamp never() { return Timestamp(INT64_MAX); }

  friend constexpr Timestamp operator+(Timestamp t, Milliseconds d) {
    return d.count() > 0 && t.ms_ > INT64_MAX - d.count() ? never() : Timestamp(t.ms_ + d.count());
  }
  friend constexpr Timestamp operator-(Timestamp t, Milliseconds d) {
    return Timestamp(t.ms_ - d.count());
  }
  friend constexpr Milliseconds operator-(Timestamp a, Timestamp b) {
    return Milliseconds(a.ms_ - b.ms_);
  }

 private:
  int64_t ms_ = 0;
};

}  // namespace weir
