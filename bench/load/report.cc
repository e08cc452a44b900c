#include "bench/load/report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace weir::load {
namespace {

uint64_t kilobytes_line(const std::string& file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key)) return std::strtoull(line.c_str() + key.size(), nullptr, 10) * 1024;
  }
  return 0;
}

uint64_t written_to(const std::string& device) {
  std::ifstream in("/proc/diskstats");
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string major, minor, name;
    uint64_t value = 0;
    fields >> major >> minor >> name;
    if (name != device) continue;
    for (int column = 0; column < 7; ++column)
      fields >> value;  // the seventh counts sectors written
    return value * 512;
  }
  return 0;
}

double microseconds(uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1000;
}

std::string latency_json(const Histogram& histogram) {
  return fmt::format(
      R"({{"p50":{:.1f},"p90":{:.1f},"p99":{:.1f},"p99.9":{:.1f},"max":{:.1f},"mean":{:.1f}}})",
      microseconds(histogram.at(0.5)), microseconds(histogram.at(0.9)),
      microseconds(histogram.at(0.99)), microseconds(histogram.at(0.999)),
      microseconds(histogram.largest()), histogram.mean() / 1000);
}

double per_million(const Result& result) {
  const double cpu = result.after.cpu_s - result.before.cpu_s;
  return result.outcome.messages == 0 ? 0
                                      : cpu * 1e6 / static_cast<double>(result.outcome.messages);
}

}  // namespace

Usage usage_of(int pid, const std::string& device) {
  Usage usage;
  if (!device.empty()) usage.device_bytes = written_to(device);
  if (pid == 0) return usage;
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ifstream in(folder + "/stat");
  std::string line;
  std::getline(in, line);
  std::istringstream fields(line.substr(line.rfind(')') + 1));  // the name may hold blanks
  std::string skipped;
  uint64_t user = 0, system = 0;
  for (int column = 3; column < 14; ++column) fields >> skipped;
  fields >> user >> system;
  usage.cpu_s = static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  usage.rss_bytes = kilobytes_line(folder + "/status", "VmRSS:");
  usage.peak_bytes = kilobytes_line(folder + "/status", "VmHWM:");
  return usage;
}

void print_table(const Result& result) {
  const Outcome& outcome = result.outcome;
  const double seconds = outcome.seconds > 0 ? outcome.seconds : 1;
  const auto row = [](const char* name, const std::string& value) {
    std::printf("%-28s %s\n", name, value.c_str());
  };
  row("workload",
      fmt::format(
          "{} c={} depth={} batch={} bytes={}{}", result.options.workload,
          result.options.connections, result.options.depth, result.options.batch,
          result.options.bytes,
          result.options.rate > 0 ? fmt::format(" rate={:.0f}/s", result.options.rate) : ""));
  row("messages a second", fmt::format("{:.0f}", static_cast<double>(outcome.messages) / seconds));
  row("requests a second", fmt::format("{:.0f}", static_cast<double>(outcome.requests) / seconds));
  row("latency us p50 p99 p99.9 max",
      fmt::format("{:.0f} {:.0f} {:.0f} {:.0f}", microseconds(outcome.latency.at(0.5)),
                  microseconds(outcome.latency.at(0.99)), microseconds(outcome.latency.at(0.999)),
                  microseconds(outcome.latency.largest())));
  if (result.end_to_end != nullptr) {
    const Histogram& through = *result.end_to_end;
    row("end to end us p50 p99 p99.9",
        fmt::format("{:.0f} {:.0f} {:.0f} ({} messages)", microseconds(through.at(0.5)),
                    microseconds(through.at(0.99)), microseconds(through.at(0.999)),
                    through.count()));
  }
  if (result.options.server_pid != 0) {
    row("server CPU s per million", fmt::format("{:.3f}", per_million(result)));
    row("server RSS MiB now, peak",
        fmt::format("{:.1f} {:.1f}", static_cast<double>(result.after.rss_bytes) / 1048576,
                    static_cast<double>(result.after.peak_bytes) / 1048576));
  }
  if (!result.options.device.empty())
    row("device bytes", fmt::format("{}", result.after.device_bytes - result.before.device_bytes));
  row("failed", fmt::format("{}", outcome.failed));
  row("verified", result.verified.empty() ? "yes" : result.verified);
}

std::string to_json(const Result& result) {
  const Options& options = result.options;
  const Outcome& outcome = result.outcome;
  const double seconds = outcome.seconds > 0 ? outcome.seconds : 1;
  std::string json = fmt::format(
      R"({{"workload":"{}","connections":{},"depth":{},"rate":{},"batch":{},"bytes":{},"partitions":{},"groups":{},"expect":{},)",
      options.workload, options.connections, options.depth, options.rate, options.batch,
      options.bytes, options.partitions, options.groups, options.expect);
  json += fmt::format(
      R"("seconds":{:.3f},"requests":{},"messages":{},"failed":{},"messages_per_s":{:.1f},"requests_per_s":{:.1f},"bytes_in":{},"bytes_out":{},)",
      outcome.seconds, outcome.requests, outcome.messages, outcome.failed,
      static_cast<double>(outcome.messages) / seconds,
      static_cast<double>(outcome.requests) / seconds, outcome.bytes_in, outcome.bytes_out);
  json += fmt::format(R"("latency_us":{},)", latency_json(outcome.latency));
  if (result.end_to_end != nullptr)
    json += fmt::format(R"("end_to_end_us":{},)", latency_json(*result.end_to_end));
  json += fmt::format(
      R"("server_cpu_s":{:.3f},"server_cpu_s_per_million":{:.4f},"server_rss_bytes":{},"server_peak_bytes":{},"device_bytes":{},)",
      result.after.cpu_s - result.before.cpu_s, per_million(result), result.after.rss_bytes,
      result.after.peak_bytes, result.after.device_bytes - result.before.device_bytes);
  json += fmt::format(R"("verified":"{}"}})", result.verified.empty() ? "yes" : result.verified);
  return json;
}

}  // namespace weir::load
