#include "simulation/groups/group_auditor.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::simulation {

void GroupAuditor::commit_invoked(const std::string& group, uint32_t partition, int64_t offset) {
  Committed& committed = commits_[{group, partition}];
  committed.invoked = std::max(committed.invoked, offset);
}

void GroupAuditor::commit_acknowledged(const std::string& group,
                                       uint32_t partition,
                                       int64_t offset) {
  Committed& committed = commits_[{group, partition}];
  if (offset < committed.known) {
    violate(fmt::format("{} of {}: a commit of {} was accepted behind {}", partition, group, offset,
                        committed.known));
  }
  committed.known = std::max(committed.known, offset);
}

void GroupAuditor::found(const std::string& group, uint32_t partition, int64_t offset) {
  Committed& committed = commits_[{group, partition}];
  if (offset < committed.known) {
    violate(fmt::format("{} of {}: the commit of {} is lost, {} is found", partition, group,
                        committed.known, offset));
  }
  if (offset > committed.invoked) {
    violate(fmt::format("{} of {}: {} is found, and nobody committed more than {}", partition,
                        group, offset, committed.invoked));
  }
  committed.known = std::max(committed.known, offset);
}

void GroupAuditor::assigned(const std::string& group,
                            int32_t generation,
                            uint32_t partition,
                            const std::string& owner) {
  const auto [place, fresh] = owners_.try_emplace({group, generation, partition}, owner);
  if (place->second == owner) return;
  violate(fmt::format("{} of {} belongs to {} and {} in generation {}", partition, group,
                      place->second, owner, generation));
}

}  // namespace weir::simulation
