#pragma once
// Further listeners of Kafka, beside the one of kafka.port: each has an address to listen on, one
// that its clients are told, a rule for logins, and TLS of its own.
//
// As a text (flag, environment) one is "name=outside,address=0.0.0.0:9094,sasl=required", with
// semicolons between several; in the file each is a table [[kafka.listeners]] with the same keys.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "server/settings.h"

namespace weir::server {

struct KafkaListener {
  std::string name;  // as given: "outside"
  std::string address;
  uint16_t port = 0;  // 0: any free one
  // What clients are told to connect to; empty, 0: what they reached.
  std::string advertised_host;
  uint16_t advertised_port = 0;
  std::string sasl;  // off, optional or required
  // Empty: as on the port of kafka.port, also where that one is closed. "off": none.
  std::string tls_certificate;
  std::string tls_key;
  std::string tls_client_ca;

  // Among the ports and in the metrics: "kafka-outside".
  std::string port_name() const { return "kafka-" + name; }
};

inline constexpr std::string_view kKafkaListenersKey = "kafka.listeners";
inline constexpr std::string_view kKafkaListenerKeys[] = {
    "name", "address", "advertised", "sasl", "tls_certificate", "tls_key", "tls_client_ca"};

// What `settings` say. kInvalidArgument: what is wrong with which listener.
Result<std::vector<KafkaListener>> kafka_listeners(const Settings& settings);

}  // namespace weir::server
