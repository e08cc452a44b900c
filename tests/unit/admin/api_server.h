#pragma once
// The admin API over a broker whose journal is in memory, behind a real HTTP port.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>

#include "admin/api.h"
#include "admin/json.h"
#include "admin/metrics.h"
#include "net/connection_shard.h"
#include "net/http_client.h"
#include "net/listener.h"
#include "storage/memory/memory_journal.h"

namespace weir::admin {

class ManualClock final : public runtime::Clock {
 public:
  Timestamp now() override { return Timestamp(ms.load()); }
  std::atomic<int64_t> ms{1'700'000'000'000};
};

class ApiServer {
 public:
  explicit ApiServer(const QueueBounds& bounds = {})
      : router(true), shard(0, "test"), connections_(shard) {
    auto made = std::make_unique<broker::Broker>(journal, Random(7));
    EXPECT_TRUE(journal.recover(*made));
    EXPECT_TRUE(made->start(clock.now()));
    made->on_progress(
        [this](Lsn written, Lsn durable) { connections_.watermark().advance(written, durable); });
    broker = std::make_unique<runtime::Owned<broker::Broker>>(shard, std::move(made));
    add_broker_endpoints(router, *broker, clock, bounds);
    add_metrics_endpoint(router, metrics, *broker, clock);
    shard.start();
    listener_ = std::move(*net::Listener::open({.name = "http", .option = "--http-port"},
                                               {&connections_}, net::http_sessions(router, {})));
    listener_->start();
  }
  ~ApiServer() {
    listener_->close();
    shard.stop();
  }

  // On the state shard.
  template <typename Fn>
  void run(Fn fn) {
    shard.run_and_wait([&] { fn(broker->here()); });
  }
  void sync() {
    run([&](broker::Broker&) {
      journal.sync();
      journal.poll();
    });
  }
  size_t parked() {
    size_t count = 0;
    run([&](broker::Broker&) { count = connections_.watermark().parked(); });
    return count;
  }
  size_t waiters() {
    size_t count = 0;
    run([&](broker::Broker& self) { count = self.waiters().size(); });
    return count;
  }
  void tick(int64_t ms) {
    clock.ms += ms;
    run([&](broker::Broker& self) { self.tick(clock.now()); });
    sync();
  }

  // The answer comes by itself only if nothing has to become durable first.
  std::future<net::HttpClientResponse> ask_later(const std::string& method,
                                                 const std::string& target,
                                                 const std::string& body = {}) {
    return std::async(std::launch::async, [=, address = listener_->address()] {
      auto client = net::HttpClient::to("http://" + address);
      auto response = client->request(method, target, {}, body);
      EXPECT_TRUE(response.has_value()) << response.error().message;
      return response.value_or(net::HttpClientResponse{});
    });
  }
  net::HttpClientResponse ask(const std::string& method,
                              const std::string& target,
                              const std::string& body = {}) {
    auto answer = ask_later(method, target, body);
    while (answer.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) sync();
    return answer.get();
  }
  Json json(const std::string& method,
            const std::string& target,
            const std::string& body = {},
            int status = 200) {
    const auto response = ask(method, target, body);
    EXPECT_EQ(response.status, status) << method << " " << target << ": " << response.body;
    const auto parsed = Json::parse(response.body);
    EXPECT_TRUE(parsed) << response.body;
    return parsed.value_or(Json());
  }
  // The message of an error.
  std::string refusal(const std::string& method,
                      const std::string& target,
                      const std::string& body,
                      int status) {
    return json(method, target, body, status)["error"]["message"].text();
  }

  ManualClock clock;
  storage::MemoryJournal journal;
  MetricRegistry metrics;
  Router router;
  runtime::Shard shard;
  std::unique_ptr<runtime::Owned<broker::Broker>> broker;

 private:
  net::ConnectionShard connections_;
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace weir::admin
