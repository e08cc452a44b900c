#include "net/listener.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "net/address_counts.h"
#include "net/connection_shard.h"
#include "net/tls.h"
#include "net/unique_fd.h"
#include "runtime/timer.h"

namespace weir::net {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr int kBacklog = 1024;
constexpr int kFreePortAttempts = 32;
// Pause before the next accept when the process has no descriptors or memory left.
constexpr Milliseconds kAcceptPause{100};

constexpr const char* kCloseReasonNames[kCloseReasons] = {
    "peer", "session", "overflow", "timeout", "abandoned", "shutdown", "handshake"};

bool is_missing_family(const error_code& error) {
  return error == boost::asio::error::address_family_not_supported ||
         error == boost::system::errc::address_not_available ||
         error == boost::asio::error::no_protocol_option;
}

// The client's, without port; empty when it has left already.
std::string address_of(int socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
  std::array<char, NI_MAXHOST> text{};
  if (getnameinfo(reinterpret_cast<const sockaddr*>(&peer), size, text.data(), text.size(), nullptr,
                  0, NI_NUMERICHOST) != 0) {
    return {};
  }
  return text.data();
}

}  // namespace

void ListenerMetrics::register_in(MetricRegistry& registry, const std::string& protocol) const {
  const MetricLabels labels{{"protocol", protocol}};
  registry.add("weir_connections_accepted_total", "Connections that were accepted.", labels,
               accepted);
  registry.add("weir_connections_rejected_total", "Connections refused at the limit.", labels,
               rejected);
  registry.add("weir_connections_rejected_by_address_total",
               "Connections refused at the limit of their client's address.", labels,
               rejected_by_address);
  registry.add("weir_tls_handshakes_total", "TLS handshakes that succeeded.", labels,
               tls_handshakes);
  registry.add("weir_tls_handshake_failures_total",
               "Connections to a TLS port that ended before a handshake did.", labels,
               tls_failures);
  registry.add("weir_connections", "Open connections.", labels, open);
  registry.add("weir_received_bytes_total", "Bytes received from clients.", labels, bytes_in);
  registry.add("weir_sent_bytes_total", "Bytes sent to clients.", labels, bytes_out);
  for (size_t i = 0; i < kCloseReasons; ++i) {
    registry.add("weir_connections_closed_total", "Connections that ended, by reason.",
                 {{"protocol", protocol}, {"reason", kCloseReasonNames[i]}}, closed[i]);
  }
}

// Shared with the accepts under way. Everything but `metrics` and the constants is touched on the
// first shard only.
struct Listener::State : std::enable_shared_from_this<State> {
  State(ListenerOptions given, std::vector<ConnectionShard*> served_by, SessionFactory makes)
      : options(std::move(given)),
        shards(std::move(served_by)),
        factory(std::move(makes)),
        pause(home(), [this] {
          accept_on(v4);
          accept_on(v6);
        }) {}

  runtime::Shard& home() { return shards.front()->shard(); }

  Result<> bind_all();
  error_code bind(std::optional<tcp::acceptor>& acceptor, const tcp::endpoint& endpoint);
  Result<> bind_failed(const error_code& error) const;
  void accept_on(std::optional<tcp::acceptor>& acceptor);
  void on_accept(std::optional<tcp::acceptor>& acceptor, const error_code& error, UniqueFd socket);
  void hand_over(UniqueFd socket);

  const ListenerOptions options;
  const std::vector<ConnectionShard*> shards;
  const SessionFactory factory;
  const std::shared_ptr<ListenerMetrics> metrics = std::make_shared<ListenerMetrics>();
  // Accepted and not yet closed or handed over: keeps the limit exact while a socket is on its way
  // to its shard.
  std::shared_ptr<std::atomic<size_t>> on_the_way = std::make_shared<std::atomic<size_t>>(0);
  const std::shared_ptr<AddressCounts> by_address = std::make_shared<AddressCounts>();
  std::optional<tcp::acceptor> v4;
  std::optional<tcp::acceptor> v6;
  runtime::Timer pause;
  uint16_t port = 0;
  std::string address;
  std::string note;
  size_t next_shard = 0;
  bool closed = false;
};

error_code Listener::State::bind(std::optional<tcp::acceptor>& acceptor,
                                 const tcp::endpoint& endpoint) {
  error_code error;
  tcp::acceptor fresh(home().reactor());
  fresh.open(endpoint.protocol(), error);
  if (!error) fresh.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && endpoint.address().is_v6()) fresh.set_option(boost::asio::ip::v6_only(true), error);
  if (!error) fresh.bind(endpoint, error);
  if (!error) fresh.listen(kBacklog, error);
  if (!error) acceptor.emplace(std::move(fresh));
  return error;
}

Result<> Listener::State::bind_failed(const error_code& error) const {
  if (error == boost::asio::error::address_in_use) {
    return fail(ErrorCode::kAlreadyExists, fmt::format("port {} is in use; choose another with {}",
                                                       options.port, options.option));
  }
  return fail(
      ErrorCode::kInvalidArgument,
      fmt::format("cannot listen on {} port {} ({}): {}; choose another port with {}",
                  options.address, options.port, options.name, error.message(), options.option));
}

Result<> Listener::State::bind_all() {
  error_code error;
  const auto ip = boost::asio::ip::make_address(options.address, error);
  if (error) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is not a numeric address; give one such as 127.0.0.1 or 0.0.0.0",
                            options.address));
  }
  const bool both = ip.is_v4() && (ip.is_loopback() || ip.is_unspecified());
  // With port 0 the free port of the first family may be taken in the other one: try again with the
  // next.
  const int attempts = options.port == 0 ? kFreePortAttempts : 1;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    std::optional<tcp::acceptor>& first = ip.is_v4() ? v4 : v6;
    error = bind(first, tcp::endpoint(ip, options.port));
    if (error) break;
    port = first->local_endpoint(error).port();
    address = ip.is_v6()
                  ? fmt::format("[{}]:{}", ip.is_unspecified() ? "::1" : ip.to_string(), port)
                  : fmt::format("{}:{}", ip.is_unspecified() ? "127.0.0.1" : ip.to_string(), port);
    if (!both) return {};
    const boost::asio::ip::address second =
        ip.is_loopback() ? boost::asio::ip::address(boost::asio::ip::address_v6::loopback())
                         : boost::asio::ip::address(boost::asio::ip::address_v6::any());
    error = bind(v6, tcp::endpoint(second, port));
    if (!error) return {};
    if (is_missing_family(error)) {
      note =
          fmt::format("no IPv6 on this host: {} listens on {} only", options.name, options.address);
      return {};
    }
    v4.reset();
  }
  return bind_failed(error);
}

void Listener::State::accept_on(std::optional<tcp::acceptor>& acceptor) {
  if (closed || !acceptor) return;
  acceptor->async_accept(
      [self = shared_from_this(), &acceptor](error_code error, tcp::socket socket) {
        UniqueFd descriptor;
        if (!error) {
          error_code released;
          descriptor.reset(socket.release(released));
        }
        self->on_accept(acceptor, error, std::move(descriptor));
      });
}

void Listener::State::on_accept(std::optional<tcp::acceptor>& acceptor,
                                const error_code& error,
                                UniqueFd socket) {
  if (closed) return;
  const bool exhausted = error == boost::asio::error::no_descriptors ||
                         error == boost::asio::error::no_memory ||
                         error == boost::asio::error::no_buffer_space ||
                         error == boost::system::errc::too_many_files_open_in_system;
  if (exhausted) {
    metrics->rejected.add();
    // The client stays in the backlog; asking again at once would only burn the processor.
    if (!pause.armed()) pause.arm(kAcceptPause);
    return;
  }
  if (socket) hand_over(std::move(socket));
  accept_on(acceptor);
}

void Listener::State::hand_over(UniqueFd socket) {
  const size_t open = static_cast<size_t>(metrics->open.value()) + on_the_way->load();
  if (open >= options.connections_max) {
    metrics->rejected.add();
    return;
  }
  std::shared_ptr<void> place;
  if (options.connections_per_address_max > 0) {
    place = by_address->enter(address_of(socket.get()), options.connections_per_address_max);
    if (!place) {
      metrics->rejected_by_address.add();
      return;
    }
  }
  metrics->accepted.add();
  on_the_way->fetch_add(1);
  ConnectionShard& target = *shards[next_shard++ % shards.size()];
  auto adopt = [self = shared_from_this(), &target, descriptor = std::move(socket),
                own_place = std::move(place)]() mutable {
    Connection::adopt(target, descriptor.release(), self->factory, self->options.limits,
                      self->metrics, self->options.tls, std::move(own_place));
    self->on_the_way->fetch_sub(1);
  };
  if (target.shard().is_current()) {
    adopt();
  } else {
    target.shard().post(std::move(adopt));
  }
}

Result<std::unique_ptr<Listener>> Listener::open(const ListenerOptions& options,
                                                 std::vector<ConnectionShard*> shards,
                                                 SessionFactory factory) {
  WEIR_ASSERT(!shards.empty());
  auto state = std::make_shared<State>(options, std::move(shards), std::move(factory));
  if (auto bound = state->bind_all(); !bound) return std::unexpected(bound.error());
  return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

Listener::Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}
Listener::~Listener() = default;

void Listener::start() {
  state_->home().post([state = state_] {
    state->accept_on(state->v4);
    state->accept_on(state->v6);
  });
}

void Listener::close() {
  state_->home().run_and_wait([this] {
    state_->closed = true;
    state_->pause.cancel();
    state_->v4.reset();
    state_->v6.reset();
  });
}

uint16_t Listener::port() const {
  return state_->port;
}
std::string Listener::address() const {
  return state_->address;
}
const std::string& Listener::name() const {
  return state_->options.name;
}
const std::string& Listener::note() const {
  return state_->note;
}
std::shared_ptr<ListenerMetrics> Listener::metrics() const {
  return state_->metrics;
}

}  // namespace weir::net
