#pragma once
// A Kafka port over a broker whose journal lies in memory and whose clock the test turns, and a
// client that speaks frames.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "base/wire.h"
#include "broker/broker.h"
#include "core/log/record_batch.h"
#include "net/connection_shard.h"
#include "net/listener.h"
#include "protocols/kafka/frame.h"
#include "protocols/kafka/service.h"
#include "runtime/shard.h"
#include "runtime/timer.h"
#include "storage/memory/memory_journal.h"
#include "tests/unit/net/test_client.h"

namespace weir::kafka {

class TurnedClock final : public runtime::Clock {
 public:
  Timestamp now() override { return Timestamp(ms_.load()); }
  void advance(Milliseconds by) { ms_ += by.count(); }

 private:
  std::atomic<int64_t> ms_{1'700'000'000'000};
};

// Everything on one shard. Commits become durable within a millisecond, unless the test holds them
// back.
class Port {
 public:
  explicit Port(Config config = {},
                bool two_shards = false,
                storage::MemoryJournalOptions journal = {})
      : journal_(journal),
        shard_(0, "state"),
        front_(1, "front"),
        connections_(two_shards ? front_ : shard_) {
    shard_.start();
    front_.start();
    broker_ = std::make_unique<runtime::Owned<broker::Broker>>(
        shard_, std::make_unique<broker::Broker>(journal_, Random(11)));
    on_broker([&](broker::Broker& broker) {
      WEIR_ASSERT(journal_.recover(broker).has_value());
      WEIR_ASSERT(broker.start(clock_.now()).has_value());
      broker.on_progress([this](Lsn written, Lsn durable) {
        const auto advance = [this, written, durable] {
          connections_.watermark().advance(written, durable);
        };
        if (connections_.shard().is_current()) return advance();
        connections_.shard().post(advance);
      });
      broker.on_pressure([this](bool on) {
        const auto set = [this, on] { connections_.set_overloaded(on); };
        if (connections_.shard().is_current()) return set();
        connections_.shard().post(set);
      });
      journal_.sync_on_poll(true);
      pump_ = std::make_unique<runtime::Timer>(shard_, [this] { pump(); });
      pump_->arm(Milliseconds(1));
    });
    service_ = std::make_unique<Service>(*broker_, clock_, std::move(config));
    net::ListenerOptions options{
        .name = "kafka", .option = "--kafka-port", .limits = service_->connection_limits()};
    auto opened = net::Listener::open(options, {&connections_}, service_->sessions());
    WEIR_ASSERT(opened.has_value());
    listener_ = std::move(*opened);
    listener_->start();
  }
  ~Port() {
    listener_->close();
    on_broker([&](broker::Broker& broker) {
      pump_.reset();
      broker.stop();
    });
    front_.stop();
    shard_.stop();
  }

  uint16_t port() const { return listener_->port(); }
  void set_token_keys(std::shared_ptr<const TokenKeys> keys) {
    service_->set_token_keys(std::move(keys));
  }

  const ServiceMetrics& metrics() { return service_->metrics(); }

  template <typename Fn>
  void on_broker(Fn fn) {
    shard_.run_and_wait([&] { fn(broker_->here()); });
  }
  runtime::Owned<Engine>& engine() { return service_->engine(); }
  template <typename Fn>
  void on_engine(Fn fn) {
    shard_.run_and_wait([&] { fn(service_->engine().here()); });
  }
  void hold_back(bool on) {
    shard_.run_and_wait([&] { journal_.sync_on_poll(!on); });
  }
  // Everything so far becomes durable.
  void sync() {
    shard_.run_and_wait([&] { journal_.sync(); });
  }
  // What is held back reaches the operating system, and no further.
  void write() {
    shard_.run_and_wait([&] { journal_.write(); });
  }
  size_t undurable_bytes() {
    size_t bytes = 0;
    shard_.run_and_wait([&] { bytes = journal_.undurable_bytes(); });
    return bytes;
  }
  bool overloaded() {
    bool overloaded = false;
    connections_.shard().run_and_wait([&] { overloaded = connections_.overloaded(); });
    return overloaded;
  }
  // Until so many connections wait for a commit.
  void until_parked(size_t count) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    size_t parked = 0;
    do {
      connections_.shard().run_and_wait([&] { parked = connections_.watermark().parked(); });
      if (parked >= count) return;
    } while (std::chrono::steady_clock::now() < end);
    ADD_FAILURE() << parked << " connections wait for a commit, not " << count;
  }
  // Until at least so many requests wait for something, or none does.
  void until_waiting(size_t count) {
    until([&](size_t waiting) { return waiting >= count; });
  }
  void until_nobody_waits() {
    until([](size_t waiting) { return waiting == 0; });
  }
  void advance(Milliseconds by) {
    clock_.advance(by);
    on_broker([&](broker::Broker& broker) { broker.tick(clock_.now()); });
  }

 private:
  template <typename Condition>
  void until(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    size_t waiting = 0;
    do {
      on_broker([&](broker::Broker& broker) { waiting = broker.waiters().size(); });
      if (condition(waiting)) return;
    } while (std::chrono::steady_clock::now() < end);
    ADD_FAILURE() << waiting << " requests wait";
  }

  void pump() {
    journal_.poll();
    pump_->arm(Milliseconds(1));
  }

  TurnedClock clock_;
  storage::MemoryJournal journal_;
  runtime::Shard shard_;
  runtime::Shard front_;
  net::ConnectionShard connections_;
  std::unique_ptr<runtime::Owned<broker::Broker>> broker_;
  std::unique_ptr<runtime::Timer> pump_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<net::Listener> listener_;
};

class Client {
 public:
  explicit Client(const Port& port, std::string client_id = "test")
      : socket_(port.port()), client_id_(std::move(client_id)) {}

  template <typename Request>
  int32_t send(int16_t version, const Request& request) {
    const wire::Pieces pieces = request_frame(Request::kMessage, version, ++correlation_,
                                              Bytes::copy_of(client_id_), &request);
    for (const Bytes& piece : pieces) socket_.send(piece.view());
    return correlation_;
  }

  // The next response, which must be the answer to `correlation`.
  template <typename Response>
  Response receive(int16_t version, int32_t correlation) {
    const std::string head = socket_.receive(kFrameSizeBytes);
    EXPECT_EQ(head.size(), kFrameSizeBytes) << "no answer";
    if (head.size() != kFrameSizeBytes) return {};
    const Bytes frame =
        Bytes::take(socket_.receive(static_cast<size_t>(load_be<int32_t>(head.data()))));
    EXPECT_EQ(load_be<int32_t>(frame.data()), correlation);
    const bool tagged =
        Response::kMessage.flexible.contains(version) && Response::kKey != kApiVersionsKey;
    auto response = wire::decode<Response>(version, frame.slice(tagged ? 5 : 4));
    EXPECT_TRUE(response) << response.error().message;
    return response ? std::move(*response) : Response{};
  }

  template <typename Response, typename Request>
  Response call(int16_t version, const Request& request) {
    return receive<Response>(version, send(version, request));
  }

  bool has_answer() { return !socket_.peek().empty(); }
  net::TestClient& socket() { return socket_; }

 private:
  net::TestClient socket_;
  std::string client_id_;
  int32_t correlation_ = 0;
};

// One batch of records with these values, as a producer would send it.
inline Bytes batch_of(std::initializer_list<std::string_view> values, int64_t first_ms = 1000) {
  std::string bytes;
  log::BatchBuilder builder(bytes);
  for (const std::string_view value : values) {
    builder.add({.key = "k", .value = value, .headers = {}, .timestamp = Timestamp(first_ms++)});
  }
  builder.finish();
  return Bytes::take(std::move(bytes));
}

}  // namespace weir::kafka
