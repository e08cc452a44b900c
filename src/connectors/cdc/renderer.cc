#include "connectors/cdc/renderer.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/error.h"
#include "connectors/cdc/change.h"
#include "connectors/cdc/config.h"
#include "connectors/cdc/outbox.h"
#include "connectors/cdc/plan.h"
#include "connectors/cdc/schema.h"
#include "connectors/cdc/shapes.h"
#include "connectors/cdc/temporal.h"
#include "connectors/cdc/text.h"
#include "connectors/cdc/values.h"
#include "fmt/format.h"

namespace weir::cdc {

namespace {

constexpr std::string_view kVersion = "weir";
constexpr std::string_view kConnector = "postgresql";
constexpr std::string_view kMarks[] = {
    "false", "first",      "first_in_data_collection", "true", "last_in_data_collection",
    "last",  "incremental"};
constexpr size_t kPlansMax = 100'000;

std::string_view mark_of(const Change& change) {
  return kMarks[static_cast<size_t>(change.snapshot)];
}

void append_lsn(std::string& out, uint64_t lsn) {
  out += lsn == 0 ? std::string("null") : std::to_string(static_cast<int64_t>(lsn));
}

void append_iso(std::string& out, int64_t us) {
  const int64_t days = us >= 0 ? us / kDayUs : (us - kDayUs + 1) / kDayUs;
  out += '"';
  append_date(out, days);
  out += 'T';
  append_time(out, us - days * kDayUs);
  out += "Z\"";
}

void wrap(std::string& value, std::string_view schema) {
  if (schema.empty()) return;
  std::string whole = R"({"schema":)";
  whole.reserve(schema.size() + value.size() + 24);
  whole += schema;
  whole += R"(,"payload":)";
  whole += value;
  whole += '}';
  value = std::move(whole);
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const size_t length = c < 0x80                ? 1
                          : c >= 0xC2 && c < 0xE0 ? 2
                          : c >= 0xE0 && c < 0xF0 ? 3
                          : c >= 0xF0 && c < 0xF5 ? 4
                                                  : 0;
    if (length == 0 || length > text.size() - i) return false;
    for (size_t j = 1; j < length; ++j) {
      if ((static_cast<unsigned char>(text[i + j]) & 0xC0) != 0x80) return false;
    }
    i += length;
  }
  return true;
}

}  // namespace

class Renderer::Body {
  // One record of a change: a change of a key becomes several.
  struct Event {
    char operation;
    const std::optional<std::string>& key;
    const Row* before;
    const Row* after;
    std::optional<Header> header;
  };

 public:
  Body(std::shared_ptr<const Config> config, const std::string& connector_name)
      : config_(std::move(config)), style_(Style::of(*config_)) {
    message_schema_ = config_->value_schemas ? message_value_schema(style_) : std::string();
    if (!config_->context_headers) return;
    context_ = {{"__debezium.context.connectorLogicalName", config_->topic_prefix},
                {"__debezium.context.taskId", "0"},
                {"__debezium.context.connectorName", std::string(kConnector)},
                {"__debezium.context.runId", name_uuid(connector_name)}};
  }

  Result<> render(const Change& change, int64_t now_us, std::vector<Output>& out) {
    if (change.operation == Operation::kMessage) return message(change, now_us, out);
    const Plan& plan = plan_of(change.relation);
    if (plan.outbox() != nullptr)
      return with_context(out, [&] { return route_row(*plan.outbox(), change, style_, out); });
    if (!plan.captured()) return {};
    switch (change.operation) {
      case Operation::kUpdate: return update(plan, change, now_us, out);
      case Operation::kDelete: return remove(plan, change, now_us, out);
      case Operation::kTruncate: return truncate(plan, change, now_us, out);
      case Operation::kRead:
      case Operation::kCreate:
      case Operation::kMessage: return create(plan, change, now_us, out);
    }
    return {};
  }

  void begin(const Transaction& transaction, std::vector<Output>& out) {
    counts_.clear();
    total_ = 0;
    if (!config_->transaction_metadata) return;
    const std::string id = fmt::format("{}:{}", transaction.id, transaction.begin_lsn);
    boundary("BEGIN", id, "null", "null", transaction.commit_us, out);
  }

  void end(const Transaction& transaction, std::vector<Output>& out) {
    if (!config_->transaction_metadata) return;
    std::string tables = "[";
    for (const auto& [table, count] : counts_) {
      if (tables.size() > 1) tables += ',';
      tables += R"({"data_collection":)";
      append_json_string(tables, table);
      tables += fmt::format(R"(,"event_count":{}}})", count);
    }
    tables += ']';
    const std::string id = fmt::format("{}:{}", transaction.id, transaction.end_lsn);
    boundary("END", id, std::to_string(total_), tables, transaction.commit_us, out);
  }

  void heartbeat(int64_t now_us, std::vector<Output>& out) const {
    Output output;
    output.name = topic_name(config_->heartbeat_topic_prefix + config_->topic_delimiter +
                             config_->topic_prefix);
    std::string key = R"({"serverName":)";
    append_json_string(key, config_->topic_prefix);
    key += '}';
    if (config_->key_schemas) wrap(key, heartbeat_key_schema());
    std::string value = fmt::format(R"({{"ts_ms":{}}})", now_us / 1000);
    if (config_->value_schemas) wrap(value, heartbeat_value_schema());
    output.key = std::move(key);
    output.value = std::move(value);
    out.push_back(std::move(output));
  }

  std::string topic_of(const Relation& relation) const {
    const Plan plan(std::make_shared<const Relation>(relation), *config_, style_);
    return plan.outbox() != nullptr ? std::string() : plan.topic();
  }

 private:
  const Plan& plan_of(const std::shared_ptr<const Relation>& relation) {
    const auto known = plans_.find(relation->id);
    if (known != plans_.end() && known->second->shared_relation() == relation) {
      return *known->second;
    }
    if (plans_.size() >= kPlansMax) plans_.clear();
    auto& plan = plans_[relation->id];
    plan = std::make_unique<Plan>(relation, *config_, style_);
    return *plan;
  }

  bool skips(char operation) const {
    return config_->skipped_operations.find(operation) != std::string::npos;
  }

  Result<> create(const Plan& plan,
                  const Change& change,
                  int64_t now_us,
                  std::vector<Output>& out) {
    const auto operation = static_cast<char>(change.operation);
    if (skips(operation)) return {};
    const auto key = plan.key_of(*change.after);
    if (!key) return std::unexpected(key.error());
    return emit(plan, change, {operation, *key, nullptr, &*change.after, {}}, now_us, out);
  }

  Result<> update(const Plan& plan,
                  const Change& change,
                  int64_t now_us,
                  std::vector<Output>& out) {
    const Row* before = change.before ? &*change.before : nullptr;
    const Row& after = *change.after;
    const auto key = plan.key_of(after);
    if (!key) return std::unexpected(key.error());
    if (before != nullptr && plan.has_key(*before)) {
      const auto old_key = plan.key_of(*before);
      if (!old_key) return std::unexpected(old_key.error());
      if (*old_key != *key) return move(plan, change, *old_key, *key, now_us, out);
    }
    if (skips('u')) return {};
    const bool whole = before != nullptr && change.relation->full_identity;
    if (config_->skip_without_change && whole && !plan.differs(*before, after)) return {};
    return emit(plan, change, {'u', *key, before, &after, {}}, now_us, out);
  }

  // An update of the key: the old row goes, another comes.
  Result<> move(const Plan& plan,
                const Change& change,
                const std::optional<std::string>& old_key,
                const std::optional<std::string>& key,
                int64_t now_us,
                std::vector<Output>& out) {
    if (!skips('d')) {
      const Header header{"__debezium.newkey", key};
      const Result<> gone =
          emit(plan, change, {'d', old_key, &*change.before, nullptr, header}, now_us, out);
      if (!gone) return gone;
      tombstone(plan, old_key, header, out);
    }
    if (skips('c')) return {};
    const Header header{"__debezium.oldkey", old_key};
    return emit(plan, change, {'c', key, nullptr, &*change.after, header}, now_us, out);
  }

  Result<> remove(const Plan& plan,
                  const Change& change,
                  int64_t now_us,
                  std::vector<Output>& out) {
    if (skips('d')) return {};
    const auto key = plan.key_of(*change.before);
    if (!key) return std::unexpected(key.error());
    const Result<> gone =
        emit(plan, change, {'d', *key, &*change.before, nullptr, {}}, now_us, out);
    if (!gone) return gone;
    tombstone(plan, *key, {}, out);
    return {};
  }

  Result<> truncate(const Plan& plan,
                    const Change& change,
                    int64_t now_us,
                    std::vector<Output>& out) {
    if (skips('t')) return {};
    return emit(plan, change, {'t', std::nullopt, nullptr, nullptr, {}}, now_us, out);
  }

  // Runs `route`, and gives what it appends the headers that every event has.
  template <typename Route>
  Result<> with_context(std::vector<Output>& out, const Route& route) const {
    const size_t before = out.size();
    const Result<> routed = route();
    for (size_t i = before; i < out.size(); ++i) {
      out[i].headers.insert(out[i].headers.begin(), context_.begin(), context_.end());
    }
    return routed;
  }

  std::vector<Header> headers(const std::optional<Header>& first) const {
    std::vector<Header> all;
    if (first) all.push_back(*first);
    all.insert(all.end(), context_.begin(), context_.end());
    return all;
  }

  void tombstone(const Plan& plan,
                 const std::optional<std::string>& key,
                 const std::optional<Header>& header,
                 std::vector<Output>& out) const {
    if (!config_->tombstones || !key) return;
    Output output;
    output.name = plan.topic();
    output.key = plan.with_schema(*key);
    output.headers = headers(header);
    out.push_back(std::move(output));
  }

  Result<> emit(const Plan& plan,
                const Change& change,
                const Event& event,
                int64_t now_us,
                std::vector<Output>& out) {
    Output output;
    output.name = plan.topic();
    if (event.key) output.key = plan.with_schema(*event.key);
    output.headers = headers(event.header);
    std::string value;
    if (style_.readable) count(change, change.relation->schema + "." + change.relation->table);
    const Result<> done = style_.readable ? readable(value, plan, change, event)
                                          : envelope(value, plan, change, event, now_us);
    if (!done) return done;
    wrap(value, plan.value_schema());
    output.value = std::move(value);
    out.push_back(std::move(output));
    return {};
  }

  Result<> append_side(std::string& out,
                       const Plan& plan,
                       const Row* row,
                       const Row* old,
                       std::vector<std::string_view>* unchanged) const {
    if (row != nullptr) return plan.append_row(out, *row, old, unchanged);
    out += "null";
    return {};
  }

  Result<> envelope(std::string& value,
                    const Plan& plan,
                    const Change& change,
                    const Event& event,
                    int64_t now_us) {
    value = R"({"before":)";
    if (const Result<> row = append_side(value, plan, event.before, nullptr, nullptr); !row) {
      return row;
    }
    value += R"(,"after":)";
    const Row* old = change.before ? &*change.before : nullptr;
    if (const Result<> row = append_side(value, plan, event.after, old, nullptr); !row) return row;
    value += R"(,"source":)";
    append_source(value, change);
    const std::string table = change.relation->schema + "." + change.relation->table;
    value += fmt::format(R"(,"transaction":{},"op":"{}","ts_ms":{},"ts_us":{},"ts_ns":{}}})",
                         transaction_block(change, table), event.operation, now_us / 1000, now_us,
                         now_us * 1000);
    return {};
  }

  void append_source(std::string& out, const Change& change) const {
    const Relation* relation = change.relation.get();
    std::string sequence = "[";
    if (change.previous_commit_lsn == 0) {
      sequence += "null";
    } else {
      sequence += fmt::format("\"{}\"", change.previous_commit_lsn);
    }
    sequence += fmt::format(",\"{}\"]", change.lsn);
    out += fmt::format(R"({{"version":"{}","connector":"{}","name":)", kVersion, kConnector);
    append_json_string(out, config_->topic_prefix);
    out += fmt::format(R"(,"ts_ms":{},"snapshot":"{}","db":)", change.commit_us / 1000,
                       mark_of(change));
    append_json_string(out, config_->connection.database);
    out += R"(,"sequence":)";
    append_json_string(out, sequence);
    out += fmt::format(R"(,"ts_us":{},"ts_ns":{},"schema":)", change.commit_us,
                       change.commit_us * 1000);
    append_json_string(out, relation != nullptr ? relation->schema : "");
    out += R"(,"table":)";
    append_json_string(out, relation != nullptr ? relation->table : "");
    const bool known = change.snapshot != SnapshotMark::kIncremental;
    out += R"(,"txId":)";
    append_lsn(out, known ? change.transaction : 0);
    out += R"(,"lsn":)";
    append_lsn(out, known ? change.lsn : 0);
    out += R"(,"xmin":null,"origin":null,"origin_lsn":null})";
  }

  Result<> readable(std::string& value,
                    const Plan& plan,
                    const Change& change,
                    const Event& event) const {
    std::vector<std::string_view> unchanged;
    value = fmt::format(R"({{"op":"{}","before":)", event.operation);
    if (const Result<> row = append_side(value, plan, event.before, nullptr, nullptr); !row) {
      return row;
    }
    value += R"(,"after":)";
    const Row* old = change.before ? &*change.before : nullptr;
    if (const Result<> row = append_side(value, plan, event.after, old, &unchanged); !row) {
      return row;
    }
    if (!unchanged.empty()) {
      value += R"(,"unchanged":[)";
      for (const std::string_view& name : unchanged) {
        if (&name != unchanged.data()) value += ',';
        append_json_string(value, name);
      }
      value += ']';
    }
    append_readable_source(value, change);
    value += '}';
    return {};
  }

  void append_readable_source(std::string& value, const Change& change) const {
    value += R"(,"source":{"name":)";
    append_json_string(value, config_->topic_prefix);
    value += R"(,"db":)";
    append_json_string(value, config_->connection.database);
    if (change.relation) {
      value += R"(,"schema":)";
      append_json_string(value, change.relation->schema);
      value += R"(,"table":)";
      append_json_string(value, change.relation->table);
    }
    value += fmt::format(R"(,"snapshot":{},"tx":)",
                         change.snapshot == SnapshotMark::kNone ? "false" : "true");
    append_lsn(value, change.transaction);
    value += R"(,"lsn":)";
    append_lsn(value, change.lsn);
    value += R"(,"ts":)";
    append_iso(value, change.commit_us);
    value += '}';
  }

  // The number of the event among those of its table in the transaction; 0 when none are counted.
  uint64_t count(const Change& change, const std::string& table) {
    if (!config_->transaction_metadata || change.snapshot != SnapshotMark::kNone) return 0;
    ++total_;
    return ++counts_[table];
  }

  std::string transaction_block(const Change& change, const std::string& table) {
    const uint64_t order = count(change, table);
    if (order == 0) return "null";
    return fmt::format(R"({{"id":"{}:{}","total_order":{},"data_collection_order":{}}})",
                       change.transaction, change.lsn, total_, order);
  }

  void boundary(std::string_view status,
                const std::string& id,
                std::string_view count,
                std::string_view tables,
                int64_t commit_us,
                std::vector<Output>& out) const {
    Output output;
    output.name =
        topic_name(config_->topic_prefix + config_->topic_delimiter + config_->transaction_topic);
    std::string key = fmt::format(R"({{"id":"{}"}})", id);
    if (config_->key_schemas) wrap(key, transaction_key_schema());
    std::string value = fmt::format(
        R"({{"status":"{}","id":"{}","event_count":{},"data_collections":{},"ts_ms":{}}})", status,
        id, count, tables, commit_us / 1000);
    if (config_->value_schemas) wrap(value, transaction_value_schema());
    output.key = std::move(key);
    output.value = std::move(value);
    out.push_back(std::move(output));
  }

  Result<> message(const Change& change, int64_t now_us, std::vector<Output>& out) {
    for (const Outbox& outbox : config_->outboxes) {
      if (!outbox.prefix.empty() && outbox.prefix == change.message_prefix) {
        return with_context(out, [&] { return route_message(outbox, change, out); });
      }
    }
    if (!config_->captures_message(change.message_prefix) || skips('m')) return {};
    Output output;
    output.name = topic_name(config_->topic_prefix + config_->topic_delimiter + "message");
    std::string key = R"({"prefix":)";
    append_json_string(key, change.message_prefix);
    key += '}';
    if (config_->key_schemas) wrap(key, message_key_schema());
    output.key = std::move(key);
    if (style_.readable && change.transactional) count(change, "message");
    output.value = style_.readable ? readable_message(change) : debezium_message(change, now_us);
    out.push_back(std::move(output));
    return {};
  }

  std::string debezium_message(const Change& change, int64_t now_us) {
    std::string value = fmt::format(R"({{"op":"m","ts_ms":{},"source":)", now_us / 1000);
    append_source(value, change);
    const std::string transaction =
        change.transactional ? transaction_block(change, "message") : std::string("null");
    value += R"(,"transaction":)" + transaction + R"(,"message":{"prefix":)";
    append_json_string(value, change.message_prefix);
    value += R"(,"content":)";
    append_binary(value, change.message_content, style_.binary);
    value += "}}";
    wrap(value, message_schema_);
    return value;
  }

  std::string readable_message(const Change& change) const {
    std::string value = R"({"op":"m","message":{"prefix":)";
    append_json_string(value, change.message_prefix);
    if (is_utf8(change.message_content)) {
      value += R"(,"content":)";
      append_json_string(value, change.message_content);
    } else {
      value += R"(,"base64":")";
      append_base64(value, change.message_content);
      value += '"';
    }
    value += '}';
    append_readable_source(value, change);
    return value + '}';
  }

  std::shared_ptr<const Config> config_;
  Style style_;
  std::string message_schema_;
  std::vector<Header> context_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Plan>> plans_;
  std::map<std::string, uint64_t> counts_;  // events of the open transaction, by table
  uint64_t total_ = 0;
};

Renderer::Renderer(std::shared_ptr<const Config> config, const std::string& connector_name)
    : body_(std::make_unique<Body>(std::move(config), connector_name)) {}
Renderer::~Renderer() = default;

Result<> Renderer::render(const Change& change, int64_t now_us, std::vector<Output>& out) {
  return body_->render(change, now_us, out);
}
void Renderer::begin(const Transaction& transaction, std::vector<Output>& out) {
  body_->begin(transaction, out);
}
void Renderer::end(const Transaction& transaction, std::vector<Output>& out) {
  body_->end(transaction, out);
}
void Renderer::heartbeat(int64_t now_us, std::vector<Output>& out) {
  body_->heartbeat(now_us, out);
}
std::string Renderer::topic_of(const Relation& relation) const {
  return body_->topic_of(relation);
}

}  // namespace weir::cdc
