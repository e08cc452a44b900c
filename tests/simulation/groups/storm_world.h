#pragma once
// What the clients of a storm share: the broker that they reach, the time, and what they report to.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/canary.h"
#include "base/random.h"
#include "broker/broker.h"
#include "protocols/kafka/coordinator.h"
#include "runtime/clock.h"
#include "simulation/groups/group_auditor.h"

namespace weir::simulation {

class VirtualClock final : public runtime::Clock {
 public:
  Timestamp now() override { return now_; }
  void set(Timestamp now) { now_ = now; }

 private:
  Timestamp now_{1'700'000'000'000};
};

// Answers on their way to clients: each leaves when what it tells of is durable.
class Outbox {
 public:
  void put(broker::Depends depends, std::function<void()> leaves) {
    parked_.push_back({depends, std::move(leaves)});
  }
  void release(Lsn durable) {
    std::deque<Parked> waiting;
    std::swap(waiting, parked_);
    for (Parked& parked : waiting) {
      if (parked.depends.lsn <= durable || canary(Canary::kReplyBeforeWatermark)) {
        parked.leaves();
      } else {
        parked_.push_back(std::move(parked));
      }
    }
  }
  void clear() { parked_.clear(); }

 private:
  struct Parked {
    broker::Depends depends;
    std::function<void()> leaves;
  };
  std::deque<Parked> parked_;
};

struct StormWorld {
  explicit StormWorld(uint64_t seed) : random(seed) {}

  Timestamp now() { return clock.now(); }

  Random random;
  VirtualClock clock;
  GroupAuditor auditor;
  Outbox outbox;
  broker::Broker* broker = nullptr;
  kafka::Coordinator* coordinator = nullptr;
  group::TopicId topic;
  std::string topic_name;
  uint32_t partitions = 0;
  bool fences = true;  // off: commits are taken from anybody, which the auditor has to notice
  bool calm = false;   // nothing is lost, nobody freezes
  uint64_t turns = 0;
};

// What a client owns, and where it stands.
struct Position {
  int64_t offset = -1;  // what was committed last; -1: it has not asked yet
  uint64_t turn = 0;    // a number of its own for each time that somebody came to own it
};
using OwnedPartitions = std::map<uint32_t, Position>;

// As the handlers of OffsetCommit and OffsetFetch do it.
struct Committer {
  std::string group;
  std::string member_id;
  std::optional<std::string> instance_id;
  int32_t epoch = -1;
};
// Whether it was taken. `acknowledged`: the client hears of it.
bool commit(
    StormWorld& world, const Committer& who, uint32_t partition, int64_t offset, bool acknowledged);
// Works on one of the partitions: asks where it stands, or commits further.
void work_on(StormWorld& world,
             const Committer& who,
             const std::shared_ptr<OwnedPartitions>& owned,
             uint32_t partition);

}  // namespace weir::simulation
