// A keyspace of many small keys in ranges of buckets, and one big sorted set of pinned chunks,
// under a steady load of writes while checkpoints are made: the longest time the reactor is kept
// (budget 2 ms), bytes written, and whether the images and the replay add up to the live state.
//
// bench_checkpoint [--folder DIR] [--keys N] [--members N] [--writes PER_SECOND] [--seconds S];
// prints one JSON object. The keyspace is a toy of this benchmark: what is measured is the
// storage's part.

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/wire.h"
#include "storage/local/local_journal.h"
#include "storage/local/real_disk.h"
#include "storage/local/thread_executor.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kKeysPerCell = 512;       // a range of buckets
constexpr uint64_t kMembersPerChunk = 1024;  // of the sorted set
constexpr CellId kSetCell(1);
constexpr uint64_t kFirstRange = 2;

struct Sizes {
  uint64_t keys = 1'000'000;
  uint64_t members = 200'000;
  uint64_t writes_per_second = 200'000;
  double seconds = 8;
};

// Key k has the value values_[k]; the set's member m has the score chunk[m]. An event names a key
// (or member) and the value that it gets.
class Keyspace : public broker::JournalOwner {
 public:
  Keyspace(broker::Journal& journal, const Sizes& sizes) : journal_(journal), values(sizes.keys) {
    chunks.resize((sizes.members + kMembersPerChunk - 1) / kMembersPerChunk);
    for (auto& chunk : chunks) chunk = std::make_shared<Chunk>();
  }

  using Chunk = std::array<uint64_t, kMembersPerChunk>;

  static CellId cell_of(uint64_t key) { return CellId(kFirstRange + key / kKeysPerCell); }

  void set_key(uint64_t key, uint64_t value) {
    values[key] = value;
    submit(cell_of(key), key, value);
  }
  void set_score(uint64_t member, uint64_t score) {
    auto& chunk = chunks[member / kMembersPerChunk];
    // Pinned by an image that is being written: the writer goes on with a copy.
    if (chunk.use_count() > 1) chunk = std::make_shared<Chunk>(*chunk);
    (*chunk)[member % kMembersPerChunk] = score;
    submit(kSetCell, member, score);
  }

  Result<void> load_image(CellId cell, ByteView image) override {
    Reader reader(image);
    if (cell == kSetCell) {
      for (auto& chunk : chunks) {
        for (uint64_t& score : *chunk) score = reader.fixed<uint64_t>();
      }
    } else {
      const uint64_t first = (cell.value() - kFirstRange) * kKeysPerCell;
      for (uint64_t key = first; key < end_of(first); ++key) values[key] = reader.fixed<uint64_t>();
    }
    if (!reader.done()) return fail(ErrorCode::kStorageCorrupt, "a bad image");
    return {};
  }
  Result<void> replay(
      Lsn, Timestamp, CellId cell, ByteView event, ByteView, const broker::Extent&) override {
    Reader reader(event);
    const uint64_t what = reader.varint();
    const uint64_t value = reader.varint();
    if (cell == kSetCell) {
      (*chunks[what / kMembersPerChunk])[what % kMembersPerChunk] = value;
    } else {
      values[what] = value;
    }
    return {};
  }
  std::optional<broker::CellImage> image(CellId cell) override {
    broker::CellImage image;
    Writer writer(image.head);
    if (cell == kSetCell) {
      for (const auto& chunk : chunks) {
        image.deferred.emplace_back(
            [pinned = std::shared_ptr<const Chunk>(chunk)](std::string& out) {
              out.append(reinterpret_cast<const char*>(pinned->data()), sizeof(Chunk));
            });
      }
    } else {
      const uint64_t first = (cell.value() - kFirstRange) * kKeysPerCell;
      for (uint64_t key = first; key < end_of(first); ++key) writer.fixed(values[key]);
    }
    return image;
  }
  void progressed(Lsn, Lsn) override {}
  void storage_health(std::optional<Error>) override {}
  broker::LiveSpans live_spans(FileId, size_t /*left*/) override { return {}; }
  Lsn moved(std::span<const broker::MovedSpan>) override { return {}; }

  bool same_as(const Keyspace& other) const {
    if (values != other.values) return false;
    return std::ranges::equal(chunks, other.chunks,
                              [](const auto& a, const auto& b) { return *a == *b; });
  }

 private:
  uint64_t end_of(uint64_t first) const {
    return std::min<uint64_t>(first + kKeysPerCell, values.size());
  }
  void submit(CellId cell, uint64_t what, uint64_t value) {
    std::string event;
    Writer writer(event);
    writer.varint(what);
    writer.varint(value);
    const broker::Entry entry{.cell = cell, .event = event, .payload_head = {}, .payload_rest = {}};
    broker::Extent none;
    journal_.submit({&entry, 1}, Durability::kFsync, Timestamp(1), {&none, 1});
  }

  broker::Journal& journal_;

 public:
  std::vector<uint64_t> values;
  std::vector<std::shared_ptr<Chunk>> chunks;
};

struct Life {
  Life(const std::filesystem::path& folder, const Sizes& sizes)
      : disk(folder), journal(options(), disk, executor), keyspace(journal, sizes) {}
  static storage::LocalJournal::Options options() {
    storage::LocalJournal::Options options;
    options.seed = 1;
    return options;
  }

  storage::RealDisk disk;
  storage::PollingExecutor executor;
  storage::LocalJournal journal;
  Keyspace keyspace;
};

struct Load {
  double longest_turn_ms = 0;
  double longest_turn_cpu_ms = 0;  // without the time that the machine gave to others
  double turn_p999_ms = 0;
  uint64_t writes = 0;
};

double thread_cpu_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

// Writes at a steady rate, in turns of the reactor; how long the turns between the writes take is
// what clients feel.
Load write_steadily(Life& life, const Sizes& sizes, Random& random) {
  Load load;
  std::vector<double> turns;
  const auto began = Clock::now();
  for (;;) {
    const double elapsed = std::chrono::duration<double>(Clock::now() - began).count();
    if (elapsed > sizes.seconds) break;
    const auto due = static_cast<uint64_t>(elapsed * static_cast<double>(sizes.writes_per_second));
    for (int i = 0; load.writes < due && i < 100; ++i, ++load.writes) {
      if (!life.journal.admit(broker::Admission::kData, 100)) break;
      if (load.writes % 10 == 0) {
        life.keyspace.set_score(random.below(sizes.members), load.writes);
      } else {
        life.keyspace.set_key(random.below(sizes.keys), load.writes);
      }
    }
    const auto before = Clock::now();
    const double cpu = thread_cpu_ms();
    life.executor.poll();
    load.longest_turn_cpu_ms = std::max(load.longest_turn_cpu_ms, thread_cpu_ms() - cpu);
    turns.push_back(std::chrono::duration<double, std::milli>(Clock::now() - before).count());
  }
  std::ranges::sort(turns);
  load.longest_turn_ms = turns.back();
  load.turn_p999_ms = turns[turns.size() - 1 - turns.size() / 1000];
  return load;
}

void run(const std::filesystem::path& folder, const Sizes& sizes) {
  Random random(1);
  Life life(folder, sizes);
  if (!life.journal.recover(life.keyspace)) std::exit(1);
  for (uint64_t key = 0; key < sizes.keys; ++key) {
    while (!life.journal.admit(broker::Admission::kData, 100))
      life.executor.poll(std::chrono::milliseconds(1));
    life.keyspace.set_key(key, key);
    if (key % 100 == 0) life.executor.poll();
  }
  const storage::JournalMetrics before = life.journal.metrics();
  life.journal.checkpoint();
  const Load load = write_steadily(life, sizes, random);
  while (life.journal.durable().next() < life.journal.next_lsn() ||
         life.journal.checkpoint_under_way()) {
    life.executor.poll(std::chrono::milliseconds(10));
  }
  const storage::JournalMetrics after = life.journal.metrics();
  std::filesystem::copy(folder, folder.string() + "-copy",
                        std::filesystem::copy_options::recursive);
  Life again(folder.string() + "-copy", sizes);
  const auto began = Clock::now();
  const bool recovered = again.journal.recover(again.keyspace).has_value();
  const double recovery = std::chrono::duration<double>(Clock::now() - began).count();
  std::filesystem::remove_all(folder.string() + "-copy");
  fmt::print(
      "{{\n  \"benchmark\": \"checkpoint\", \"keys\": {}, \"set_members\": {}, "
      "\"writes_per_second\": {:.0f},\n"
      "  \"longest_turn_cpu_ms\": {{\"value\": {:.2f}, \"budget\": 2}}, \"longest_turn_ms\": "
      "{:.2f}, "
      "\"turn_p999_ms\": {:.2f},\n"
      "  \"longest_checkpoint_step_ms\": {:.2f}, \"checkpoints\": {}, \"images\": {}, "
      "\"image_mib\": {:.1f},\n"
      "  \"journal_mib\": {:.1f}, \"image_plus_replay_is_live_state\": {}, \"recovery_seconds\": "
      "{:.2f}\n}}\n",
      sizes.keys, sizes.members, static_cast<double>(load.writes) / sizes.seconds,
      load.longest_turn_cpu_ms, load.longest_turn_ms, load.turn_p999_ms,
      static_cast<double>(after.checkpoint_step_max_us) / 1000,
      after.checkpoints - before.checkpoints, after.checkpoint_images - before.checkpoint_images,
      static_cast<double>(after.checkpoint_bytes - before.checkpoint_bytes) / (1 << 20),
      static_cast<double>(after.frame_bytes - before.frame_bytes) / (1 << 20),
      recovered && again.keyspace.same_as(life.keyspace), recovery);
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / "weir-bench-checkpoint";
  weir::bench::Sizes sizes;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--folder") folder = argv[i + 1];
    if (name == "--keys") sizes.keys = std::stoull(argv[i + 1]);
    if (name == "--members") sizes.members = std::stoull(argv[i + 1]);
    if (name == "--writes") sizes.writes_per_second = std::stoull(argv[i + 1]);
    if (name == "--seconds") sizes.seconds = std::stod(argv[i + 1]);
  }
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  weir::bench::run(folder, sizes);
  std::filesystem::remove_all(folder);
}
