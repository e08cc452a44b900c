#include "base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace weir {
namespace {

using testing::HasSubstr;

TEST(Metrics, SeriesOfTheSameLabelsAreAddedUp) {
  Counter first;
  Counter second;
  Counter other;
  MetricRegistry registry;
  registry.add("weir_things_total", "Things.", {{"kind", "a"}}, first);
  registry.add("weir_things_total", "Things.", {{"kind", "b"}}, other);
  registry.add("weir_things_total", "Things.", {{"kind", "a"}}, second);
  first.add(2);
  second.add(3);
  other.add();
  EXPECT_EQ(registry.render(),
            "# HELP weir_things_total Things.\n"
            "# TYPE weir_things_total counter\n"
            "weir_things_total{kind=\"a\"} 5\n"
            "weir_things_total{kind=\"b\"} 1\n");
}

TEST(Metrics, LabelValuesAreEscaped) {
  Gauge gauge;
  gauge.set(-3);
  MetricRegistry registry;
  registry.add("weir_level", "Level.", {{"name", "a\"b\\c\nd"}}, gauge);
  EXPECT_THAT(registry.render(), HasSubstr(R"(weir_level{name="a\"b\\c\nd"} -3)"));
}

TEST(Metrics, EveryDurationFallsIntoTheBucketWhoseLimitCoversIt) {
  Random random(7);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t value = random.next() >> (28 + random.below(36));
    const size_t bucket = Histogram::bucket_of(value);
    EXPECT_LE(value, Histogram::bucket_limit_us(bucket)) << value;
    if (bucket > 0) EXPECT_GT(value, Histogram::bucket_limit_us(bucket - 1)) << value;
  }
}

TEST(Metrics, AHistogramShowsCumulativeCountsInSeconds) {
  Histogram histogram;
  histogram.observe_us(2);
  histogram.observe_us(1'000'000);
  MetricRegistry registry;
  registry.add("weir_wait_seconds", "Waits.", {}, histogram);
  const std::string text = registry.render();
  EXPECT_THAT(text, HasSubstr("weir_wait_seconds_bucket{le=\"2e-06\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("weir_wait_seconds_bucket{le=\"+Inf\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("weir_wait_seconds_sum 1.000002\n"));
  EXPECT_THAT(text, HasSubstr("weir_wait_seconds_count 2\n"));
}

}  // namespace
}  // namespace weir
