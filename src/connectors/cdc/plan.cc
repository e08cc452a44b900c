#include "connectors/cdc/plan.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "connectors/cdc/change.h"
#include "connectors/cdc/config.h"
#include "connectors/cdc/schema.h"
#include "connectors/cdc/text.h"
#include "connectors/cdc/values.h"
#include "fmt/format.h"

namespace weir::cdc {

namespace {

constexpr size_t kShownBytesMax = 64;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string avro_name(std::string_view text) {
  std::string name(text);
  for (char& c : name) {
    if (!is_name_character(c) && c != '.') c = '_';
  }
  return name;
}

}  // namespace

std::string topic_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    // A character beyond ASCII is one character, whatever its bytes.
    if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) continue;
    name += is_name_character(c) || c == '.' || c == '-' ? c : '_';
  }
  return name;
}

Plan::Plan(std::shared_ptr<const Relation> relation, const Config& config, const Style& style)
    : relation_(std::move(relation)), style_(style) {
  const std::string full = relation_->schema + "." + relation_->table;
  for (const Outbox& outbox : config.outboxes) {
    if (outbox.tables.matches(full)) outbox_ = &outbox;
  }
  captured_ = config.captures(relation_->schema, relation_->table);
  const std::string& delimiter = config.topic_delimiter;
  topic_ = topic_name(config.topic_prefix + delimiter + relation_->schema + delimiter +
                      relation_->table);
  nulls_become_defaults_ = config.nulls_become_defaults && !style.readable;
  choose_columns(config);
  choose_key(config);
  const std::string name = config.avro_names ? avro_name(topic_) : topic_;
  if (config.key_schemas && !key_.empty()) {
    key_schema_ = key_schema(*relation_, key_, name + ".Key", style);
  }
  if (config.value_schemas) value_schema_ = envelope_schema(*relation_, columns_, name, style);
}

void Plan::choose_columns(const Config& config) {
  defaults_.resize(relation_->columns.size());
  for (uint32_t i = 0; i < relation_->columns.size(); ++i) {
    const Column& column = relation_->columns[i];
    if (column.default_text) {
      std::string value;
      if (append_value(value, column.type, *column.default_text, style_)) defaults_[i] = value;
    }
    if (!is_shown(column.type, style_)) continue;
    if (!config.captures_column(relation_->schema, relation_->table, column.name)) continue;
    columns_.push_back(i);
  }
}

void Plan::choose_key(const Config& config) {
  const std::string full = relation_->schema + "." + relation_->table;
  for (const KeyColumns& chosen : config.key_columns) {
    if (!chosen.table.matches(full)) continue;
    for (const uint32_t i : columns_) {
      const std::string& name = relation_->columns[i].name;
      if (std::ranges::find(chosen.columns, name) != chosen.columns.end()) key_.push_back(i);
    }
    return;
  }
  for (const uint32_t i : relation_->key) {
    if (std::ranges::find(columns_, i) != columns_.end()) key_.push_back(i);
  }
}

Result<std::optional<std::string>> Plan::key_of(const Row& row) const {
  if (key_.empty()) return std::nullopt;
  std::string out = "{";
  for (const uint32_t i : key_) {
    if (out.size() > 1) out += ',';
    append_json_string(out, relation_->columns[i].name);
    out += ':';
    if (row[i].state == Value::State::kText) {
      if (!append_value(out, relation_->columns[i].type, row[i].text, style_)) {
        return fail(
            ErrorCode::kCorruptBatch,
            fmt::format("the key column {}.{}.{} holds no {}", relation_->schema, relation_->table,
                        relation_->columns[i].name, relation_->columns[i].type.name));
      }
    } else if (row[i].state == Value::State::kUnchanged) {
      append_unavailable(out, relation_->columns[i].type, style_);
    } else {
      append_null(out, i);
    }
  }
  return out + '}';
}

std::string Plan::with_schema(const std::string& key) const {
  if (key_schema_.empty()) return key;
  return R"({"schema":)" + key_schema_ + R"(,"payload":)" + key + '}';
}

bool Plan::has_key(const Row& row) const {
  return !key_.empty() && std::ranges::all_of(key_, [&](uint32_t i) {
    return row[i].state != Value::State::kAbsent;
  });
}

bool Plan::differs(const Row& before, const Row& after) const {
  return std::ranges::any_of(columns_, [&](uint32_t i) {
    if (after[i].state == Value::State::kUnchanged) return false;
    if (before[i].state == Value::State::kAbsent) return true;
    return before[i].state != after[i].state || before[i].text != after[i].text;
  });
}

// What stands for a null: itself, or what a column that takes none has instead.
bool Plan::append_null(std::string& out, uint32_t column) const {
  const Column& described = relation_->columns[column];
  const bool fill = !style_.readable && (!described.optional || nulls_become_defaults_);
  if (fill && !defaults_[column].empty()) {
    out += defaults_[column];
  } else if (!style_.readable && !described.optional) {
    append_zero(out, described.type, style_);
  } else {
    out += "null";
  }
  return true;
}

Result<> Plan::append_row(std::string& out,
                          const Row& row,
                          const Row* old,
                          std::vector<std::string_view>* unchanged) const {
  out += '{';
  bool first = true;
  for (const uint32_t i : columns_) {
    const Column& column = relation_->columns[i];
    const Value* value = &row[i];
    const bool kept = value->state == Value::State::kUnchanged;
    if (kept && old != nullptr && (*old)[i].state == Value::State::kText) value = &(*old)[i];
    if (style_.readable && value->state == Value::State::kAbsent) continue;
    if (value->state == Value::State::kUnchanged && unchanged != nullptr) {
      unchanged->push_back(column.name);
      continue;
    }
    if (!first) out += ',';
    first = false;
    append_json_string(out, column.name);
    out += ':';
    if (value->state == Value::State::kUnchanged) {
      append_unavailable(out, column.type, style_);
    } else if (value->state != Value::State::kText) {
      append_null(out, i);
    } else if (!append_value(out, column.type, value->text, style_)) {
      return fail(ErrorCode::kCorruptBatch,
                  fmt::format("column {}.{}.{} holds \"{}\", which the chosen form of {} cannot "
                              "express",
                              relation_->schema, relation_->table, column.name,
                              value->text.substr(0, kShownBytesMax), column.type.name));
    }
  }
  out += '}';
  return {};
}

}  // namespace weir::cdc
