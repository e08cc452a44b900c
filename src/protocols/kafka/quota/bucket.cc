#include "protocols/kafka/quota/bucket.h"

#include <algorithm>
#include <cmath>

namespace weir::kafka {
namespace {

constexpr double kBurstSeconds = 10;
constexpr double kPerSecondMin = 1e-6;
// Of a millisecond. The first hides what rounding has left of a debt that was waited for, and is
// larger than the second, which keeps rounding from adding a millisecond.
constexpr double kNothingMs = 1e-3;
constexpr double kRoundingMs = 1e-6;

}  // namespace

QuotaBucket::QuotaBucket(double per_second, Timestamp now)
    : per_second_(std::max(per_second, kPerSecondMin)), balance_(burst()), settled_(now) {}

double QuotaBucket::burst() const {
  return per_second_ * kBurstSeconds;
}

void QuotaBucket::set_rate(double per_second, Timestamp now) {
  settle(now);
  per_second_ = std::max(per_second, kPerSecondMin);
  clamp();
}

void QuotaBucket::charge(double amount, Timestamp now) {
  settle(now);
  balance_ -= amount;
  clamp();
}

Milliseconds QuotaBucket::owed(Timestamp now) {
  settle(now);
  const double ms = -balance_ / per_second_ * 1000;
  if (ms <= kNothingMs) return Milliseconds(0);
  return Milliseconds(static_cast<int64_t>(std::ceil(ms - kRoundingMs)));
}

bool QuotaBucket::full(Timestamp now) {
  settle(now);
  return balance_ >= burst();
}

void QuotaBucket::settle(Timestamp now) {
  if (now <= settled_) return;
  balance_ += per_second_ * static_cast<double>((now - settled_).count()) / 1000;
  settled_ = now;
  clamp();
}

void QuotaBucket::clamp() {
  const double debt_max = per_second_ * static_cast<double>(kPauseMax.count()) / 1000;
  balance_ = std::clamp(balance_, -debt_max, burst());
}

}  // namespace weir::kafka
