#pragma once
// What took long: the newest slow commands (SLOWLOG) and the worst of each second (LATENCY).
//
// Both are bounded: arguments are shown in part, and only so many entries and samples are kept.
//
// Thread: the state shard's.

#include <absl/container/btree_map.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace weir::redis {

struct Command;

class SlowLog {
 public:
  struct Entry {
    int64_t id = 0;  // given by add()
    int64_t at_s = 0;
    int64_t taken_us = 0;
    std::vector<std::string> arguments;
    std::string address;
    std::string name;
  };

  // As much of a command as is shown: so many arguments of so many bytes, no secrets.
  static std::vector<std::string> shown(const Command& command,
                                        std::span<const ByteView> arguments);

  void add(Entry entry, size_t entries_max);
  void reset() { entries_.clear(); }
  const std::deque<Entry>& newest_first() const { return entries_; }

 private:
  std::deque<Entry> entries_;
  int64_t next_id_ = 0;
};

class LatencyEvents {
 public:
  static constexpr size_t kSamplesMax = 160;

  struct Sample {
    int64_t at_s = 0;
    int64_t worst_ms = 0;
  };
  struct Series {
    std::deque<Sample> samples;  // oldest first, at most one a second
    int64_t worst_ms = 0;        // of all that were taken since the reset
  };
  using All = absl::btree_map<std::string, Series, std::less<>>;

  // `event` is one of a fixed few.
  void add(std::string_view event, int64_t at_s, int64_t taken_ms);
  // How many there were, of that name (in any case) or of all.
  size_t reset(ByteView event);
  size_t reset_all();
  const All& all() const { return all_; }

 private:
  All all_;
};

}  // namespace weir::redis
