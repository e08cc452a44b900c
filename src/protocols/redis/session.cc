#include "protocols/redis/session.h"

#include <algorithm>
#include <utility>

#include "protocols/redis/command.h"
#include "protocols/redis/limits.h"

namespace weir::redis {
namespace {

// Requests that were copied to the state shard and have no answer yet; above it the client is not
// read.
constexpr size_t kWaitingBytesMax = size_t{4} << 20;
// A segment ends here, so that one client's pipeline does not hold up the others.
constexpr size_t kSegmentCommandsMax = 256;
constexpr size_t kArgumentsGuessMax = 2048;

bool is_word(ByteView text, ByteView word) {
  if (text.size() != word.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    if ((text[i] | 0x20) != word[i]) return false;
  }
  return true;
}

}  // namespace

struct RedisSession::Flow {
  std::atomic<size_t> waiting_bytes{0};
  std::atomic<bool> paused{false};
};

RedisSession::RedisSession(net::Connection& connection, runtime::Owned<Service>& service)
    : connection_(connection),
      service_(service),
      client_(std::make_shared<Client>()),
      flow_(std::make_shared<Flow>()) {
  client_->id = connection.id();
  client_->address = connection.peer_address();
  client_->local_address = connection.local_address();
  // Weak: the connection owns this session, which owns the client.
  const std::weak_ptr<net::Connection> weak = connection.weak_from_this();
  client_->push = [weak](std::string bytes, Lsn lsn) {
    if (const auto alive = weak.lock()) {
      alive->run([b = std::move(bytes), lsn](net::Connection& self) mutable {
        self.send(std::move(b), lsn);
      });
    }
  };
  client_->close = [weak](bool at_once) {
    if (const auto alive = weak.lock()) {
      alive->run([at_once](net::Connection& self) {
        at_once ? self.close() : self.close_after_replies();
      });
    }
  };
  service_.call([client = client_](Service& server) { server.connect(client); });
}

void RedisSession::on_close() {
  service_.call([client = client_](Service& server) { server.disconnect(client); });
}

void RedisSession::on_overflow(net::Connection& connection) {
  connection.send("-ERR Protocol error: request larger than the limit\r\n");
  connection.close_after_replies();
}

void RedisSession::close_without_answer() {
  connection_.close();
}

size_t RedisSession::on_data(ByteView data) {
  size_t consumed = 0;
  Segment segment;
  while (connection_.wants_more() && !flow_->paused.load(std::memory_order_relaxed)) {
    parser_.restrict(client_->restricted.load(std::memory_order_relaxed));
    const RequestParser::Outcome outcome = parser_.parse(data.substr(consumed));
    if (outcome.status == RequestParser::Status::kMore) {
      if (parser_.expected_bytes() != 0) connection_.expect(parser_.expected_bytes());
      break;
    }
    if (outcome.status == RequestParser::Status::kError) {
      submit(std::move(segment));
      connection_.send("-ERR " + parser_.error() + "\r\n");
      connection_.close_after_replies();
      return data.size();
    }
    consumed += outcome.consumed;
    if (outcome.status == RequestParser::Status::kEmpty) continue;
    const ByteView name = parser_.arguments().front();
    if (is_word(name, "post") || is_word(name, "host:")) {
      close_without_answer();
      return data.size();
    }
    add_request(segment);
  }
  submit(std::move(segment));
  return consumed;
}

void RedisSession::add_request(Segment& segment) {
  const auto& arguments = parser_.arguments();
  const Command* command = find_command(arguments.front());
  connection_.set_producing(command != nullptr && (command->flags & flag::kDenyOom) != 0);
  const bool may_wait = command != nullptr && (command->flags & flag::kBlocking) != 0;
  if (may_wait || segment.requests.size() >= kSegmentCommandsMax) {
    submit(std::exchange(segment, {}));
  }
  if (segment.requests.empty()) {
    segment.requests.reserve(usual_requests_);
    segment.arguments.reserve(usual_arguments_);
  }
  segment.add(command, arguments);
  // The words of an inline command live in the parser, until it parses the next.
  const bool borrowed_from_parser = parser_.arguments_are_own();
  if (borrowed_from_parser) segment.own();
  const bool logs_in = command != nullptr && (command->flags & flag::kPassword) != 0;
  if (logs_in && client_->restricted.load(std::memory_order_relaxed))
    return submit_login(std::exchange(segment, {}));
  if (may_wait || borrowed_from_parser) submit(std::exchange(segment, {}), may_wait);
}

// How long the next request may be is known when this one is answered.
void RedisSession::submit_login(Segment segment) {
  connection_.pause_reading();
  submit(std::move(segment), false, [weak = connection_.weak_from_this()] {
    if (const auto alive = weak.lock())
      alive->run([](net::Connection& self) { self.resume_reading(); });
  });
}

void RedisSession::submit(Segment segment, bool may_wait, std::function<void()> answered) {
  if (segment.requests.empty()) return;
  usual_requests_ = segment.requests.size();
  usual_arguments_ = std::min(segment.arguments.size(), kArgumentsGuessMax);
  net::ReplySlot slot = connection_.reserve();
  // A client that ends its side while it waits has gone, as in Redis: what arrives later must not
  // be popped for it.
  if (may_wait) {
    slot.on_abandoned([client = client_, &service = service_] {
      service.call([client](Service& server) { server.disconnect(client); });
    });
  }
  segment.complete = [slot = std::move(slot), answered = std::move(answered)](
                         std::string reply, const broker::Depends& depends) mutable {
    slot.complete(std::move(reply), depends.lsn, depends.durability);
    if (answered) answered();
  };
  if (service_.is_here()) {
    service_.here().run(client_, std::move(segment));
    return;
  }
  segment.own();
  const size_t bytes = segment.owner->size();
  if (flow_->waiting_bytes.fetch_add(bytes) + bytes > kWaitingBytesMax &&
      !flow_->paused.exchange(true)) {
    connection_.pause_reading();
  }
  std::weak_ptr<net::Connection> weak = connection_.weak_from_this();
  segment.complete = [inner = std::move(segment.complete), flow = flow_, weak, bytes](
                         std::string reply, const broker::Depends& depends) mutable {
    inner(std::move(reply), depends);
    if (flow->waiting_bytes.fetch_sub(bytes) - bytes > kWaitingBytesMax / 2 ||
        !flow->paused.exchange(false))
      return;
    if (const auto alive = weak.lock())
      alive->run([](net::Connection& self) { self.resume_reading(); });
  };
  service_.call([client = client_, s = std::move(segment)](Service& server) mutable {
    server.run(client, std::move(s));
  });
}

net::ConnectionLimits connection_limits() {
  net::ConnectionLimits limits;
  limits.request_bytes_max = kRequestBytesMax;
  limits.output_bytes_max = kPushBytesMax;
  return limits;
}

net::SessionFactory sessions(runtime::Owned<Service>& service) {
  return [&service](net::Connection& connection) {
    return std::make_unique<RedisSession>(connection, service);
  };
}

}  // namespace weir::redis
