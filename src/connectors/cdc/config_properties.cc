#include "connectors/cdc/config_properties.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/suggest.h"
#include "connectors/cdc/config.h"
#include "connectors/cdc/config_values.h"
#include "fmt/format.h"

namespace weir::cdc {

namespace {

constexpr int64_t kDayMs = 86'400'000;

constexpr Choice<SnapshotMode> kSnapshotModes[] = {{"initial", SnapshotMode::kInitial},
                                                   {"always", SnapshotMode::kAlways},
                                                   {"initial_only", SnapshotMode::kInitialOnly},
                                                   {"no_data", SnapshotMode::kNoData},
                                                   {"when_needed", SnapshotMode::kWhenNeeded}};
constexpr Choice<Autocreate> kAutocreates[] = {{"all_tables", Autocreate::kAllTables},
                                               {"filtered", Autocreate::kFiltered},
                                               {"disabled", Autocreate::kDisabled},
                                               {"no_tables", Autocreate::kNoTables}};
constexpr Choice<DecimalMode> kDecimals[] = {{"precise", DecimalMode::kPrecise},
                                             {"double", DecimalMode::kDouble},
                                             {"string", DecimalMode::kString}};
constexpr Choice<TimeMode> kTimes[] = {
    {"adaptive", TimeMode::kAdaptive},
    {"adaptive_time_microseconds", TimeMode::kAdaptiveMicroseconds},
    {"connect", TimeMode::kConnect},
    {"microseconds", TimeMode::kMicroseconds},
    {"nanoseconds", TimeMode::kNanoseconds},
    {"isostring", TimeMode::kIsoString}};
constexpr Choice<BinaryMode> kBinaries[] = {{"bytes", BinaryMode::kBytes},
                                            {"base64", BinaryMode::kBase64},
                                            {"base64-url-safe", BinaryMode::kBase64UrlSafe},
                                            {"hex", BinaryMode::kHex}};

struct Setter {
  std::string_view name;
  Result<> (*set)(Config&, std::string_view, const std::string&);
};

template <std::string Config::* kMember>
Result<> text(Config& config, std::string_view, const std::string& value) {
  config.*kMember = value;
  return {};
}

template <std::string Connection::* kMember>
Result<> connection_text(Config& config, std::string_view, const std::string& value) {
  config.connection.*kMember = value;
  return {};
}

template <bool Config::* kMember>
Result<> truth(Config& config, std::string_view name, const std::string& value) {
  return read_bool(name, value, config.*kMember);
}

template <Patterns Config::* kMember>
Result<> patterns(Config& config, std::string_view name, const std::string& value) {
  return read_patterns(name, value, true, config.*kMember);
}

template <int64_t Config::* kMember, int64_t kLeast>
Result<> time_ms(Config& config, std::string_view name, const std::string& value) {
  return read_number(name, value, kLeast, kDayMs, config.*kMember);
}

template <uint32_t Config::* kMember, int64_t kMost>
Result<> count(Config& config, std::string_view name, const std::string& value) {
  int64_t number = 0;
  const Result<> read = read_number(name, value, 1, kMost, number);
  config.*kMember = static_cast<uint32_t>(number);
  return read;
}

Result<> retained_wal_alarm(Config& config, std::string_view name, const std::string& value) {
  return read_number(name, value, 0, INT64_MAX, config.retained_wal_alarm_bytes);
}

Result<> port(Config& config, std::string_view name, const std::string& value) {
  int64_t number = 0;
  const Result<> read = read_number(name, value, 1, 65535, number);
  config.connection.port = static_cast<uint16_t>(number);
  return read;
}

Result<> skipped(Config& config, std::string_view name, const std::string& value) {
  config.skipped_operations.clear();
  if (value == "none") return {};
  for (const char c : value) {
    if (c == ',' || c == ' ') continue;
    if (std::string_view("cudtrm").find(c) == std::string_view::npos) {
      return std::unexpected(bad_value(name, value, "give letters of c, u, d, t, or none"));
    }
    config.skipped_operations += c;
  }
  return {};
}

// schema.table:column,column;schema.table:column
Result<> key_columns(Config& config, std::string_view name, const std::string& value) {
  std::string_view rest = value;
  while (!rest.empty()) {
    const size_t end = rest.find(';');
    const std::string_view one = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    const size_t colon = one.rfind(':');
    if (colon == std::string_view::npos) {
      return std::unexpected(bad_value(name, value, "give schema.table:column,column;…"));
    }
    KeyColumns columns;
    Result<Pattern> table = Pattern::compile(one.substr(0, colon));
    if (!table) return std::unexpected(bad_value(name, value, table.error().message));
    columns.table = std::move(*table);
    std::string_view names = one.substr(colon + 1);
    while (!names.empty()) {
      const size_t comma = names.find(',');
      columns.columns.emplace_back(names.substr(0, comma));
      names = comma == std::string_view::npos ? std::string_view{} : names.substr(comma + 1);
    }
    config.key_columns.push_back(std::move(columns));
  }
  return {};
}

Result<> stream_parameters(Config& config, std::string_view name, const std::string& value) {
  std::string_view rest = value;
  while (!rest.empty()) {
    const size_t end = rest.find(';');
    const std::string_view one = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    const size_t equals = one.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return std::unexpected(bad_value(name, value, "give name=value;…"));
    }
    config.slot_stream_params.emplace_back(one.substr(0, equals), one.substr(equals + 1));
  }
  return {};
}

Result<> snapshot_mode(Config& config, std::string_view name, const std::string& value) {
  if (value == "custom" || value == "configuration_based") {
    return std::unexpected(
        bad_value(name, value,
                  "custom snapshots are Java: choose initial, always, initial_only, no_data or "
                  "when_needed"));
  }
  if (value == "never" || value == "schema_only") {  // as no_data was called before
    config.snapshot_mode = SnapshotMode::kNoData;
    return {};
  }
  return read_one_of(name, value, kSnapshotModes, config.snapshot_mode);
}

Result<> interval_mode(Config& config, std::string_view name, const std::string& value) {
  constexpr Choice<bool> kWords[] = {{"numeric", false}, {"string", true}};
  return read_one_of(name, value, kWords, config.interval_text);
}

Result<> hstore_mode(Config& config, std::string_view name, const std::string& value) {
  constexpr Choice<bool> kWords[] = {{"json", false}, {"map", true}};
  return read_one_of(name, value, kWords, config.hstore_map);
}

Result<> adjustment(Config& config, std::string_view name, const std::string& value) {
  constexpr Choice<bool> kWords[] = {{"none", false}, {"avro", true}};
  return read_one_of(name, value, kWords, config.avro_names);
}

Result<> money_digits(Config& config, std::string_view name, const std::string& value) {
  int64_t number = 0;
  const Result<> read = read_number(name, value, 0, 18, number);
  config.money_digits = static_cast<int32_t>(number);
  return read;
}

Result<> converter(Config& config, std::string_view name, const std::string& value) {
  if (value == kJsonConverter) return {};
  constexpr std::string_view kText[] = {"org.apache.kafka.connect.storage.StringConverter",
                                        "org.apache.kafka.connect.converters.ByteArrayConverter",
                                        "io.debezium.converters.ByteArrayConverter",
                                        "io.debezium.converters.BinaryDataConverter"};
  if (std::ranges::find(kText, value) != std::end(kText)) {
    (name.starts_with("key") ? config.key_schemas : config.value_schemas) = false;
    return {};
  }
  return std::unexpected(bad_value(
      name, value,
      "Weir writes JSON, without a schema registry; give " + std::string(kJsonConverter)));
}

template <auto kMember, auto kChoices>
Result<> choice(Config& config, std::string_view name, const std::string& value) {
  return read_one_of(name, value, *kChoices, config.*kMember);
}

Result<> database(Config& config, std::string_view name, const std::string& value) {
  if (value.find(',') != std::string::npos) {
    return std::unexpected(bad_value(name, value, "a capture reads one database; add another"));
  }
  config.connection.database = value;
  return {};
}

constexpr Setter kSetters[] = {
    {"binary.handling.mode", choice<&Config::binary, &kBinaries>},
    {"column.exclude.list", patterns<&Config::column_exclude>},
    {"column.include.list", patterns<&Config::column_include>},
    {"database.dbname", database},
    {"database.hostname", connection_text<&Connection::host>},
    {"database.password.env", connection_text<&Connection::password_env>},
    {"database.password.file", connection_text<&Connection::password_file>},
    {"database.port", port},
    {"database.sslcert", connection_text<&Connection::sslcert>},
    {"database.sslkey", connection_text<&Connection::sslkey>},
    {"database.sslmode", connection_text<&Connection::sslmode>},
    {"database.sslrootcert", connection_text<&Connection::sslrootcert>},
    {"database.user", connection_text<&Connection::user>},
    {"decimal.handling.mode", choice<&Config::decimal, &kDecimals>},
    {"extended.headers.enabled", truth<&Config::context_headers>},
    {"heartbeat.action.query", text<&Config::heartbeat_action_query>},
    {"heartbeat.interval.ms", time_ms<&Config::heartbeat_interval_ms, 0>},
    {"hstore.handling.mode", hstore_mode},
    {"include.unknown.datatypes", truth<&Config::unknown_types>},
    {"interval.handling.mode", interval_mode},
    {"key.converter", converter},
    {"key.converter.schemas.enable", truth<&Config::key_schemas>},
    {"message.key.columns", key_columns},
    {"message.prefix.exclude.list", patterns<&Config::message_exclude>},
    {"message.prefix.include.list", patterns<&Config::message_include>},
    {"money.fraction.digits", money_digits},
    {"provide.transaction.metadata", truth<&Config::transaction_metadata>},
    {"publication.autocreate.mode", choice<&Config::publication_autocreate, &kAutocreates>},
    {"publication.name", text<&Config::publication_name>},
    {"publish.via.partition.root", truth<&Config::publish_via_partition_root>},
    {"retained.wal.alarm.bytes", retained_wal_alarm},
    {"schema.exclude.list", patterns<&Config::schema_exclude>},
    {"schema.include.list", patterns<&Config::schema_include>},
    {"schema.name.adjustment.mode", adjustment},
    {"skip.messages.without.change", truth<&Config::skip_without_change>},
    {"skipped.operations", skipped},
    {"slot.drop.on.stop", truth<&Config::slot_drop_on_stop>},
    {"slot.failover", truth<&Config::slot_failover>},
    {"slot.name", text<&Config::slot_name>},
    {"slot.retry.delay.ms", time_ms<&Config::retry_delay_ms, 1>},
    {"slot.stream.params", stream_parameters},
    {"snapshot.fetch.size", count<&Config::snapshot_fetch_size, 10'000'000>},
    {"snapshot.include.collection.list", patterns<&Config::snapshot_include>},
    {"snapshot.max.threads", count<&Config::snapshot_threads, 32>},
    {"snapshot.mode", snapshot_mode},
    {"status.update.interval.ms", time_ms<&Config::status_update_interval_ms, 1>},
    {"table.exclude.list", patterns<&Config::table_exclude>},
    {"table.include.list", patterns<&Config::table_include>},
    {"time.precision.mode", choice<&Config::time, &kTimes>},
    {"tombstones.on.delete", truth<&Config::tombstones>},
    {"topic.delimiter", text<&Config::topic_delimiter>},
    {"topic.heartbeat.prefix", text<&Config::heartbeat_topic_prefix>},
    {"topic.prefix", text<&Config::topic_prefix>},
    {"topic.transaction", text<&Config::transaction_topic>},
    {"unavailable.value.placeholder", text<&Config::unavailable_value>},
    {"value.converter", converter},
    {"value.converter.replace.null.with.default", truth<&Config::nulls_become_defaults>},
    {"value.converter.schemas.enable", truth<&Config::value_schemas>},
};

}  // namespace

Result<> set_property(Config& config,
                      const std::string& name,
                      const std::string& value,
                      bool& known) {
  const auto* setter = std::ranges::find(kSetters, name, &Setter::name);
  known = setter != std::end(kSetters);
  return known ? setter->set(config, name, value) : Result<>();
}

Error unknown_property(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Setter& setter : kSetters) names.push_back(setter.name);
  return {.code = ErrorCode::kInvalidArgument,
          .message = fmt::format("unknown property {}{}", name, did_you_mean(name, names))};
}

}  // namespace weir::cdc
