#pragma once
// What the configuration makes of one relation, worked out once: its topic, its columns, its key,
// the texts of its schemas.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "connectors/cdc/change.h"
#include "connectors/cdc/config.h"
#include "connectors/cdc/values.h"

namespace weir::cdc {

class Plan {
 public:
  Plan(std::shared_ptr<const Relation> relation, const Config& config, const Style& style);

  const Relation& relation() const { return *relation_; }
  const std::shared_ptr<const Relation>& shared_relation() const { return relation_; }
  bool captured() const { return captured_; }
  const Outbox* outbox() const { return outbox_; }  // or null
  const std::string& topic() const { return topic_; }
  const std::string& value_schema() const { return value_schema_; }

  // The key of a row without its schema; nothing when the relation has none.
  Result<std::optional<std::string>> key_of(const Row& row) const;
  // The key as a record carries it.
  std::string with_schema(const std::string& key) const;

  // Whether all columns of the key were sent.
  bool has_key(const Row& row) const;
  // Whether the columns that are shown differ. Rows that are not whole differ.
  bool differs(const Row& before, const Row& after) const;

  // Appends the row. A big value that was not sent is taken from `old` if that has it; else its
  // column's name is appended to `unchanged`, if that is given, or a placeholder stands for it.
  Result<> append_row(std::string& out,
                      const Row& row,
                      const Row* old,
                      std::vector<std::string_view>* unchanged) const;

 private:
  void choose_columns(const Config& config);
  void choose_key(const Config& config);
  bool append_null(std::string& out, uint32_t column) const;

  std::shared_ptr<const Relation> relation_;
  const Style& style_;
  bool captured_ = false;
  bool nulls_become_defaults_ = false;
  const Outbox* outbox_ = nullptr;
  std::string topic_;
  std::vector<uint32_t> columns_;
  std::vector<uint32_t> key_;
  std::vector<std::string> defaults_;  // JSON by position; empty: none
  std::string key_schema_;             // empty: keys come without
  std::string value_schema_;           // empty: values come without
};

// A topic's name: what Kafka does not allow in it becomes _.
std::string topic_name(std::string_view text);

}  // namespace weir::cdc
