#pragma once
// Numbers about the running process in the Prometheus sense. A Counter only grows, a Gauge moves, a
// Histogram counts observations in log-linear buckets. Whoever counts owns the object; a Registry
// knows where it is and how it is called. Several objects may carry the same name and labels (one
// per shard): they are added up when they are shown.
//
// Thread safety: recording is wait-free from any thread; a registered object must outlive its
// Registry's last render().

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace weir {

class Counter {
 public:
  void add(uint64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(int64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Durations in microseconds, shown in seconds. Four buckets per power of two: a value is known to
// 25 %.
class Histogram {
 public:
  static constexpr size_t kBuckets = 4 * 36;

  void observe_us(uint64_t microseconds);
  uint64_t count() const;
  uint64_t sum_us() const { return sum_us_.load(std::memory_order_relaxed); }
  uint64_t bucket(size_t index) const { return buckets_[index].load(std::memory_order_relaxed); }
  // The largest value that falls into a bucket.
  static uint64_t bucket_limit_us(size_t index);
  static size_t bucket_of(uint64_t microseconds);

 private:
  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
  std::atomic<uint64_t> sum_us_{0};
};

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class MetricRegistry {
 public:
  // Names begin with weir_, end in their base unit, counters in _total. Registering one name with
  // another type or help text is a bug.
  void add(std::string name, std::string help, MetricLabels labels, const Counter& counter);
  void add(std::string name, std::string help, MetricLabels labels, const Gauge& gauge);
  void add(std::string name, std::string help, MetricLabels labels, const Histogram& histogram);
  // A gauge that is computed when it is shown, on the thread that renders.
  void add(std::string name, std::string help, MetricLabels labels, std::function<double()> gauge);

  // Prometheus text format, version 0.0.4.
  std::string render() const;

 private:
  enum class Type : uint8_t { kCounter, kGauge, kHistogram };
  struct Series {
    MetricLabels labels;
    std::function<double()> value;
    const Histogram* histogram = nullptr;
  };
  struct Family {
    std::string name;
    std::string help;
    Type type;
    std::vector<Series> series;
  };

  void insert(std::string name, std::string help, Type type, Series series);
  static void render_values(const Family& family, std::string& out);
  static void render_histograms(const Family& family, std::string& out);

  mutable std::mutex mutex_;
  std::vector<Family> families_;
};

}  // namespace weir
