#pragma once
// Settings: everything that can be configured, as typed values, and where each came from.
//
// One table (settings.cc) names every option; its key gives all spellings: the key kafka.port is
// --kafka-port on the command line, WEIR_KAFKA_PORT in the environment and port in the section
// [kafka] of the file. Precedence: flags > environment > file > defaults.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace weir::server {

// A listener's port: a number, 0 for any free one, or "off".
struct PortSetting {
  uint16_t number = 0;
  bool off = false;
};

enum class Source : uint8_t { kDefault, kFile, kEnvironment, kFlag };

struct Settings {
  std::string data = "./data";
  bool salvage = false;
  uint64_t storage_file_bytes = uint64_t{64} << 20;
  uint64_t storage_checkpoint_bytes = uint64_t{512} << 20;
  uint64_t storage_maintenance_ms = 1000;
  std::string ports_file;
  std::string address = "127.0.0.1";
  bool insecure = false;
  uint64_t shards = 0;
  uint64_t connections_max = 10'000;
  uint64_t connections_per_address_max = 0;
  uint64_t stop_grace_ms = 5'000;
  std::string log_level = "info";
  std::string log_format = "auto";

  std::string first_user;
  std::string super_users;

  PortSetting kafka_port{.number = 9092};
  PortSetting aws_port{.number = 4566};
  PortSetting redis_port{.number = 6379};
  PortSetting http_port{.number = 8080};
  std::string kafka_advertised_host;
  uint64_t kafka_advertised_port = 0;
  std::string kafka_listeners;  // see kafka_listeners.h
  std::string kafka_auto_create_topics = "on";
  uint64_t kafka_default_partitions = 1;
  std::string kafka_sasl = "optional";
  std::string kafka_sasl_mechanisms = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512";
  uint64_t kafka_session_lifetime_ms = 0;
  uint64_t kafka_delegation_token_max_lifetime_ms = 604'800'000;
  uint64_t kafka_delegation_token_expiry_ms = 86'400'000;
  std::string kafka_access = "auto";
  uint64_t kafka_group_initial_delay_ms = 0;
  std::string kafka_token_keys;
  std::string kafka_token_issuer;
  std::string kafka_token_audience;
  std::string aws_credentials;
  bool aws_strict = false;
  uint64_t queue_delay_max_s = 900;
  uint64_t queue_message_bytes_max = uint64_t{1} << 20;
  std::string redis_auth = "optional";

  // Of all listeners; a listener's own stand below, where "off" takes away what holds for all.
  std::string tls_certificate;
  std::string tls_key;
  std::string tls_client_ca;
  std::string tls_min_version = "1.2";
  std::string kafka_tls_certificate;
  std::string kafka_tls_key;
  std::string kafka_tls_client_ca;
  std::string aws_tls_certificate;
  std::string aws_tls_key;
  std::string aws_tls_client_ca;
  std::string redis_tls_certificate;
  std::string redis_tls_key;
  std::string redis_tls_client_ca;
  std::string http_tls_certificate;
  std::string http_tls_key;
  std::string http_tls_client_ca;

  std::map<std::string, Source, std::less<>> sources;  // by key; absent = default

  bool configured(std::string_view key) const { return sources.find(key) != sources.end(); }
};

struct Option {
  using Member = std::variant<std::string Settings::*,
                              uint64_t Settings::*,
                              bool Settings::*,
                              PortSetting Settings::*>;

  std::string_view key;
  Member member;
  std::string_view value_name;  // for the help: "DIR"
  std::string_view help;
  uint64_t min = 0;  // of numbers
  uint64_t max = UINT64_MAX;
  std::vector<std::string_view> choices = {};  // of texts; empty: any text
};

std::span<const Option> options();

std::string flag_of(const Option& option);         // "--kafka-port"
std::string environment_of(const Option& option);  // "WEIR_KAFKA_PORT"
// The value as a user would write it; of a default-made Settings, the default.
std::string value_of(const Settings& settings, const Option& option);

// Every source gives texts. Errors name the option in the spelling of its source, the value and
// what is allowed.
Result<> assign(Settings& settings, const Option& option, std::string_view value, Source source);

// `text` is TOML; `name` is the file's name for messages, which begin with "FILE:LINE: ".
// Unknown keys are errors with a suggestion.
Result<> apply_file(Settings& settings, std::string_view text, std::string_view name);

// WEIR_* as in `environment` ("NAME=value"). Unknown names are returned as notes: another program's
// variable may begin with WEIR_ too.
Result<std::vector<std::string>> apply_environment(Settings& settings,
                                                   std::span<const char* const> environment);

bool is_loopback(std::string_view address);

// Rules between options. Where others than this host can connect, every open port asks who they
// are (signatures on the AWS port, a login on the Kafka and Redis ports, certificates there and on
// the admin port), or --insecure says that none must.
Result<> check(const Settings& settings);

// "a, b" as its words. Where there is a semicolon, semicolons stand between them, since the names
// of certificates have commas: "CN=a,O=x; CN=b,O=x".
std::vector<std::string> words_of(std::string_view list);

// What the file of first_user holds.
struct FirstUser {
  std::string name;
  std::string password;
};
// One line, NAME:PASSWORD. kNotFound, kInvalidArgument.
Result<FirstUser> read_first_user(const std::string& path);

// Reads a file of at most 1 MiB. kNotFound, kTooLarge.
Result<std::string> read_file(const std::string& path);

}  // namespace weir::server
