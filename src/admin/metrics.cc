#include "admin/metrics.h"

#include <fmt/format.h>

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "broker/event_store.h"

namespace weir::admin {
namespace {

using broker::Broker;
using catalog::Kind;
using catalog::Thing;

// Bridges that have lines of their own.
constexpr size_t kBridgesShown = 1000;

class Text {
 public:
  void family(std::string_view name, std::string_view help) {
    fmt::format_to(std::back_inserter(out_), "# HELP {0} {1}\n# TYPE {0} gauge\n", name, help);
  }
  void of_bridge(std::string_view name, const std::string& bridge, int64_t value) {
    fmt::format_to(std::back_inserter(out_), "{}{{bridge=\"{}\"}} {}\n", name, metric_label(bridge),
                   value);
  }
  void total(std::string_view name, std::string_view help, int64_t value) {
    family(name, help);
    fmt::format_to(std::back_inserter(out_), "{} {}\n", name, value);
  }
  void of_thing(std::string_view name, const Thing& thing, int64_t value) {
    fmt::format_to(std::back_inserter(out_), "{}{{namespace=\"{}\",{}=\"{}\"}} {}\n", name,
                   metric_label(thing.name.space), thing.kind == Kind::kQueue ? "queue" : "topic",
                   metric_label(thing.name.name), value);
  }
  std::string done() { return std::move(out_); }

 private:
  std::string out_;
};

struct Held {
  int64_t records = 0;
  int64_t bytes = 0;
};

Held held_by(const Broker& broker, const Thing& thing) {
  Held held;
  for (const CellId id : thing.logs) {
    const log::Log* log = broker.find_log(id);
    if (log == nullptr) continue;
    held.records += log->end() - log->start();
    held.bytes += static_cast<int64_t>(log->bytes());
  }
  return held;
}

queue::Counts counts_of(Broker& broker, const Thing& queue, Timestamp now) {
  const queue::Queue* state = broker.find_queue(queue.queue, now);
  return state == nullptr ? queue::Counts{} : state->counts();
}

// A column of the detailed part: one family, a line for each thing of its kind.
struct Column {
  Kind kind;
  std::string_view name;
  std::string_view help;
  int64_t (*value)(Broker& broker, const Thing& thing, Timestamp now);
};

constexpr Column kColumns[] = {
    {Kind::kQueue, "weir_queue_ready", "Messages that wait for a receiver.",
     [](Broker& broker, const Thing& thing, Timestamp now) {
       return static_cast<int64_t>(counts_of(broker, thing, now).ready);
     }},
    {Kind::kQueue, "weir_queue_leased", "Messages that a receiver holds.",
     [](Broker& broker, const Thing& thing, Timestamp now) {
       return static_cast<int64_t>(counts_of(broker, thing, now).leased);
     }},
    {Kind::kQueue, "weir_queue_delayed", "Messages that wait for their time.",
     [](Broker& broker, const Thing& thing, Timestamp now) {
       return static_cast<int64_t>(counts_of(broker, thing, now).delayed);
     }},
    {Kind::kQueue, "weir_queue_log_bytes", "Bytes of a queue's log, history included.",
     [](Broker& broker, const Thing& thing, Timestamp) { return held_by(broker, thing).bytes; }},
    {Kind::kTopic, "weir_topic_records", "Records from start to end of all partitions.",
     [](Broker& broker, const Thing& thing, Timestamp) { return held_by(broker, thing).records; }},
    {Kind::kTopic, "weir_topic_log_bytes", "Bytes of a topic's logs.",
     [](Broker& broker, const Thing& thing, Timestamp) { return held_by(broker, thing).bytes; }},
};

}  // namespace

std::string metric_label(const std::string& value) {
  std::string out;
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

void Census::step(Broker& broker, Timestamp now, size_t logs_max) {
  size_t visited = 0;
  bool more = false;
  broker.catalog().each_thing_from(from_, [&](const Thing& thing) {
    if (visited >= logs_max) {
      from_ = thing.name;
      more = true;
      return false;
    }
    visited += thing.logs.size();
    const Held held = held_by(broker, thing);
    running_.log_bytes += held.bytes;
    if (thing.kind == Kind::kTopic) {
      ++running_.topics;
      running_.partitions += static_cast<int64_t>(thing.logs.size());
      running_.records += held.records;
      return true;
    }
    const queue::Counts counts = counts_of(broker, thing, now);
    ++running_.queues;
    running_.ready += static_cast<int64_t>(counts.ready);
    running_.leased += static_cast<int64_t>(counts.leased);
    running_.delayed += static_cast<int64_t>(counts.delayed);
    return true;
  });
  if (more) return;
  complete_ = std::exchange(running_, {});
  from_ = {};
}

std::string broker_metrics(Broker& broker, const Census& census) {
  const Census::Totals& totals = census.totals();
  int64_t groups = 0;
  broker.catalog().each_group([&](const catalog::Name&, CellId) {
    ++groups;
    return true;
  });
  int64_t lag = 0;
  int64_t problems = 0;
  const auto bridges = broker.bridges();
  for (const Broker::BridgeStatus& bridge : bridges) {
    lag += bridge.lag;
    problems += bridge.problem.empty() ? 0 : 1;
  }
  Text text;
  text.total("weir_topics", "Topics.", totals.topics);
  text.total("weir_topic_partitions", "Partitions of topics.", totals.partitions);
  text.total("weir_records", "Records from start to end of all topics.", totals.records);
  text.total("weir_queues", "Queues.", totals.queues);
  text.total("weir_messages_ready", "Messages that wait for a receiver.", totals.ready);
  text.total("weir_messages_leased", "Messages that a receiver holds.", totals.leased);
  text.total("weir_messages_delayed", "Messages that wait for their time.", totals.delayed);
  text.total("weir_log_bytes", "Bytes of the logs of topics and queues.", totals.log_bytes);
  text.total("weir_consumer_groups", "Kafka's consumer groups.", groups);
  text.total("weir_bridges", "Bridges.", static_cast<int64_t>(bridges.size()));
  text.total("weir_bridge_lag", "Records that bridges have still to move.", lag);
  text.total("weir_bridge_problems", "Bridges that stand still.", problems);
  using Status = Broker::BridgeStatus;
  const auto each = [&](std::string_view name, std::string_view help, auto value_of) {
    if (bridges.empty()) return;
    text.family(name, help);
    for (size_t i = 0; i < std::min(bridges.size(), kBridgesShown); ++i) {
      text.of_bridge(name, bridges[i].bridge->name, value_of(bridges[i]));
    }
  };
  each("weir_bridge_moved", "Records, messages or events that a bridge moved since the start.",
       [](const Status& one) { return static_cast<int64_t>(one.counts.moved); });
  each("weir_bridge_failures", "Steps of a bridge that ended with a problem.",
       [](const Status& one) { return static_cast<int64_t>(one.counts.failures); });
  each("weir_bridge_missed", "What left a queue and was not recorded.",
       [](const Status& one) { return static_cast<int64_t>(one.missed); });
  each("weir_bridge_waiting", "Records or messages that a bridge has still to move.",
       [](const Status& one) { return one.lag; });
  const broker::EventStore::Totals versions = broker.events().totals();
  text.total("weir_event_topics_rebuilding", "Topics whose versions are being rebuilt.",
             static_cast<int64_t>(versions.incomplete));
  text.total("weir_event_topics_unreadable", "Of those, topics whose log cannot be read.",
             static_cast<int64_t>(versions.problems));
  text.total("weir_cells", "Cells of state.", static_cast<int64_t>(broker.cell_count()));
  text.total("weir_waiting_requests", "Long polls and blocking reads that wait.",
             static_cast<int64_t>(broker.waiters().size()));
  return text.done();
}

std::string broker_details(Broker& broker, Timestamp now) {
  std::vector<const Thing*> things;
  bool more = false;
  broker.catalog().each_thing_everywhere([&](const Thing& thing) {
    more = things.size() == kDetailMax;
    if (!more) things.push_back(&thing);
    return !more;
  });
  Text text;
  for (const Column& column : kColumns) {
    text.family(column.name, column.help);
    for (const Thing* thing : things) {
      if (thing->kind != column.kind) continue;
      text.of_thing(column.name, *thing, column.value(broker, *thing, now));
    }
  }
  text.total("weir_detail_truncated", "1 when not every topic and queue has lines of its own.",
             more ? 1 : 0);
  return text.done();
}

void add_metrics_endpoint(Router& router,
                          const MetricRegistry& registry,
                          runtime::Owned<Broker>& broker,
                          runtime::Clock& clock,
                          std::function<std::string(Broker&)> more) {
  const auto census = std::make_shared<Census>();
  router.add(
      "GET", "/metrics",
      [&registry, &broker, &clock, census, more = std::move(more)](const Request& request,
                                                                   net::HttpResponder responder) {
        const bool detail = net::query_parameter(request.http.query(), "detail") == "1";
        broker.call([&clock, census, detail, more, text = registry.render(),
                     responder = std::move(responder)](Broker& self) mutable {
          const Timestamp now = clock.now();
          census->step(self, now);
          text += broker_metrics(self, *census);
          if (more) text += more(self);
          if (detail) text += broker_details(self, now);
          net::HttpResponse response{200, {}, net::Reply(std::move(text))};
          response.headers.push_back({"Content-Type", "text/plain; version=0.0.4; charset=utf-8"});
          responder.send(std::move(response));
        });
      });
}

}  // namespace weir::admin
