#pragma once
// A client program in a group that the broker shares out (KIP-848): it beats, gives up and takes up
// what it is told, commits what it owns. It may freeze, crash, come again, lose answers.

#include <memory>
#include <optional>
#include <string>

#include "core/group/consumer_group.h"
#include "simulation/groups/storm_world.h"

namespace weir::simulation {

class ConsumerClient {
 public:
  ConsumerClient(StormWorld& world, std::string group, size_t number, bool is_static);

  void act();
  const OwnedPartitions& owned() const { return *owned_; }
  void thaw() { frozen_until_ = {}; }
  // Whether the group would let it commit, that is whether it owns what it thinks.
  bool is_in() const;
  const std::string& id() const { return id_; }

 private:
  void beat();
  void take(const group::HeartbeatAnswer& answer);
  void give_up();
  group::Partitions owned_partitions() const;
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
  int lives_ = 0;
  int32_t epoch_ = group::kJoinEpoch;
  bool tell_all_ = true;
  // Shared with answers under way.
  std::shared_ptr<OwnedPartitions> owned_ = std::make_shared<OwnedPartitions>();
  // What it was told, while it still gives up the rest.
  std::optional<group::Partitions> wanted_;
  OwnedPartitions haunted_;  // what an earlier process of this client owned,
  Committer ghost_;          // and as whom
  Timestamp frozen_until_;
};

}  // namespace weir::simulation
