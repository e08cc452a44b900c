#include "bench/load/workload.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/random.h"

namespace weir::load {

uint64_t now_ns() {
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

std::string filler(size_t bytes) {
  static constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  Random random(1);
  std::string text(bytes, ' ');
  for (char& letter : text) letter = kLetters[random.below(kLetters.size())];
  return text;
}

void fail_run(std::string_view what) {
  std::fprintf(stderr, "weir-load: %.*s\n", static_cast<int>(what.size()), what.data());
  std::exit(1);
}

std::unique_ptr<Workload> make_workload(const Options& options) {
  if (options.workload == "echo") return make_echo(options);
  if (options.workload.starts_with("redis-")) return make_redis(options);
  if (options.workload.starts_with("sqs-")) return make_sqs(options);
  if (options.workload.starts_with("kafka-")) return make_kafka(options);
  fail_run("no workload " + options.workload);
}

}  // namespace weir::load
