#pragma once
// What the members of groups were told, judged:
//
//   a partition has one owner in a generation (classic), or at a time (KIP-848) · a commit that was
//   acknowledged is never lost, and what is committed never goes back · nobody finds a commit that
//   nobody made
//
// A commit whose answer never came stays both possible.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

namespace weir::simulation {

class GroupAuditor {
 public:
  // Offsets of one partition are counted upwards by whoever owns it.
  void commit_invoked(const std::string& group, uint32_t partition, int64_t offset);
  void commit_acknowledged(const std::string& group, uint32_t partition, int64_t offset);
  // What a client is told that is committed; it may rely on it from then on.
  void found(const std::string& group, uint32_t partition, int64_t offset);

  // A classic member was told in this generation that the partition is its own.
  void assigned(const std::string& group,
                int32_t generation,
                uint32_t partition,
                const std::string& owner);
  // Generations begin anew with the broker's process.
  void broker_restarted() { owners_.clear(); }

  const std::optional<std::string>& violation() const { return violation_; }
  void violate(std::string what) {
    if (!violation_) violation_ = std::move(what);
  }

 private:
  struct Committed {
    int64_t invoked = 0;
    int64_t known = 0;  // acknowledged or found
  };

  std::map<std::pair<std::string, uint32_t>, Committed> commits_;
  std::map<std::tuple<std::string, int32_t, uint32_t>, std::string> owners_;
  std::optional<std::string> violation_;
};

}  // namespace weir::simulation
