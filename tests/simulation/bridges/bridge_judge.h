#pragma once
// The judge of bridges: compares what a source held with what its target holds. Truth is what is
// durable in the source in the end, whatever its producers learned.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"

namespace weir::simulation {

// A record as a reader of its log sees it.
struct Seen {
  int64_t offset = 0;
  Timestamp time;
  std::string key;
  std::string value;
  std::string source;    // header weir.source
  std::string priority;  // header weir.priority
};
using SeenRecords = std::vector<Seen>;  // in the order of the log

// The integer behind "name": of a flat JSON object that the simulation made.
int64_t number_in(const std::string& value, const std::string& name);
// The text behind "name":.
std::string text_in(const std::string& value, const std::string& name);

// Orders: those that are paid, by customer, each id once within the window. What breaks that.
std::optional<std::string> judge_orders(const SeenRecords& orders,
                                        const SeenRecords& messages,
                                        Milliseconds window);

// Which alarms become messages, and with what priority.
constexpr int64_t kLevelMin = 3;
inline bool is_urgent(const std::string& value) {
  return number_in(value, "level") >= kLevelMin;
}

// Alarms: each as often as the bridge has passed it, with its priority.
class AlarmJudge {
 public:
  // The bridge was asked to go on at `next`, or its source or target went, when it stood at `at`.
  void turned(int64_t at, int64_t next);
  void target_gone();
  // What the source holds; the last word before it goes.
  void source_holds(const SeenRecords& alarms);
  std::optional<std::string> judge(const SeenRecords& messages) const;

 private:
  int64_t from_ = 0;
  std::vector<std::pair<int64_t, int64_t>> passed_;  // stretches of the source that there is
  std::map<std::string, uint64_t> expected_;
};

// The audit of a queue that was drained: `told` are the offsets of all events that there ever were.
std::optional<std::string> judge_audit(size_t acknowledged,
                                       const std::vector<int64_t>& told,
                                       uint64_t missed);

}  // namespace weir::simulation
