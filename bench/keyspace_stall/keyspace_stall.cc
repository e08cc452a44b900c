// The Redis front end over the journal on disk, with what is hard to write out: a million keys,
// values of a mebibyte (strings and fields of a hash), a list and a set of a million, a group with
// a million pending entries, and many streams. Commands change all of them while checkpoints follow
// one another without a pause. Printed is how long the state shard was kept at most by one command
// of each sort, and by what else it had to do (the steps of checkpoints among it).
//
// Time is the thread's own (the machine may have given the core to somebody else). The budget is 2
// ms. A step of the journal is named after what its metrics say that it did. bench_keyspace_stall
// [--folder DIR] [--keys N] [--seconds S] [--checkpoints 0]; prints one JSON object.

#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "broker/broker.h"
#include "protocols/redis/service.h"
#include "storage/local/local_journal.h"
#include "storage/local/real_disk.h"
#include "storage/local/thread_executor.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Words = std::vector<std::string>;

constexpr size_t kBigBytes = size_t{1} << 20;
constexpr uint64_t kBigValues = 32;

struct Sizes {
  uint64_t keys = 1'000'000;  // and elements of the list and the set, and pending entries
  double seconds = 10;
  bool checkpoints = true;

  uint64_t streams() const { return keys / 20; }
};

double thread_cpu_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

Timestamp wall_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return Timestamp(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

// What the kernel did to the thread: pages touched for the first time, or again after giving them
// back, and how often the core was taken from it.
struct Disturbance {
  uint64_t faults = 0;
  uint64_t switches = 0;

  static Disturbance so_far() {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return {.faults = static_cast<uint64_t>(usage.ru_minflt),
            .switches = static_cast<uint64_t>(usage.ru_nivcsw)};
  }
  Disturbance since() const {
    const Disturbance now = so_far();
    return {.faults = now.faults - faults, .switches = now.switches - switches};
  }
};

struct Held {
  double longest_ms = 0;
  Disturbance of_longest;
  uint64_t count = 0;
  uint64_t over_1_ms = 0;
  uint64_t over_2_ms = 0;

  void add(double ms, Disturbance disturbance = {}) {
    if (ms > longest_ms) of_longest = disturbance;
    longest_ms = std::max(longest_ms, ms);
    ++count;
    over_1_ms += ms > 1 ? 1 : 0;
    over_2_ms += ms > 2 ? 1 : 0;
  }
};
using HeldByName = std::map<std::string, Held>;

// What a step of the journal did, by how the metrics changed meanwhile.
std::string name_of_step(const storage::JournalMetrics& before,
                         const storage::JournalMetrics& after) {
  const std::pair<bool, std::string_view> signs[] = {
      {after.frames > before.frames, "frame announced"},
      {after.tail_bytes < before.tail_bytes, "tail trimmed"},
      {after.checkpoint_images > before.checkpoint_images, "images taken"},
      {after.checkpoints > before.checkpoints, "checkpoint installed"},
      {after.tidied_files > before.tidied_files, "files tidied"},
      {after.files != before.files || after.files_free != before.files_free, "files changed"},
      {after.file_reads > before.file_reads, "file read"},
      {after.commits > before.commits, "commit"},
  };
  std::string name;
  for (const auto& [happened, sign] : signs) {
    if (happened) name.append(name.empty() ? "" : ", ").append(sign);
  }
  return name.empty() ? "else" : name;
}

// Times each step on the reactor by itself.
class WatchedExecutor : public storage::PollingExecutor {
 public:
  void watch(const storage::LocalJournal& journal) { journal_ = &journal; }

  void post(storage::Task task) override { PollingExecutor::post(watched(std::move(task))); }
  uint64_t after(storage::Duration delay, storage::Task task) override {
    return PollingExecutor::after(delay, watched(std::move(task)));
  }
  HeldByName take_steps() { return std::exchange(steps_, {}); }

 private:
  storage::Task watched(storage::Task task) {
    return [this, task = std::move(task)]() mutable {
      if (journal_ == nullptr) return task();
      const storage::JournalMetrics before = journal_->metrics();
      const Disturbance disturbance = Disturbance::so_far();
      const double began = thread_cpu_ms();
      task();
      task = nullptr;
      const double took = thread_cpu_ms() - began;
      steps_[name_of_step(before, journal_->metrics())].add(took, disturbance.since());
    };
  }

  const storage::LocalJournal* journal_ = nullptr;
  HeldByName steps_;
};

class Server {
 public:
  using Duration = std::chrono::nanoseconds;

  explicit Server(const std::filesystem::path& folder)
      : disk_(folder), journal_(options(), disk_, executor_), broker_(journal_, Random(1)) {
    if (!journal_.recover(broker_) || !broker_.start(wall_clock())) std::exit(1);
    executor_.watch(journal_);
    service_ = std::make_unique<redis::Service>(broker_, wall_clock);
    service_->start();
    client_->id = 1;
    client_->push = [](const std::string&, Lsn) {};
    client_->close = [](bool) {};
    service_->connect(client_);
  }
  ~Server() { service_->disconnect(client_); }

  storage::LocalJournal& journal() { return journal_; }

  // One command alone; `held` learns how long it kept the thread until it gave it back.
  void run(const Words& words, Held& held) {
    const Disturbance disturbance = Disturbance::so_far();
    const double began = thread_cpu_ms();
    start({&words, 1});
    const double took = thread_cpu_ms() - began;
    held.add(took, disturbance.since());
    finish(kUndurableMax);
  }
  void run(const Words& words) {
    Held ignored;
    run(words, ignored);
  }
  void run_all(std::span<const Words> commands) {
    start(commands);
    finish(kUndurableSmallMax);
  }
  // What is due besides commands.
  void turn(Duration wait = {}) {
    const double began = thread_cpu_ms();
    if (broker_.next_deadline() <= wall_clock()) broker_.tick(wall_clock());
    longest_tick_ = std::max(longest_tick_, thread_cpu_ms() - began);
    executor_.poll(wait);
  }
  // How long that kept the thread, since the last question.
  double longest_tick() { return std::exchange(longest_tick_, 0); }
  HeldByName take_steps() { return executor_.take_steps(); }

 private:
  // So few commits that nothing is refused because too much is undurable; and of small ones.
  static constexpr uint64_t kUndurableMax = 10;
  static constexpr uint64_t kUndurableSmallMax = 2000;

  static storage::LocalJournal::Options options() {
    storage::LocalJournal::Options options;
    options.seed = 1;
    return options;
  }

  void start(std::span<const Words> commands) {
    redis::Segment segment;
    for (const Words& words : commands) {
      const std::vector<ByteView> views(words.begin(), words.end());
      segment.add(redis::find_command(views.front()), views);
    }
    answered_ = false;
    segment.complete = [this](std::string reply, const broker::Depends&) {
      answered_ = true;
      reply_ = std::move(reply);
    };
    service_->run(client_, std::move(segment));
  }
  void finish(uint64_t undurable_max) {
    while (!answered_ || journal_.durable().value() + undurable_max < journal_.next_lsn().value())
      turn(std::chrono::milliseconds(1));
    if (!reply_.starts_with('-')) return;
    fmt::print(stderr, "{}", reply_);
    std::exit(1);
  }

  storage::RealDisk disk_;
  WatchedExecutor executor_;
  storage::LocalJournal journal_;
  broker::Broker broker_;
  std::unique_ptr<redis::Service> service_;
  std::shared_ptr<redis::Client> client_ = std::make_shared<redis::Client>();
  bool answered_ = false;
  std::string reply_;
  double longest_tick_ = 0;
};

// The same work each time, over as much memory as a step of a checkpoint walks through: about
// 0.6 ms. What it takes beyond its median is the machine's: interrupts, and what a hypervisor gives
// to others, count as the thread's own time.
class SameWork {
 public:
  SameWork() : memory_(size_t{8} << 20) {}

  double time() {
    const double began = thread_cpu_ms();
    for (int i = 0; i < 80'000; ++i) {
      place_ = place_ * 6364136223846793005 + 1442695040888963407;
      ++memory_[(place_ >> 32) % memory_.size()];
    }
    return thread_cpu_ms() - began;
  }

 private:
  std::vector<uint8_t> memory_;
  uint64_t place_ = 1;
};

template <typename F>
void fill(Server& server, uint64_t count, F&& command) {
  constexpr size_t kAtOnce = 200;
  std::vector<Words> commands;
  for (uint64_t i = 0; i < count; ++i) {
    commands.push_back(command(std::to_string(i)));
    if (commands.size() < kAtOnce && i + 1 < count) continue;
    server.run_all(commands);
    commands.clear();
  }
}

void fill_all(Server& server, const Sizes& sizes) {
  const std::string small(20, 'v');
  const std::string big(kBigBytes, 'v');
  for (uint64_t i = 0; i < kBigValues; ++i) {
    const std::string number = std::to_string(i);
    server.run({"SET", "big:" + number, big});
    server.run({"HSET", "fields", "f" + number, big});
    server.run({"RPUSH", "elements", big});
  }
  fill(server, sizes.keys, [&](const std::string& i) { return Words{"SET", "key:" + i, small}; });
  fill(server, sizes.keys, [&](const std::string& i) { return Words{"RPUSH", "list", small + i}; });
  fill(server, sizes.keys, [&](const std::string& i) { return Words{"SADD", "set", small + i}; });
  fill(server, sizes.streams(),
       [&](const std::string& i) { return Words{"XADD", "stream:" + i, "*", "f", small}; });
  server.run({"XGROUP", "CREATE", "stream", "group", "0", "MKSTREAM"});
  fill(server, sizes.keys, [&](const std::string& i) {
    return Words{"XADD", "stream", "0-" + std::to_string(1 + std::stoull(i)), "f", small};
  });
  for (uint64_t read = 0; read < sizes.keys; read += 1000)
    server.run({"XREADGROUP", "GROUP", "group", "me", "COUNT", "1000", "STREAMS", "stream", ">"});
}

// A command of each sort, over and over.
std::map<std::string, Words> commands_of(const Sizes& sizes, Random& random, uint64_t round) {
  const auto any = [&](uint64_t bound) { return std::to_string(random.below(bound)); };
  const std::string number = std::to_string(round);
  return {
      {"SET", {"SET", "key:" + any(sizes.keys), "another value of the key"}},
      {"SET of 1 MiB", {"SET", "big:" + any(kBigValues), std::string(kBigBytes, 'w')}},
      {"APPEND to 1 MiB", {"APPEND", "big:" + any(kBigValues), "more"}},
      {"HSET beside 1 MiB", {"HSET", "fields", "counter", number}},
      {"LPUSH beside 1 MiB", {"LPUSH", "elements", number}},
      {"LPUSH", {"LPUSH", "list", number}},
      {"RPOP", {"RPOP", "list"}},
      {"LSET", {"LSET", "list", any(sizes.keys / 2), number}},
      {"SADD", {"SADD", "set", "member-" + any(1000)}},
      {"XADD", {"XADD", "stream:" + any(sizes.streams()), "*", "f", "v"}},
      {"XADD to a new stream", {"XADD", "new:" + number, "*", "f", "v"}},
      {"XACK", {"XACK", "stream", "group", "0-" + std::to_string(1 + random.below(sizes.keys))}},
      {"XCLAIM",
       {"XCLAIM", "stream", "group", "you", "0",
        "0-" + std::to_string(1 + random.below(sizes.keys)), "JUSTID"}},
  };
}

void run(const std::filesystem::path& folder, const Sizes& sizes) {
  Random random(1);
  Server server(folder);
  fill_all(server, sizes);
  while (server.journal().checkpoint_under_way()) server.turn(std::chrono::milliseconds(10));
  const storage::JournalMetrics before = server.journal().metrics();
  server.longest_tick();
  server.take_steps();
  HeldByName held;
  SameWork same_work;
  const auto began = Clock::now();
  for (uint64_t round = 0;
       std::chrono::duration<double>(Clock::now() - began).count() < sizes.seconds; ++round) {
    for (const auto& [name, words] : commands_of(sizes, random, round)) {
      if (sizes.checkpoints && !server.journal().checkpoint_under_way())
        server.journal().checkpoint();
      server.run(words, held[name]);
      server.turn();
      if (round % 8 == 0) {
        const Disturbance disturbance = Disturbance::so_far();
        const double took = same_work.time();
        held["the same work each time"].add(took, disturbance.since());
      }
      held["broker's timers"].add(server.longest_tick());
    }
  }
  const storage::JournalMetrics after = server.journal().metrics();
  for (const auto& [name, times] : server.take_steps()) held["step: " + name] = times;
  double longest = 0;
  fmt::print("{{\n  \"benchmark\": \"keyspace_stall\", \"keys\": {}, \"checkpoints\": {},\n",
             sizes.keys, after.checkpoints - before.checkpoints);
  for (const auto& [name, times] : held) {
    longest = std::max(longest, times.longest_ms);
    fmt::print(
        "  \"{}\": {{\"count\": {}, \"longest_ms\": {:.2f}, \"over_1_ms\": {}, "
        "\"over_2_ms\": {}, \"faults_of_longest\": {}, \"switches_of_longest\": {}}},\n",
        name, times.count, times.longest_ms, times.over_1_ms, times.over_2_ms,
        times.of_longest.faults, times.of_longest.switches);
  }
  fmt::print("  \"longest_checkpoint_step_ms\": {:.2f},\n",
             static_cast<double>(after.checkpoint_step_max_us) / 1000);
  fmt::print("  \"longest_ms\": {{\"value\": {:.2f}, \"budget\": 2}}\n}}\n", longest);
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / "weir-bench-keyspace-stall";
  weir::bench::Sizes sizes;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--folder") folder = argv[i + 1];
    if (name == "--keys") sizes.keys = std::stoull(argv[i + 1]);
    if (name == "--seconds") sizes.seconds = std::stod(argv[i + 1]);
    if (name == "--checkpoints") sizes.checkpoints = std::stoi(argv[i + 1]) != 0;
  }
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  weir::bench::run(folder, sizes);
  std::filesystem::remove_all(folder);
}
