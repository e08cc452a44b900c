#include "bench/load/histogram.h"

#include <algorithm>
#include <bit>

namespace weir::load {
namespace {

constexpr int kStepsBits = 6;
constexpr uint64_t kSteps = uint64_t{1} << kStepsBits;

// Values below 64 have buckets of their own; above, the six bits after the leading one select the
// bucket in its doubling.
uint64_t bucket_of(uint64_t value) {
  if (value < kSteps) return value;
  const auto shift = static_cast<uint64_t>(std::bit_width(value)) - 1 - kStepsBits;
  return (shift + 1) * kSteps + ((value >> shift) - kSteps);
}

uint64_t upper_end_of(uint64_t bucket) {
  if (bucket < kSteps) return bucket;
  const uint64_t shift = bucket / kSteps - 1;
  return ((bucket % kSteps + kSteps + 1) << shift) - 1;
}

}  // namespace

Histogram::Histogram() : buckets_(kSteps * (64 - kStepsBits + 1), 0) {}

void Histogram::add(uint64_t nanoseconds) {
  ++buckets_[bucket_of(nanoseconds)];
  ++count_;
  sum_ += static_cast<double>(nanoseconds);
  largest_ = std::max(largest_, nanoseconds);
}

double Histogram::mean() const {
  return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

uint64_t Histogram::at(double share) const {
  const auto rank = static_cast<uint64_t>(share * static_cast<double>(count_));
  uint64_t seen = 0;
  for (uint64_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen > rank) return std::min(upper_end_of(bucket), largest_);
  }
  return largest_;
}

}  // namespace weir::load
