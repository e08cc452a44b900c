#pragma once
// A client program in a group of the classic protocol: it joins, assigns when it leads, syncs,
// beats, commits what it owns. It may freeze, crash, come again, lose answers.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulation/groups/storm_world.h"

namespace weir::simulation {

class ClassicClient {
 public:
  ClassicClient(StormWorld& world, std::string group, size_t number, bool is_static);

  void act();
  // The broker's process is gone: what was asked is not answered.
  void disconnect();
  // In a stable generation, with its share.
  bool at_rest() const { return phase_ == Phase::kIn && !waits_; }
  const OwnedPartitions& owned() const { return *owned_; }
  void thaw() { frozen_until_ = {}; }

 private:
  enum class Phase : uint8_t { kOut, kMustSync, kIn };

  // Marks an answer's addressee: an answer to a request that the client gave up is thrown away.
  uint64_t begin_wait();
  void join();
  void joined(const group::JoinAnswer& answer);
  void sync();
  void synced(const group::SyncAnswer& answer);
  void beat();
  void work();
  void leave();
  void crash();
  void haunt();
  void forget();

  StormWorld& world_;
  const std::string group_;
  const std::string name_;
  const std::optional<std::string> instance_;
  std::string id_;
  int32_t generation_ = -1;
  Phase phase_ = Phase::kOut;
  std::vector<std::string> to_assign_;  // as leader
  // Shared with answers under way.
  std::shared_ptr<OwnedPartitions> owned_ = std::make_shared<OwnedPartitions>();
  OwnedPartitions haunted_;  // what an earlier process of this client owned,
  Committer ghost_;          // and as whom
  bool waits_ = false;
  Timestamp gives_up_;
  uint64_t request_ = 0;
  Timestamp frozen_until_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace weir::simulation
