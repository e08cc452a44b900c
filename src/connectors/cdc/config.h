#pragma once
// How a capture is configured. There is one form, a map of properties with the names of Debezium's
// PostgreSQL connector
// (https://debezium.io/documentation/reference/stable/connectors/postgresql.html) and a few of our
// own; flags, TOML and Kafka Connect's JSON are read into it, the catalog stores it, parse() turns
// it into the typed Config. Every property is honoured, or accepted because it means nothing here
// (with a note), or refused by its name with what to do instead.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "connectors/cdc/patterns.h"

namespace weir::cdc {

using Properties = std::map<std::string, std::string>;

// A capture as a file describes it. The name is empty when the file gives none.
struct Loaded {
  std::string name;
  Properties properties;
};

// Kafka Connect's {"name": …, "config": {…}}, or the flat object of properties.
Result<Loaded> load_json(std::string_view text);

// Tables [[cdc]] (or one [cdc]) with a `name` and properties, dotted or nested; [[cdc.outbox]]
// inside.
Result<std::vector<Loaded>> load_toml(std::string_view text);

// Takes a literal database.password out: properties are stored and shown, a password never is.
std::optional<std::string> take_password(Properties& properties);

enum class SnapshotMode : uint8_t { kInitial, kAlways, kInitialOnly, kNoData, kWhenNeeded };
enum class Autocreate : uint8_t { kAllTables, kFiltered, kDisabled, kNoTables };
enum class DecimalMode : uint8_t { kPrecise, kDouble, kString };
enum class TimeMode : uint8_t {
  kAdaptive,
  kAdaptiveMicroseconds,
  kConnect,
  kMicroseconds,
  kNanoseconds,
  kIsoString,
};
enum class BinaryMode : uint8_t { kBytes, kBase64, kBase64UrlSafe, kHex };

struct Connection {
  std::string host = "localhost";
  uint16_t port = 5432;
  std::string user;
  std::string database;
  std::string sslmode = "prefer";
  std::string sslcert;
  std::string sslkey;
  std::string sslrootcert;
  std::string password_file;  // at most one of the two is set
  std::string password_env;
  bool tcp_keepalive = true;
};

// An outbox: rows of a table, or logical messages of a prefix, that become messages of their own.
struct Outbox {
  struct Placement {
    enum class Where : uint8_t { kHeader, kEnvelope, kPartition };
    std::string column;
    Where where = Where::kHeader;
    std::string alias;
  };
  std::string table;   // schema.table; an expression as in table.include.list
  std::string prefix;  // of logical messages; then the content is a JSON object of the columns
  Patterns tables;     // of `table`
  std::string id = "id";
  std::string key = "aggregateid";
  std::string payload = "payload";
  std::string route = "aggregatetype";  // the column to route by
  std::string timestamp;                // a column; empty: the transaction's time
  std::string schema_version;           // a column; empty: none
  Pattern route_regex;
  std::string route_replacement = "outbox.event.${routedByValue}";
  bool to_queue = false;
  bool quote_key = false;      // the key is a JSON string, as Kafka Connect's JSON converter has it
  bool quote_payload = false;  // the payload is a JSON string, as an unexpanded one is in JSON
  bool tombstone_on_empty = false;
  bool additional_missing_is_error = true;
  std::vector<Placement> additional;
  enum class Invalid : uint8_t { kWarn, kError, kFatal } on_update = Invalid::kWarn;
};

struct KeyColumns {
  Pattern table;
  std::vector<std::string> columns;
};

// Fields stand by what they are about, not by their size.
struct Config {  // NOLINT(clang-analyzer-optin.performance.Padding)
  Connection connection;
  bool debezium_profile = true;  // else the readable profile

  // Names
  std::string topic_prefix;
  std::string topic_delimiter = ".";
  std::string heartbeat_topic_prefix = "__debezium-heartbeat";
  std::string transaction_topic = "transaction";

  // What is captured
  Patterns schema_include, schema_exclude, table_include, table_exclude;
  Patterns column_include, column_exclude, message_include, message_exclude;
  std::string skipped_operations = "t";
  bool skip_without_change = false;
  std::vector<KeyColumns> key_columns;

  // Server side
  std::string slot_name = "debezium";
  bool slot_drop_on_stop = false;
  bool slot_failover = false;
  std::vector<std::pair<std::string, std::string>> slot_stream_params;
  std::string publication_name = "dbz_publication";
  Autocreate publication_autocreate = Autocreate::kAllTables;
  bool publish_via_partition_root = false;
  int64_t status_update_interval_ms = 10'000;
  int64_t heartbeat_interval_ms = 0;
  std::string heartbeat_action_query;
  int64_t retained_wal_alarm_bytes = int64_t{1} << 30;  // 0: no alarm
  int64_t retry_delay_ms = 10'000;  // the longest between two attempts to connect

  // Snapshot
  SnapshotMode snapshot_mode = SnapshotMode::kInitial;
  uint32_t snapshot_fetch_size = 10'240;
  uint32_t snapshot_threads = 1;
  Patterns snapshot_include;
  std::map<std::string, std::string> snapshot_selects;  // of schema.table

  // Events
  DecimalMode decimal = DecimalMode::kPrecise;
  TimeMode time = TimeMode::kAdaptive;
  BinaryMode binary = BinaryMode::kBytes;
  bool interval_text = false;
  bool hstore_map = false;
  int32_t money_digits = 2;
  bool unknown_types = false;
  bool nulls_become_defaults = true;  // Kafka Connect's replace.null.with.default
  bool avro_names = false;            // schema.name.adjustment.mode=avro
  std::string unavailable_value = "__debezium_unavailable_value";
  bool tombstones = true;
  bool transaction_metadata = false;
  bool context_headers = true;
  bool key_schemas = true;
  bool value_schemas = true;

  std::vector<Outbox> outboxes;

  // Whether rows of the table become events (an outbox table always does). Tables of the system
  // never do.
  bool captures(std::string_view schema, std::string_view table) const;
  bool captures_column(std::string_view schema,
                       std::string_view table,
                       std::string_view column) const;
  bool captures_message(std::string_view prefix) const;
};

// What is left to its default is the profile's default: Debezium's own with profile=debezium (or a
// connector.class of Debezium), else the readable ones. `name` is the capture's. Notes: what was
// accepted and does nothing here.
Result<Config> parse(std::string_view name,
                     const Properties& properties,
                     std::vector<std::string>& notes);

}  // namespace weir::cdc
