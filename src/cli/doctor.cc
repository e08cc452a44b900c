// weir doctor: looks at a running broker and names what it is used wrongly for.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "base/checksum.h"
#include "cli/command.h"
#include "cli/doctor_rules.h"
#include "cli/format.h"
#include "cli/output.h"
#include "cli/units.h"

namespace weir::cli {
namespace {

using admin::Json;
using admin::JsonObject;

constexpr int kFindings = 1;
constexpr int kNotReached = 2;
constexpr int kLooks = 3;
// So much is looked into, of the newest records; what lies beyond is not judged.
constexpr size_t kTopicsSampled = 1000;
constexpr size_t kQueuesSampled = 1000;
constexpr size_t kGroupsDescribed = 1000;
constexpr size_t kPartitionsSampled = 20;
constexpr int64_t kRecordsSampled = 500;
constexpr int64_t kMessagesSampled = 20;

struct DoctorOptions {
  std::string age = "1h";
  std::string span = "3s";
};

int64_t milliseconds_since_1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// Looks at one broker; the first error ends it.
class Examination {
 public:
  Examination(Client& client, const Line& line) : client_(client), line_(line) {}

  // With `deep` also into records: once is enough.
  Seen look(bool deep) {
    Seen seen;
    seen.now_ms = milliseconds_since_1970();
    seen.disk_free_bytes = disk_free();
    for (const Json& topic : list("topics")) seen.topics.push_back(topic_of(topic));
    for (const Json& queue : list("queues")) seen.queues.push_back(queue_of(queue));
    for (const Json& group : list("groups")) add_group(group, seen.groups);
    for (const Json& bridge : list("bridges")) {
      seen.bridges.push_back({bridge["name"].text(), bridge["from"].text(), bridge["to"].text()});
    }
    for (const Json& capture : captures()) {
      seen.captures.push_back({capture["name"].text(), capture["state"].text(),
                               capture["problem"].text(), capture["retained_wal_bytes"].integer(),
                               capture["retained_wal_alarm"].flag()});
    }
    if (deep) look_into(seen);
    return seen;
  }

  const std::optional<Error>& error() const { return error_; }

 private:
  Target named(std::string_view noun) const {
    return Target(noun).parameter("namespace", line_.space);
  }

  std::vector<Json> list(std::string_view noun) {
    if (error_) return {};
    auto items = client_.list(named(noun), noun);
    if (!items) error_ = items.error();
    return items ? std::move(*items) : std::vector<Json>();
  }

  // Captures are no namespace's.
  std::vector<Json> captures() {
    if (error_) return {};
    auto items = client_.list(Target("cdc"), "connectors");
    if (!items) error_ = items.error();
    return items ? std::move(*items) : std::vector<Json>();
  }

  // What was listed a moment ago may be gone: nothing is seen of it then.
  Json ask(const Target& target) {
    if (error_) return {};
    auto answer = client_.ask_json("GET", target.text());
    return answer ? std::move(*answer) : Json();
  }

  int64_t disk_free() {
    const auto text = client_.get("/metrics");
    if (!text) {
      error_ = text.error();
      return 0;
    }
    constexpr std::string_view kName = "\nweir_disk_free_bytes ";
    const size_t at = text->find(kName);
    return at == std::string::npos ? 0 : std::atoll(text->c_str() + at + kName.size());
  }

  static SeenTopic topic_of(const Json& topic) {
    SeenTopic seen;
    seen.name = topic["name"].text();
    seen.origin = topic["origin"].text();
    seen.retention_ms = topic["retention_ms"].integer();
    seen.retention_bytes = topic["retention_bytes"].integer();
    seen.bytes = topic["bytes"].integer();
    seen.compacted = topic["compacted"].flag();
    seen.events = topic["events"].flag();
    seen.versions_problem = topic["versions"]["problem"].text();
    for (const Json& partition : topic["partitions"].list()) {
      seen.partitions.push_back({partition["start"].integer(), partition["end"].integer()});
    }
    return seen;
  }

  static SeenQueue queue_of(const Json& queue) {
    SeenQueue seen;
    seen.name = queue["name"].text();
    seen.lease_ms = queue["lease_ms"].integer();
    seen.ready = queue["ready"].integer();
    seen.dead_letter = queue["dead_letter"].text();
    seen.acknowledged = queue["acknowledged"].integer();
    seen.acknowledged_late = queue["acknowledged_late"].integer();
    return seen;
  }

  void add_group(const Json& group, std::vector<SeenGroup>& groups) {
    SeenGroup seen;
    seen.name = group["name"].text();
    seen.lag = group["lag"].integer();
    const std::string& topic = group["topic"].text();
    if (!topic.empty()) seen.topics.push_back(topic);
    if (groups.size() < kGroupsDescribed) {
      const Json whole = ask(named("groups").segment(seen.name).parameter("topic", topic));
      for (const Json& offset : whole["offsets"].list()) {
        const std::string& name = offset["topic"].text();
        if (std::ranges::find(seen.topics, name) == seen.topics.end()) seen.topics.push_back(name);
      }
      for (const Json& consumer : whole["consumers"].list()) {
        seen.consumers.push_back({consumer["name"].text(), consumer["pending"].integer(),
                                  consumer["active_ms"].integer()});
      }
    }
    groups.push_back(std::move(seen));
  }

  // The newest records of a log, from its partitions alike.
  std::vector<Json> newest(const std::string& name,
                           const std::vector<SeenPartition>& partitions,
                           int64_t count) {
    std::vector<Json> records;
    const size_t looked = std::min(partitions.size(), kPartitionsSampled);
    for (size_t i = 0; i < looked; ++i) {
      const int64_t each = std::max<int64_t>(1, count / static_cast<int64_t>(looked));
      const int64_t from = std::max(partitions[i].start, partitions[i].end - each);
      if (from >= partitions[i].end) continue;
      const Json page = ask(named("topics")
                                .segment(name)
                                .segment("records")
                                .parameter("positions", fmt::format("{}:{}", i, from))
                                .parameter("limit", std::to_string(each)));
      const auto& more = page["records"].list();
      records.insert(records.end(), more.begin(), more.end());
    }
    return records;
  }

  void look_into(Seen& seen) {
    for (size_t i = 0; i < std::min(seen.topics.size(), kTopicsSampled); ++i) {
      SeenTopic& topic = seen.topics[i];
      if (topic.partitions.size() < 2) continue;
      for (const Json& record : newest(topic.name, topic.partitions, kRecordsSampled)) {
        ++topic.sampled;
        const bool keyed = record.find("key") != nullptr || record.find("key_base64") != nullptr;
        if (keyed) topic.keys.push_back(bytes_of(record, "key"));
      }
    }
    for (size_t i = 0; i < std::min(seen.queues.size(), kQueuesSampled); ++i) {
      look_into(seen.queues[i]);
    }
  }

  void look_into(SeenQueue& queue) {
    const Json log = ask(named("topics").segment(queue.name));
    const SeenTopic topic = topic_of(log);
    for (const Json& record : newest(queue.name, topic.partitions, kMessagesSampled)) {
      queue.newest.push_back(fmt::format("{:016x}", hash64(bytes_of(record, "value"))));
    }
    const Json page = ask(named("queues")
                              .segment(queue.name)
                              .segment("messages")
                              .parameter("state", "ready")
                              .parameter("limit", "1"));
    const auto& messages = page["messages"].list();
    if (messages.empty()) return;
    queue.oldest_sent_ms = messages.front()["sent_ms"].integer();
    queue.oldest_receives = messages.front()["receives"].integer();
  }

  Client& client_;
  const Line& line_;
  std::optional<Error> error_;
};

void show(const Line& line, const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    if (line.json) {
      fmt::print("{}\n", JsonObject()
                             .text("rule", finding.rule)
                             .text("subject", finding.subject)
                             .text("evidence", finding.evidence)
                             .text("advice", finding.advice)
                             .done());
      continue;
    }
    fmt::print("{}: {}\n  seen: {}\n  try:  {}\n\n", finding.rule, finding.subject,
               finding.evidence, finding.advice);
  }
  if (!line.json) {
    fmt::print("{}\n", findings.empty() ? "nothing found"
                                        : fmt::format("{} finding{}", findings.size(),
                                                      findings.size() == 1 ? "" : "s"));
  }
}

int examine_broker(const Line& line, const DoctorOptions& given) {
  auto client = Client::to(line.url, line.trust);
  if (!client) {
    report(client.error());
    return kNotReached;
  }
  Examination examination(*client, line);
  const std::chrono::milliseconds span(*parse_duration(given.span));
  const int count = span.count() > 0 ? kLooks : 1;
  std::vector<Seen> looks;
  for (int i = 0; i < count; ++i) {
    // Time has to pass between two looks: lag and growth are measured over it.
    if (i > 0) std::this_thread::sleep_for(span / (count - 1));
    looks.push_back(examination.look(i + 1 == count));
    if (examination.error()) {
      report(*examination.error());
      return kNotReached;
    }
  }
  Thresholds thresholds;
  const int64_t age = *parse_duration(given.age);
  thresholds.age_ms = age == kWithoutEnd ? INT64_MAX : age;
  const auto findings = examine(looks, thresholds);
  show(line, findings);
  return findings.empty() ? kDone : kFindings;
}

}  // namespace

void add_doctor(CLI::App& app, Line& line) {
  CLI::App* doctor = add_command(
      app, "doctor", "Look at a running broker and name what it is used wrongly for",
      "  weir doctor\n"
      "  weir doctor --for 1m --age 15m\n"
      "  weir doctor --json    # one finding a line; status 0: none, 1: some, 2: no broker");
  auto given = std::make_shared<DoctorOptions>();
  check_duration(doctor->add_option("--for", given->span,
                                    "how long it looks, for lag and growth (3s); 0 looks once"));
  check_duration(doctor->add_option(
      "--age", given->age, "when a dead letter or a pending entry counts as forgotten (1h)"));
  add_named_options(*doctor, line);
  doctor->callback(
      [&line, given] { line.action = [&line, given] { return examine_broker(line, *given); }; });
}

}  // namespace weir::cli
