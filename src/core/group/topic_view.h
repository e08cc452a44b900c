#pragma once
// The topics that there are, as groups look at them. Thread: the state shard's.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/group/offsets.h"

namespace weir::group {

struct TopicInfo {
  TopicId id;
  uint32_t partitions = 0;
};

// The topics that there are.
class TopicView {
 public:
  virtual ~TopicView() = default;
  // Another one whenever an answer below may be another one.
  virtual uint64_t version() const = 0;
  virtual std::optional<TopicInfo> find(const std::string& name) const = 0;
  // All whose names match the pattern, which was checked, and that the reader may know of.
  virtual std::vector<TopicInfo> matching(const std::string& pattern,
                                          const std::string& reader) const = 0;
};

}  // namespace weir::group
