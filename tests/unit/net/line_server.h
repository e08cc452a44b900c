#pragma once
// A small protocol for tests: lines in, answers out. What a line asks for is decided by the test's
// handler.

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "base/assert.h"
#include "net/connection.h"
#include "net/connection_shard.h"
#include "net/listener.h"
#include "net/tls.h"
#include "runtime/shard.h"

namespace weir::net {

using LineHandler = std::function<void(Connection&, std::string line)>;

class LineSession final : public Session {
 public:
  LineSession(Connection& connection, const LineHandler& handler, std::function<void()> closed)
      : connection_(connection), handler_(handler), closed_(std::move(closed)) {}

  size_t on_data(ByteView data) override {
    size_t position = 0;
    while (connection_.wants_more()) {
      const size_t end = data.find('\n', position);
      if (end == ByteView::npos) break;
      handler_(connection_, std::string(data.substr(position, end - position)));
      position = end + 1;
    }
    return position;
  }
  void on_close() override {
    if (closed_) closed_();
  }

 private:
  Connection& connection_;
  const LineHandler& handler_;
  std::function<void()> closed_;
};

// One or two shards and a listener on a free port.
class LineServer {
 public:
  explicit LineServer(LineHandler handler,
                      ConnectionLimits limits = {},
                      size_t connections_max = 100,
                      std::shared_ptr<TlsServer> tls = nullptr,
                      size_t connections_per_address_max = 0)
      : handler_(std::move(handler)), shard_(0, "test"), connections_(shard_) {
    shard_.start();
    ListenerOptions options{.name = "test",
                            .option = "--test-port",
                            .connections_max = connections_max,
                            .connections_per_address_max = connections_per_address_max,
                            .limits = limits,
                            .tls = std::move(tls)};
    auto opened = Listener::open(options, {&connections_}, [this](Connection& connection) {
      return std::make_unique<LineSession>(connection, handler_, [this] {
        ++closed_sessions;
        if (on_closed) on_closed();
      });
    });
    WEIR_ASSERT(opened.has_value());
    listener_ = std::move(*opened);
    listener_->start();
  }
  ~LineServer() {
    listener_->close();
    shard_.stop();
  }

  uint16_t port() const { return listener_->port(); }
  Listener& listener() { return *listener_; }
  runtime::Shard& shard() { return shard_; }
  ConnectionShard& connections() { return connections_; }
  const ListenerMetrics& metrics() const { return *listener_->metrics(); }

  void advance(uint64_t written, uint64_t durable) {
    shard_.run_and_wait([&] { connections_.watermark().advance(Lsn(written), Lsn(durable)); });
  }
  // Until everything that was posted or deferred so far has run.
  void settle() {
    for (int round = 0; round < 3; ++round) {
      std::promise<void> done;
      shard_.post([&] { shard_.defer([&] { done.set_value(); }); });
      done.get_future().wait();
    }
  }

  std::atomic<int> closed_sessions{0};
  std::function<void()> on_closed;

 private:
  LineHandler handler_;
  runtime::Shard shard_;
  ConnectionShard connections_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace weir::net
