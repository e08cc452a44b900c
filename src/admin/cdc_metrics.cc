#include <fmt/format.h>

#include <iterator>
#include <utility>
#include <vector>

#include "admin/cdc.h"
#include "admin/metrics.h"

namespace weir::admin {
namespace {

using postgres::Status;

struct Family {
  std::string_view name;
  std::string_view help;
  int64_t (*value)(const Status& status);
};

int64_t whole(uint64_t value) {
  return static_cast<int64_t>(value);
}

constexpr Family kFamilies[] = {
    {"weir_cdc_streaming", "1 while a capture streams, 0 while it does anything else.",
     [](const Status& one) -> int64_t { return one.state == "streaming" ? 1 : 0; }},
    {"weir_cdc_problem", "1 while a capture has a problem.",
     [](const Status& one) -> int64_t { return one.problem.empty() ? 0 : 1; }},
    {"weir_cdc_records", "Records that a capture wrote since the start.",
     [](const Status& one) { return whole(one.events); }},
    {"weir_cdc_transactions", "Transactions that a capture took since the start.",
     [](const Status& one) { return whole(one.transactions); }},
    {"weir_cdc_reconnects", "Times that a capture began anew since the start.",
     [](const Status& one) { return whole(one.reconnects); }},
    {"weir_cdc_lag_bytes", "Bytes of the database's log that a capture has not received.",
     [](const Status& one) { return one.lag_bytes; }},
    {"weir_cdc_retained_wal_bytes", "Bytes of the database's log that a capture's slot holds back.",
     [](const Status& one) { return one.retained_bytes; }},
    {"weir_cdc_retained_wal_alarm", "1 while that is above retained.wal.alarm.bytes.",
     [](const Status& one) -> int64_t { return one.retained_alarm ? 1 : 0; }},
    {"weir_cdc_last_commit_ms", "When the last transaction was committed in the database.",
     [](const Status& one) { return one.last_commit_us / 1000; }},
    {"weir_cdc_snapshot_tables", "Tables of the snapshot under way.",
     [](const Status& one) { return whole(one.snapshot_tables); }},
    {"weir_cdc_snapshot_tables_done", "Tables of it that were read.",
     [](const Status& one) { return whole(one.snapshot_tables_done); }},
    {"weir_cdc_snapshot_rows", "Rows of it that were read.",
     [](const Status& one) { return whole(one.snapshot_rows); }},
    {"weir_cdc_snapshot_rows_estimated", "Rows of it, as the database estimates them.",
     [](const Status& one) { return one.snapshot_rows_estimated; }},
};

}  // namespace

std::string cdc_metrics(const broker::Broker& broker, const connectors::Manager& manager) {
  std::vector<std::pair<std::string, Status>> captures;
  for (const auto& [name, connector] : broker.catalog().connectors()) {
    if (captures.size() == kDetailMax) break;
    captures.emplace_back(metric_label(name), manager.status(name));
  }
  std::string text = fmt::format(
      "# HELP weir_cdc_captures Captures of databases.\n# TYPE weir_cdc_captures gauge\n"
      "weir_cdc_captures {}\n",
      broker.catalog().connectors().size());
  if (captures.empty()) return text;
  for (const Family& family : kFamilies) {
    fmt::format_to(std::back_inserter(text), "# HELP {0} {1}\n# TYPE {0} gauge\n", family.name,
                   family.help);
    for (const auto& [label, status] : captures) {
      fmt::format_to(std::back_inserter(text), "{}{{capture=\"{}\"}} {}\n", family.name, label,
                     family.value(status));
    }
  }
  return text;
}

}  // namespace weir::admin
