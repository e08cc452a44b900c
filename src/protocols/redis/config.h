#pragma once
// CONFIG GET and SET: the parameters that clients and tools ask for, by Redis's names. Those that
// steer something here are typed; the others are kept and given back, since tools set and restore
// them.

#include <absl/container/btree_map.h>

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace weir::redis {

class Config {
 public:
  explicit Config(uint16_t port);

  uint64_t maxmemory() const { return maxmemory_; }  // 0: no limit
  size_t stream_node_entries() const { return stream_node_entries_; }
  int64_t slow_from_us() const { return slow_from_us_; }  // negative: there is no slow log
  bool tracks_latency() const { return tracks_latency_; }
  size_t acl_log_entries() const { return acl_log_entries_; }
  size_t slow_entries() const { return slow_entries_; }
  int64_t latency_from_ms() const { return latency_from_ms_; }  // 0: latency is not watched
  // Which events of keys are told: notify::k...
  uint32_t notified() const { return notified_; }
  // What a command must take for one of the two to have it.
  int64_t noteworthy_ns() const { return noteworthy_ns_; }

  const absl::btree_map<std::string, std::string>& values() const { return values_; }
  // Empty when it was set, else the reason, as Redis words it behind "CONFIG SET failed ...".
  std::string set(ByteView setting, ByteView text);
  bool known(ByteView name) const;
  void set_port(uint16_t port) { values_["port"] = std::to_string(port); }

 private:
  // What steers something here; `value` has been checked.
  void take(ByteView name, const std::string& value);

  absl::btree_map<std::string, std::string> values_;
  uint64_t maxmemory_ = 0;
  size_t stream_node_entries_ = 100;
  uint32_t notified_ = 0;
  int64_t slow_from_us_ = 0;
  size_t acl_log_entries_ = 0;
  size_t slow_entries_ = 0;
  int64_t latency_from_ms_ = 0;
  int64_t noteworthy_ns_ = 0;
  bool tracks_latency_ = true;
};

}  // namespace weir::redis
