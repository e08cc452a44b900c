#include "server/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <set>

#include "base/suggest.h"
#include "server/kafka_listeners.h"
#include "server/tls.h"

namespace weir::server {
namespace {

constexpr std::string_view kMechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};
constexpr size_t kFileBytesMax = size_t{1} << 20;

// Variables of the process that are no options.
constexpr std::string_view kOtherVariables[] = {"WEIR_CONFIG", "WEIR_URL", "WEIR_CA",
                                                "WEIR_CANARY"};

std::vector<Option> process_options() {
  return {
      {"data", &Settings::data, "DIR", "where everything is stored"},
      {"salvage", &Settings::salvage, "",
       "start although stored bytes are damaged: leave them out"},
      {"storage.file_bytes", &Settings::storage_file_bytes, "BYTES", "size of a journal file",
       uint64_t{1} << 20, uint64_t{1} << 30},
      {"storage.checkpoint_bytes", &Settings::storage_checkpoint_bytes, "BYTES",
       "journal after which a checkpoint is due; more of it while images are larger",
       uint64_t{1} << 20, uint64_t{16} << 30},
      {"storage.maintenance_ms", &Settings::storage_maintenance_ms, "MS",
       "how often logs are looked at for what retention and compaction may remove", 10, 600'000},
      {"ports_file", &Settings::ports_file, "FILE", "write the ports there, as JSON, when ready"},
      {"address", &Settings::address, "ADDRESS", "listen there; 127.0.0.1 stands for ::1 as well"},
      {"insecure", &Settings::insecure, "",
       "allow an address that others can reach although a port asks nobody who he is"},
      {"first_user", &Settings::first_user, "FILE",
       "a user to make at the start unless there is one of that name: NAME:PASSWORD; may do all"},
      {"super_users", &Settings::super_users, "NAMES",
       "users whom no access rule binds, with commas between them; with semicolons if there is "
       "one"},
      {"shards", &Settings::shards, "N", "threads for connections; 0: by the number of cores", 0,
       256},
      {"connections_max", &Settings::connections_max, "N", "connections per listener", 1,
       1'000'000},
      {"connections_per_address_max", &Settings::connections_per_address_max, "N",
       "connections per listener from one address; 0: any number", 0, 1'000'000},
      {"stop_grace_ms", &Settings::stop_grace_ms, "MS",
       "how long a stop waits for replies under way", 0, 600'000},
      {"log.level",
       &Settings::log_level,
       "LEVEL",
       "what is logged",
       0,
       0,
       {"debug", "info", "warning", "error"}},
      {"log.format",
       &Settings::log_format,
       "FORMAT",
       "how; auto: logfmt on a terminal, else JSON",
       0,
       0,
       {"auto", "logfmt", "json"}},
  };
}

std::vector<Option> port_options() {
  return {
      {"kafka.port", &Settings::kafka_port, "PORT", "Kafka; 0: any free port, off: no listener"},
      {"kafka.advertised_host", &Settings::kafka_advertised_host, "HOST",
       "tell Kafka clients to connect there; empty: the address that they reached"},
      {"kafka.advertised_port", &Settings::kafka_advertised_port, "PORT",
       "and to that port; 0: the one that they reached", 0, UINT16_MAX},
      {"kafka.listeners", &Settings::kafka_listeners, "LISTENERS",
       "further Kafka ports: name=NAME,address=ADDRESS:PORT and, if wanted, advertised=HOST:PORT, "
       "sasl, tls_certificate, tls_key, tls_client_ca; with semicolons between them"},
      {"kafka.auto_create_topics",
       &Settings::kafka_auto_create_topics,
       "WHETHER",
       "make the topics that Kafka clients ask for",
       0,
       0,
       {"on", "off"}},
      {"kafka.default_partitions", &Settings::kafka_default_partitions, "N",
       "partitions of a topic that is made without a number", 1, 10'000},
      {"kafka.sasl",
       &Settings::kafka_sasl,
       "WHETHER",
       "whether Kafka clients log in with a user's name; off: nobody can",
       0,
       0,
       {"off", "optional", "required"}},
      {"kafka.sasl_mechanisms", &Settings::kafka_sasl_mechanisms, "NAMES",
       "how they may: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, with commas between them"},
      {"kafka.token_keys", &Settings::kafka_token_keys, "FILE",
       "Kafka clients may log in with tokens (OAUTHBEARER) signed by these keys (JWKS)"},
      {"kafka.token_issuer", &Settings::kafka_token_issuer, "TEXT",
       "who must have issued a token; empty: whoever has such a key"},
      {"kafka.token_audience", &Settings::kafka_token_audience, "TEXT",
       "for whom a token must be; empty: anybody"},
      {"kafka.session_lifetime_ms", &Settings::kafka_session_lifetime_ms, "MS",
       "Kafka clients log in again within that time; 0: never", 0, 86'400'000},
      {"kafka.delegation_token_max_lifetime_ms", &Settings::kafka_delegation_token_max_lifetime_ms,
       "MS", "how long a delegation token can be renewed", 1, 31'536'000'000},
      {"kafka.delegation_token_expiry_ms", &Settings::kafka_delegation_token_expiry_ms, "MS",
       "how long a delegation token lives unless it is renewed", 1, 31'536'000'000},
      {"kafka.access",
       &Settings::kafka_access,
       "WHO",
       "who may use what no access rule is about; auto: all while there is no rule at all",
       0,
       0,
       {"auto", "allow", "deny"}},
      {"kafka.group_initial_delay_ms", &Settings::kafka_group_initial_delay_ms, "MS",
       "how long the first member of a classic group waits for others; Apache Kafka: 3000", 0,
       600'000},
      {"aws.port", &Settings::aws_port, "PORT", "SQS; 0: any free port, off: no listener"},
      {"aws.credentials", &Settings::aws_credentials, "FILE",
       "check signatures against these keys, in the form of ~/.aws/credentials; empty: accept all"},
      {"aws_strict", &Settings::aws_strict, "",
       "keep the throttles and 60-second rules of AWS, too"},
      {"queue.delay_max_s", &Settings::queue_delay_max_s, "SECONDS",
       "longest delay that a message or a queue may have", 900, 31'536'000},
      {"queue.message_bytes_max", &Settings::queue_message_bytes_max, "BYTES",
       "largest message that a queue may allow", uint64_t{1} << 20, uint64_t{16} << 20},
      {"redis.port", &Settings::redis_port, "PORT", "Redis; 0: any free port, off: no listener"},
      {"redis.auth",
       &Settings::redis_auth,
       "WHETHER",
       "whether Redis clients log in; optional: they must once there is a user \"default\"",
       0,
       0,
       {"optional", "required"}},
      {"http.port", &Settings::http_port, "PORT", "admin; 0: any free port, off: no listener"},
  };
}

std::vector<Option> tls_options() {
  return {
      {"tls.certificate", &Settings::tls_certificate, "FILE",
       "every port speaks TLS with this certificate (PEM, its issuers behind it); empty: plain"},
      {"tls.key", &Settings::tls_key, "FILE",
       "the key of the certificate (PEM); empty: it stands in the certificate's file"},
      {"tls.client_ca", &Settings::tls_client_ca, "FILE",
       "clients must show a certificate of one of these authorities (PEM); empty: none"},
      {"tls.min_version",
       &Settings::tls_min_version,
       "VERSION",
       "the oldest TLS that is accepted",
       0,
       0,
       {"1.2", "1.3"}},
      {"kafka.tls_certificate", &Settings::kafka_tls_certificate, "FILE",
       "Kafka port: a certificate of its own; off: no TLS"},
      {"kafka.tls_key", &Settings::kafka_tls_key, "FILE",
       "Kafka port: the key of that certificate"},
      {"kafka.tls_client_ca", &Settings::kafka_tls_client_ca, "FILE",
       "Kafka port: a client CA of its own; off: any client may connect"},
      {"aws.tls_certificate", &Settings::aws_tls_certificate, "FILE",
       "AWS port: a certificate of its own; off: no TLS"},
      {"aws.tls_key", &Settings::aws_tls_key, "FILE", "AWS port: the key of that certificate"},
      {"aws.tls_client_ca", &Settings::aws_tls_client_ca, "FILE",
       "AWS port: a client CA of its own; off: any client may connect"},
      {"redis.tls_certificate", &Settings::redis_tls_certificate, "FILE",
       "Redis port: a certificate of its own; off: no TLS"},
      {"redis.tls_key", &Settings::redis_tls_key, "FILE",
       "Redis port: the key of that certificate"},
      {"redis.tls_client_ca", &Settings::redis_tls_client_ca, "FILE",
       "Redis port: a client CA of its own; off: any client may connect"},
      {"http.tls_certificate", &Settings::http_tls_certificate, "FILE",
       "admin port: a certificate of its own; off: no TLS"},
      {"http.tls_key", &Settings::http_tls_key, "FILE", "admin port: the key of that certificate"},
      {"http.tls_client_ca", &Settings::http_tls_client_ca, "FILE",
       "admin port: a client CA of its own; off: any client may connect"},
  };
}

const std::vector<Option>& table() {
  static const std::vector<Option> options = [] {
    std::vector<Option> all = process_options();
    for (auto&& more : {port_options(), tls_options()}) {
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  }();
  return options;
}

std::string spelled(const Option& option, Source source) {
  switch (source) {
    case Source::kFlag: return flag_of(option);
    case Source::kEnvironment: return environment_of(option);
    case Source::kFile:
    case Source::kDefault: break;
  }
  return std::string(option.key);
}

bool parse_number(std::string_view text, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// Each overload stores the value, or returns what is allowed instead.
std::string store(Settings& settings,
                  const Option& option,
                  std::string Settings::* member,
                  std::string_view value) {
  if (!option.choices.empty() && std::ranges::find(option.choices, value) == option.choices.end()) {
    return fmt::format("one of {}", fmt::join(option.choices, ", "));
  }
  settings.*member = value;
  return {};
}

std::string store(Settings& settings,
                  const Option& option,
                  uint64_t Settings::* member,
                  std::string_view value) {
  uint64_t number = 0;
  if (!parse_number(value, number) || number < option.min || number > option.max) {
    return fmt::format("a number from {} to {}", option.min, option.max);
  }
  settings.*member = number;
  return {};
}

std::string store(Settings& settings,
                  const Option&,
                  bool Settings::* member,
                  std::string_view value) {
  if (value != "true" && value != "false") return "true or false";
  settings.*member = value == "true";
  return {};
}

std::string store(Settings& settings,
                  const Option&,
                  PortSetting Settings::* member,
                  std::string_view value) {
  if (value == "off") {
    settings.*member = {.number = 0, .off = true};
    return {};
  }
  uint64_t number = 0;
  if (!parse_number(value, number) || number > UINT16_MAX) {
    return "a port from 1 to 65535, 0 for any free one, or off";
  }
  settings.*member = {.number = static_cast<uint16_t>(number), .off = false};
  return {};
}

// What to do about a listener that asks nobody who he is; empty where it does.
std::string way_to_know(const Settings& settings, const ListenerSettings& listener) {
  if (listener.name == "aws") {
    return settings.aws_credentials.empty() ? "aws (give --aws-credentials)" : "";
  }
  const bool kafka = listener.name == "kafka";
  const bool redis = listener.name == "redis";
  if (kafka && settings.kafka_sasl == "required") return {};
  if (redis && settings.redis_auth == "required") return {};
  const auto tls = tls_of(settings, listener);
  if (tls && !tls->client_ca.empty()) return {};
  return fmt::format("{0} (give {1}{2}, or --{0}-port off)", listener.name,
                     kafka   ? "--kafka-sasl required, or "
                     : redis ? "--redis-auth required, or "
                             : "",
                     tls ? "--tls-client-ca" : "--tls-certificate and --tls-client-ca");
}

std::string way_to_know(const Settings& settings, const KafkaListener& listener) {
  if (listener.sasl == "required") return {};
  const auto tls = tls_of(settings, listener);
  if (tls && !tls->client_ca.empty()) return {};
  return fmt::format("{} (give it sasl=required, or {})", listener.port_name(),
                     tls ? "tls_client_ca" : "tls_certificate and tls_client_ca");
}

// Beyond this host, whoever may ask has to be known.
Result<> check_exposure(const Settings& settings) {
  if (settings.insecure) return {};
  std::vector<std::string> ways;
  std::set<std::string> addresses;
  const auto look = [&](const std::string& address, const auto& listener) {
    if (is_loopback(address)) return;
    std::string way = way_to_know(settings, listener);
    if (way.empty()) return;
    ways.push_back(std::move(way));
    addresses.insert(address);
  };
  for (const ListenerSettings& listener : listeners()) {
    if (!(settings.*listener.port).off) look(settings.address, listener);
  }
  const auto further = kafka_listeners(settings);
  if (!further) return std::unexpected(further.error());
  for (const KafkaListener& listener : *further) look(listener.address, listener);
  if (ways.empty()) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("others can reach {} and nobody is asked who he is by: {}; or listen on "
                          "127.0.0.1, or say --insecure",
                          fmt::join(addresses, ", "), fmt::join(ways, ", ")));
}

std::string shown(const std::string& value) {
  return value;
}
std::string shown(uint64_t value) {
  return std::to_string(value);
}
std::string shown(bool value) {
  return value ? "true" : "false";
}
std::string shown(PortSetting value) {
  return value.off ? "off" : std::to_string(value.number);
}

}  // namespace

std::span<const Option> options() {
  return table();
}

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1";
}

std::string flag_of(const Option& option) {
  std::string flag = "--" + std::string(option.key);
  std::ranges::replace_if(flag, [](char c) { return c == '.' || c == '_'; }, '-');
  return flag;
}

std::string environment_of(const Option& option) {
  std::string name = "WEIR_";
  for (const char c : option.key) {
    const bool lower = c >= 'a' && c <= 'z';
    name += c == '.' ? '_' : lower ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

std::string value_of(const Settings& settings, const Option& option) {
  return std::visit([&](auto member) { return shown(settings.*member); }, option.member);
}

Result<> assign(Settings& settings, const Option& option, std::string_view value, Source source) {
  const std::string allowed = std::visit(
      [&](auto member) { return store(settings, option, member, value); }, option.member);
  if (!allowed.empty()) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} is \"{}\"; it must be {}",
                                                         spelled(option, source), value, allowed));
  }
  settings.sources[std::string(option.key)] = source;
  return {};
}

Result<std::vector<std::string>> apply_environment(Settings& settings,
                                                   std::span<const char* const> environment) {
  std::vector<std::string> names;
  for (const Option& option : table()) names.push_back(environment_of(option));
  const std::vector<std::string_view> known(names.begin(), names.end());
  std::vector<std::string> notes;
  for (const std::string_view entry : environment) {
    const std::string_view name = entry.substr(0, entry.find('='));
    if (!name.starts_with("WEIR_") || name.size() == entry.size()) continue;
    if (std::ranges::find(kOtherVariables, name) != std::end(kOtherVariables)) continue;
    const auto place = std::ranges::find(known, name);
    if (place == known.end()) {
      notes.push_back(
          fmt::format("unknown environment variable {}{}", name, did_you_mean(name, known)));
      continue;
    }
    const Option& option = table()[static_cast<size_t>(place - known.begin())];
    if (auto assigned =
            assign(settings, option, entry.substr(name.size() + 1), Source::kEnvironment);
        !assigned) {
      return std::unexpected(assigned.error());
    }
  }
  return notes;
}

std::vector<std::string> words_of(std::string_view list) {
  const char separator = list.contains(';') ? ';' : ',';
  std::vector<std::string> words;
  while (!list.empty()) {
    const size_t end = std::min(list.find(separator), list.size());
    const std::string_view word = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    const size_t first = word.find_first_not_of(' ');
    if (first == std::string_view::npos) continue;
    words.emplace_back(word.substr(first, word.find_last_not_of(' ') - first + 1));
  }
  return words;
}

Result<FirstUser> read_first_user(const std::string& path) {
  auto text = read_file(path);
  if (!text) return std::unexpected(text.error());
  const std::string_view line = std::string_view(*text).substr(0, text->find_first_of("\r\n"));
  const size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == line.size()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("the first line of {} must be NAME:PASSWORD", path));
  }
  return FirstUser{std::string(line.substr(0, colon)), std::string(line.substr(colon + 1))};
}

Result<> check(const Settings& settings) {
  const std::vector<std::string> mechanisms = words_of(settings.kafka_sasl_mechanisms);
  for (const std::string& mechanism : mechanisms) {
    if (std::ranges::find(kMechanisms, mechanism) != std::end(kMechanisms)) continue;
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("kafka.sasl_mechanisms has \"{}\"; there are {}", mechanism,
                            fmt::join(kMechanisms, ", ")));
  }
  if (mechanisms.empty() && settings.kafka_token_keys.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "kafka.sasl_mechanisms is empty; to let nobody log in, say --kafka-sasl off");
  }
  if (auto checked = check_tls(settings); !checked) return checked;
  if (auto checked = check_exposure(settings); !checked) return checked;
  if (settings.data.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--data is empty; give the folder to store things in");
  }
  return {};
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::kNotFound, fmt::format("cannot read the file {}", path));
  std::string text(kFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return fail(ErrorCode::kNotFound, fmt::format("cannot read the file {}", path));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kFileBytesMax) {
    return fail(ErrorCode::kTooLarge, fmt::format("{} is larger than 1 MiB", path));
  }
  return text;
}

}  // namespace weir::server
