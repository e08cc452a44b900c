#include "base/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <map>

#include "base/assert.h"

namespace weir {
namespace {

constexpr size_t kBucketsPerDoubling = 4;
constexpr double kMicrosecondsPerSecond = 1e6;

std::string escaped(const std::string& value) {
  std::string out;
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// Labels as they stand between the braces; `extra` comes last.
std::string label_text(const MetricLabels& labels, std::string_view extra = {}) {
  std::string text;
  for (const auto& [name, value] : labels) {
    fmt::format_to(std::back_inserter(text), "{}{}=\"{}\"", text.empty() ? "" : ",", name,
                   escaped(value));
  }
  if (!extra.empty())
    fmt::format_to(std::back_inserter(text), "{}{}", text.empty() ? "" : ",", extra);
  return text.empty() ? text : "{" + text + "}";
}

}  // namespace

size_t Histogram::bucket_of(uint64_t microseconds) {
  if (microseconds < kBucketsPerDoubling) return microseconds;
  // The two bits behind the leading one choose among the four buckets of its power of two.
  const auto power = static_cast<size_t>(std::bit_width(microseconds)) - 1;
  const size_t quarter = (microseconds >> (power - 2)) & 3;
  return std::min((power - 1) * kBucketsPerDoubling + quarter, kBuckets - 1);
}

uint64_t Histogram::bucket_limit_us(size_t index) {
  if (index < kBucketsPerDoubling) return index;
  const size_t power = index / kBucketsPerDoubling + 1;
  const size_t quarter = index % kBucketsPerDoubling;
  return ((kBucketsPerDoubling + quarter + 1) << (power - 2)) - 1;
}

void Histogram::observe_us(uint64_t microseconds) {
  buckets_[bucket_of(microseconds)].fetch_add(1, std::memory_order_relaxed);
  sum_us_.fetch_add(microseconds, std::memory_order_relaxed);
}

uint64_t Histogram::count() const {
  uint64_t total = 0;
  for (const auto& bucket : buckets_) total += bucket.load(std::memory_order_relaxed);
  return total;
}

void MetricRegistry::add(std::string name,
                         std::string help,
                         MetricLabels labels,
                         const Counter& counter) {
  insert(std::move(name), std::move(help), Type::kCounter,
         {std::move(labels), [&counter] { return static_cast<double>(counter.value()); }});
}

void MetricRegistry::add(std::string name,
                         std::string help,
                         MetricLabels labels,
                         const Gauge& gauge) {
  insert(std::move(name), std::move(help), Type::kGauge,
         {std::move(labels), [&gauge] { return static_cast<double>(gauge.value()); }});
}

void MetricRegistry::add(std::string name,
                         std::string help,
                         MetricLabels labels,
                         const Histogram& histogram) {
  insert(std::move(name), std::move(help), Type::kHistogram, {std::move(labels), {}, &histogram});
}

void MetricRegistry::add(std::string name,
                         std::string help,
                         MetricLabels labels,
                         std::function<double()> gauge) {
  insert(std::move(name), std::move(help), Type::kGauge, {std::move(labels), std::move(gauge)});
}

void MetricRegistry::insert(std::string name, std::string help, Type type, Series series) {
  const std::lock_guard lock(mutex_);
  const auto known = std::ranges::find(families_, name, &Family::name);
  if (known == families_.end()) {
    families_.push_back({std::move(name), std::move(help), type, {}});
    families_.back().series.push_back(std::move(series));
    return;
  }
  WEIR_ASSERT(known->type == type && known->help == help, "metric {} is two things", name);
  known->series.push_back(std::move(series));
}

std::string MetricRegistry::render() const {
  const std::lock_guard lock(mutex_);
  std::string out;
  for (const Family& family : families_) {
    const char* type = family.type == Type::kCounter ? "counter"
                       : family.type == Type::kGauge ? "gauge"
                                                     : "histogram";
    fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", family.name,
                   family.help, family.name, type);
    if (family.type == Type::kHistogram) {
      render_histograms(family, out);
    } else {
      render_values(family, out);
    }
  }
  return out;
}

void MetricRegistry::render_values(const Family& family, std::string& out) {
  std::map<std::string, double> sums;
  for (const Series& series : family.series) sums[label_text(series.labels)] += series.value();
  for (const auto& [labels, value] : sums) {
    fmt::format_to(std::back_inserter(out), "{}{} {}\n", family.name, labels, value);
  }
}

void MetricRegistry::render_histograms(const Family& family, std::string& out) {
  std::map<std::string, std::vector<const Series*>> groups;
  for (const Series& series : family.series) groups[label_text(series.labels)].push_back(&series);
  for (const auto& [labels, group] : groups) {
    uint64_t count = 0;
    uint64_t sum_us = 0;
    for (const Series* series : group) sum_us += series->histogram->sum_us();
    for (size_t i = 0; i < Histogram::kBuckets; ++i) {
      uint64_t in_bucket = 0;
      for (const Series* series : group) in_bucket += series->histogram->bucket(i);
      count += in_bucket;
      // Cumulative counts need no line where they do not grow.
      if (in_bucket == 0) continue;
      const double limit =
          static_cast<double>(Histogram::bucket_limit_us(i)) / kMicrosecondsPerSecond;
      const std::string extra = fmt::format("le=\"{}\"", limit);
      fmt::format_to(std::back_inserter(out), "{}_bucket{} {}\n", family.name,
                     label_text(group.front()->labels, extra), count);
    }
    fmt::format_to(std::back_inserter(out), "{0}_bucket{1} {2}\n{0}_sum{3} {4}\n{0}_count{3} {2}\n",
                   family.name, label_text(group.front()->labels, "le=\"+Inf\""), count, labels,
                   static_cast<double>(sum_us) / kMicrosecondsPerSecond);
  }
}

}  // namespace weir
