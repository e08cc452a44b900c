#include "connectors/cdc/config.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "connectors/cdc/config_outbox.h"
#include "connectors/cdc/config_properties.h"
#include "connectors/cdc/config_tables.h"
#include "connectors/cdc/config_values.h"
#include "fmt/format.h"

namespace weir::cdc {

namespace {

constexpr size_t kSlotNameMax = 63;
constexpr size_t kPrefixMax = 200;

// Reads all properties of one capture.
class Parser {
 public:
  Parser(std::string_view name, const Properties& properties, std::vector<std::string>& notes)
      : name_(name), properties_(properties), notes_(notes) {}

  Result<Config> parse() {
    if (const Result<> known = profile(); !known) return std::unexpected(known.error());
    for (const auto& [key, value] : properties_) {
      if (const Result<> taken = take(key, value); !taken) return std::unexpected(taken.error());
    }
    if (const Result<> routed = routers(); !routed) return std::unexpected(routed.error());
    for (auto& [number, outbox] : outboxes_) {
      const Result<> whole = finish_outbox(outbox, "outbox." + number);
      if (!whole) return std::unexpected(whole.error());
      config_.outboxes.push_back(std::move(outbox));
    }
    if (const Result<> checked = check(); !checked) return std::unexpected(checked.error());
    return std::move(config_);
  }

 private:
  const std::string* find(std::string_view key) const {
    const auto found = properties_.find(std::string(key));
    return found == properties_.end() ? nullptr : &found->second;
  }

  Result<> profile() {
    const std::string* chosen = find("profile");
    const std::string* connector = find("connector.class");
    if (connector != nullptr &&
        *connector != "io.debezium.connector.postgresql.PostgresConnector") {
      return std::unexpected(bad_value("connector.class", *connector,
                                       "Weir captures PostgreSQL: "
                                       "io.debezium.connector.postgresql.PostgresConnector"));
    }
    config_.debezium_profile = connector != nullptr;
    if (chosen != nullptr) {
      constexpr Choice<bool> kWords[] = {{"readable", false}, {"debezium", true}};
      const Result<> read = read_one_of("profile", *chosen, kWords, config_.debezium_profile);
      if (!read) return read;
    }
    if (!config_.debezium_profile) readable();
    return {};
  }

  void readable() {
    config_.decimal = DecimalMode::kString;
    config_.time = TimeMode::kIsoString;
    config_.binary = BinaryMode::kBase64;
    config_.interval_text = true;
    config_.hstore_map = true;
    config_.unknown_types = true;
    config_.context_headers = false;
    config_.key_schemas = false;
    config_.value_schemas = false;
    config_.skipped_operations.clear();
    config_.nulls_become_defaults = false;
    config_.snapshot_threads = 2;
    config_.publication_autocreate = Autocreate::kFiltered;
    std::string own = "weir_";
    for (const char c : name_.substr(0, kSlotNameMax - own.size())) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
      own += plain ? c : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : '_';
    }
    config_.slot_name = own;
    config_.publication_name = own;
  }

  Result<> take(const std::string& key, const std::string& value) {
    if (key == "profile" || key == "connector.class" || key == "name") return {};
    bool known = false;
    const Result<> set = set_property(config_, key, value, known);
    if (known) return set;
    if (key.starts_with("outbox.")) return outbox_option(key, value);
    if (key.starts_with("transforms")) return {};  // together, in routers()
    constexpr std::string_view kSelects = "snapshot.select.statement.overrides";
    if (key == kSelects) return {};
    if (key.starts_with(kSelects)) {
      config_.snapshot_selects.emplace(key.substr(kSelects.size() + 1), value);
      return {};
    }
    if (const std::string_view instead = refused(key); !instead.empty()) {
      return fail(ErrorCode::kUnsupported, fmt::format("{} is not supported: {}", key, instead));
    }
    if (const std::string_view why = without_effect(key); !why.empty()) {
      notes_.push_back(fmt::format("{} has no effect: {}", key, why));
      return {};
    }
    if (key.starts_with("key.converter.") || key.starts_with("value.converter.")) {
      notes_.push_back(fmt::format("{} has no effect: Weir writes JSON", key));
      return {};
    }
    return std::unexpected(unknown_property(key));
  }

  // outbox.0.table = …
  Result<> outbox_option(const std::string& key, const std::string& value) {
    constexpr size_t kStart = std::string_view("outbox.").size();
    const size_t dot = key.find('.', kStart);
    if (dot == std::string::npos) return std::unexpected(unknown_property(key));
    Outbox& outbox = outboxes_[key.substr(kStart, dot - kStart)];
    bool known = false;
    const Result<> set = set_outbox_option(outbox, key, key.substr(dot + 1), value, known);
    return set && !known ? std::unexpected(unknown_property(key)) : set;
  }

  // The transforms of Kafka Connect, of which the event router is one and the rest is refused.
  Result<> routers() {
    const std::string* names = find("transforms");
    if (names == nullptr) return {};
    std::string_view rest = *names;
    bool messages = false;
    std::vector<std::string> routers;
    while (!rest.empty()) {
      const size_t comma = rest.find(',');
      std::string one(rest.substr(0, comma));
      std::erase(one, ' ');
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
      const std::string* type = find("transforms." + one + ".type");
      if (type != nullptr && *type == "io.debezium.transforms.outbox.EventRouter") {
        routers.push_back(one);
      } else if (type != nullptr && type->ends_with("DecodeLogicalDecodingMessageContent")) {
        messages = true;
      } else {
        return fail(ErrorCode::kUnsupported,
                    fmt::format("transforms.{}.type = {} is not supported: of the transforms Weir "
                                "has the outbox event router",
                                one, type == nullptr ? "(none)" : *type));
      }
    }
    for (const std::string& one : routers) {
      if (const Result<> added = router(one, messages); !added) return added;
    }
    return {};
  }

  Result<> router(const std::string& one, bool messages) {
    Outbox outbox;
    outbox.quote_payload = true;  // unless it is expanded
    const std::string start = "transforms." + one + ".";
    for (const auto& [key, value] : properties_) {
      if (!key.starts_with(start) || key == start + "type") continue;
      bool known = false;
      const Result<> set = set_outbox_option(outbox, key, key.substr(start.size()), value, known);
      if (!set) return set;
      if (!known) return std::unexpected(unknown_property(key));
    }
    if (const Result<> formed = converted(outbox); !formed) return formed;
    if (messages && outbox.prefix.empty()) {
      const std::string* prefix = find("message.prefix.include.list");
      if (prefix == nullptr) {
        return fail(ErrorCode::kInvalidArgument,
                    "an outbox of logical messages needs message.prefix.include.list");
      }
      outbox.prefix = *prefix;
    } else if (outbox.table.empty() && outbox.prefix.empty()) {
      const std::string* tables = find("table.include.list");
      if (tables == nullptr) {
        return fail(ErrorCode::kInvalidArgument,
                    "the outbox event router needs table.include.list to name the outbox");
      }
      outbox.table = *tables;
    }
    outboxes_[one] = std::move(outbox);
    return {};
  }

  // What the JSON converter of keys and values makes of texts; without one they stay as they are.
  Result<> converted(Outbox& outbox) const {
    const auto is_json = [this](std::string_view side) {
      const std::string* converter = find(std::string(side) + ".converter");
      return converter != nullptr && *converter == kJsonConverter;
    };
    if ((is_json("key") && config_.key_schemas) || (is_json("value") && config_.value_schemas)) {
      return fail(ErrorCode::kUnsupported,
                  "an outbox has no schemas: set key.converter.schemas.enable and "
                  "value.converter.schemas.enable to false");
    }
    outbox.quote_key = is_json("key");
    outbox.quote_payload = outbox.quote_payload && is_json("value");
    return {};
  }

  static Result<> exclusive(const Patterns& include,
                            const Patterns& exclude,
                            std::string_view what) {
    if (include.empty() || exclude.empty()) return {};
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{0}.include.list and {0}.exclude.list exclude each other", what));
  }

  Result<> check() const {
    const std::pair<const Patterns*, const Patterns*> pairs[] = {
        {&config_.schema_include, &config_.schema_exclude},
        {&config_.table_include, &config_.table_exclude},
        {&config_.column_include, &config_.column_exclude},
        {&config_.message_include, &config_.message_exclude}};
    constexpr std::string_view kNames[] = {"schema", "table", "column", "message.prefix"};
    for (size_t i = 0; i < std::size(pairs); ++i) {
      const Result<> one = exclusive(*pairs[i].first, *pairs[i].second, kNames[i]);
      if (!one) return one;
    }
    if (config_.topic_prefix.empty() || config_.topic_prefix.size() > kPrefixMax) {
      return std::unexpected(
          bad_value("topic.prefix", config_.topic_prefix, "give the first word of the topics"));
    }
    if (config_.connection.database.empty()) {
      return std::unexpected(bad_value("database.dbname", "", "name the database"));
    }
    const bool named = !config_.slot_name.empty() && config_.slot_name.size() <= kSlotNameMax &&
                       std::ranges::all_of(config_.slot_name, [](char c) {
                         return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
                       });
    if (!named) {
      return std::unexpected(bad_value("slot.name", config_.slot_name,
                                       "PostgreSQL allows a to z, 0 to 9 and _ , at most 63"));
    }
    const bool afresh = config_.snapshot_mode == SnapshotMode::kAlways ||
                        config_.snapshot_mode == SnapshotMode::kWhenNeeded;
    if (config_.slot_drop_on_stop && !afresh) {
      return std::unexpected(bad_value("slot.drop.on.stop", "true",
                                       "the changes until the next start would be lost: leave it "
                                       "out, or set snapshot.mode to when_needed or always"));
    }
    const Connection& connection = config_.connection;
    if (!connection.password_file.empty() && !connection.password_env.empty()) {
      return fail(ErrorCode::kInvalidArgument,
                  "database.password.file and database.password.env exclude each other");
    }
    return {};
  }

  std::string_view name_;
  const Properties& properties_;
  std::vector<std::string>& notes_;
  Config config_;
  std::map<std::string, Outbox> outboxes_;
};

}  // namespace

std::optional<std::string> take_password(Properties& properties) {
  const auto found = properties.find("database.password");
  if (found == properties.end()) return std::nullopt;
  std::string password = std::move(found->second);
  properties.erase(found);
  return password;
}

Result<Config> parse(std::string_view name,
                     const Properties& properties,
                     std::vector<std::string>& notes) {
  return Parser(name, properties, notes).parse();
}

bool Config::captures(std::string_view schema, std::string_view table) const {
  if (schema == "pg_catalog" || schema == "information_schema" || schema.starts_with("pg_toast") ||
      schema.starts_with("pg_temp")) {
    return false;
  }
  const std::string full = fmt::format("{}.{}", schema, table);
  for (const Outbox& outbox : outboxes) {
    if (outbox.tables.matches(full)) return true;
  }
  if (!schema_include.empty() && !schema_include.matches(schema)) return false;
  if (schema_exclude.matches(schema)) return false;
  if (!table_include.empty() && !table_include.matches(full)) return false;
  return !table_exclude.matches(full);
}

bool Config::captures_column(std::string_view schema,
                             std::string_view table,
                             std::string_view column) const {
  const std::string full = fmt::format("{}.{}.{}", schema, table, column);
  if (!column_include.empty() && !column_include.matches(full)) return false;
  return !column_exclude.matches(full);
}

bool Config::captures_message(std::string_view prefix) const {
  if (!message_include.empty() && !message_include.matches(prefix)) return false;
  return !message_exclude.matches(prefix);
}

}  // namespace weir::cdc
