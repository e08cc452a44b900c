// What the journal says about itself, for /metrics.

#include "server/state_shard.h"

namespace weir::server {

void register_state_metrics(MetricRegistry& registry, const StateShard& state) {
  using storage::JournalMetrics;
  const auto number = [&](std::string name, std::string help, uint64_t JournalMetrics::* member) {
    registry.add(std::move(name), std::move(help), {},
                 [&state, member] { return static_cast<double>(state.metrics().*member); });
  };
  number("weir_journal_commits", "Commits since start.", &JournalMetrics::commits);
  number("weir_journal_entries", "Entries of commits since start.", &JournalMetrics::entries);
  number("weir_journal_frames", "Frames written since start.", &JournalMetrics::frames);
  number("weir_journal_written_bytes", "Bytes of frames written since start, padding included.",
         &JournalMetrics::frame_bytes);
  number("weir_journal_write_errors", "Failed writes since start.", &JournalMetrics::write_errors);
  number("weir_journal_undurable_bytes", "Submitted and not yet durable.",
         &JournalMetrics::undurable_bytes);
  number("weir_journal_pauses", "How often clients that bring data were not read for a while.",
         &JournalMetrics::pauses);
  number("weir_journal_files", "Journal files.", &JournalMetrics::files);
  number("weir_journal_file_bytes", "Bytes of journal files.", &JournalMetrics::file_bytes);
  number("weir_journal_prewritten_bytes",
         "Bytes written into journal files in advance since start.",
         &JournalMetrics::prewritten_bytes);
  number("weir_disk_free_bytes", "Bytes that the disk of the data still has.",
         &JournalMetrics::disk_free_bytes);
  number("weir_journal_live_bytes", "Bytes of records that are kept.", &JournalMetrics::live_bytes);
  number("weir_journal_tail_bytes", "Recent frames kept in memory.", &JournalMetrics::tail_bytes);
  number("weir_journal_reads", "Reads of journal files since start.", &JournalMetrics::file_reads);
  number("weir_journal_read_bytes", "Bytes read from journal files since start.",
         &JournalMetrics::file_read_bytes);
  number("weir_checkpoints", "Checkpoints installed since start.", &JournalMetrics::checkpoints);
  number("weir_checkpoint_written_bytes", "Bytes of images written since start.",
         &JournalMetrics::checkpoint_bytes);
  number("weir_recovery_entries", "Entries replayed at start.", &JournalMetrics::replayed_entries);
  registry.add("weir_recovery_seconds", "How long recovery took.", {},
               [&state] { return static_cast<double>(state.metrics().recovery_us) / 1e6; });
  registry.add("weir_journal_flush_seconds", "Mean time of a flush since start.", {}, [&state] {
    const storage::LatencyHistogram flush = state.metrics().flush;
    return flush.total == 0
               ? 0.0
               : static_cast<double>(flush.sum_us) / static_cast<double>(flush.total) / 1e6;
  });
}

}  // namespace weir::server
