#include "simulation/bridges/bridge_simulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "broker/broker.h"
#include "simulation/bridges/bridge_judge.h"
#include "simulation/storage/faulty_disk.h"
#include "simulation/storage/sim_executor.h"
#include "storage/local/local_journal.h"

namespace weir::simulation {
namespace {

using broker::Broker;
using catalog::BridgeTrigger;

constexpr Milliseconds kDedupWindow{300'000};
constexpr std::chrono::milliseconds kRetryMax{200};  // of a journal whose disk was full

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : seed_(seed), random_(seed), disk_(seed ^ 0xb21d) {
    options_.file_bytes = size_t{16} << (10 + random_.below(4));
    options_.tail_bytes_max = random_.one_in(2) ? 0 : size_t{1} << 20;
    options_.checkpoint_entries = 20 + random_.below(300);
    options_.checkpoint_files = 4 + random_.below(8);
    options_.retry_max = kRetryMax;
  }

  BridgeReport run() {
    const uint64_t lives = 2 + random_.below(4);
    for (uint64_t life = 0; life < lives && !violation_; ++life) {
      ++report_.lives;
      begin_life();
      const uint64_t steps = 50 + random_.below(300);
      for (step_ = 0; step_ < steps && !violation_; ++step_) {
        act();
        for (uint64_t i = random_.below(10); i > 0; --i) executor_->step();
        if (broker_->next_deadline() <= now_) broker_->tick(now_);
      }
      if (!violation_) end_life();
    }
    if (!violation_) final_audit();
    if (violation_) {
      report_.violation =
          fmt::format("seed {} life {} step {}: {}", seed_, report_.lives, step_, *violation_);
    }
    return std::move(report_);
  }

 private:
  void violate(std::string what) {
    if (!violation_) violation_ = std::move(what);
  }
  void expect(const std::optional<std::string>& found) {
    if (found) violate(*found);
  }
  template <typename T>
  void must(const Result<T>& done) {
    if (!done) violate(done.error().message);
  }

  // ---- lives

  void begin_life() {
    executor_ = std::make_unique<storage::SimExecutor>(random_.next());
    options_.seed = random_.next();
    journal_ = std::make_unique<storage::LocalJournal>(options_, disk_, *executor_);
    broker::Limits limits;
    limits.bridge_batch = 1 + static_cast<uint32_t>(random_.below(6));
    broker_ = std::make_unique<Broker>(*journal_, Random(random_.next()), limits);
    must(journal_->recover(*broker_));
    if (violation_) return;
    now_ = std::max(now_, broker_->now());
    must(broker_->start(now_));
    if (made_) return;
    make_topic("orders");
    make_topic("alarms");
    make_topic("audit");
    catalog::QueuePolicy fifo = kept();
    fifo.order = catalog::Order::kPerGroup;
    fifo.deduplicate = true;
    must(broker_->create_queue(
        {.name = {"", "ship.fifo"}, .log = {}, .queue = fifo, .properties = {}}, now_));
    make_alerts();
    catalog::Bridge paid = bridge("paid", "orders", "ship.fifo");
    paid.filter = "$.status=paid";
    paid.group = "$.customer";
    paid.deduplication = "$.id";
    must(broker_->create_bridge(paid, now_));
    catalog::Bridge shipped = bridge("shipped", "ship.fifo", "audit");
    shipped.trigger = BridgeTrigger::kAck;
    must(broker_->create_bridge(shipped, now_));
    make_urgent();
    calm();
    made_ = true;
  }

  void end_life() {
    const bool power = random_.below(3) > 0;
    disk_.faults = {};
    executor_->die([&] {
      if (power) disk_.begin_dying();
    });
    broker_.reset();
    journal_.reset();
    held_.clear();
    constexpr uint64_t kKeep[] = {0, 0, 30, 70, 100};
    disk_.cut_power(power ? kKeep[random_.below(5)] : 100);
    heal();
  }

  void heal() {
    disk_.faults = {};
    disk_.capacity = UINT64_MAX;
  }

  // Everything so far is durable, and the journal has seen that the disk is well.
  void calm() {
    heal();
    executor_->pass(2 * kRetryMax);
    const auto still = [&] { return journal_->durable().next() == journal_->next_lsn(); };
    if (!executor_->run_until(still)) violate("what was submitted does not become durable");
  }

  void pass(Milliseconds time) {
    now_ = now_ + time;
    broker_->tick(now_);
  }

  // ---- things

  static catalog::QueuePolicy kept() {
    catalog::QueuePolicy policy;
    policy.history_ms = 365LL * 86'400'000;
    return policy;
  }
  static catalog::Bridge bridge(const char* name, const char* from, const char* to) {
    catalog::Bridge made;
    made.name = name;
    made.from = {"", from};
    made.to = {"", to};
    return made;
  }
  void make_topic(const std::string& name) {
    must(broker_->create_topic({.name = {"", name}, .log = {}, .properties = {}}, now_));
  }
  void make_alerts() {
    catalog::QueuePolicy policy = kept();
    policy.priorities = catalog::kPrioritiesMax;
    must(broker_->create_queue(
        {.name = {"", "alerts"}, .log = {}, .queue = policy, .properties = {}}, now_));
  }
  void make_urgent() {
    catalog::Bridge urgent = bridge("urgent", "alarms", "alerts");
    urgent.filter = fmt::format("$.level>={}", kLevelMin);
    urgent.delay = "$.wait";
    urgent.priority = "$.level";
    must(broker_->create_bridge(urgent, now_));
  }
  const catalog::Thing* thing(const std::string& name) {
    return broker_->catalog().find({"", name});
  }
  Broker::BridgeStatus status_of(const std::string& name) {
    for (const Broker::BridgeStatus& status : broker_->bridges()) {
      if (status.bridge->name == name) return status;
    }
    violate(fmt::format("bridge {} is gone", name));
    return {};
  }
  // Up to where the bridge of alarms has come.
  int64_t place() {
    return broker_->find_log(thing("alarms")->logs[0])->end().value() - status_of("urgent").lag;
  }

  // ---- what happens

  void act() {
    switch (random_.below(24)) {
      case 0: return journal_->checkpoint();
      case 1: return pass(Milliseconds(random_.below(20'000)));
      case 2: return executor_->pass(std::chrono::milliseconds(random_.below(300)));
      case 3: return change_faults();
      case 4:
      case 5:
      case 6:
      case 7: return order();
      case 8:
      case 9:
      case 10:
      case 11: return void(alarm());
      case 12:
      case 13: return receive("ship.fifo");
      case 14: return receive("alerts");
      case 15: return pause();
      case 16: return random_.one_in(3) ? turn() : order();
      case 17: return random_.one_in(4) ? change_audit() : void(alarm());
      default: return settle_some();
    }
  }

  void change_faults() {
    heal();
    switch (random_.below(6)) {
      case 0: disk_.faults.write_error = 3 + random_.below(20); break;
      case 1: disk_.faults.sync_error = 3 + random_.below(20); break;
      case 2: disk_.faults.short_transfer = 2 + random_.below(5); break;
      case 3: disk_.capacity = disk_.used() + random_.below(3 * options_.file_bytes); break;
      default: break;
    }
  }

  // What was stored, unless it was refused.
  std::optional<Seen> append(const std::string& topic, const std::string& value) {
    const catalog::Thing* target = thing(topic);
    if (target == nullptr) return std::nullopt;
    const auto done = broker_->append_record(target->logs[0], {{}, value, {}, now_}, now_);
    if (!done) return std::nullopt;
    Seen stored;
    stored.offset = done->base_offset.value();
    stored.value = value;
    return stored;
  }
  // Some are sent again under their id.
  void order() {
    const uint64_t id = random_.one_in(4) && counter_ > 0 ? random_.below(counter_) : counter_++;
    (void)append("orders", fmt::format(R"({{"id":"{}","customer":"c{}","status":"{}"}})", id,
                                       id % 4, id % 3 == 0 ? "open" : "paid"));
  }
  std::optional<Seen> alarm() {
    return append("alarms",
                  fmt::format(R"({{"number":{},"level":{},"wait":{}}})", ++alarms_,
                              random_.below(12), random_.one_in(3) ? random_.below(30'000) : 0));
  }

  void pause() {
    constexpr const char* kNames[] = {"paid", "shipped", "urgent"};
    const std::string name = kNames[random_.below(3)];
    (void)broker_->pause_bridge(name, random_.one_in(3), now_);
  }

  // ---- turns: what bridges did until now is added up before they go on elsewhere

  void turn() {
    if (thing("alerts") == nullptr) {
      calm();
      make_alerts();
      return calm();
    }
    if (thing("alarms") == nullptr) {
      calm();
      make_topic("alarms");
      return calm();
    }
    ++report_.turns;
    switch (random_.below(4)) {
      case 0:
        // The second may find a step under way that began after the first.
        for (uint64_t i = 1 + random_.below(2); i > 0; --i) seek();
        return calm();
      case 1:
        calm();
        alarm_judge_.turned(place(), 0);
        must(broker_->remove_bridge("urgent", now_));
        make_urgent();
        return calm();
      case 2: return remove_target();
      default: return remove_source();
    }
  }

  // From the look at the place to the change nothing else runs; a step of the bridge may be under
  // way.
  void seek() {
    const int64_t end = broker_->find_log(thing("alarms")->logs[0])->end().value();
    const auto next = static_cast<int64_t>(random_.below(static_cast<uint64_t>(end) + 1));
    const std::pair<uint32_t, Offset> where{0, Offset(next)};
    const int64_t at = place();
    if (broker_->seek_bridge("urgent", {&where, 1}, now_)) alarm_judge_.turned(at, next);
  }

  void remove_target() {
    calm();
    const bool quiet = random_.one_in(2);
    if (quiet) {
      must(broker_->pause_bridge("urgent", true, now_));
      judge_alerts();
      must(broker_->pause_bridge("urgent", false, now_));
    }
    const int64_t at = place();
    alarm_judge_.turned(at, at);
    alarm_judge_.target_gone();
    must(broker_->remove({"", "alerts"}, now_));
    std::erase_if(held_, [](const Held& held) { return held.queue == "alerts"; });
    calm();
  }

  void remove_source() {
    calm();
    SeenRecords alarms = all_of("alarms");
    for (uint64_t i = random_.below(3); i > 0; --i) {
      if (auto stored = alarm()) alarms.push_back(std::move(*stored));
    }
    alarm_judge_.turned(place(), 0);
    alarm_judge_.source_holds(alarms);
    must(broker_->remove({"", "alarms"}, now_));
    if (random_.one_in(2)) make_topic("alarms");
    calm();
  }

  void judge_alerts() {
    const SeenRecords alarms = all_of("alarms");
    AlarmJudge judge = alarm_judge_;
    judge.turned(place(), 0);
    judge.source_holds(alarms);
    expect(judge.judge(all_of("alerts")));
  }

  // Without it acknowledgements are missed, and counted.
  void change_audit() {
    ++report_.turns;
    calm();
    if (thing("audit") == nullptr) {
      make_topic("audit");
      return calm();
    }
    note_audit();
    must(broker_->remove({"", "audit"}, now_));
    calm();
  }
  void note_audit() {
    for (const Seen& event : all_of("audit")) told_.push_back(number_in(event.value, "offset"));
  }

  // ---- clients

  struct Held {
    std::string queue;
    queue::Handle handle;
  };

  void receive(const std::string& queue) {
    if (thing(queue) == nullptr) return;
    const broker::ReceiveOptions options{
        .count = 1 + static_cast<uint32_t>(random_.below(6)), .lease = {}, .wait_until = {}};
    broker_->receive(thing(queue)->queue, options, now_,
                     [this, queue](Result<broker::Received> received) {
                       ++answers_;
                       if (received) learn(queue, *received);
                     });
  }

  // Priorities fall within an answer, offsets rise within a priority, and nothing is early.
  void learn(const std::string& queue, const broker::Received& received) {
    std::pair<int, int64_t> before{-1'000, -1};
    for (const broker::Delivery& delivery : received.deliveries) {
      held_.push_back({queue, {delivery.lease.offset, delivery.lease.generation}});
      if (queue != "alerts") continue;
      const std::string value(delivery.record.value.value_or(""));
      const auto level = static_cast<int>(std::min<int64_t>(number_in(value, "level"), 9));
      const std::pair<int, int64_t> rank{-level, delivery.lease.offset.value()};
      if (rank < before) violate(fmt::format("{} was delivered after a lower priority", value));
      before = rank;
      if (now_ < delivery.record.timestamp + Milliseconds(number_in(value, "wait")))
        violate(fmt::format("{} was delivered before its time", value));
    }
  }

  void settle_some() {
    if (held_.empty()) return;
    const size_t index = random_.below(held_.size());
    const Held held = held_[index];
    held_.erase(held_.begin() + static_cast<ptrdiff_t>(index));
    if (thing(held.queue) == nullptr || random_.one_in(5)) return;
    (void)broker_->settle(thing(held.queue)->queue, {&held.handle, 1}, queue::Check::kThisLease,
                          now_);
  }

  // ---- reading

  SeenRecords all_of(const std::string& name) {
    const auto seen = std::make_shared<SeenRecords>();
    const CellId log = thing(name)->logs[0];
    const Offset end = broker_->find_log(log)->end();
    while (!violation_ && Offset(static_cast<int64_t>(seen->size())) < end) {
      const size_t before = seen->size();
      const auto answered = std::make_shared<bool>(false);
      read_some(log, Offset(static_cast<int64_t>(before)), seen, answered);
      if (!executor_->run_until([&] { return *answered; })) violate("a read is never answered");
      if (seen->size() == before) violate(fmt::format("{} cannot be read", name));
    }
    return *seen;
  }

  void read_some(CellId log,
                 Offset from,
                 const std::shared_ptr<SeenRecords>& seen,
                 const std::shared_ptr<bool>& answered) {
    const broker::ReadRequest request{
        .log = log, .from = from, .end = {}, .visibility = broker::Visibility::kApplied};
    broker_->read(request, [from, seen, answered](Result<broker::ReadAnswer> answer) {
      *answered = true;
      if (!answer) return;
      std::vector<log::StoredBatch> batches;
      for (const auto& entry : answer->batches) batches.push_back({entry.event, entry.payload});
      log::RecordReader reader(batches, from, answer->end);
      log::ReadRecord record;
      while (reader.next(record)) {
        const auto header = [&](ByteView key) {
          return std::string(record.headers.find(key).value_or(""));
        };
        seen->push_back({record.offset.value(), record.timestamp,
                         std::string(record.key.value_or("")),
                         std::string(record.value.value_or("")), header(broker::kHeaderSource),
                         header(broker::kHeaderPriority)});
      }
    });
  }

  // ---- the end: everything heals, makes progress, and adds up

  void drain(const std::string& queue) {
    for (int round = 0; round < 400 && !violation_; ++round) {
      held_.clear();
      const uint64_t before = answers_;
      receive(queue);
      if (!executor_->run_until([&] { return answers_ > before; }))
        violate("a receive is never answered");
      for (const Held& held : held_) {
        must(broker_->settle(thing(queue)->queue, {&held.handle, 1}, queue::Check::kThisLease,
                             now_));
      }
      calm();
      if (broker_->find_queue(thing(queue)->queue, now_)->counts() == queue::Counts{}) return;
      if (held_.empty()) pass(Milliseconds(31'000));
    }
    violate(fmt::format("queue {} does not drain", queue));
  }

  void final_audit() {
    step_ = 0;
    begin_life();
    if (violation_) return;
    for (const char* topic : {"alarms", "audit"}) {
      if (thing(topic) == nullptr) make_topic(topic);
    }
    if (thing("alerts") == nullptr) make_alerts();
    for (const char* name : {"paid", "shipped", "urgent"})
      must(broker_->pause_bridge(name, false, now_));
    for (int i = 0; i < 100; ++i) {
      pass(Milliseconds(1'000));
      executor_->pass(std::chrono::milliseconds(5));
    }
    for (const char* name : {"paid", "urgent"}) {
      const Broker::BridgeStatus status = status_of(name);
      if (status.lag != 0)
        violate(fmt::format("{} is {} behind: {}", name, status.lag, status.problem));
    }
    drain("ship.fifo");
    drain("alerts");
    if (violation_) return;
    const SeenRecords orders = all_of("orders");
    const SeenRecords messages = all_of("ship.fifo");
    expect(judge_orders(orders, messages, kDedupWindow));
    judge_alerts();
    note_audit();
    const uint64_t missed = status_of("shipped").missed;
    expect(judge_audit(messages.size(), told_, missed));
    report_.records += orders.size() + all_of("alarms").size();
    report_.messages += messages.size() + all_of("alerts").size();
    report_.missed += missed;
  }

  const uint64_t seed_;
  Random random_;
  storage::FaultyDisk disk_;
  storage::LocalJournalOptions options_;
  std::unique_ptr<storage::SimExecutor> executor_;
  std::unique_ptr<storage::LocalJournal> journal_;
  std::unique_ptr<Broker> broker_;
  std::vector<Held> held_;
  AlarmJudge alarm_judge_;
  std::vector<int64_t> told_;  // by the audits that there were
  Timestamp now_{1'700'000'000'000};
  uint64_t counter_ = 0;
  uint64_t alarms_ = 0;
  uint64_t answers_ = 0;
  uint64_t step_ = 0;
  bool made_ = false;
  std::optional<std::string> violation_;
  BridgeReport report_;
};

}  // namespace

BridgeReport simulate_bridges(uint64_t seed) {
  return Simulation(seed).run();
}

}  // namespace weir::simulation
