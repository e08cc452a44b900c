#include "cli/doctor_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/units.h"

namespace weir::cli {
namespace {

using Findings = std::vector<Finding>;

std::vector<const SeenGroup*> readers_of(const Seen& seen, const std::string& topic) {
  std::vector<const SeenGroup*> readers;
  for (const SeenGroup& group : seen.groups) {
    if (std::ranges::find(group.topics, topic) != group.topics.end()) readers.push_back(&group);
  }
  return readers;
}

bool feeds_bridge(const Seen& seen, const std::string& end) {
  return std::ranges::any_of(seen.bridges,
                             [&](const SeenBridge& bridge) { return bridge.from == end; });
}

int64_t records_of(const SeenTopic& topic) {
  int64_t records = 0;
  for (const SeenPartition& partition : topic.partitions)
    records += partition.end - partition.start;
  return records;
}

// One group, kept for a short time, read once: nobody uses what a stream is for.
void stream_as_queue(const Seen& seen, const Thresholds& thresholds, Findings& found) {
  for (const SeenTopic& topic : seen.topics) {
    const bool brief =
        topic.retention_ms >= 0 && topic.retention_ms <= thresholds.short_retention_ms;
    const auto readers = readers_of(seen, topic.name);
    if (!brief || topic.compacted || readers.size() != 1 ||
        feeds_bridge(seen, "topic:" + topic.name))
      continue;
    found.push_back(
        {"stream-as-queue", "topic " + topic.name,
         fmt::format(
             "one group reads it ({}), and records are kept for {} only: nothing is replayed "
             "and nobody else reads",
             readers.front()->name, duration_text(topic.retention_ms)),
         fmt::format("if each record is done once it was processed, a queue retries and "
                     "dead-letters single records: weir queue create {0}-work; weir bridge create "
                     "{0}-work --from topic:{0} --to queue:{0}-work",
                     topic.name)});
  }
}

bool filled_by_bridge(const Seen& seen, const std::string& queue) {
  const std::string end = "queue:" + queue;
  return std::ranges::any_of(seen.bridges,
                             [&](const SeenBridge& bridge) { return bridge.to == end; });
}

size_t shared_values(const SeenQueue& a, const SeenQueue& b) {
  const std::set<std::string> values(a.newest.begin(), a.newest.end());
  const std::set<std::string> others(b.newest.begin(), b.newest.end());
  return static_cast<size_t>(
      std::ranges::count_if(values, [&](const std::string& one) { return others.contains(one); }));
}

// The same events sent to many queues. What bridges fill is no copy that somebody could forget.
void broadcast_by_copying(const Seen& seen, Findings& found) {
  constexpr size_t kValuesMin = 5;
  constexpr size_t kQueuesMin = 3;
  std::set<std::string> told;
  for (const SeenQueue& queue : seen.queues) {
    const std::set<std::string> values(queue.newest.begin(), queue.newest.end());
    const bool passed = told.contains(queue.name) || filled_by_bridge(seen, queue.name);
    if (passed || values.size() < kValuesMin) continue;
    std::vector<std::string> alike{queue.name};
    for (const SeenQueue& other : seen.queues) {
      if (&other == &queue || told.contains(other.name) || filled_by_bridge(seen, other.name))
        continue;
      if (shared_values(queue, other) * 5 >= values.size() * 4) alike.push_back(other.name);
    }
    if (alike.size() < kQueuesMin) continue;
    told.insert(alike.begin(), alike.end());
    found.push_back(
        {"broadcast-by-copying", "queues " + fmt::format("{}", fmt::join(alike, ", ")),
         fmt::format("most of their newest messages ({} looked at) are the same", values.size()),
         "send each event once, to a topic: every service reads it with a group of its own, or a "
         "bridge fills its queue"});
  }
}

// What the keys of an ordered topic say about its order.
void keys_of_order(const Seen& seen, Findings& found) {
  constexpr size_t kSampleMin = 100;
  for (const SeenTopic& topic : seen.topics) {
    if (topic.partitions.size() < 2 || topic.sampled < kSampleMin || topic.keys.empty()) continue;
    const size_t keyless = topic.sampled - topic.keys.size();
    const size_t distinct = std::set<std::string>(topic.keys.begin(), topic.keys.end()).size();
    if (keyless * 20 >= topic.sampled) {
      found.push_back({"keys-missing", "topic " + topic.name,
                       fmt::format("{} of its newest {} records have no key: they go to any of {} "
                                   "partitions, in no order with the others",
                                   keyless, topic.sampled, topic.partitions.size()),
                       "give every record the key whose order matters (the user, the order)"});
    } else if (distinct * 100 >= topic.keys.size() * 99) {
      found.push_back(
          {"keys-random", "topic " + topic.name,
           fmt::format("{} different keys in its newest {} records: no key comes twice, "
                       "so nothing is in order with anything",
                       distinct, topic.keys.size()),
           "use the key whose order matters (the user, not the event), or none"});
    }
  }
}

void hot_partitions(const Seen& seen, Findings& found) {
  constexpr int64_t kRecordsMin = 1000;
  for (const SeenTopic& topic : seen.topics) {
    const int64_t records = records_of(topic);
    const auto count = static_cast<int64_t>(topic.partitions.size());
    if (count < 2 || records < kRecordsMin) continue;
    for (size_t i = 0; i < topic.partitions.size(); ++i) {
      const int64_t held = topic.partitions[i].end - topic.partitions[i].start;
      // Twice its share, and with two partitions nearly all.
      const bool hot = count == 2 ? held * 10 >= records * 9 : held * count >= records * 2;
      if (!hot) continue;
      found.push_back({"hot-partition", fmt::format("topic {} partition {}", topic.name, i),
                       fmt::format("it holds {} of {} records; its share would be {}", held,
                                   records, records / count),
                       "choose a key with more values, or divide the one that has most"});
    }
  }
}

const SeenTopic* topic_of(const Seen& seen, const std::string& name) {
  const auto found = std::ranges::find(seen.topics, name, &SeenTopic::name);
  return found == seen.topics.end() ? nullptr : &*found;
}

std::string about(double bytes) {
  constexpr double kMebibyte = 1 << 20;
  const bool large = bytes >= 1024 * kMebibyte;
  return fmt::format("{:.1f} {}", bytes / (large ? 1024 * kMebibyte : kMebibyte),
                     large ? "GiB" : "MiB");
}

std::string growth_of(const Seen& first, const Seen& last, const SeenTopic& topic) {
  const SeenTopic* before = topic_of(first, topic.name);
  const int64_t ms = last.now_ms - first.now_ms;
  if (before == nullptr || ms <= 0 || topic.bytes <= before->bytes) return {};
  const double a_day =
      static_cast<double>(topic.bytes - before->bytes) / static_cast<double>(ms) * 86'400'000;
  const double days = static_cast<double>(last.disk_free_bytes) / a_day;
  return fmt::format("; it grows by {} a day, and the disk is full in {:.1f} days at that rate",
                     about(a_day), days);
}

// Named as soon as it is configured. A stream that its producers trim has a start above 0; one with
// versions of keys keeps its events because that is what it is for.
void retention_without_limit(const std::vector<Seen>& looks, Findings& found) {
  const Seen& last = looks.back();
  for (const SeenTopic& topic : last.topics) {
    const bool limited = topic.retention_ms >= 0 || topic.retention_bytes >= 0 || topic.compacted;
    const bool trimmed = std::ranges::any_of(
        topic.partitions, [](const SeenPartition& partition) { return partition.start > 0; });
    if (limited || trimmed || topic.events) continue;
    found.push_back({"retention-without-limit", "topic " + topic.name,
                     fmt::format("nothing is ever deleted ({} so far){}",
                                 about(static_cast<double>(topic.bytes)),
                                 growth_of(looks.front(), last, topic)),
                     fmt::format("weir topic set {} --retention 30d, or --retention-bytes; where "
                                 "only the newest of each key counts, cleanup.policy=compact",
                                 topic.name)});
  }
}

// Behind at every look, and further each time.
void only_falls_behind(const std::vector<Seen>& looks,
                       const Thresholds& thresholds,
                       Findings& found) {
  if (looks.size() < 2) return;
  for (const SeenGroup& group : looks.back().groups) {
    std::vector<int64_t> lags;
    for (const Seen& look : looks) {
      const auto same = std::ranges::find_if(look.groups, [&](const SeenGroup& other) {
        return other.name == group.name && other.topics == group.topics;
      });
      if (same != look.groups.end()) lags.push_back(same->lag);
    }
    const bool rises =
        lags.size() == looks.size() &&
        std::ranges::adjacent_find(lags, [](int64_t a, int64_t b) { return b <= a; }) == lags.end();
    if (!rises || lags.back() < thresholds.lag_min) continue;
    const int64_t ms = looks.back().now_ms - looks.front().now_ms;
    found.push_back(
        {"falls-behind", "group " + group.name,
         fmt::format("its lag rose at every look in {}: {}", duration_text(ms),
                     fmt::join(lags, ", ")),
         "add consumers (at most one a partition), make them faster, or see whether one "
         "is stuck: weir group describe " +
             group.name});
  }
}

void dead_letters_unread(const Seen& seen, const Thresholds& thresholds, Findings& found) {
  std::map<std::string, std::vector<std::string>> sources;
  for (const SeenQueue& queue : seen.queues) {
    if (!queue.dead_letter.empty()) sources[queue.dead_letter].push_back(queue.name);
  }
  for (const SeenQueue& queue : seen.queues) {
    const auto from = sources.find(queue.name);
    if (from == sources.end() || queue.ready == 0 || !queue.oldest_sent_ms) continue;
    const int64_t age = seen.now_ms - *queue.oldest_sent_ms;
    if (age < thresholds.age_ms || queue.oldest_receives > 0) continue;
    found.push_back(
        {"dead-letters-unread", "queue " + queue.name,
         fmt::format("{} dead letters of {}; the oldest was sent {} ago and nobody has "
                     "received it",
                     queue.ready, fmt::join(from->second, ", "), duration_text(age - age % 60'000)),
         fmt::format("look: weir queue peek {0}; send back what can be done now: weir "
                     "queue redrive {0}; and let somebody be told",
                     queue.name)});
  }
}

void leases_too_short(const Seen& seen, Findings& found) {
  constexpr int64_t kLateMin = 5;
  for (const SeenQueue& queue : seen.queues) {
    const int64_t all = std::max(queue.acknowledged, queue.acknowledged_late);
    if (queue.acknowledged_late < kLateMin || queue.acknowledged_late * 20 < all) continue;
    found.push_back(
        {"lease-too-short", "queue " + queue.name,
         fmt::format("{} of {} acknowledgements came after the visibility timeout ({}) had ended: "
                     "the messages were handed out again meanwhile",
                     queue.acknowledged_late, all, duration_text(queue.lease_ms)),
         fmt::format("weir queue set {} --lease {}, or extend it while working "
                     "(ChangeMessageVisibility)",
                     queue.name, duration_text(std::max<int64_t>(queue.lease_ms, 1000) * 4))});
  }
}

void pending_unclaimed(const Seen& seen, const Thresholds& thresholds, Findings& found) {
  for (const SeenGroup& group : seen.groups) {
    for (const SeenConsumer& consumer : group.consumers) {
      const int64_t idle = seen.now_ms - consumer.active_ms;
      if (consumer.pending == 0 || idle < thresholds.age_ms) continue;
      found.push_back(
          {"pending-unclaimed",
           fmt::format("group {} of {}", group.name, fmt::join(group.topics, ", ")),
           fmt::format("consumer {} holds {} entries and was last seen {} ago", consumer.name,
                       consumer.pending, duration_text(idle - idle % 60'000)),
           "let the others take them over: XAUTOCLAIM in their loop, or XGROUP POLICY with "
           "REDELIVER"});
    }
  }
}

// A replication slot keeps the database's log until the capture has taken it; the database's disk
// is what fills.
void log_held_back(const Seen& seen, Findings& found) {
  constexpr int64_t kMiB = int64_t{1} << 20;
  for (const SeenCapture& capture : seen.captures) {
    const bool paused = capture.state == "paused";
    if (!paused && !capture.alarm) continue;
    std::string evidence =
        paused
            ? "it is paused, and all the while its replication slot holds back the database's log"
            : fmt::format("its replication slot holds back {} of the database's log",
                          size_text(capture.retained_bytes - capture.retained_bytes % kMiB));
    if (!capture.problem.empty()) evidence += ": " + capture.problem;
    found.push_back(
        {"log-held-back", "capture " + capture.name, std::move(evidence),
         paused ? fmt::format("weir cdc resume {0}, or weir cdc rm {0}, which drops the slot",
                              capture.name)
                : fmt::format("see what it does: weir cdc status {}; end transactions that stay "
                              "open in the database; max_slot_wal_keep_size bounds what a slot "
                              "may hold",
                              capture.name)});
  }
}

void versions_unreadable(const Seen& seen, Findings& found) {
  for (const SeenTopic& topic : seen.topics) {
    if (topic.versions_problem.empty()) continue;
    found.push_back({"versions-unreadable", "topic " + topic.name, topic.versions_problem,
                     fmt::format("see the broker's log and the disk; what can still be read: weir "
                                 "tail {}",
                                 topic.name)});
  }
}

}  // namespace

std::vector<Finding> examine(const std::vector<Seen>& looks, const Thresholds& thresholds) {
  Findings found;
  if (looks.empty()) return found;
  const Seen& seen = looks.back();
  stream_as_queue(seen, thresholds, found);
  broadcast_by_copying(seen, found);
  keys_of_order(seen, found);
  hot_partitions(seen, found);
  retention_without_limit(looks, found);
  only_falls_behind(looks, thresholds, found);
  dead_letters_unread(seen, thresholds, found);
  leases_too_short(seen, found);
  pending_unclaimed(seen, thresholds, found);
  log_held_back(seen, found);
  versions_unreadable(seen, found);
  return found;
}

}  // namespace weir::cli
