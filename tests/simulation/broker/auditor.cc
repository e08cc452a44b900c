#include "simulation/broker/auditor.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::simulation {

void Auditor::delivered(const std::string& body,
                        uint32_t deliveries,
                        Timestamp now,
                        Timestamp deadline,
                        uint64_t receive) {
  const auto found = messages_.find(body);
  if (found == messages_.end()) return violate(fmt::format("{} was never sent", body));
  Message& message = found->second;
  if (message.settled) violate(fmt::format("{} came back after its settle", body));
  if (now < message.lease_until) {
    violate(fmt::format("{} has two live leases (delivery {})", body, deliveries));
  }
  message.receive = receive;
  if (!message.group.empty()) check_order(message, body);
  message.lease_until = deadline;
}

void Auditor::change_invoked(const std::string& body, uint64_t receive, Timestamp deadline) {
  Message& message = messages_[body];
  if (message.receive == receive) message.lease_until = std::min(message.lease_until, deadline);
}

void Auditor::change_acknowledged(const std::string& body, uint64_t receive, Timestamp deadline) {
  Message& message = messages_[body];
  if (message.receive == receive) message.lease_until = deadline;
}

// What was sent before it is done, or came in the same answer.
void Auditor::check_order(const Message& message, const std::string& body) {
  for (const auto& [other, earlier] : messages_) {
    if (earlier.group != message.group || earlier.sequence >= message.sequence) continue;
    const bool gone = earlier.settled || earlier.settling || earlier.dead;
    if (earlier.sent && !gone && earlier.receive != message.receive) {
      violate(fmt::format("{} of group {} was delivered before {}", body, message.group, other));
    }
  }
}

void Auditor::dead_letter(const std::string& body, uint32_t deliveries, uint32_t limit) {
  Message& message = messages_[body];
  message.dead = true;
  if (message.settled) violate(fmt::format("{} was settled and is a dead letter too", body));
  if (deliveries != limit) {
    violate(fmt::format("{} is a dead letter after {} deliveries", body, deliveries));
  }
}

void Auditor::append_acknowledged(uint64_t log, Offset offset, const std::string& value) {
  read(log, offset, value);
}

void Auditor::read(uint64_t log, Offset offset, const std::string& value) {
  const auto [known, fresh] = records_.emplace(std::pair(log, offset.value()), value);
  if (!fresh && known->second != value) {
    violate(fmt::format("offset {} of log {} was {} and is {}", offset.value(), log, known->second,
                        value));
  }
}

void Auditor::forgotten(uint64_t log, Offset start, Milliseconds retention, Timestamp now) {
  for (const auto& [place, time] : times_) {
    if (place.first != log || place.second >= start.value()) continue;
    if (now - time >= retention) continue;
    violate(fmt::format("offset {} of log {} was forgotten after {} ms", place.second, log,
                        (now - time).count()));
  }
}

void Auditor::all_read(uint64_t log, const std::map<int64_t, std::string>& values, Offset start) {
  for (const auto& [place, value] : records_) {
    if (place.first != log || place.second < start.value()) continue;
    if (!values.contains(place.second)) {
      violate(fmt::format("{} at offset {} of log {} was acknowledged and is lost", value,
                          place.second, log));
    }
  }
}

std::map<std::string, Auditor::KeyChange> Auditor::acknowledged_keys() const {
  std::map<std::string, KeyChange> known;
  for (const auto& [key, state] : keys_) {
    if (state.acknowledged.number > 0) known[key] = state.acknowledged;
  }
  return known;
}

void Auditor::keys_read(const std::map<std::string, KeyChange>& expected,
                        const std::map<std::string, KeyChange>& seen) {
  for (const auto& [key, change] : expected) {
    const auto found = seen.find(key);
    if (found == seen.end()) {
      // It was deleted, by this change or by a later one.
      const auto& deletions = keys_[key].deletions;
      if (deletions.empty() || deletions.back() < change.number) {
        violate(
            fmt::format("change {} of key {} was acknowledged and is lost", change.number, key));
      }
    } else if (found->second.number < change.number) {
      violate(fmt::format("key {} shows change {} after {} was acknowledged", key,
                          found->second.number, change.number));
    }
  }
}

void Auditor::drained() {
  for (const auto& [body, message] : messages_) {
    const bool gone = message.settled || message.settling || message.dead;
    if (message.sent && !gone) {
      violate(fmt::format("{} was acknowledged and never came", body));
    }
  }
}

}  // namespace weir::simulation
