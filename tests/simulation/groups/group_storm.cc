#include "simulation/groups/group_storm.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "broker/group_cell.h"
#include "simulation/groups/classic_client.h"
#include "simulation/groups/consumer_client.h"
#include "simulation/storage/faulty_disk.h"
#include "simulation/storage/sim_executor.h"
#include "storage/local/local_journal.h"

namespace weir::simulation {
namespace {

constexpr const char* kClassic = "classic";
constexpr const char* kShared = "shared";
constexpr const char* kTopic = "events";
// In calm weather everybody beats five times a second. What may have to be waited for one after the
// other: a session (45 s at most), a rebalance (20 s), another one.
constexpr Milliseconds kCalmRound{200};
constexpr int kCalmRoundsMax = 600;
// How far members of a group that the broker shares out are looked at.
constexpr int kStepsPerLook = 16;

class Storm {
 public:
  Storm(uint64_t seed, bool fences) : seed_(seed), world_(seed), disk_(seed ^ 0x57042) {
    world_.fences = fences;
    world_.topic_name = kTopic;
    world_.partitions = 1 + static_cast<uint32_t>(world_.random.below(150));
    options_.file_bytes = size_t{64} << (10 + world_.random.below(4));
    options_.checkpoint_entries = 50 + world_.random.below(1000);
    config_.group_initial_rebalance_delay =
        Milliseconds(static_cast<int64_t>(world_.random.below(3)) * 1000);
    // Mostly dozens, sometimes hundreds: a storm of hundreds takes a second.
    const size_t size = world_.random.one_in(4) ? 300 : 60;
    const size_t classic = 2 + world_.random.below(size);
    const size_t shared = 2 + world_.random.below(size);
    for (size_t i = 0; i < classic; ++i) {
      classic_.push_back(
          std::make_unique<ClassicClient>(world_, kClassic, i, world_.random.one_in(3)));
    }
    for (size_t i = 0; i < shared; ++i) {
      shared_.push_back(
          std::make_unique<ConsumerClient>(world_, kShared, i, world_.random.one_in(3)));
    }
    report_.members = classic + shared;
  }

  StormReport run() {
    const uint64_t lives = 2 + world_.random.below(3);
    for (uint64_t life = 0; life < lives && !broken(); ++life) {
      begin_life();
      if (!broken()) storm();
      if (!broken() && (life + 1 == lives || world_.random.one_in(2))) calm_down();
      if (!broken()) end_life();
    }
    // What was acknowledged in the last life is still there in another one.
    if (!broken()) begin_life();
    if (!broken()) look_at_commits();
    if (broken()) {
      report_.violation = fmt::format("seed {} life {} step {}: {}", seed_, report_.lives, step_,
                                      *world_.auditor.violation());
    }
    return std::move(report_);
  }

 private:
  bool broken() const { return world_.auditor.violation().has_value(); }

  // ---- lives

  void begin_life() {
    ++report_.lives;
    executor_ = std::make_unique<storage::SimExecutor>(world_.random.next());
    options_.seed = world_.random.next();
    journal_ = std::make_unique<storage::LocalJournal>(options_, disk_, *executor_);
    broker_ = std::make_unique<broker::Broker>(*journal_, Random(world_.random.next()));
    if (const auto recovered = journal_->recover(*broker_); !recovered) {
      return world_.auditor.violate("the start failed: " + recovered.error().message);
    }
    world_.clock.set(std::max(world_.now(), broker_->now()));
    if (const auto started = broker_->start(world_.now()); !started) {
      return world_.auditor.violate("the broker did not start: " + started.error().message);
    }
    broker_->on_progress([this](Lsn, Lsn durable) { world_.outbox.release(durable); });
    world_.broker = broker_.get();
    if (!made_) make_topic();
    const catalog::Thing& thing = *broker_->catalog().find({"", kTopic});
    world_.topic = {thing.uuid.high, thing.uuid.low};
    coordinator_ = std::make_unique<kafka::Coordinator>(*broker_, world_.clock, config_);
    world_.coordinator = coordinator_.get();
  }

  void make_topic() {
    const auto made = broker_->create_topic(
        {.name = {"", kTopic}, .partitions = world_.partitions, .log = {}, .properties = {}},
        world_.now());
    if (!made) return world_.auditor.violate(made.error().message);
    settle_down();
    made_ = true;
  }

  void end_life() {
    const bool power = world_.random.below(3) > 0;
    disk_.faults = {};
    executor_->die([&] {
      if (power) disk_.begin_dying();
    });
    coordinator_.reset();
    broker_.reset();
    journal_.reset();
    world_.outbox.clear();
    world_.auditor.broker_restarted();
    for (const auto& client : classic_) client->disconnect();
    constexpr uint64_t kKeep[] = {0, 0, 30, 70, 100};
    disk_.cut_power(power ? kKeep[world_.random.below(5)] : 100);
    disk_.faults = {};
  }

  // ---- the storm

  void storm() {
    world_.calm = false;
    const uint64_t clients = classic_.size() + shared_.size();
    const uint64_t steps = clients * (20 + world_.random.below(40));
    // So that everybody acts every second or two.
    const uint64_t pause_max = 3000 / clients + 1;
    for (step_ = 0; step_ < steps && !broken(); ++step_) {
      act(world_.random.below(clients));
      pass(Milliseconds(static_cast<int64_t>(world_.random.below(pause_max))));
      for (uint64_t i = world_.random.below(6); i > 0; --i) executor_->step();
      if (world_.random.one_in(300)) change_faults();
      if (world_.random.one_in(2000)) journal_->checkpoint();
      if (step_ % kStepsPerLook == 0) look_at_owners();
    }
    disk_.faults = {};
  }

  void act(uint64_t number) {
    ++report_.requests;
    if (number < classic_.size()) {
      classic_[number]->act();
    } else {
      shared_[number - classic_.size()]->act();
    }
    world_.outbox.release(journal_->durable());
  }

  void pass(Milliseconds time) {
    world_.clock.set(world_.now() + time);
    if (broker_->next_deadline() <= world_.now()) broker_->tick(world_.now());
  }

  void change_faults() {
    disk_.faults = {};
    switch (world_.random.below(5)) {
      case 0: disk_.faults.write_error = 5 + world_.random.below(20); break;
      case 1: disk_.faults.sync_error = 5 + world_.random.below(20); break;
      case 2: disk_.faults.short_transfer = 2 + world_.random.below(5); break;
      default: break;
    }
  }

  // Whoever may commit owns nothing that another one owns who may.
  void look_at_owners() {
    std::map<uint32_t, const ConsumerClient*> owners;
    for (const auto& client : shared_) {
      if (client->owned().empty() || !client->is_in()) continue;
      for (const auto& [partition, position] : client->owned()) {
        const auto [place, fresh] = owners.emplace(partition, client.get());
        if (fresh) continue;
        world_.auditor.violate(fmt::format("{} of {} belongs to {} and {}", partition, kShared,
                                           place->second->id(), client->id()));
      }
    }
  }

  // ---- calm weather

  void calm_down() {
    world_.calm = true;
    for (const auto& client : classic_) client->thaw();
    for (const auto& client : shared_) client->thaw();
    for (int round = 0; round < kCalmRoundsMax && !broken(); ++round) {
      for (uint64_t i = 0; i < classic_.size() + shared_.size(); ++i) act(i);
      pass(kCalmRound);
      settle_down();
      look_at_owners();
      if (classic_at_rest() && shared_at_rest()) {
        ++report_.calms;
        report_.rebalances +=
            static_cast<uint64_t>(coordinator_->find(kClassic)->members.generation()) +
            static_cast<uint64_t>(coordinator_->find(kShared)->consumers.epoch());
        return look_at_commits();
      }
    }
    world_.auditor.violate(fmt::format("{} s of calm weather, and {} does not come to rest",
                                       kCalmRoundsMax * kCalmRound.count() / 1000,
                                       classic_at_rest() ? kShared : kClassic));
  }

  bool classic_at_rest() const {
    const broker::GroupCell* cell = coordinator_->find(kClassic);
    if (!cell || cell->members.state() != group::State::kStable) return false;
    if (cell->members.members().size() != classic_.size()) return false;
    size_t owned = 0;
    for (const auto& client : classic_) {
      if (!client->at_rest()) return false;
      owned += client->owned().size();
    }
    return owned == world_.partitions;
  }

  bool shared_at_rest() const {
    const broker::GroupCell* cell = coordinator_->find(kShared);
    if (!cell || cell->consumers.state() != group::ConsumerGroup::State::kStable) return false;
    if (cell->consumers.members().size() != shared_.size()) return false;
    size_t owned = 0;
    size_t least = SIZE_MAX;
    size_t most = 0;
    for (const auto& client : shared_) {
      owned += client->owned().size();
      least = std::min(least, client->owned().size());
      most = std::max(most, client->owned().size());
    }
    return owned == world_.partitions && most <= least + 1;
  }

  void settle_down() {
    const auto calm = [&] { return journal_->durable().next() == journal_->next_lsn(); };
    if (!executor_->run_until(calm)) {
      world_.auditor.violate("what was submitted does not become durable");
    }
  }

  void look_at_commits() {
    settle_down();
    for (const char* group : {kClassic, kShared}) {
      const broker::GroupCell* cell = coordinator_->find(group);
      for (uint32_t partition = 0; partition < world_.partitions; ++partition) {
        const auto* found = cell ? cell->offsets.find({world_.topic, partition}) : nullptr;
        world_.auditor.found(group, partition, found ? found->offset : 0);
      }
    }
  }

  const uint64_t seed_;
  StormWorld world_;
  storage::FaultyDisk disk_;
  storage::LocalJournalOptions options_;
  kafka::Config config_;
  std::vector<std::unique_ptr<ClassicClient>> classic_;
  std::vector<std::unique_ptr<ConsumerClient>> shared_;
  std::unique_ptr<storage::SimExecutor> executor_;
  std::unique_ptr<storage::LocalJournal> journal_;
  std::unique_ptr<broker::Broker> broker_;
  std::unique_ptr<kafka::Coordinator> coordinator_;
  uint64_t step_ = 0;
  bool made_ = false;
  StormReport report_;
};

}  // namespace

StormReport simulate_groups(uint64_t seed, bool fences) {
  return Storm(seed, fences).run();
}

}  // namespace weir::simulation
