// The journal files as the store of 16 logs that are appended in batches of 16 KiB and keep the
// newest bytes, beside short-lived queue messages of 1 KiB that are released soon after:
// amplification, space, cold reads of one log and of all, a lone commit while tidying, and recovery
// from a file that was cut inside its last frame.
//
// bench_log_store [--folder DIR] [--through MIB] [--keep MIB]; prints one JSON object. The defaults
// take about a minute.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "storage/local/local_journal.h"
#include "storage/local/real_disk.h"
#include "storage/local/thread_executor.h"

namespace weir::bench {
namespace {

using broker::Extent;
using Clock = std::chrono::steady_clock;

constexpr uint64_t kLogs = 16;
constexpr uint64_t kQueue = 100;
constexpr size_t kBatch = size_t{16} << 10;
constexpr size_t kMessage = 1024;
constexpr size_t kQueueDepth = 2000;

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

// Logs and one queue as rows of extents. Images and events hold just enough to find them again.
class Owner : public broker::JournalOwner {
 public:
  explicit Owner(broker::Journal& journal) : journal_(journal) {}

  void append(CellId cell, ByteView payload) {
    const broker::Entry entry{
        .cell = cell, .event = "a", .payload_head = {}, .payload_rest = payload};
    Extent extent;
    journal_.submit({&entry, 1}, Durability::kFsync, Timestamp(1), {&extent, 1});
    rows[cell].push_back(extent);
  }
  void release_oldest(CellId cell) {
    const broker::Entry entry{.cell = cell, .event = "r", .payload_head = {}, .payload_rest = {}};
    Extent none;
    const Lsn lsn = journal_.submit({&entry, 1}, Durability::kFsync, Timestamp(1), {&none, 1});
    journal_.release(rows[cell].front(), lsn);
    rows[cell].pop_front();
  }

  Result<void> load_image(CellId cell, ByteView image) override {
    for (size_t at = 0; at + sizeof(Extent) <= image.size(); at += sizeof(Extent)) {
      Extent extent;
      std::memcpy(&extent, image.data() + at, sizeof extent);
      rows[cell].push_back(extent);
      journal_.retain(extent);
    }
    return {};
  }
  Result<void> replay(
      Lsn lsn, Timestamp, CellId cell, ByteView event, ByteView, const Extent& extent) override {
    if (event == "a") rows[cell].push_back(extent);
    if (event == "r") {
      journal_.release(rows[cell].front(), lsn);
      rows[cell].pop_front();
    }
    if (event.starts_with("m")) {
      std::pair<Extent, Extent> move;
      std::memcpy(&move, event.data() + 1, sizeof move);
      journal_.retain(move.second);
      journal_.release(move.first, lsn);
      std::ranges::replace(rows[cell], move.first, move.second);
    }
    ++replayed;
    return {};
  }
  std::optional<broker::CellImage> image(CellId cell) override {
    broker::CellImage image;
    for (const Extent& extent : rows[cell]) {
      image.head.append(reinterpret_cast<const char*>(&extent), sizeof extent);
    }
    return image;
  }
  void progressed(Lsn, Lsn) override {}
  void storage_health(std::optional<Error> problem) override {
    if (problem) fmt::print(stderr, "storage: {}\n", problem->message);
  }
  broker::LiveSpans live_spans(FileId file, size_t /*left*/) override {
    broker::LiveSpans found;
    for (const auto& [cell, extents] : rows) {
      for (const Extent& extent : extents) {
        if (extent.file == file) found.spans.emplace_back(cell, extent);
      }
    }
    return found;
  }
  Lsn moved(std::span<const broker::MovedSpan> spans) override {
    std::vector<std::string> events;
    std::vector<CellId> cells;
    const Lsn lsn = journal_.next_lsn();
    for (const broker::MovedSpan& span : spans) {
      auto& extents = rows[span.cell];
      const auto row = std::ranges::find(extents, span.from);
      if (row == extents.end()) {
        journal_.release(span.to.front(), lsn);
        continue;
      }
      *row = span.to.front();
      journal_.release(span.from, lsn);
      const std::pair move(span.from, span.to.front());
      events.push_back("m" + std::string(reinterpret_cast<const char*>(&move), sizeof move));
      cells.push_back(span.cell);
    }
    if (events.empty()) {
      events.emplace_back("n");
      cells.emplace_back(0);
    }
    std::vector<broker::Entry> entries;
    for (size_t i = 0; i < events.size(); ++i) {
      entries.push_back(
          {.cell = cells[i], .event = events[i], .payload_head = {}, .payload_rest = {}});
    }
    std::vector<Extent> none(entries.size());
    return journal_.submit(entries, Durability::kFsync, Timestamp(1), none);
  }

  std::map<CellId, std::deque<Extent>> rows;
  uint64_t replayed = 0;

 private:
  broker::Journal& journal_;
};

struct Life {
  explicit Life(const std::filesystem::path& folder)
      : disk(folder), journal(options(), disk, executor), owner(journal) {}
  static storage::LocalJournal::Options options() {
    storage::LocalJournal::Options options;
    options.seed = 1;
    options.checkpoint_bytes = uint64_t{256} << 20;
    return options;
  }
  template <typename Done>
  void until(Done done) {
    while (!done()) executor.poll(std::chrono::milliseconds(100));
  }

  storage::RealDisk disk;
  storage::PollingExecutor executor;
  storage::LocalJournal journal;
  Owner owner;
};

struct Sizes {
  uint64_t through;
  uint64_t keep;
};

struct Written {
  uint64_t payload = 0;
  double seconds = 0;
  uint64_t peak_file_bytes = 0;
};

// Half of the payload is stream, half is queue.
Written fill(Life& life, const Sizes& sizes) {
  const std::string batch(kBatch, 'b');
  const std::string message(kMessage, 'm');
  const auto began = Clock::now();
  Written written;
  uint64_t stream = 0;
  while (written.payload < sizes.through) {
    for (uint64_t log = 1; log <= kLogs; ++log) {
      while (!life.journal.admit(broker::Admission::kData, kBatch))
        life.executor.poll(std::chrono::milliseconds(1));
      life.owner.append(CellId(log), batch);
      stream += kBatch;
      if (stream > sizes.keep) {
        life.owner.release_oldest(CellId(log));
        stream -= kBatch;
      }
      for (size_t i = 0; i < kBatch / kMessage; ++i) {
        life.owner.append(CellId(kQueue), message);
        if (life.owner.rows[CellId(kQueue)].size() > kQueueDepth) {
          life.owner.release_oldest(CellId(kQueue));
        }
      }
      written.payload += 2 * kBatch;
    }
    life.executor.poll();
    written.peak_file_bytes = std::max(written.peak_file_bytes, life.journal.metrics().file_bytes);
  }
  life.until([&] { return life.journal.durable().next() == life.journal.next_lsn(); });
  written.seconds = seconds_since(began);
  return written;
}

// Bytes per second of reading rows that are not in memory, `depth` at a time.
double read_cold(Life& life, const std::vector<std::pair<CellId, Extent>>& rows, size_t depth) {
  const auto began = Clock::now();
  size_t next = 0;
  size_t under_way = 0;
  uint64_t bytes = 0;
  while (next < rows.size() || under_way > 0) {
    while (next < rows.size() && under_way < depth) {
      const auto& [cell, extent] = rows[next++];
      ++under_way;
      life.journal.read(cell, extent, [&](broker::ReadResult found) {
        --under_way;
        if (found) bytes += found->front().payload.size();
      });
    }
    life.executor.poll(std::chrono::milliseconds(10));
  }
  return static_cast<double>(bytes) / seconds_since(began);
}

std::vector<double> lone_commits(Life& life, double seconds, bool& tidying) {
  std::vector<double> times;
  const auto began = Clock::now();
  const uint64_t tidied = life.journal.metrics().tidied_bytes;
  while (seconds_since(began) < seconds) {
    const auto before = Clock::now();
    life.owner.append(CellId(kQueue), "lone");
    const Lsn lsn(life.journal.next_lsn().value() - 1);
    life.until([&] { return life.journal.durable() >= lsn; });
    times.push_back(seconds_since(before) * 1e6);
    life.owner.release_oldest(CellId(kQueue));
  }
  tidying = life.journal.metrics().tidied_bytes > tidied;
  std::ranges::sort(times);
  return times;
}

// The newest journal file loses everything from the middle of its last frame on.
void cut_last_frame(const std::filesystem::path& folder) {
  std::filesystem::path newest;
  std::filesystem::file_time_type when;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "journal")) {
    if (newest.empty() || entry.last_write_time() > when) {
      newest = entry.path();
      when = entry.last_write_time();
    }
  }
  std::string bytes(std::filesystem::file_size(newest), '\0');
  const int fd = ::open(newest.c_str(), O_RDWR);
  if (::pread(fd, bytes.data(), bytes.size(), 0) < 0) return;
  const size_t last = bytes.rfind("WFRM");
  if (last != std::string::npos) {
    const std::string zeros(512, '\0');
    if (::pwrite(fd, zeros.data(), zeros.size(), static_cast<off_t>(last + 80)) < 0) return;
  }
  ::close(fd);
}

void run(const std::filesystem::path& folder, const Sizes& sizes) {
  Written written;
  storage::JournalMetrics metrics;
  std::vector<double> busy;
  std::vector<double> idle;
  bool tidying = false;
  bool unused = false;
  {
    Life life(folder);
    if (!life.journal.recover(life.owner)) std::exit(1);
    written = fill(life, sizes);
    metrics = life.journal.metrics();
    life.journal.checkpoint();
    busy = lone_commits(life, 3, tidying);
    life.until([&] { return !life.journal.checkpoint_under_way(); });
    idle = lone_commits(life, 3, unused);
  }
  double one = 0;
  double all = 0;
  {
    Life life(folder);
    if (!life.journal.recover(life.owner)) std::exit(1);
    std::vector<std::pair<CellId, Extent>> rows;
    for (const Extent& extent : life.owner.rows[CellId(1)]) rows.emplace_back(CellId(1), extent);
    rows.resize(std::min<size_t>(rows.size(), 20'000));
    one = read_cold(life, rows, 8);
    rows.clear();
    for (uint64_t log = 2; log <= kLogs; ++log) {
      for (const Extent& extent : life.owner.rows[CellId(log)])
        rows.emplace_back(CellId(log), extent);
    }
    std::ranges::sort(
        rows, {}, [](const auto& row) { return std::pair(row.second.file, row.second.position); });
    rows.resize(std::min<size_t>(rows.size(), 40'000));
    all = read_cold(life, rows, 8);
  }
  cut_last_frame(folder);
  Life life(folder);
  const auto began = Clock::now();
  const auto recovered = life.journal.recover(life.owner);
  const double recovery = seconds_since(began);
  const auto at = [](const std::vector<double>& times, double share) {
    return times[static_cast<size_t>(static_cast<double>(times.size() - 1) * share)];
  };
  fmt::print(
      "{{\n  \"benchmark\": \"log_store\", \"durability\": \"fsync\", \"through_mib\": {}, "
      "\"keep_mib\": {},\n"
      "  \"payload_mb_per_second\": {:.0f},\n  \"device_bytes_per_payload_byte\": {:.3f},\n"
      "  \"file_bytes_peak_per_kept_byte\": {:.2f},\n  \"tidied_mib\": {}, \"tidied_files\": {}, "
      "\"checkpoints\": {},\n"
      "  \"cold_read_one_log_mb_per_second\": {:.0f}, \"cold_read_all_logs_mb_per_second\": "
      "{:.0f},\n"
      "  \"lone_commit_us\": {{\"beside_background\": {{\"p50\": {:.0f}, \"p99\": {:.0f}, "
      "\"tidied_meanwhile\": {}}}, "
      "\"idle\": {{\"p50\": {:.0f}, \"p99\": {:.0f}}}}},\n"
      "  \"recovery_of_a_cut_file\": {{\"ok\": {}, \"seconds\": {:.2f}, \"replayed\": {}}}\n}}\n",
      sizes.through >> 20, sizes.keep >> 20,
      static_cast<double>(written.payload) / written.seconds / 1e6,
      static_cast<double>(metrics.frame_bytes + metrics.tidied_bytes + metrics.checkpoint_bytes) /
          static_cast<double>(written.payload),
      static_cast<double>(written.peak_file_bytes) / static_cast<double>(sizes.keep),
      metrics.tidied_bytes >> 20, metrics.tidied_files, metrics.checkpoints, one / 1e6, all / 1e6,
      at(busy, 0.5), at(busy, 0.99), tidying, at(idle, 0.5), at(idle, 0.99), recovered.has_value(),
      recovery, life.owner.replayed);
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / "weir-bench-log-store";
  weir::bench::Sizes sizes{.through = uint64_t{2} << 30, .keep = uint64_t{512} << 20};
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--folder") folder = argv[i + 1];
    if (name == "--through") sizes.through = std::stoull(argv[i + 1]) << 20;
    if (name == "--keep") sizes.keep = std::stoull(argv[i + 1]) << 20;
  }
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  weir::bench::run(folder, sizes);
  std::filesystem::remove_all(folder);
}
