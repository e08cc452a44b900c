// The parts of the load generator that a wrong figure could come from.

#include <gtest/gtest.h>

#include "base/random.h"
#include "bench/load/histogram.h"
#include "bench/load/kafka_wire.h"
#include "bench/load/seen.h"
#include "core/log/record_batch.h"

namespace weir::load {
namespace {

TEST(Histogram, NamesEachShareWithinTwoPercent) {
  Histogram histogram;
  for (uint64_t value = 1; value <= 1'000'000; ++value) histogram.add(value * 10);
  EXPECT_EQ(histogram.count(), 1'000'000);
  EXPECT_EQ(histogram.largest(), 10'000'000);
  EXPECT_NEAR(histogram.mean(), 5'000'005, 1);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    EXPECT_NEAR(static_cast<double>(histogram.at(share)), share * 1e7, share * 1e7 * 0.02);
  }
  EXPECT_EQ(histogram.at(1), 10'000'000);
}

TEST(Histogram, TakesEveryValue) {
  Histogram histogram;
  Random random(7);
  for (int shift = 0; shift < 64; ++shift) histogram.add(random.next() >> shift);
  histogram.add(0);
  histogram.add(~uint64_t{0});
  EXPECT_EQ(histogram.largest(), ~uint64_t{0});
  EXPECT_EQ(histogram.at(1), ~uint64_t{0});
  EXPECT_EQ(Histogram().at(0.5), 0);
}

TEST(Seen, TellsWhatIsMissingAndWhatCameTwice) {
  Seen seen(3);
  seen.add(0);
  seen.add(2);
  EXPECT_FALSE(seen.complete());
  EXPECT_EQ(seen.verdict(), "2 of 3 messages came");
  seen.add(1);
  EXPECT_TRUE(seen.complete());
  EXPECT_EQ(seen.verdict(), "");
  seen.add(1);
  EXPECT_EQ(seen.verdict(), "1 messages came twice");
}

TEST(KafkaWire, ItsBatchesPassTheBrokersDoor) {
  for (const uint32_t count : {1U, 2U, 63U, 64U, 500U}) {
    for (const size_t bytes : {8U, 100U, 1024U}) {
      kafka::BatchTemplate batch(count, std::string(bytes, 'v'));
      log::DoorRules rules;
      rules.walk = log::DoorRules::Walk::kAll;
      const auto header = log::validate_batch(batch.stamped(42), rules);
      ASSERT_TRUE(header.has_value()) << header.error().message;
      EXPECT_EQ(header->count, static_cast<int32_t>(count));
    }
  }
}

TEST(KafkaWire, FindsTheStampsOfFetchedBatches) {
  kafka::BatchTemplate batch(3, std::string(100, 'v'));
  std::string response(4 + 4 + 4 + 4, '\0');  // size, correlation, throttle time, topics
  response +=
      std::string("\0\1t", 3) + std::string(4 + 4 + 2, '\0');  // name, partitions, index, error
  response += std::string("\0\0\0\0\0\0\0\6", 8) + std::string(8, '\0') + std::string(4, '\xff') +
              std::string(4, '\0');
  std::string second = batch.stamped(9);
  second[7] = 3;  // base offset
  response += batch.stamped(8);
  response += second;
  std::vector<std::pair<uint64_t, uint64_t>> stamps;
  const auto fetched = kafka::parse_fetch(
      response, [&](uint64_t stamp, uint64_t records) { stamps.emplace_back(stamp, records); });
  EXPECT_EQ(fetched.error, 0);
  EXPECT_EQ(fetched.high_watermark, 6);
  EXPECT_EQ(fetched.next_offset, 6);
  EXPECT_EQ(fetched.records, 6);
  EXPECT_EQ(stamps, (std::vector<std::pair<uint64_t, uint64_t>>{{8, 3}, {9, 3}}));
}

}  // namespace
}  // namespace weir::load
