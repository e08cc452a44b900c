// The versions of a topic with millions of keys: what the index takes of the heap for a key beside
// its events, what appends cost more than in a topic without versions, and how fast the index is
// made again from the log after a start. The journal is in memory, so that the rates are the
// index's and not the disk's.
//
// bench_event_index [--keys N] [--events-per-key N]; prints one JSON object. The defaults take some
// twenty seconds and 2 GiB.

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "base/assert.h"
#include "broker/broker.h"
#include "broker/event_store.h"
#include "storage/memory/memory_journal.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kBatch = 1000;

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

struct Settings {
  int64_t keys = 4'000'000;
  int64_t events_per_key = 2;
};

struct Life {
  explicit Life(storage::MemoryJournal& journal)
      : broker(std::make_unique<broker::Broker>(journal, Random(1))) {
    const bool up = journal.recover(*broker) && broker->start(Timestamp(1));
    WEIR_ASSERT(up, "the broker does not start");
  }
  std::unique_ptr<broker::Broker> broker;
};

// Events of all keys in turn, in batches; every one expects what is. Seconds within the broker.
double append_all(storage::MemoryJournal& journal,
                  broker::Broker& broker,
                  CellId log,
                  const Settings& settings) {
  double took = 0;
  for (int64_t round = 0; round < settings.events_per_key; ++round) {
    const std::string expected = round == 0 ? "none" : std::to_string(round - 1);
    const log::RecordHeader header{events::kHeaderExpectedVersion, expected};
    for (int64_t first = 0; first < settings.keys; first += kBatch) {
      std::string bytes;
      log::BatchBuilder builder(bytes);
      for (int64_t key = first; key < std::min(first + kBatch, settings.keys); ++key) {
        const std::string name = fmt::format("customer-{:012}", key);
        builder.add({name, "event", {&header, 1}, Timestamp(1)});
      }
      const log::BatchHeader built = builder.finish();
      const auto began = Clock::now();
      const auto done = broker.append(log, {built, Bytes::take(std::move(bytes))}, Timestamp(1));
      took += seconds_since(began);
      WEIR_ASSERT(done.has_value(), "{}", done.error().message);
      if (first % (16 * kBatch) == 0) journal.sync();
    }
  }
  journal.sync();
  return took;
}

CellId make_topic(broker::Broker& broker, const std::string& name, bool versions) {
  broker::TopicSpec spec;
  spec.name = {"", name};
  if (versions) spec.properties[std::string(broker::kEventsProperty)] = "true";
  const auto made = broker.create_topic(spec, Timestamp(1));
  WEIR_ASSERT(made.has_value(), "{}", made.error().message);
  return made->thing->logs.front();
}

int run(const Settings& settings) {
  storage::MemoryJournal journal;
  auto life = std::make_unique<Life>(journal);
  const double plain =
      append_all(journal, *life->broker, make_topic(*life->broker, "plain", false), settings);
  const bool removed = life->broker->remove({"", "plain"}, Timestamp(1)).has_value();
  WEIR_ASSERT(removed, "the plain topic stays");
  const CellId log = make_topic(*life->broker, "orders", true);
  const double versioned = append_all(journal, *life->broker, log, settings);

  journal.crash();
  life.reset();
  life = std::make_unique<Life>(journal);
  const size_t heap_before = mallinfo2().uordblks + mallinfo2().hblkhd;
  const auto began = Clock::now();
  while (!life->broker->events().index(log)) {
    life->broker->tick(Timestamp(1));
    journal.poll();
  }
  const double rebuilt = seconds_since(began);
  const double heap = static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd - heap_before);
  const auto state = life->broker->events().state(log);
  WEIR_ASSERT(state && state->keys == static_cast<size_t>(settings.keys), "keys are missing");
  const auto events = static_cast<double>(settings.keys * settings.events_per_key);
  const double of_keys = heap - events * events::kEventBytes;
  fmt::print(
      "{{\"keys\":{},\"events\":{:.0f},\"heap_bytes\":{:.0f},\"bytes_per_event\":{},"
      "\"bytes_per_key\":{:.1f},\"rebuild_seconds\":{:.2f},\"rebuilt_events_per_second\":{:.0f},"
      "\"appended_events_per_second\":{:.0f},\"without_versions\":{:.0f}}}\n",
      settings.keys, events, heap, events::kEventBytes,
      of_keys / static_cast<double>(settings.keys), rebuilt, events / rebuilt, events / versioned,
      events / plain);
  return 0;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  weir::bench::Settings settings;
  for (int i = 1; i < argc; i += 2) {
    int64_t* wanted = nullptr;
    if (std::strcmp(argv[i], "--keys") == 0) wanted = &settings.keys;
    if (std::strcmp(argv[i], "--events-per-key") == 0) wanted = &settings.events_per_key;
    const char* end = i + 1 < argc ? argv[i + 1] + std::strlen(argv[i + 1]) : nullptr;
    const bool read = wanted != nullptr && end != nullptr &&
                      std::from_chars(argv[i + 1], end, *wanted).ptr == end && *wanted > 0;
    if (!read) {
      fmt::print(stderr, "usage: bench_event_index [--keys N] [--events-per-key N]\n");
      return 2;
    }
  }
  return weir::bench::run(settings);
}
