#pragma once
// What can be set about a local journal, and what it reports about itself.

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

namespace weir::storage {

struct LocalJournalOptions {
  uint64_t seed = 0;  // for the salts of files; from the operating system in the product
  // A bad frame that cannot be a torn tail ends the replay there instead of the start; what follows
  // is lost, and said.
  bool salvage = false;
  // For lines that an operator should read once (what was found while recovering, refused direct
  // I/O).
  std::function<void(std::string_view)> say = [](std::string_view) {};

  size_t file_bytes = size_t{64} << 20;
  size_t reserve_files = 2;   // kept so that acknowledgements and deletes go through on a full disk
  size_t spare_files = 2;     // free files that are written in advance while the disk is idle
  size_t pool_files_max = 8;  // free files kept; more are removed
  // While frames are smaller than this on average, the next file is written in advance as the
  // current one fills, too: a first write into a file changes its metadata, which doubles what a
  // small frame waits for and costs, and larger ones would rather have the device to themselves.
  size_t prewrite_frame_bytes = size_t{128} << 10;
  // While one writer is busy the other takes a frame only from this size on: smaller ones gather
  // on.
  size_t second_frame_bytes = size_t{128} << 10;
  size_t undurable_bytes_max = size_t{64} << 20;
  // Who brings data is not read from the one bound on until the other is reached again: far enough
  // below the limit for what was read already.
  size_t undurable_bytes_pause = size_t{24} << 20;
  size_t undurable_bytes_resume = size_t{8} << 20;
  size_t tail_bytes_max = size_t{64} << 20;    // recent frames kept in memory
  size_t tail_bytes_idle = size_t{4} << 20;    // and after a pause
  size_t read_bytes_kept = size_t{8} << 20;    // spans last read from files, in memory
  size_t read_ahead_bytes = size_t{64} << 20;  // stretches of files read for who reads on
  // A checkpoint is due after so much journal: what is replayed in about 0.7 s.
  uint64_t checkpoint_bytes = uint64_t{512} << 20;
  uint64_t checkpoint_entries = 1'000'000;
  size_t checkpoint_files = 16;  // or so many files that hold nothing but replay
  // While the images of the last one are more than what the journal has written since, the next one
  // waits, up to so many times as long: a few large values that go on changing are not written over
  // and over.
  uint64_t checkpoint_delay_max = 4;
  std::chrono::microseconds checkpoint_step{700};  // work of one step on the reactor
  double tidy_share = 0.5;  // a sealed file with a smaller live share is tidied
  uint64_t tidy_bytes_per_second = uint64_t{200} << 20;
  // Stored payloads are read again and checked this long after the pass before; 0 is never.
  std::chrono::seconds scrub_every{24 * 3600};
  uint64_t scrub_bytes_per_second = uint64_t{8} << 20;
  std::chrono::milliseconds idle_after{200};
  std::chrono::milliseconds lazy_sync{
      100};  // commits that nobody waits for are synced this long after
  std::chrono::milliseconds retry_first{50};
  std::chrono::milliseconds retry_max{5000};
};

// Counts by powers of two of microseconds: [i] counts durations in [2^i, 2^(i+1)).
struct LatencyHistogram {
  std::array<uint64_t, 24> counts{};
  uint64_t total = 0;
  uint64_t sum_us = 0;

  void add(std::chrono::nanoseconds duration) {
    const auto us = static_cast<uint64_t>(duration.count() > 0 ? duration.count() / 1000 : 0);
    size_t bucket = 0;
    while (bucket + 1 < counts.size() && (us >> (bucket + 1)) != 0) ++bucket;
    ++counts[bucket];
    ++total;
    sum_us += us;
  }
};

struct JournalMetrics {
  uint64_t commits = 0;
  uint64_t entries = 0;
  uint64_t commit_bytes = 0;  // of entries
  uint64_t frames = 0;
  uint64_t frame_bytes = 0;  // written, padding included
  uint64_t syncs = 0;        // besides those of the writes
  uint64_t write_errors = 0;
  LatencyHistogram flush;  // from handing a frame to its writer until it is written
  uint64_t cached_reads = 0;
  uint64_t file_reads = 0;
  uint64_t file_read_bytes = 0;
  uint64_t read_errors = 0;
  uint64_t files = 0;
  uint64_t files_free = 0;
  uint64_t file_bytes = 0;
  uint64_t prewritten_bytes = 0;  // zeros written into files in advance
  uint64_t disk_free_bytes = 0;
  uint64_t live_bytes = 0;
  uint64_t tail_bytes = 0;
  uint64_t undurable_bytes = 0;
  uint64_t pauses = 0;  // how often the owner was pressed
  uint64_t replayed_entries = 0;
  uint64_t recovery_us = 0;
  uint64_t checkpoints = 0;
  uint64_t checkpoint_images = 0;
  uint64_t checkpoint_bytes = 0;
  uint64_t checkpoint_step_max_us = 0;
  uint64_t checkpoint_failures = 0;
  uint64_t tidied_files = 0;
  uint64_t tidied_bytes = 0;
  uint64_t scrubbed_bytes = 0;
  uint64_t scrub_errors = 0;
};

}  // namespace weir::storage
