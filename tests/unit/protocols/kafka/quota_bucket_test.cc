// What one bucket lets pass, whatever happens when.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.h"
#include "protocols/kafka/quota/bucket.h"

namespace weir::kafka {
namespace {

constexpr Timestamp kBegin{1'700'000'000'000};
constexpr int kRounds = 200;

TEST(QuotaBucket, LetsTenSecondsWorthPassAtOnceAndNoMore) {
  QuotaBucket bucket(1000, kBegin);
  bucket.charge(10'000, kBegin);
  EXPECT_EQ(bucket.owed(kBegin), Milliseconds(0));
  bucket.charge(1, kBegin);
  EXPECT_EQ(bucket.owed(kBegin), Milliseconds(1));
  bucket.charge(1999, kBegin);
  EXPECT_EQ(bucket.owed(kBegin), Milliseconds(2000));
  EXPECT_EQ(bucket.owed(kBegin + Milliseconds(500)), Milliseconds(1500));
  EXPECT_EQ(bucket.owed(kBegin + Milliseconds(2000)), Milliseconds(0));
}

TEST(QuotaBucket, IsFullAgainAfterAWhileAndNeverMoreThanFull) {
  QuotaBucket bucket(1000, kBegin);
  EXPECT_TRUE(bucket.full(kBegin));
  bucket.charge(4000, kBegin);
  EXPECT_FALSE(bucket.full(kBegin + Milliseconds(3999)));
  EXPECT_TRUE(bucket.full(kBegin + Milliseconds(4000)));
  const Timestamp later = kBegin + std::chrono::hours(100);
  bucket.charge(10'001, later);
  EXPECT_GT(bucket.owed(later), Milliseconds(0));
}

TEST(QuotaBucket, PaysADebtBackAtTheRateThatHoldsNow) {
  QuotaBucket bucket(1000, kBegin);
  bucket.charge(20'000, kBegin);
  EXPECT_EQ(bucket.owed(kBegin), Milliseconds(10'000));
  bucket.set_rate(5000, kBegin);
  EXPECT_EQ(bucket.owed(kBegin), Milliseconds(2000));
  bucket.set_rate(100, kBegin);
  EXPECT_EQ(bucket.owed(kBegin), Milliseconds(100'000));
}

TEST(QuotaBucket, TellsNobodyToPauseForLongerThanTheMost) {
  QuotaBucket bucket(1, kBegin);
  bucket.charge(1e12, kBegin);
  EXPECT_EQ(bucket.owed(kBegin), QuotaBucket::kPauseMax);
  QuotaBucket nothing(0, kBegin);
  nothing.charge(1e12, kBegin);
  EXPECT_EQ(nothing.owed(kBegin), QuotaBucket::kPauseMax);
}

TEST(QuotaBucket, DoesNotMindAClockThatStandsStill) {
  QuotaBucket bucket(1000, kBegin);
  bucket.charge(15'000, kBegin);
  EXPECT_EQ(bucket.owed(kBegin - Milliseconds(50)), bucket.owed(kBegin));
}

struct Charge {
  Timestamp at;
  double amount;
};

// Within any stretch of time no more passes than the rate allows for it, and the burst, and what
// went above that in one piece.
void expect_bounded(const std::vector<Charge>& charges, double rate, double largest) {
  for (size_t from = 0; from < charges.size(); ++from) {
    double sum = 0;
    for (size_t to = from; to < charges.size(); ++to) {
      sum += charges[to].amount;
      const double seconds =
          static_cast<double>((charges[to].at - charges[from].at).count()) / 1000;
      ASSERT_LE(sum, rate * seconds + rate * 10 + largest + rate * 1e-3)
          << from << " to " << to << " at " << rate;
    }
  }
}

TEST(QuotaBucket, WhoPausesAsToldStaysWithinTheRate) {
  for (uint64_t seed = 1; seed <= kRounds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const double rate = std::pow(10.0, static_cast<double>(random.below(8)));
    const double largest = rate * static_cast<double>(1 + random.below(60));
    QuotaBucket bucket(rate, kBegin);
    std::vector<Charge> charges;
    Timestamp now = kBegin;
    for (int i = 0; i < 100; ++i) {
      const double amount = largest * static_cast<double>(random.below(1001)) / 1000;
      bucket.charge(amount, now);
      charges.push_back({now, amount});
      const Milliseconds owed = bucket.owed(now);
      ASSERT_LE(owed, QuotaBucket::kPauseMax);
      // Exactly as long as needed: before it something is owed, after it nothing.
      if (owed.count() > 1) ASSERT_GT(bucket.owed(now + owed - Milliseconds(1)).count(), 0);
      now = now + owed;
      ASSERT_EQ(bucket.owed(now), Milliseconds(0));
      if (random.one_in(3)) now = now + Milliseconds(static_cast<int64_t>(random.below(20'000)));
    }
    expect_bounded(charges, rate, largest);
  }
}

TEST(QuotaBucket, WhoStaysBelowTheRateNeverPauses) {
  for (uint64_t seed = 1; seed <= kRounds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const double rate = static_cast<double>(1 + random.below(1'000'000));
    QuotaBucket bucket(rate, kBegin);
    Timestamp now = kBegin;
    for (int i = 0; i < 200; ++i) {
      const auto passed = static_cast<int64_t>(random.below(10'000));
      now = now + Milliseconds(passed);
      bucket.charge(rate * static_cast<double>(passed) / 1000, now);
      ASSERT_EQ(bucket.owed(now), Milliseconds(0));
    }
  }
}

}  // namespace
}  // namespace weir::kafka
