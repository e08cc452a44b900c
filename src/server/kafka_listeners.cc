#include "server/kafka_listeners.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "base/suggest.h"

namespace weir::server {
namespace {

constexpr size_t kListenersMax = 32;
constexpr size_t kNameBytesMax = 32;
constexpr size_t kHostBytesMax = 255;

struct HostAndPort {
  std::string host;
  uint16_t port = 0;
};

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// "host:9094", "[::1]:9094", "9094", "host"; what is missing stays empty or 0.
std::optional<HostAndPort> host_and_port(std::string_view text) {
  HostAndPort parsed;
  std::string_view port = text;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    parsed.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && !port.starts_with(':')) return std::nullopt;
    port = port.substr(port.empty() ? 0 : 1);
    if (port.empty()) return parsed;
  } else if (const size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    parsed.host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (parsed.host.contains(':')) return std::nullopt;  // IPv6 stands in brackets
  } else if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) {
    parsed.host = text;
    return parsed;
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), parsed.port);
  if (error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  return parsed;
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && name.front() != '-' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

bool is_host(std::string_view host) {
  return host.size() <= kHostBytesMax && host.find_first_of(" \t/,;") == std::string_view::npos;
}

std::unexpected<Error> refuse(std::string_view name, std::string_view reason) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("{}: {}{}{}", kKafkaListenersKey, name,
                                                       name.empty() ? "" : ": ", reason));
}

struct ListenerParser {
  KafkaListener listener;
  bool has_address = false;

  Result<> take(std::string_view key, std::string_view value) {
    if (key == "name") return name(value);
    if (key == "address") return address(value);
    if (key == "advertised") return advertised(value);
    if (key == "sasl") return sasl(value);
    std::string* file = key == "tls_certificate" ? &listener.tls_certificate
                        : key == "tls_key"       ? &listener.tls_key
                        : key == "tls_client_ca" ? &listener.tls_client_ca
                                                 : nullptr;
    if (file == nullptr) {
      return refuse(listener.name,
                    fmt::format("unknown key {}{}", key, did_you_mean(key, kKafkaListenerKeys)));
    }
    *file = value;
    return {};
  }

  Result<> name(std::string_view value) {
    listener.name = value;
    if (is_name(value)) return {};
    return refuse("", fmt::format("\"{}\" is no name; it may have {} small letters, digits and "
                                  "hyphens, and begins with no hyphen",
                                  value, kNameBytesMax));
  }

  Result<> address(std::string_view value) {
    auto parsed = host_and_port(value);
    if (!parsed || (!value.ends_with(":0") && value != "0" && parsed->port == 0)) {
      return refuse(
          listener.name,
          fmt::format("address is \"{}\"; it must be ADDRESS:PORT or PORT, as 0.0.0.0:9094",
                      value));
    }
    has_address = true;
    if (!parsed->host.empty()) listener.address = std::move(parsed->host);
    listener.port = parsed->port;
    return {};
  }

  Result<> advertised(std::string_view value) {
    auto parsed = host_and_port(value);
    if (!parsed || !is_host(parsed->host)) {
      return refuse(listener.name,
                    fmt::format("advertised is \"{}\"; it must be HOST, HOST:PORT or PORT", value));
    }
    // Nobody can connect there; Apache Kafka refuses it, too.
    if (parsed->host == "0.0.0.0" || parsed->host == "::") {
      return refuse(listener.name,
                    fmt::format("clients cannot connect to {}; advertise a name or an address that "
                                "they can reach",
                                parsed->host));
    }
    listener.advertised_host = std::move(parsed->host);
    listener.advertised_port = parsed->port;
    return {};
  }

  Result<> sasl(std::string_view value) {
    listener.sasl = value;
    if (value == "off" || value == "optional" || value == "required") return {};
    return refuse(listener.name,
                  fmt::format("sasl is \"{}\"; it must be one of off, optional, required", value));
  }
};

Result<KafkaListener> parse(std::string_view text, const Settings& settings) {
  ListenerParser parser;
  parser.listener.address = settings.address;
  parser.listener.sasl = settings.kafka_sasl;
  std::set<std::string_view> seen;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    const std::string_view entry = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (entry.empty()) continue;
    const size_t equals = entry.find('=');
    if (equals == std::string_view::npos) {
      return refuse(parser.listener.name, fmt::format("\"{}\" is not KEY=VALUE; the keys are {}",
                                                      entry, fmt::join(kKafkaListenerKeys, ", ")));
    }
    const std::string_view key = trimmed(entry.substr(0, equals));
    if (!seen.insert(key).second) {
      return refuse(parser.listener.name, fmt::format("{} is given twice", key));
    }
    if (auto taken = parser.take(key, trimmed(entry.substr(equals + 1))); !taken) {
      return std::unexpected(taken.error());
    }
  }
  if (parser.listener.name.empty()) return refuse("", "a listener has no name");
  if (!parser.has_address) return refuse(parser.listener.name, "it has no address");
  return std::move(parser.listener);
}

}  // namespace

Result<std::vector<KafkaListener>> kafka_listeners(const Settings& settings) {
  std::vector<KafkaListener> listeners;
  std::string_view text = settings.kafka_listeners;
  while (!text.empty()) {
    const size_t end = std::min(text.find(';'), text.size());
    const std::string_view one = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (one.empty()) continue;
    if (listeners.size() == kListenersMax) {
      return refuse("", fmt::format("there are more than {} listeners", kListenersMax));
    }
    auto listener = parse(one, settings);
    if (!listener) return std::unexpected(listener.error());
    if (std::ranges::find(listeners, listener->name, &KafkaListener::name) != listeners.end()) {
      return refuse(listener->name, "there are two of that name");
    }
    listeners.push_back(std::move(*listener));
  }
  return listeners;
}

}  // namespace weir::server
