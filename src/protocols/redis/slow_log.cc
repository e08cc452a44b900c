#include "protocols/redis/slow_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "protocols/redis/command.h"

namespace weir::redis {
namespace {

// As in Redis.
constexpr size_t kArgumentsShownMax = 32;
constexpr size_t kArgumentBytesShownMax = 128;

}  // namespace

std::vector<std::string> SlowLog::shown(const Command& command,
                                        std::span<const ByteView> arguments) {
  const size_t count = std::min(arguments.size(), kArgumentsShownMax);
  std::vector<std::string> result;
  result.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const ByteView argument = arguments[i];
    if (i + 1 == count && count < arguments.size()) {
      result.push_back(fmt::format("... ({} more arguments)", arguments.size() - i));
    } else if (is_secret(command, arguments, i)) {
      result.emplace_back(kRedacted);
    } else if (argument.size() > kArgumentBytesShownMax) {
      result.push_back(fmt::format("{}... ({} more bytes)",
                                   argument.substr(0, kArgumentBytesShownMax),
                                   argument.size() - kArgumentBytesShownMax));
    } else {
      result.emplace_back(argument);
    }
  }
  return result;
}

void SlowLog::add(Entry entry, size_t entries_max) {
  entry.id = next_id_++;
  entries_.push_front(std::move(entry));
  if (entries_.size() > entries_max) entries_.resize(entries_max);
}

void LatencyEvents::add(std::string_view event, int64_t at_s, int64_t taken_ms) {
  Series& series = all_[std::string(event)];
  series.worst_ms = std::max(series.worst_ms, taken_ms);
  if (!series.samples.empty() && series.samples.back().at_s == at_s) {
    int64_t& worst = series.samples.back().worst_ms;
    worst = std::max(worst, taken_ms);
    return;
  }
  if (series.samples.size() >= kSamplesMax) series.samples.pop_front();
  series.samples.push_back({at_s, taken_ms});
}

size_t LatencyEvents::reset(ByteView event) {
  std::string lower(event);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return all_.erase(lower);
}

size_t LatencyEvents::reset_all() {
  return std::exchange(all_, {}).size();
}

}  // namespace weir::redis
