#include "server/state_shard.h"

#include <fmt/format.h>

#include <future>
#include <utility>

#include "broker/event_store.h"
#include "runtime/timer.h"
#include "server/shard_executor.h"
#include "storage/local/local_journal.h"
#include "storage/local/real_disk.h"

namespace weir::server {

// Members in the order of their making; the executor's threads end before the disk goes.
struct StateShard::State {
  State(const Options& options, runtime::Shard& home, runtime::WallClock& time)
      : shard(home), clock(time), disk(options.data), executor(home), random(options.seed) {}

  void arm(Timestamp due) {
    timer->arm(due == Timestamp::never() ? Milliseconds(1000)
                                         : std::max(Milliseconds(0), due - clock.now()));
  }
  void tick() {
    broker->here().tick(clock.now());
    arm(broker->here().next_deadline());
    const storage::JournalMetrics fresh = journal->metrics();
    const std::lock_guard lock(mutex);
    metrics = fresh;
  }
  void progressed(Lsn written, Lsn durable);
  void pressed(bool on);
  Result<> recover(const Options& options, runtime::Logger& logger);

  runtime::Shard& shard;
  runtime::WallClock& clock;
  std::vector<net::ConnectionShard*> connections;
  storage::RealDisk disk;
  ShardExecutor executor;
  Random random;
  std::unique_ptr<storage::LocalJournal> journal;
  std::unique_ptr<runtime::Owned<broker::Broker>> broker;
  std::unique_ptr<runtime::Timer> timer;
  bool closed = false;

  mutable std::mutex mutex;  // guards what other threads ask for
  std::string problem;
  storage::JournalMetrics metrics;  // as of the last tick
};

void StateShard::State::progressed(Lsn written, Lsn durable) {
  for (net::ConnectionShard* target : connections) {
    if (&target->shard() == &shard) {
      target->watermark().advance(written, durable);
    } else {
      target->shard().post(
          [target, written, durable] { target->watermark().advance(written, durable); });
    }
  }
  const std::optional<Error>& found = broker->here().storage_problem();
  const std::lock_guard lock(mutex);
  problem = found ? found->message : std::string();
}

// While too much waits for the disk, clients that bring more are not read.
void StateShard::State::pressed(bool on) {
  for (net::ConnectionShard* target : connections) {
    if (&target->shard() == &shard) {
      target->set_overloaded(on);
    } else {
      target->shard().post([target, on] { target->set_overloaded(on); });
    }
  }
}

Result<> StateShard::State::recover(const Options& options, runtime::Logger& logger) {
  storage::LocalJournalOptions settings;
  settings.seed = options.seed;
  settings.salvage = options.salvage;
  settings.file_bytes = options.file_bytes;
  settings.checkpoint_bytes = options.checkpoint_bytes;
  settings.say = [&logger](std::string_view line) { logger.info("storage", line); };
  journal = std::make_unique<storage::LocalJournal>(settings, disk, executor);
  broker = std::make_unique<runtime::Owned<broker::Broker>>(
      shard, std::make_unique<broker::Broker>(
                 *journal, Random(random.next()),
                 broker::Limits{.maintenance_every = options.maintenance_every}));
  broker::Broker& self = broker->here();
  if (auto recovered = journal->recover(self); !recovered) return recovered;
  clock.raise_floor(std::max(journal->last_now(), self.now()));
  self.events().on_problem([&logger](const std::string& topic, const std::string& problem) {
    if (problem.empty()) {
      logger.info("events", "the log of versions can be read again", {{"topic", topic}});
    } else {
      logger.warn("events", "versions cannot be rebuilt", {{"topic", topic}, {"why", problem}});
    }
  });
  timer = std::make_unique<runtime::Timer>(shard, [this] { tick(); });
  if (auto started = self.start(clock.now()); !started) return started;
  self.on_progress([this](Lsn written, Lsn durable) { progressed(written, durable); });
  self.on_pressure([this](bool on) { pressed(on); });
  self.on_deadline([this](Timestamp due) { arm(due); });
  // What was recovered may be seen at once.
  progressed(journal->written(), journal->durable());
  tick();
  return {};
}

StateShard::StateShard(std::unique_ptr<State> state) : state_(std::move(state)) {}

StateShard::~StateShard() {
  close(std::chrono::seconds(5));
  // Timers belong to the shard's thread.
  state_->shard.run_and_wait([this] {
    state_->timer.reset();
    state_->broker.reset();
    state_->journal.reset();
  });
}

Result<std::unique_ptr<StateShard>> StateShard::open(const Options& options,
                                                     runtime::Shard& shard,
                                                     std::vector<net::ConnectionShard*> connections,
                                                     runtime::WallClock& clock,
                                                     runtime::Logger& logger) {
  auto state = std::make_unique<State>(options, shard, clock);
  state->connections = std::move(connections);
  auto opened = std::unique_ptr<StateShard>(new StateShard(std::move(state)));
  Result<> recovered;
  shard.run_and_wait([&] { recovered = opened->state_->recover(options, logger); });
  if (!recovered) {
    opened->state_->closed = true;
    return std::unexpected(recovered.error());
  }
  return opened;
}

void StateShard::stop_waiting() {
  state_->shard.run_and_wait([this] { state_->broker->here().stop(); });
}

void StateShard::close(Milliseconds patience) {
  if (std::exchange(state_->closed, true)) return;
  // Shared: the completion may come after the patience is over.
  const auto done = std::make_shared<std::promise<void>>();
  std::future<void> durable = done->get_future();
  state_->shard.run_and_wait([this, done] {
    state_->broker->here().stop();
    state_->journal->close([done] { done->set_value(); });
  });
  durable.wait_for(patience);
}

runtime::Owned<broker::Broker>& StateShard::broker() {
  return *state_->broker;
}

std::string StateShard::problem() const {
  const std::lock_guard lock(state_->mutex);
  return state_->problem;
}

storage::JournalMetrics StateShard::metrics() const {
  const std::lock_guard lock(state_->mutex);
  return state_->metrics;
}

}  // namespace weir::server
