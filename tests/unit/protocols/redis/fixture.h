#pragma once
// The real service and broker over the journal in memory, driven by hand: no socket, no thread, a
// clock that stands still until it is told to move.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "protocols/redis/service.h"
#include "storage/memory/memory_journal.h"

namespace weir::redis {

struct TestServer {
  explicit TestServer(ServiceOptions options_ = {}) : options(std::move(options_)) { boot(); }

  void boot() {
    broker = std::make_unique<broker::Broker>(journal, Random(7));
    WEIR_ASSERT(journal.recover(*broker).has_value());
    WEIR_ASSERT(broker->start(Timestamp(now_ms)).has_value());
    service = std::make_unique<Service>(*broker, [this] { return Timestamp(now_ms); }, options);
    service->start();
  }
  // What was synced survives.
  void restart() {
    journal.sync();
    journal.crash();
    service.reset();
    broker.reset();
    boot();
  }
  void advance(int64_t ms) {
    now_ms += ms;
    broker->tick(Timestamp(now_ms));
  }

  const ServiceOptions options;
  storage::MemoryJournal journal;
  int64_t now_ms = 1'700'000'000'000;
  std::unique_ptr<broker::Broker> broker;
  std::unique_ptr<Service> service;
  uint64_t next_client = 1;
};

// A client whose replies are kept as text; "" while a command waits.
struct TestClient {
  explicit TestClient(TestServer& server_, int protocol = 2)
      : server(server_), client(std::make_shared<Client>()) {
    client->id = server.next_client++;
    client->protocol = protocol;
    client->push = [this](std::string bytes, Lsn lsn) {
      pushed += bytes;
      pushed_depends = lsn;
    };
    client->close = [this](bool) { closed = true; };
    server.service->connect(client);
  }
  ~TestClient() {
    if (server.service->clients().contains(client->id)) server.service->disconnect(client);
  }

  // Sends one command; `replies` gets its answer when there is one.
  std::string send(const std::vector<std::string>& arguments) { return send_all({arguments}); }
  // Several as one segment, which has one answer.
  std::string send_all(const std::vector<std::vector<std::string>>& commands) {
    const size_t index = replies.size();
    replies.emplace_back();
    Segment segment;
    for (const auto& arguments : commands) {
      const std::vector<ByteView> words(arguments.begin(), arguments.end());
      segment.add(find_command(words.front()), words);
    }
    segment.complete = [this, index](std::string reply, const broker::Depends& depends) {
      replies[index] = std::move(reply);
      last_depends = depends;
      newest = std::max(newest, depends.lsn);
    };
    server.service->run(client, std::move(segment));
    return replies[index];
  }
  const std::string& last() const { return replies.back(); }

  TestServer& server;
  std::shared_ptr<Client> client;
  std::vector<std::string> replies;
  std::string pushed;
  Lsn pushed_depends;  // of what was pushed last
  bool closed = false;
  broker::Depends last_depends;  // of the reply that came last
  Lsn newest;
};

// A server and one client, who connects again after a restart.
struct OneClient {
  std::string send(const std::vector<std::string>& words) { return client->send(words); }
  void restart() {
    client.reset();
    server.restart();
    client = std::make_unique<TestClient>(server);
  }

  TestServer server;
  std::unique_ptr<TestClient> client = std::make_unique<TestClient>(server);
};

}  // namespace weir::redis
