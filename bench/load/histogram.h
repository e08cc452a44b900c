#pragma once
// A log-linear histogram of durations in nanoseconds: 64 buckets to each doubling, so that a value
// is known to 1.6 %.

#include <array>
#include <cstdint>
#include <vector>

namespace weir::load {

class Histogram {
 public:
  Histogram();

  void add(uint64_t nanoseconds);
  uint64_t count() const { return count_; }
  uint64_t largest() const { return largest_; }
  double mean() const;
  // The value below which this share (0 to 1) of all lies; 0 when there are none.
  uint64_t at(double share) const;

 private:
  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0;
  uint64_t largest_ = 0;
  double sum_ = 0;
};

}  // namespace weir::load
