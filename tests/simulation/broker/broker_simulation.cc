#include "simulation/broker/broker_simulation.h"

#include <fmt/format.h>

#include <charconv>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/canary.h"
#include "broker/broker.h"
#include "simulation/broker/auditor.h"
#include "simulation/storage/faulty_disk.h"
#include "simulation/storage/sim_executor.h"
#include "storage/local/local_journal.h"

namespace weir::simulation {
namespace {

using broker::Broker;
using broker::Depends;

constexpr uint32_t kReceivesMax = 3;
constexpr int64_t kTombstonesMs = 20'000;
constexpr int64_t kRetentionMs = 15'000;

// A client's connection, reduced to its essence: replies leave when the watermark has reached their
// LSN.
struct Outbox {
  struct Parked {
    Depends depends;
    std::function<void()> leaves;
  };

  void put(Depends depends, std::function<void()> leaves) {
    parked.push_back({depends, std::move(leaves)});
  }
  // In order, as on one connection.
  void release(Lsn durable) {
    while (!parked.empty() &&
           (parked.front().depends.lsn <= durable || canary(Canary::kReplyBeforeWatermark))) {
      const auto leaves = std::move(parked.front().leaves);
      parked.pop_front();
      leaves();
    }
  }

  std::deque<Parked> parked;
};

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : seed_(seed), random_(seed), disk_(seed ^ 0xd15c) {
    options_.file_bytes = size_t{16} << (10 + random_.below(4));
    options_.tail_bytes_max = random_.one_in(2) ? 0 : size_t{1} << 20;
    options_.checkpoint_entries = 20 + random_.below(300);
    options_.checkpoint_files = 4 + random_.below(8);
  }

  Report run() {
    const uint64_t lives = 2 + random_.below(4);
    for (uint64_t life = 0; life < lives && !auditor_.violation(); ++life) {
      ++report_.lives;
      begin_life();
      if (!auditor_.violation()) live();
      if (!auditor_.violation()) end_life();
    }
    if (!auditor_.violation()) final_audit();
    if (auditor_.violation()) {
      report_.violation = fmt::format("seed {} life {} step {}: {}", seed_, report_.lives, step_,
                                      *auditor_.violation());
    }
    return std::move(report_);
  }

 private:
  // ---- lives

  void begin_life() {
    executor_ = std::make_unique<storage::SimExecutor>(random_.next());
    options_.seed = random_.next();
    journal_ = std::make_unique<storage::LocalJournal>(options_, disk_, *executor_);
    broker::Limits limits;
    limits.compaction_keys = 2 + random_.below(20);
    limits.compaction_step_bytes = size_t{1} << (8 + random_.below(6));
    broker_ = std::make_unique<Broker>(*journal_, Random(random_.next()), limits);
    if (const auto recovered = journal_->recover(*broker_); !recovered) {
      return auditor_.violate("the start failed: " + recovered.error().message);
    }
    now_ = std::max(now_, broker_->now());
    if (const auto started = broker_->start(now_); !started) {
      return auditor_.violate("the broker did not start: " + started.error().message);
    }
    broker_->on_progress([this](Lsn, Lsn durable) { outbox_.release(durable); });
    if (!made_) make_things();
    if (!auditor_.violation()) read_logs();
  }

  void make_things() {
    broker_->create_queue({.name = {"", "dead"}, .log = {}, .queue = kept(), .properties = {}},
                          now_);
    catalog::QueuePolicy jobs = kept();
    jobs.receives_max = kReceivesMax;
    jobs.dead_letter = "dead";
    broker_->create_queue({.name = {"", "jobs"}, .log = {}, .queue = jobs, .properties = {}}, now_);
    catalog::QueuePolicy fifo = kept();
    fifo.order = catalog::Order::kPerGroup;
    broker_->create_queue({.name = {"", "fifo"}, .log = {}, .queue = fifo, .properties = {}}, now_);
    broker_->create_queue({.name = {"", "work"}, .log = {}, .queue = kept(), .properties = {}},
                          now_);
    for (const char* name : {"inbox", "outbox"}) {
      broker_->create_queue({.name = {"", name}, .log = {}, .queue = kept(), .properties = {}},
                            now_);
    }
    broker_->create_topic({.name = {"", "events"}, .partitions = 2, .log = {}, .properties = {}},
                          now_);
    broker_->create_topic({.name = {"", "audit"}, .log = {}, .properties = {}}, now_);
    catalog::LogPolicy compacted;
    compacted.compaction =
        catalog::CompactionPolicy{.delete_retention_ms = kTombstonesMs, .dirty_permille = 100};
    broker_->create_topic({.name = {"", "prices"}, .log = compacted, .properties = {}}, now_);
    catalog::LogPolicy forgetful;
    forgetful.retention_ms = kRetentionMs;
    broker_->create_topic({.name = {"", "news"}, .log = forgetful, .properties = {}}, now_);
    bridge("in", "events", "work", catalog::BridgeTrigger::kRecord);
    bridge("out", "work", "audit", catalog::BridgeTrigger::kAck);
    bridge("on", "inbox", "outbox", catalog::BridgeTrigger::kMessage);
    const Lsn last(journal_->next_lsn().value() - 1);
    if (!executor_->run_until([&] { return journal_->durable() >= last; })) {
      auditor_.violate("the first commits do not become durable");
    }
    made_ = true;
  }

  static catalog::QueuePolicy kept() {
    catalog::QueuePolicy policy;
    policy.history_ms = 365LL * 86'400'000;
    return policy;
  }

  void bridge(const std::string& name,
              const std::string& from,
              const std::string& to,
              catalog::BridgeTrigger trigger) {
    catalog::Bridge wanted;
    wanted.name = name;
    wanted.from = {"", from};
    wanted.to = {"", to};
    wanted.trigger = trigger;
    const auto made = broker_->create_bridge(wanted, now_);
    if (!made) auditor_.violate(made.error().message);
  }

  void live() {
    const uint64_t steps = 50 + random_.below(400);
    for (step_ = 0; step_ < steps && !auditor_.violation(); ++step_) {
      act();
      for (uint64_t i = random_.below(10); i > 0; --i) executor_->step();
      if (broker_->next_deadline() <= now_) broker_->tick(now_);
    }
  }

  void act() {
    switch (random_.below(27)) {
      case 0: return journal_->checkpoint();
      case 1: return pass(Milliseconds(random_.below(20'000)));
      case 2: return executor_->pass(std::chrono::milliseconds(random_.below(300)));
      case 3: return change_faults();
      case 4: return append("events");
      case 5: return random_.one_in(2) ? append("events") : put_in();
      case 6:
      case 7: return send("jobs", "");
      case 8:
      case 9: return send("fifo", std::string(1, static_cast<char>('a' + random_.below(3))));
      case 10:
      case 11: return receive("jobs", 1 + static_cast<uint32_t>(random_.below(5)));
      case 12: return receive("fifo", 1 + static_cast<uint32_t>(random_.below(5)));
      case 13: return receive("work", 1 + static_cast<uint32_t>(random_.below(5)));
      case 14: return receive("dead", 1);
      case 15: return read_logs();
      case 16:
      case 17: return change_some();
      case 18:
      case 19:
      case 20: return change_key();
      case 21:
      case 22: return append("news");
      default: return settle_some();
    }
  }

  void pass(Milliseconds time) {
    now_ = now_ + time;
    broker_->tick(now_);
  }

  void change_faults() {
    disk_.faults = {};
    disk_.capacity = UINT64_MAX;
    switch (random_.below(6)) {
      case 0: disk_.faults.write_error = 3 + random_.below(20); break;
      case 1: disk_.faults.sync_error = 3 + random_.below(20); break;
      case 2: disk_.faults.short_transfer = 2 + random_.below(5); break;
      case 3: disk_.capacity = disk_.used() + random_.below(3 * options_.file_bytes); break;
      default: break;
    }
  }

  void end_life() {
    const bool power = random_.below(3) > 0;
    disk_.faults = {};
    executor_->die([&] {
      if (power) disk_.begin_dying();
    });
    report_.compactions += broker_->compaction().passes;
    report_.compacted += broker_->compaction().bytes_written;
    broker_.reset();
    journal_.reset();
    outbox_.parked.clear();
    held_.clear();
    constexpr uint64_t kKeep[] = {0, 0, 30, 70, 100};
    disk_.cut_power(power ? kKeep[random_.below(5)] : 100);
    disk_.faults = {};
    disk_.capacity = UINT64_MAX;
  }

  // ---- clients

  const catalog::Thing& thing(const std::string& name) {
    return *broker_->catalog().find({"", name});
  }

  void send(const std::string& queue, const std::string& group) {
    const std::string body = fmt::format("{}-{}", queue, ++counter_);
    auditor_.send_invoked(body, group, counter_);
    std::optional<ByteView> key;
    if (!group.empty()) key = group;
    const auto sent = broker_->send(thing(queue).queue, {key, body, {}, now_}, {}, now_);
    if (!sent) return;  // refused: it did not happen
    outbox_.put(sent->depends,
                [this, body, group, log = thing(queue).logs[0].value(), offset = sent->offset] {
                  ++report_.acknowledged;
                  auditor_.send_acknowledged(body, group);
                  auditor_.append_acknowledged(log, offset, body);
                });
  }

  void append(const std::string& topic) {
    const std::string value = fmt::format("event-{}", ++counter_);
    const std::vector<CellId>& logs = thing(topic).logs;
    const CellId log = logs[random_.below(logs.size())];
    const Timestamp time = now_;
    const auto appended = broker_->append_record(log, {{}, value, {}, time}, now_);
    if (!appended) return;
    outbox_.put(appended->depends, [this, log, value, time, offset = appended->base_offset] {
      ++report_.acknowledged;
      auditor_.append_acknowledged(log.value(), offset, value);
      auditor_.timed_append_acknowledged(log.value(), offset, time);
    });
  }

  // What the bridge between two queues moves.
  void put_in() {
    const std::string value = fmt::format("note-{}", ++counter_);
    const catalog::Thing& inbox = thing("inbox");
    const auto sent = broker_->send(inbox.queue, {{}, value, {}, now_}, {}, now_);
    if (!sent) return;
    outbox_.put(sent->depends, [this, value, log = inbox.logs[0].value(), offset = sent->offset] {
      ++report_.acknowledged;
      auditor_.append_acknowledged(log, offset, value);
    });
  }

  // Sets or deletes a key of the compacted topic. The number of the change is in a header, since a
  // deletion has no value.
  void change_key() {
    const std::string key = fmt::format("key-{}", random_.below(12));
    const Auditor::KeyChange change{++counter_, random_.one_in(4)};
    const std::string number = std::to_string(change.number);
    const std::string value =
        fmt::format("{}={}{}", key, number, std::string(random_.below(400), '.'));
    const log::RecordHeader header{"number", ByteView(number)};
    std::optional<ByteView> shown;
    if (!change.deletes) shown = value;
    const CellId log = thing("prices").logs[0];
    auditor_.key_invoked(key, change);
    const auto appended =
        broker_->append_record(log, {ByteView(key), shown, {&header, 1}, now_}, now_);
    if (!appended) return;
    outbox_.put(appended->depends, [this, key, change] {
      ++report_.acknowledged;
      auditor_.key_acknowledged(key, change);
    });
  }

  void receive(const std::string& queue, uint32_t count) {
    const broker::ReceiveOptions options{.count = count, .lease = {}, .wait_until = {}};
    broker_->receive(
        thing(queue).queue, options, now_, [this, queue](Result<broker::Received> received) {
          const uint64_t receive = ++answers_;
          if (!received) return;
          for (const broker::Delivery& delivery : received->deliveries) {
            const std::string body(delivery.record.value.value_or(""));
            std::optional<uint32_t> dead_after;
            if (const auto header = delivery.record.headers.find(broker::kHeaderDeliveries)) {
              uint32_t number = 0;
              std::from_chars(header->data(), header->data() + header->size(), number);
              dead_after = number;
            }
            outbox_.put(received->depends,
                        [this, receive, queue, body, lease = delivery.lease, dead_after] {
                          learn(receive, queue, body, lease, dead_after);
                        });
          }
          outbox_.release(journal_->durable());
        });
  }

  // A delivery has reached the client.
  void learn(uint64_t receive,
             const std::string& queue,
             const std::string& body,
             const queue::Lease& lease,
             std::optional<uint32_t> dead_after) {
    ++report_.deliveries;
    if (queue == "work") {
      auditor_.send_invoked("work:" + body, "", 0);
      auditor_.send_acknowledged("work:" + body, "");
      auditor_.delivered("work:" + body, lease.deliveries, now_, lease.deadline, receive);
      held_.push_back({queue, "work:" + body, {lease.offset, lease.generation}, receive});
      return;
    }
    if (dead_after) {
      ++report_.dead_letters;
      auditor_.dead_letter(body, *dead_after, kReceivesMax);
      held_.push_back({queue, "", {lease.offset, lease.generation}, receive});
      return;
    }
    auditor_.delivered(body, lease.deliveries, now_, lease.deadline, receive);
    held_.push_back({queue, body, {lease.offset, lease.generation}, receive});
  }

  void settle_some() {
    if (held_.empty()) return;
    const size_t index = random_.below(held_.size());
    const Held held = held_[index];
    held_.erase(held_.begin() + static_cast<ptrdiff_t>(index));
    if (held.queue == "jobs" && random_.one_in(2)) return;  // a poisonous one: its lease runs out
    settle(held);
  }

  struct Held {
    std::string queue;
    std::string body;  // empty: not followed
    queue::Handle handle;
    uint64_t receive = 0;
  };

  // A holder gives its message back, or wants it for longer or for less.
  void change_some() {
    if (held_.empty()) return;
    const Held held = held_[random_.below(held_.size())];
    if (held.body.empty()) return;
    const Milliseconds duration(random_.one_in(3) ? 0 : random_.below(60'000));
    const Timestamp deadline = now_ + duration;
    const auto changed = broker_->extend(thing(held.queue).queue, {&held.handle, 1},
                                         queue::Check::kThisLease, duration, now_);
    if (!changed || changed->outcomes[0] != queue::Outcome::kDone) return;
    auditor_.change_invoked(held.body, held.receive, deadline);
    outbox_.put(changed->depends, [this, body = held.body, receive = held.receive, deadline] {
      auditor_.change_acknowledged(body, receive, deadline);
    });
  }

  void settle(const Held& held) {
    const queue::Check check =
        held.queue == "fifo" ? queue::Check::kThisLease : queue::Check::kAnyLease;
    const auto settled = broker_->settle(thing(held.queue).queue, {&held.handle, 1}, check, now_);
    if (!settled || held.body.empty()) return;
    if (settled->outcomes[0] != queue::Outcome::kDone) return;
    auditor_.settle_invoked(held.body);
    outbox_.put(settled->depends, [this, body = held.body] { auditor_.settle_acknowledged(body); });
  }

  // ---- logs as readers see them

  using Values = std::map<int64_t, std::string>;
  using Keys = std::map<std::string, Auditor::KeyChange>;

  void note_key(const log::ReadRecord& record, Keys& keys) {
    const auto number = record.headers.find("number");
    if (!record.key || !number) return;
    Auditor::KeyChange& change = keys[std::string(*record.key)];
    std::from_chars(number->data(), number->data() + number->size(), change.number);
    change.deletes = !record.value;
  }

  // The compacted topic, a piece at a time, while it is compacted.
  void read_keys(Offset from,
                 Timestamp began,
                 const std::shared_ptr<Keys>& seen,
                 const Keys& expected) {
    const CellId log = thing("prices").logs[0];
    const uint64_t life = report_.lives;
    const broker::ReadRequest request{.log = log, .from = from, .bytes_max = 600, .end = {}};
    broker_->read(request, [this, log, from, began, seen, expected,
                            life](Result<broker::ReadAnswer> answer) {
      if (!answer || life != report_.lives) return;
      std::vector<log::StoredBatch> batches;
      for (const auto& entry : answer->batches) batches.push_back({entry.event, entry.payload});
      log::RecordReader reader(batches, from, answer->end);
      log::ReadRecord record;
      Offset next = from;
      while (reader.next(record)) {
        auditor_.read(log.value(), record.offset, std::string(record.value.value_or("")));
        note_key(record, *seen);
        next = record.offset.next();
      }
      if (next > from) return read_keys(next, began, seen, expected);
      if (from != answer->end) {
        return auditor_.violate(fmt::format("a reader of the compacted topic is stuck at {} of {}",
                                            from.value(), answer->end.value()));
      }
      // A reader that takes longer than tombstones stay may miss one, as in Kafka.
      if (now_ - began < Milliseconds(kTombstonesMs)) auditor_.keys_read(expected, *seen);
    });
  }

  void read_log(CellId log,
                Offset from,
                const std::shared_ptr<Values>& values,
                const std::function<void(bool)>& done) {
    const broker::ReadRequest request{
        .log = log, .from = from, .end = {}, .visibility = broker::Visibility::kSafe};
    broker_->read(request, [this, log, from, values, done](Result<broker::ReadAnswer> answer) {
      if (!answer) return done(false);
      std::vector<log::StoredBatch> batches;
      for (const auto& entry : answer->batches) batches.push_back({entry.event, entry.payload});
      log::RecordReader reader(batches, from, answer->end);
      log::ReadRecord record;
      Offset next = from;
      while (reader.next(record)) {
        const std::string value(record.value.value_or(""));
        auditor_.read(log.value(), record.offset, value);
        (*values)[record.offset.value()] = value;
        next = record.offset.next();
      }
      // Nothing is left, unless what was to be read went meanwhile.
      if (next == from) return done(broker_->find_log(log)->start() <= from);
      read_log(log, next, values, done);
    });
  }

  void read_logs() {
    broker_->catalog().each_thing_everywhere([&](const catalog::Thing& thing) {
      if (thing.log_policy.compaction) {
        read_keys(Offset(0), now_, std::make_shared<Keys>(), auditor_.acknowledged_keys());
        return true;
      }
      const bool forgets = thing.log_policy.retention_ms >= 0;
      for (const CellId log : thing.logs) {
        const auto values = std::make_shared<Values>();
        const uint64_t life = report_.lives;
        const Offset first = forgets ? broker_->find_log(log)->start() : Offset(0);
        read_log(log, first, values, [this, log, values, life, forgets](bool whole) {
          if (!whole || life != report_.lives) return;
          if (!forgets) return auditor_.all_read(log.value(), *values);
          // What went while it was read need not be among it, if its time had come.
          const Offset start = broker_->find_log(log)->start();
          auditor_.forgotten(log.value(), start, Milliseconds(kRetentionMs), now_);
          auditor_.all_read(log.value(), *values, start);
        });
      }
      return true;
    });
  }

  // ---- the end: everything heals, makes progress, and adds up

  void settle_down() {
    const auto calm = [&] { return journal_->durable().next() == journal_->next_lsn(); };
    if (!executor_->run_until(calm)) auditor_.violate("what was submitted does not become durable");
  }

  void drain(const std::string& queue) {
    for (int round = 0; round < 400 && !auditor_.violation(); ++round) {
      const size_t before = held_.size();
      const uint64_t answers = answers_;
      receive(queue, 100);
      if (!executor_->run_until([&] { return answers_ > answers; })) {
        auditor_.violate("a receive is never answered");
      }
      settle_down();
      const std::vector<Held> fresh(held_.begin() + static_cast<ptrdiff_t>(before), held_.end());
      held_.clear();
      for (const Held& held : fresh) settle(held);
      settle_down();
      const queue::Counts counts = broker_->find_queue(thing(queue).queue, now_)->counts();
      if (fresh.empty() && counts.ready + counts.leased + counts.delayed == 0) return;
      pass(Milliseconds(31'000));
    }
    auditor_.violate(fmt::format("queue {} does not drain", queue));
  }

  void final_audit() {
    step_ = 0;
    begin_life();
    if (auditor_.violation()) return;
    for (int i = 0; i < 100; ++i) {
      pass(Milliseconds(1'000));
      executor_->pass(std::chrono::milliseconds(5));
    }
    held_.clear();
    for (const char* queue : {"jobs", "fifo", "work", "dead"}) drain(queue);
    if (auditor_.violation()) return;
    auditor_.drained();
    empty_inbox();
    count_bridges();
    look_what_was_forgotten();
    read_logs();
    executor_->pass(std::chrono::milliseconds(50));
    settle_down();
  }

  // Much later nothing is left, and what was forgotten is not counted as lost.
  void look_what_was_forgotten() {
    const log::Log& log = *broker_->find_log(thing("news").logs[0]);
    report_.forgotten += static_cast<uint64_t>(log.start().value());
    if (log.start() == log.end()) return;
    auditor_.violate(fmt::format("records {} to {} outlive their retention", log.start().value(),
                                 log.end().value()));
  }

  Values all_of(const std::string& name) {
    Values all;
    for (size_t i = 0; i < thing(name).logs.size(); ++i) {
      const auto values = std::make_shared<Values>();
      bool done = false;
      read_log(thing(name).logs[i], Offset(0), values, [&done](bool) { done = true; });
      executor_->run_until([&done] { return done; });
      for (const auto& [offset, value] : *values)
        all[static_cast<int64_t>(i) << 40 | offset] = value;
    }
    return all;
  }

  // A step of the bridge that died held what it had received for as long as its lease.
  void empty_inbox() {
    const auto left = [this] { return broker_->find_queue(thing("inbox").queue, now_)->counts(); };
    for (int i = 0; i < 100 && !(left() == queue::Counts{}); ++i) {
      pass(Milliseconds(5'000));
      executor_->pass(std::chrono::milliseconds(5));
    }
    if (!(left() == queue::Counts{})) auditor_.violate("a bridge does not empty its queue");
  }

  void count_bridges() {
    compare("inbox", "outbox");
    compare("events", "work");
    const Values work = all_of("work");
    const Values audit = all_of("audit");
    const std::set<std::string> distinct = [&] {
      std::set<std::string> ids;
      for (const auto& [offset, value] : audit)
        ids.insert(value.substr(0, value.find(",\"source\"")));
      return ids;
    }();
    if (audit.size() != work.size() || distinct.size() != audit.size()) {
      auditor_.violate(fmt::format("{} acknowledged messages have {} records ({} distinct)",
                                   work.size(), audit.size(), distinct.size()));
    }
  }

  // Each record of the one has become exactly one of the other.
  void compare(const std::string& from, const std::string& to) {
    std::multiset<std::string> wanted;
    std::multiset<std::string> made;
    for (const auto& [offset, value] : all_of(from)) wanted.insert(value);
    for (const auto& [offset, value] : all_of(to)) made.insert(value);
    report_.bridged += made.size();
    if (wanted == made) return;
    auditor_.violate(
        fmt::format("{} records of {} became {} of {}", wanted.size(), from, made.size(), to));
  }

  const uint64_t seed_;
  Random random_;
  storage::FaultyDisk disk_;
  storage::LocalJournalOptions options_;
  Auditor auditor_;
  Outbox outbox_;
  std::unique_ptr<storage::SimExecutor> executor_;
  std::unique_ptr<storage::LocalJournal> journal_;
  std::unique_ptr<Broker> broker_;
  std::vector<Held> held_;
  Timestamp now_{1'700'000'000'000};
  uint64_t counter_ = 0;
  uint64_t answers_ = 0;
  uint64_t step_ = 0;
  bool made_ = false;
  Report report_;
};

}  // namespace

Report simulate_broker(uint64_t seed) {
  return Simulation(seed).run();
}

}  // namespace weir::simulation
