#include "protocols/kafka/session.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "protocols/kafka/engine.h"
#include "protocols/kafka/gen/produce.h"
#include "protocols/kafka/handlers/api_versions.h"
#include "protocols/kafka/time_meter.h"

namespace weir::kafka {
namespace {

// "127.0.0.1:9092", "[::1]:9092"
std::pair<std::string, int32_t> split_address(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return {address, 0};
  int32_t port = 0;
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return {std::move(host), port};
}

Peer peer_of(const net::Connection& connection, const ListenerConfig& listener) {
  Peer peer;
  peer.host = split_address(connection.peer_address()).first;
  const auto [host, port] = split_address(connection.local_address());
  peer.advertised_host = listener.advertised_host.empty() ? host : listener.advertised_host;
  peer.advertised_port = listener.advertised_port == 0 ? port : listener.advertised_port;
  return peer;
}

// How long a pause goes on without a look whether the client is still there.
constexpr Milliseconds kPauseStep{5000};
// How soon a request that found no memory is looked at again.
constexpr Milliseconds kMemoryStep{50};

// What follows a request is ignored, as Kafka does: some clients send a byte of another version.
constexpr wire::DecodeLimits kDecodeLimits = [] {
  wire::DecodeLimits limits;
  limits.left_over_allowed = true;
  return limits;
}();

}  // namespace

Session::Session(net::Connection& connection, Service& service, const ListenerConfig& listener)
    : connection_(connection),
      service_(service),
      authenticator_(connection, service, peer_of(connection, listener), listener.sasl) {
  if (service_.meters_connections()) await_welcome();
}

size_t Session::on_data(ByteView data) {
  if (!introduced_) {
    introduced_ = true;  // a handshake, if there is one, is over now
    if (connection_.secure()) authenticator_.introduce(connection_.certificate_subject());
  }
  size_t consumed = 0;
  while (connection_.wants_more()) {
    const ByteView rest = data.substr(consumed);
    const auto size = frame_size(rest, authenticator_.frame_bytes_max(),
                                 authenticator_.wants_token() ? 0 : kRequestHeaderMin);
    if (!size) {
      service_.metrics().refused.add(1);
      connection_.close_after_replies();
      return data.size();
    }
    if (!*size) break;
    const size_t whole = kFrameSizeBytes + **size;
    if (rest.size() < whole) {
      if (has_memory(whole)) connection_.expect(whole);
      break;
    }
    consumed += whole;
    if (!handle(connection_.keep(rest.substr(kFrameSizeBytes, **size)))) {
      service_.metrics().refused.add(1);
      connection_.close_after_replies();
      return data.size();
    }
    give_memory_back();
  }
  return consumed;
}

// ---- memory of requests

Session::~Session() {
  give_memory_back();
}

bool Session::has_memory(size_t bytes) {
  if (memory_ > 0 || !service_.request_memory().counts(bytes)) return true;
  if (service_.request_memory().take(authenticator_.peer()->host, bytes)) {
    memory_ = bytes;
    return true;
  }
  service_.metrics().memory_waits.add(1);
  connection_.pause_reading();
  await_memory(bytes);
  return false;
}

void Session::await_memory(size_t bytes) {
  const Timestamp next = service_.clock().now() + kMemoryStep;
  service_.engine().call([connection = connection_.weak_from_this(), next, bytes](Engine& engine) {
    engine.broker.wait(
        {}, next, broker::WaitMode::kAll, [connection, bytes](broker::WakeReason reason) {
          if (const auto open = connection.lock()) {
            open->run_on_session<Session>(
                [bytes, reason](Session& session) { session.look_for_memory(bytes, reason); });
          }
          return true;
        });
  });
}

void Session::look_for_memory(size_t bytes, broker::WakeReason reason) {
  connection_.look_for_end(true);
  if (!connection_.open()) return;
  if (reason == broker::WakeReason::kStopping) {
    return connection_.close_after_replies(net::CloseReason::kShutdown);
  }
  if (!service_.request_memory().take(authenticator_.peer()->host, bytes)) {
    return await_memory(bytes);
  }
  memory_ = bytes;
  connection_.resume_reading();
}

void Session::give_memory_back() {
  if (memory_ == 0) return;
  service_.request_memory().give_back(authenticator_.peer()->host, std::exchange(memory_, 0));
}

// ---- quota of connections

// Posted, never called: the connection does not have its session yet.
void Session::await_welcome() {
  connection_.pause_reading();
  auto ask = [connection = connection_.weak_from_this(), address = authenticator_.peer()->host,
              unwelcome = &service_.metrics().unwelcome](Engine& engine) {
    const Milliseconds held = engine.quotas.connect(address, engine.now());
    if (held.count() == 0) {
      if (const auto open = connection.lock()) {
        open->run([](net::Connection& welcome) { welcome.resume_reading(); });
      }
      return;
    }
    unwelcome->add(1);
    engine.broker.wait({}, engine.now() + held, broker::WaitMode::kAll,
                       [connection](broker::WakeReason) {
                         if (const auto open = connection.lock()) {
                           open->run([](net::Connection& late) { late.close(); });
                         }
                         return true;
                       });
  };
  auto& engine = service_.engine();
  engine.shard().post([&engine, ask = std::move(ask)] { engine.call(ask); });
}

bool Session::handle(const Bytes& frame) {
  if (authenticator_.wants_token()) {
    authenticator_.token(frame);
    return true;
  }
  const auto request = open_request(frame);
  if (!request) return false;
  const HandlerEntry* handler = find_handler(request->key);
  if (!handler) return false;
  const bool answered = handler->versions.contains(request->version);
  if (!answered && request->key != kApiVersionsKey) return false;
  if (!authenticator_.admits(request->key)) return false;

  if (request->key == ProduceRequest::kKey) connection_.set_producing();
  service_.metrics().requests.add(1);
  if (!answered) {
    ApiVersionsHandler::refuse_version(call_of(*request));
    return true;
  }
  return run(*handler, *request);
}

Call Session::call_of(const RequestFrame& request, std::shared_ptr<const TimeMeter> meter) {
  return {connection_.reserve(), {service_.engine(), std::move(meter)},
          service_.config(),     authenticator_,
          authenticator_.peer(), request};
}

bool Session::run(const HandlerEntry& handler, const RequestFrame& request) {
  if (!service_.meters_handling()) {
    return handler.run(call_of(request), request.body, kDecodeLimits).has_value();
  }
  const auto meter = std::make_shared<const TimeMeter>(
      connection_.weak_from_this(), authenticator_.peer(), request.client_id.value_or(Bytes()));
  const auto begun = TimeMeter::Clock::now();
  const bool whole = handler.run(call_of(request, meter), request.body, kDecodeLimits).has_value();
  const auto spent = TimeMeter::Clock::now() - begun;
  service_.engine().call([meter, spent](Engine& engine) { meter->charge(engine, spent); });
  return whole;
}

// ---- pauses

void Session::mute_until(Timestamp until) {
  muted_until_ = std::max(muted_until_, until);
  if (std::exchange(muted_, true)) return;
  service_.metrics().pauses.add(1);
  connection_.pause_reading();
  await_end_of_pause();
}

// In steps, so that nothing waits for long for a client that has left.
void Session::await_end_of_pause() {
  const Timestamp next = std::min(muted_until_, service_.clock().now() + kPauseStep);
  service_.engine().call([connection = connection_.weak_from_this(), next](Engine& engine) {
    engine.broker.wait({}, next, broker::WaitMode::kAll, [connection](broker::WakeReason reason) {
      if (const auto open = connection.lock()) {
        open->run_on_session<Session>(
            [reason](Session& session) { session.look_whether_pause_is_over(reason); });
      }
      return true;
    });
  });
}

void Session::look_whether_pause_is_over(broker::WakeReason reason) {
  connection_.look_for_end();
  if (!connection_.open()) return;
  const bool over = service_.clock().now() >= muted_until_;
  if (!over && reason != broker::WakeReason::kStopping) return await_end_of_pause();
  muted_ = false;
  connection_.resume_reading();
}

}  // namespace weir::kafka
