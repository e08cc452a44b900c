#pragma once
// Features (KIP-584): what a cluster of Apache Kafka can switch, and what this broker simply has. A
// feature here has one level, which is on; a client that asks by it finds what it would find there.

#include <cstdint>
#include <span>
#include <string_view>

namespace weir::kafka {

struct Feature {
  std::string_view name;
  int16_t level;
};

// By ascending name.
std::span<const Feature> all_features();
// Null for one that is not there.
const Feature* find_feature(std::string_view name);

// The version of the list. It never changes while a broker runs.
inline constexpr int64_t kFeaturesEpoch = 0;

}  // namespace weir::kafka
