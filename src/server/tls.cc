#include "server/tls.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "net/http.h"

namespace weir::server {
namespace {

constexpr std::string_view kOff = "off";

constexpr ListenerSettings kListeners[] = {
    {"kafka", &Settings::kafka_port, &Settings::kafka_tls_certificate, &Settings::kafka_tls_key,
     &Settings::kafka_tls_client_ca, false},
    {"aws", &Settings::aws_port, &Settings::aws_tls_certificate, &Settings::aws_tls_key,
     &Settings::aws_tls_client_ca, true},
    {"redis", &Settings::redis_port, &Settings::redis_tls_certificate, &Settings::redis_tls_key,
     &Settings::redis_tls_client_ca, false},
    {"http", &Settings::http_port, &Settings::http_tls_certificate, &Settings::http_tls_key,
     &Settings::http_tls_client_ca, true},
};

std::string own_or_common(const std::string& own, const std::string& common) {
  if (own == kOff) return {};
  return own.empty() ? common : own;
}

std::unexpected<Error> needs_certificate(std::string_view prefix, std::string_view option) {
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("--{0}{1} is of no use without a certificate; give --{0}tls-certificate",
                          prefix, option));
}

// An open listener with TLS.
struct Target {
  std::string name;
  bool web = false;
  net::TlsOptions options;
};

Result<std::vector<Target>> targets_of(const Settings& settings) {
  std::vector<Target> targets;
  for (const ListenerSettings& listener : kListeners) {
    auto options = tls_of(settings, listener);
    if (!options || (settings.*listener.port).off) continue;
    targets.push_back({std::string(listener.name), listener.web, std::move(*options)});
  }
  const auto further = kafka_listeners(settings);
  if (!further) return std::unexpected(further.error());
  for (const KafkaListener& listener : *further) {
    if (auto options = tls_of(settings, listener)) {
      targets.push_back({listener.port_name(), false, std::move(*options)});
    }
  }
  return targets;
}

// Whether a certificate is used by one of the further listeners of Kafka.
Result<bool> check_further(const Settings& settings) {
  const auto further = kafka_listeners(settings);
  if (!further) return std::unexpected(further.error());
  bool any = false;
  for (const KafkaListener& listener : *further) {
    const auto options = tls_of(settings, listener);
    any = any || options.has_value();
    const std::string& own = listener.tls_certificate;
    const std::string& client_ca = listener.tls_client_ca;
    const bool key_alone = !listener.tls_key.empty() && (own.empty() || own == kOff);
    const bool ca_alone = !options && !client_ca.empty() && client_ca != kOff;
    if (!key_alone && !ca_alone) continue;
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("{}: {}: {} is of no use without a certificate; give tls_certificate",
                    kKafkaListenersKey, listener.name, key_alone ? "tls_key" : "tls_client_ca"));
  }
  return any;
}

}  // namespace

std::span<const ListenerSettings> listeners() {
  return kListeners;
}

std::optional<net::TlsOptions> tls_of(const Settings& settings, const ListenerSettings& listener) {
  const std::string& own = settings.*listener.certificate;
  net::TlsOptions options;
  options.certificate = own_or_common(own, settings.tls_certificate);
  if (options.certificate.empty()) return std::nullopt;
  // A key belongs to its certificate: the common one is not for a listener's own certificate.
  options.key = own_or_common(settings.*listener.key, own.empty() ? settings.tls_key : "");
  options.client_ca = own_or_common(settings.*listener.client_ca, settings.tls_client_ca);
  options.version_min =
      settings.tls_min_version == "1.3" ? net::TlsVersion::k13 : net::TlsVersion::k12;
  if (listener.web) options.application = net::kHttpApplication;
  return options;
}

std::optional<net::TlsOptions> tls_of(const Settings& settings, const KafkaListener& listener) {
  Settings own = settings;
  if (!listener.tls_certificate.empty()) {
    own.kafka_tls_certificate = listener.tls_certificate;
    own.kafka_tls_key = listener.tls_key;
  }
  if (!listener.tls_client_ca.empty()) own.kafka_tls_client_ca = listener.tls_client_ca;
  return tls_of(own, kListeners[0]);
}

Result<> check_tls(const Settings& settings) {
  const auto further = check_further(settings);
  if (!further) return std::unexpected(further.error());
  bool any = *further;
  for (const ListenerSettings& listener : kListeners) {
    const std::string& own = settings.*listener.certificate;
    const std::string prefix = fmt::format("{}-", listener.name);
    if (!(settings.*listener.key).empty() && (own.empty() || own == kOff)) {
      return needs_certificate(prefix, "tls-key");
    }
    const auto options = tls_of(settings, listener);
    any = any || options.has_value();
    const std::string& client_ca = settings.*listener.client_ca;
    if (!options && !client_ca.empty() && client_ca != kOff) {
      return needs_certificate(prefix, "tls-client-ca");
    }
  }
  if (!settings.tls_key.empty() && settings.tls_certificate.empty()) {
    return needs_certificate("", "tls-key");
  }
  if (!settings.tls_client_ca.empty() && !any) return needs_certificate("", "tls-client-ca");
  return {};
}

Result<std::vector<std::string>> check_tls_files(const Settings& settings, Timestamp now) {
  std::vector<std::string> warnings;
  const auto targets = targets_of(settings);
  if (!targets) return std::unexpected(targets.error());
  for (const Target& target : *targets) {
    const auto context = net::TlsContext::load(target.options, now);
    if (!context) return std::unexpected(context.error());
    for (const std::string& warning : (*context)->warnings()) {
      // Most of the time all listeners have the same files.
      if (std::ranges::find(warnings, warning) == warnings.end()) warnings.push_back(warning);
    }
  }
  return warnings;
}

Result<std::vector<std::string>> TlsListeners::load(const Settings& settings,
                                                    Timestamp now,
                                                    runtime::Logger& logger) {
  auto targets = targets_of(settings);
  if (!targets) return std::unexpected(targets.error());
  for (Target& target : *targets) {
    auto context = net::TlsContext::load(target.options, now);
    if (!context) return std::unexpected(context.error());
    auto server = std::make_shared<net::TlsServer>(
        target.name, target.web ? net::http_needs_tls() : std::string(), std::move(*context),
        logger);
    served_.push_back({std::move(target.name), std::move(target.options), std::move(server)});
  }
  return check_tls_files(settings, now);
}

std::shared_ptr<net::TlsServer> TlsListeners::server(std::string_view name) const {
  const auto found = std::ranges::find(served_, name, &Served::name);
  return found == served_.end() ? nullptr : found->server;
}

void TlsListeners::reload(Timestamp now, runtime::Logger& logger) {
  for (const Served& served : served_) {
    auto context = net::TlsContext::load(served.options, now);
    if (!context) {
      logger.error("server", "the TLS certificate stays as it was",
                   {{"protocol", served.name}, {"reason", context.error().message}});
      continue;
    }
    for (const std::string& warning : (*context)->warnings()) logger.warn("server", warning);
    served.server->replace(std::move(*context));
    logger.info("server", "TLS certificate loaded",
                {{"protocol", served.name}, {"file", served.options.certificate}});
  }
}

}  // namespace weir::server
