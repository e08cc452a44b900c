#pragma once
// Protocol: what the server needs to know to give a protocol its port. A protocol's room makes one
// (in assembly.cc, from the broker and the settings); the server opens its listener.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "net/connection.h"
#include "server/settings.h"

namespace weir::server {

struct Protocol {
  std::string name;          // key in the ports file and label of the metrics: "kafka"
  std::string option;        // the key of its port option: "kafka.port"
  std::string address = {};  // empty: settings.address
  PortSetting port;
  // A second port while `port` is the default; when it is busy that is a note.
  std::optional<uint16_t> alias = {};
  net::ConnectionLimits limits = {};
  net::SessionFactory factory;
  // Called once with the port that was opened, before the first connection.
  std::function<void(uint16_t port)> opened = {};
};

}  // namespace weir::server
