#include "simulation/bridges/bridge_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace weir::simulation {
namespace {

std::string_view behind(const std::string& value, const std::string& name) {
  const std::string label = fmt::format("\"{}\":", name);
  const size_t found = value.find(label);
  if (found == std::string::npos) return {};
  return std::string_view(value).substr(found + label.size());
}

}  // namespace

int64_t number_in(const std::string& value, const std::string& name) {
  const std::string_view text = behind(value, name);
  int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string text_in(const std::string& value, const std::string& name) {
  const std::string_view text = behind(value, name);
  if (!text.starts_with('"')) return {};
  return std::string(text.substr(1, text.find('"', 1) - 1));
}

std::optional<std::string> judge_orders(const SeenRecords& orders,
                                        const SeenRecords& messages,
                                        Milliseconds window) {
  std::map<std::string, const Seen*> by_source;
  for (const Seen& order : orders) by_source[fmt::format("orders/0/{}", order.offset)] = &order;
  std::map<std::string, Timestamp> sent;  // by id, the newest
  std::map<std::string, int64_t> first;   // by id, the offset of its order
  std::set<std::string> moved;
  int64_t before = -1;
  for (const Seen& message : messages) {
    const auto found = by_source.find(message.source);
    if (found == by_source.end()) return fmt::format("{} is no order", message.source);
    const Seen& order = *found->second;
    if (!moved.insert(message.source).second)
      return fmt::format("{} was moved twice", message.source);
    if (order.offset < before) return fmt::format("{} was moved after {}", message.source, before);
    before = order.offset;
    if (message.value != order.value)
      return fmt::format("{} is not what was moved", message.source);
    if (text_in(order.value, "status") != "paid") return fmt::format("{} is not paid", order.value);
    if (message.key != text_in(order.value, "customer"))
      return fmt::format("{} is of group {}", order.value, message.key);
    const std::string id = text_in(order.value, "id");
    const auto earlier = sent.find(id);
    if (earlier != sent.end() && message.time - earlier->second < window)
      return fmt::format("{} came again after {} ms", id, (message.time - earlier->second).count());
    sent[id] = message.time;
    first.emplace(id, order.offset);
  }
  for (const Seen& order : orders) {
    if (text_in(order.value, "status") != "paid") continue;
    const auto found = first.find(text_in(order.value, "id"));
    if (found == first.end() || found->second > order.offset)
      return fmt::format("order {} never became a message", order.value);
  }
  return std::nullopt;
}

void AlarmJudge::turned(int64_t at, int64_t next) {
  passed_.emplace_back(from_, at);
  from_ = next;
}

void AlarmJudge::target_gone() {
  passed_.clear();
  expected_.clear();
}

void AlarmJudge::source_holds(const SeenRecords& alarms) {
  for (const auto& [from, end] : std::exchange(passed_, {})) {
    for (const Seen& alarm : alarms) {
      if (alarm.offset >= from && alarm.offset < end && is_urgent(alarm.value))
        ++expected_[alarm.value];
    }
  }
}

std::optional<std::string> AlarmJudge::judge(const SeenRecords& messages) const {
  std::map<std::string, uint64_t> made;
  for (const Seen& message : messages) {
    ++made[message.value];
    const int64_t level = std::min<int64_t>(number_in(message.value, "level"), 9);
    if (message.priority != std::to_string(level))
      return fmt::format("{} has priority {}", message.value, message.priority);
  }
  for (const auto& [value, count] : expected_) {
    const auto found = made.find(value);
    const uint64_t is = found == made.end() ? 0 : found->second;
    if (is != count) return fmt::format("{} became {} messages, not {}", value, is, count);
  }
  for (const auto& [value, count] : made) {
    if (!expected_.contains(value))
      return fmt::format("{} became {} messages, not 0", value, count);
  }
  return std::nullopt;
}

std::optional<std::string> judge_audit(size_t acknowledged,
                                       const std::vector<int64_t>& told,
                                       uint64_t missed) {
  const std::set<int64_t> distinct(told.begin(), told.end());
  if (distinct.size() != told.size())
    return fmt::format("{} events tell of {} messages", told.size(), distinct.size());
  if (told.size() + missed != acknowledged) {
    return fmt::format("{} acknowledgements have {} events, and {} were missed", acknowledged,
                       told.size(), missed);
  }
  return std::nullopt;
}

}  // namespace weir::simulation
