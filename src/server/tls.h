#pragma once
// TLS of the listeners: from settings to certificates that new connections begin with, and how
// these are loaded again while the broker runs.
//
// A listener's own certificate, key or client CA takes the place of the one for all; "off" takes it
// away. The key of a certificate without one stands in the certificate's file.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "net/tls.h"
#include "runtime/logger.h"
#include "server/kafka_listeners.h"
#include "server/settings.h"

namespace weir::server {

// A listener in the settings.
struct ListenerSettings {
  std::string_view name;  // "kafka"
  PortSetting Settings::* port;
  std::string Settings::* certificate;
  std::string Settings::* key;
  std::string Settings::* client_ca;
  bool web;  // it speaks HTTP
};
std::span<const ListenerSettings> listeners();

// Nothing: the listener speaks without TLS.
std::optional<net::TlsOptions> tls_of(const Settings& settings, const ListenerSettings& listener);
// What it does not say itself is as on the port of kafka.port.
std::optional<net::TlsOptions> tls_of(const Settings& settings, const KafkaListener& listener);

// Rules between the options alone; no file is read.
Result<> check_tls(const Settings& settings);
// Reads the files of every open listener. The warnings tell what is wrong and would still start.
Result<std::vector<std::string>> check_tls_files(const Settings& settings, Timestamp now);

class TlsListeners {
 public:
  // Loads what the open listeners need. Errors and warnings as above.
  Result<std::vector<std::string>> load(const Settings& settings,
                                        Timestamp now,
                                        runtime::Logger& logger);

  // Null when the listener speaks without TLS.
  std::shared_ptr<net::TlsServer> server(std::string_view name) const;

  // Reads the files again, for connections from now on; where they are bad the old certificate
  // stays, and the log says so. On the thread of load().
  void reload(Timestamp now, runtime::Logger& logger);

 private:
  struct Served {
    std::string name;
    net::TlsOptions options;
    std::shared_ptr<net::TlsServer> server;
  };
  std::vector<Served> served_;
};

}  // namespace weir::server
