#pragma once
// QuotaBucket: how much somebody may still move, by a rate. What was moved is charged afterwards,
// so that the balance may fall below zero; how long it takes until it is back at zero is how long
// he has to pause (KIP-13, KIP-219).
//
// The balance is never above what the rate gives in ten seconds. That is the burst that Kafka's
// windows let pass with their defaults, eleven samples of one second; unlike them a bucket forgets
// nothing at the edge of a window. Over any time t, whoever pauses as told moves at most
// rate * t + burst, and what his last charge was above that.
//
// Pure; time is an argument.

#include <chrono>

#include "base/time.h"

namespace weir::kafka {

class QuotaBucket {
 public:
  // Nobody is told to pause for longer; a debt beyond it is forgiven.
  static constexpr Milliseconds kPauseMax = std::chrono::hours(1);

  // Begins full. A rate of nothing is a rate of very little.
  QuotaBucket(double per_second, Timestamp now);

  // What is owed stays owed, and is paid back at the new rate.
  void set_rate(double per_second, Timestamp now);
  void charge(double amount, Timestamp now);
  // 0 while the balance is not below zero.
  Milliseconds owed(Timestamp now);
  // Nothing is remembered in it that a new one would not know.
  bool full(Timestamp now);
  double burst() const;

 private:
  void settle(Timestamp now);
  void clamp();

  double per_second_;
  double balance_;
  Timestamp settled_;
};

}  // namespace weir::kafka
