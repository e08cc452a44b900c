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

Result<> check_tls(const Settings& settings) {
  bool any = false;
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
  for (const ListenerSettings& listener : kListeners) {
    const auto options = tls_of(settings, listener);
    if (!options || (settings.*listener.port).off) continue;
    const auto context = net::TlsContext::load(*options, now);
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
  for (const ListenerSettings& listener : kListeners) {
    auto options = tls_of(settings, listener);
    if (!options || (settings.*listener.port).off) continue;
    auto context = net::TlsContext::load(*options, now);
    if (!context) return std::unexpected(context.error());
    auto server = std::make_shared<net::TlsServer>(
        std::string(listener.name), listener.web ? net::http_needs_tls() : std::string(),
        std::move(*context), logger);
    served_.push_back({listener.name, std::move(*options), std::move(server)});
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
                   {{"protocol", std::string(served.name)}, {"reason", context.error().message}});
      continue;
    }
    for (const std::string& warning : (*context)->warnings()) logger.warn("server", warning);
    served.server->replace(std::move(*context));
    logger.info("server", "TLS certificate loaded",
                {{"protocol", std::string(served.name)}, {"file", served.options.certificate}});
  }
}

}  // namespace weir::server
