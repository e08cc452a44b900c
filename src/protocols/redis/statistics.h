#pragma once
// What INFO tells about commands and errors since the start, or since CONFIG RESETSTAT.

#include <absl/container/btree_map.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace weir::redis {

// How long the calls of a command took: how many by powers of two of about a microsecond.
class LatencyHistogram {
 public:
  static constexpr size_t kBuckets = 21;  // the last one: longer than half a second

  void add(int64_t ns) {
    size_t bucket = 0;
    while (bucket + 1 < kBuckets && ns > bound_ns(bucket)) ++bucket;
    ++counts_[bucket];
  }
  uint64_t count(size_t bucket) const { return counts_[bucket]; }
  // The longest time of a bucket, as the histograms of Redis have it.
  static int64_t bound_ns(size_t bucket) {
    const int64_t power = int64_t{1024} << bucket;
    return power + power / 128 - 1;
  }

 private:
  std::array<uint64_t, kBuckets> counts_{};
};

struct CommandStatistics {
  std::unique_ptr<LatencyHistogram> latency;  // once it ran while latency-tracking is on
  uint64_t calls = 0;
  uint64_t rejected = 0;  // refused before it ran
  uint64_t failed = 0;    // ran and gave an error
  int64_t taken_ns = 0;   // without waiting

  bool unused() const { return calls == 0 && rejected == 0; }
};

struct Statistics {
  // Different error words are counted up to here, so that a client cannot fill memory with names.
  static constexpr size_t kErrorsMax = 128;

  std::vector<CommandStatistics> commands;        // by command_number(); grows as they are used
  absl::btree_map<std::string, uint64_t> errors;  // by the first word: "WRONGTYPE"
  uint64_t connections = 0;
  uint64_t processed = 0;
  uint64_t error_replies = 0;
  uint64_t expired_keys = 0;
  uint64_t keyspace_hits = 0;
  uint64_t keyspace_misses = 0;

  CommandStatistics& of(size_t number) {
    if (number >= commands.size()) commands.resize(number + 1);
    return commands[number];
  }
  // `text` without the leading minus.
  void count_error(ByteView text) {
    ++error_replies;
    const std::string word(text.substr(0, text.find_first_of(" \r\n")));
    if (errors.size() < kErrorsMax || errors.contains(word)) ++errors[word];
  }
  void reset() { *this = {}; }
};

}  // namespace weir::redis
