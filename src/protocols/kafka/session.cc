#include "protocols/kafka/session.h"

#include <charconv>

#include "protocols/kafka/engine.h"
#include "protocols/kafka/gen/produce.h"
#include "protocols/kafka/handlers/api_versions.h"

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

Peer peer_of(const net::Connection& connection, const Config& config) {
  Peer peer;
  peer.host = split_address(connection.peer_address()).first;
  const auto [host, port] = split_address(connection.local_address());
  peer.advertised_host = config.advertised_host.empty() ? host : config.advertised_host;
  peer.advertised_port = config.advertised_port == 0 ? port : config.advertised_port;
  return peer;
}

// What follows a request is ignored, as Kafka does: some clients send a byte of another version.
constexpr wire::DecodeLimits kDecodeLimits = [] {
  wire::DecodeLimits limits;
  limits.left_over_allowed = true;
  return limits;
}();

}  // namespace

Session::Session(net::Connection& connection, Service& service)
    : connection_(connection),
      service_(service),
      authenticator_(connection, service, peer_of(connection, service.config())) {}

size_t Session::on_data(ByteView data) {
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
      connection_.expect(whole);
      break;
    }
    consumed += whole;
    if (!handle(connection_.keep(rest.substr(kFrameSizeBytes, **size)))) {
      service_.metrics().refused.add(1);
      connection_.close_after_replies();
      return data.size();
    }
  }
  return consumed;
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
  Call call(connection_.reserve(), service_.engine(), service_.config(), authenticator_,
            authenticator_.peer(), *request);
  service_.metrics().requests.add(1);
  if (!answered) {
    ApiVersionsHandler::refuse_version(std::move(call));
    return true;
  }
  return handler->run(std::move(call), request->body, kDecodeLimits).has_value();
}

}  // namespace weir::kafka
