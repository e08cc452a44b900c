#include "simulation/groups/storm_world.h"

namespace weir::simulation {
namespace {

constexpr int kUnheardCommits = 20;  // one in so many

}  // namespace

bool commit(StormWorld& world,
            const Committer& who,
            uint32_t partition,
            int64_t offset,
            bool acknowledged) {
  const auto refused =
      world.coordinator->may_commit(who.group, who.member_id, who.instance_id, who.epoch, true);
  if (refused != kafka::KafkaError::kNone && world.fences) return false;
  group::OffsetsCommitted event;
  event.offsets.push_back(
      {{world.topic, partition},
       {.offset = offset, .leader_epoch = 0, .metadata = {}, .committed = world.now()}});
  const auto taken = world.coordinator->change_offsets(who.group, event, true);
  if (!taken) return false;
  world.auditor.commit_invoked(who.group, partition, offset);
  if (acknowledged) {
    world.outbox.put(*taken, [&world, group = who.group, partition, offset] {
      world.auditor.commit_acknowledged(group, partition, offset);
    });
  }
  return true;
}

void work_on(StormWorld& world,
             const Committer& who,
             const std::shared_ptr<OwnedPartitions>& owned,
             uint32_t partition) {
  Position& position = owned->at(partition);
  if (position.offset >= 0) {
    position.offset += 1 + static_cast<int64_t>(world.random.below(3));
    const bool heard = world.calm || !world.random.one_in(kUnheardCommits);
    commit(world, who, partition, position.offset, heard);
    return;
  }
  const auto id = world.broker->catalog().find_group({"", who.group});
  if (!id) return;
  const auto* found = world.coordinator->find(who.group)->offsets.find({world.topic, partition});
  const int64_t offset = found ? found->offset : 0;
  world.outbox.put(world.broker->cell_depends(*id),
                   [&world, group = who.group, partition, offset, turn = position.turn,
                    weak = std::weak_ptr(owned)] {
                     world.auditor.found(group, partition, offset);
                     const auto still = weak.lock();
                     if (!still || !still->contains(partition)) return;
                     Position& own = still->at(partition);
                     if (own.turn == turn && own.offset < 0) own.offset = offset;
                   });
}

}  // namespace weir::simulation
