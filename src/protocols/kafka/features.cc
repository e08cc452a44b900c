#include "protocols/kafka/features.h"

namespace weir::kafka {

std::span<const Feature> all_features() {
  static constexpr Feature kAll[] = {
      {"group.version", 1},    // consumer groups of KIP-848
      {"streams.version", 1},  // groups of Kafka Streams, KIP-1071
  };
  return kAll;
}

const Feature* find_feature(std::string_view name) {
  for (const Feature& feature : all_features()) {
    if (feature.name == name) return &feature;
  }
  return nullptr;
}

}  // namespace weir::kafka
