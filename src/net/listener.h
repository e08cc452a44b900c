#pragma once
// Listener: one port of one protocol. Accepts on its first shard and spreads the connections over
// all of them in turn.
//
// A name such as 127.0.0.1 stands for both loopback addresses: the same port number on 127.0.0.1
// and on ::1. Without IPv6 on this host it listens on 127.0.0.1 alone and says so in note(). At
// connections_max a further client is accepted, counted as rejected and closed, so that it does not
// hang; likewise at connections_per_address_max, as Kafka's max.connections.per.ip has it.
//
// Thread: open() and the getters on the thread that assembles; close() likewise, while the shards
// run.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/metrics.h"
#include "net/connection.h"

namespace weir::net {

// Counters of one protocol, labelled with its name; they live as long as anybody counts.
struct ListenerMetrics {
  Counter accepted;
  Counter rejected;
  Counter rejected_by_address;
  Counter bytes_in;
  Counter bytes_out;
  Counter tls_handshakes;
  Counter tls_failures;
  Gauge open;
  std::array<Counter, kCloseReasons> closed;

  void register_in(MetricRegistry& registry, const std::string& protocol) const;
};

struct ListenerOptions {
  std::string name;                   // of the protocol, for messages: "kafka"
  std::string option;                 // that changes the port, for messages: "--kafka-port"
  std::string address = "127.0.0.1";  // numeric
  uint16_t port = 0;                  // 0: any free one
  size_t connections_max = 10'000;
  size_t connections_per_address_max = 0;  // of one client's address; 0: any number
  ConnectionLimits limits = {};
  std::shared_ptr<TlsServer> tls = nullptr;  // given: every connection is encrypted
};

class Listener {
 public:
  // Binds and listens; begins to accept with start(). kAlreadyExists: "port 9092 is in use; choose
  // another with
  // --kafka-port". kInvalidArgument: an address that is not numeric or not one of this host.
  static Result<std::unique_ptr<Listener>> open(const ListenerOptions& options,
                                                std::vector<ConnectionShard*> shards,
                                                SessionFactory factory);
  ~Listener();

  void start();
  // Stops accepting; existing connections go on. Blocks until no accept is under way.
  void close();

  uint16_t port() const;
  // "127.0.0.1:9092": the address for local clients and the ports file.
  std::string address() const;
  const std::string& name() const;
  // What a user should know, or empty ("no IPv6 on this host: listening on 127.0.0.1 only").
  const std::string& note() const;
  std::shared_ptr<ListenerMetrics> metrics() const;

 private:
  struct State;
  explicit Listener(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

}  // namespace weir::net
