#pragma once
// ACL LOG: who was refused what, the newest first. The same refusal within a minute is counted
// instead of added. https://redis.io/docs/latest/commands/acl-log/
//
// Bounded: so many entries, of objects and names of so many bytes.
//
// Thread: the state shard's.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/time.h"

namespace weir::redis {

class AclLog {
 public:
  static constexpr size_t kObjectBytesMax = 128;
  static constexpr int64_t kSameMs = 60'000;

  struct Entry {
    int64_t id = 0;  // given by add()
    int64_t count = 1;
    std::string_view reason;   // "command", "key", "channel", "auth"
    std::string_view context;  // "toplevel", "multi"
    std::string object;
    std::string user;
    std::string client;  // as CLIENT INFO shows it
    Timestamp created;
    Timestamp updated;
  };

  void add(Entry entry, size_t entries_max);
  void reset() { entries_.clear(); }
  const std::deque<Entry>& newest_first() const { return entries_; }

 private:
  std::deque<Entry> entries_;
  int64_t next_id_ = 0;
};

}  // namespace weir::redis
