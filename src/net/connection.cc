#include "net/connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <chrono>

#include "base/assert.h"
#include "net/connection_io.h"
#include "net/connection_shard.h"
#include "net/listener.h"

namespace weir::net {
namespace {

constexpr Milliseconds kLingerDeadline = std::chrono::seconds(1);

uint64_t next_id() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

}  // namespace

// --- ReplySlot

ReplySlot::~ReplySlot() {
  if (connection_) connection_->abandoned_slot();
}

ReplySlot& ReplySlot::operator=(ReplySlot&& other) noexcept {
  if (this == &other) return *this;
  if (connection_) connection_->abandoned_slot();
  connection_ = std::move(other.connection_);
  number_ = other.number_;
  return *this;
}

void ReplySlot::complete(Reply reply, Lsn lsn, Durability durability) {
  WEIR_ASSERT(connection_ != nullptr, "a reply is completed once");
  const std::shared_ptr<Connection> connection = std::move(connection_);
  connection->complete(number_, std::move(reply), lsn, durability);
}

void ReplySlot::on_abandoned(runtime::Task hook) {
  WEIR_ASSERT(connection_ != nullptr && connection_->shard_.shard().is_current());
  if (connection_->io_) connection_->io_->output.set_hook(number_, std::move(hook));
}

void ReplySlot::set_producing(bool on) {
  WEIR_ASSERT(connection_ != nullptr && connection_->shard_.shard().is_current());
  connection_->set_producing(on);
}

bool ReplySlot::open() const {
  return connection_ != nullptr && connection_->open();
}

void ReplySlot::run(std::move_only_function<void(Connection&)> fn) const {
  WEIR_ASSERT(connection_ != nullptr);
  connection_->run(std::move(fn));
}

// --- Session

void Session::on_overflow(Connection& connection) {
  connection.close(CloseReason::kOverflow);
}
void Session::on_request_timeout(Connection& connection) {
  connection.close(CloseReason::kTimeout);
}

// --- life

Connection::Connection(ConnectionShard& shard,
                       int socket,
                       const ConnectionLimits& limits,
                       std::shared_ptr<ListenerMetrics> metrics,
                       std::shared_ptr<TlsServer> tls)
    : shard_(shard),
      id_(next_id()),
      secure_(tls != nullptr),
      limits_(limits),
      metrics_(std::move(metrics)),
      io_(std::make_unique<Io>(shard.shard().reactor(), socket, std::move(tls))),
      active_at_ms_(monotonic_ms()),
      handshake_since_ms_(secure_ ? active_at_ms_ : 0) {}

Connection::~Connection() = default;

void Connection::adopt(ConnectionShard& shard,
                       int socket,
                       const SessionFactory& factory,
                       const ConnectionLimits& limits,
                       std::shared_ptr<ListenerMetrics> metrics,
                       std::shared_ptr<TlsServer> tls,
                       std::shared_ptr<void> place) {
  WEIR_ASSERT(shard.shard().is_current());
  const std::shared_ptr<Connection> self(
      new Connection(shard, socket, limits, std::move(metrics), std::move(tls)));
  self->metrics_->open.add(1);
  self->io_->place = std::move(place);
  self->peer_ = self->io_->peer_address();
  self->local_ = self->io_->local_address();
  self->session_ = factory(*self);
  shard.entered(self);
  if (shard.closing() || !self->io_->socket.is_open()) return self->close(CloseReason::kShutdown);
  self->parse();
}

void Connection::close(CloseReason reason) {
  if (!open_) return;
  open_ = false;
  io_->close();
  metrics_->closed[static_cast<size_t>(reason)].add();
  // The caller may be the session, or a loop over connections.
  shard_.shard().defer([self = shared_from_this()] { self->finish_close(); });
}

void Connection::finish_close() {
  for (runtime::Task& hook : io_->output.take_hooks()) hook();
  session_->on_close();
  session_.reset();
  io_.reset();
  metrics_->open.add(-1);
  shard_.left(*this);
}

void Connection::close_after_replies(CloseReason reason) {
  if (!open_ || ending_) return;
  ending_ = true;
  end_reason_ = reason;
  request_since_ms_ = 0;
  if (reason == CloseReason::kShutdown) run_hooks();
  flush_later();
}

void Connection::run_hooks() {
  for (runtime::Task& hook : io_->output.take_hooks()) hook();
}

void Connection::run(std::move_only_function<void(Connection&)> fn) {
  if (shard_.shard().is_current()) {
    if (open_) fn(*this);
    return;
  }
  shard_.shard().post([self = shared_from_this(), f = std::move(fn)]() mutable {
    if (self->open_) f(*self);
  });
}

// --- replies

ReplySlot Connection::reserve() {
  if (!open_ || !io_) return ReplySlot(shared_from_this(), 0);
  return ReplySlot(shared_from_this(), io_->output.reserve());
}

void Connection::send(Reply reply, Lsn lsn, Durability durability) {
  if (!open_) return;
  complete_here(io_->output.reserve(), std::move(reply), lsn, durability);
}

void Connection::complete(uint64_t number, Reply reply, Lsn lsn, Durability durability) {
  if (shard_.shard().is_current()) return complete_here(number, std::move(reply), lsn, durability);
  shard_.shard().post(
      [self = shared_from_this(), number, r = std::move(reply), lsn, durability]() mutable {
        self->complete_here(number, std::move(r), lsn, durability);
      });
}

void Connection::complete_here(uint64_t number, Reply reply, Lsn lsn, Durability durability) {
  if (!open_) return;
  const bool taken = io_->output.complete(number, std::move(reply), lsn, durability);
  WEIR_ASSERT(taken, "reply {} of connection {} was completed before", number, id_);
  if (!in_session_) flush_later();
}

void Connection::abandoned_slot() {
  if (!open()) return;
  if (shard_.shard().is_current()) return close(CloseReason::kAbandoned);
  shard_.shard().post([self = shared_from_this()] { self->close(CloseReason::kAbandoned); });
}

// --- reading

bool Connection::may_read() const {
  return open_ && !ending_ && pauses_ == 0 && !output_full_ && !(producing_ && shard_.overloaded());
}

bool Connection::wants_more() const {
  return may_read() && io_->output.bytes() < limits_.output_bytes_max &&
         io_->output.count() < limits_.replies_max;
}

void Connection::expect(size_t bytes) {
  io_->input.expect(std::min(bytes, limits_.request_bytes_max));
}
Bytes Connection::keep(ByteView part) {
  return io_->input.keep(part);
}
void Connection::pause_reading() {
  ++pauses_;
}

void Connection::resume_reading() {
  WEIR_ASSERT(pauses_ > 0, "resumed more often than paused");
  if (--pauses_ == 0) parse_later();
}

void Connection::look_for_end(bool partial) {
  if (!open_ || reading_ || peer_ended_) return;  // a read under way would tell
  switch (io_->look_for_end()) {
    case Io::PeerState::kHere: return;
    case Io::PeerState::kEnded:
      if (partial || io_->input.content().empty()) on_end_of_input();
      return;
    case Io::PeerState::kGone: return close(CloseReason::kPeer);
  }
}

void Connection::set_producing(bool on) {
  producing_ = on;
}

void Connection::overload_ended() {
  if (producing_) parse_later();
}

void Connection::start_reading() {
  // Once the connection is ending, input is read only to notice that the peer has gone.
  if (reading_ || !open_ || peer_ended_ || (!ending_ && !may_read())) return;
  if (io_->tls) return read_encrypted_later();
  const std::span<char> room = io_->input.room(limits_.request_bytes_max);
  if (room.empty()) return;
  reading_ = true;
  io_->socket.async_read_some(
      boost::asio::buffer(room.data(), room.size()),
      [self = shared_from_this()](boost::system::error_code error, size_t bytes) {
        self->on_read(error == boost::asio::error::eof ? ReadEnd::kEnded
                      : error                          ? ReadEnd::kBroken
                                                       : ReadEnd::kNone,
                      bytes);
      });
}

void Connection::on_read(ReadEnd end, size_t bytes) {
  reading_ = false;
  if (!open_) return;
  if (end == ReadEnd::kBroken) return close(CloseReason::kPeer);
  if (end == ReadEnd::kEnded) return on_end_of_input();
  metrics_->bytes_in.add(bytes);
  active_at_ms_ = monotonic_ms();
  io_->input.filled(bytes);
  if (!ending_) return parse();
  io_->input.consume(io_->input.content().size());
  start_reading();
}

void Connection::on_end_of_input() {
  peer_ended_ = true;
  if (lingering_) return close(end_reason_);
  run_hooks();
  close_after_replies(CloseReason::kPeer);
  flush();
}

void Connection::parse_later() {
  if (parsing_later_ || !open_) return;
  parsing_later_ = true;
  shard_.shard().defer([self = shared_from_this()] {
    self->parsing_later_ = false;
    if (self->open_) self->parse();
  });
}

void Connection::parse() {
  // Each round consumes something or ends; another round follows only when the parser was stopped
  // by a limit that the flush has lifted.
  bool again = true;
  while (again && wants_more() && !io_->input.content().empty()) {
    again = parse_once() && wants_more();
    if (!open_) return;
  }
  start_reading();
  watch_deadlines();
}

// True when the parser had to stop although it may have had more whole requests.
bool Connection::parse_once() {
  const uint64_t reserved_before = io_->output.reserved();
  const ByteView content = io_->input.content();
  in_session_ = true;
  const size_t consumed = session_->on_data(content);
  in_session_ = false;
  if (!open_) return false;
  WEIR_ASSERT(consumed <= content.size(), "consumed {} of {} bytes", consumed, content.size());
  io_->input.consume(consumed);
  const bool stopped = !wants_more();
  const bool full = consumed == 0 && content.size() >= limits_.request_bytes_max;
  if (full && !stopped) {
    session_->on_overflow(*this);
    if (!open_) return false;
  }
  const bool inside = session_->inside_request();
  const bool begun = io_->output.reserved() != reserved_before || (consumed > 0 && !inside);
  if (stopped || (consumed == content.size() && !inside)) {
    request_since_ms_ = 0;
  } else if (begun || request_since_ms_ == 0) {
    request_since_ms_ = monotonic_ms();
  }
  flush();
  return stopped;
}

// --- writing

void Connection::released() {
  parked_ = false;
  flush();
}

void Connection::flush_later() {
  if (flushing_later_ || !open_) return;
  flushing_later_ = true;
  shard_.shard().defer([self = shared_from_this()] {
    self->flushing_later_ = false;
    self->flush();
  });
}

void Connection::flush() {
  if (!open_ || in_session_ || lingering_) return;
  if (!waiting_writable_ && !write_ready()) return close(CloseReason::kPeer);
  park_if_blocked();
  update_output_limit();
  // Encrypted bytes may wait although every reply was taken.
  if (!io_->output.empty() || waiting_writable_) return;
  if (ending_) {
    if (io_->tls && !end_encrypted_output()) return;
    linger();
  } else if (limits_.idle_deadline.count() > 0) {
    watch_deadlines();
  }
}

// Writes what may leave until the socket is full; false when the connection is broken.
bool Connection::write_ready() {
  if (io_->tls) return write_encrypted();
  GatheredWrite gathered;
  while (true) {
    gathered.clear();
    io_->output.gather(shard_.watermark(), gathered);
    if (gathered.empty()) {
      io_->output.consume(shard_.watermark(), 0);  // empty replies
      stalled_since_ms_ = 0;
      return true;
    }
    const ssize_t sent = io_->send(gathered.pieces());
    if (sent == -2) return false;
    if (sent > 0) {
      io_->output.consume(shard_.watermark(), static_cast<size_t>(sent));
      metrics_->bytes_out.add(static_cast<uint64_t>(sent));
      active_at_ms_ = monotonic_ms();
      stalled_since_ms_ = 0;
    }
    if (sent == static_cast<ssize_t>(gathered.bytes())) continue;
    wait_writable();
    return true;
  }
}

void Connection::wait_writable() {
  waiting_writable_ = true;
  if (stalled_since_ms_ == 0) stalled_since_ms_ = monotonic_ms();
  watch_deadlines();
  io_->socket.async_wait(boost::asio::ip::tcp::socket::wait_write,
                         [self = shared_from_this()](boost::system::error_code) {
                           self->waiting_writable_ = false;
                           self->flush();
                         });
}

void Connection::park_if_blocked() {
  if (parked_) return;
  const auto blocked = io_->output.blocked(shard_.watermark());
  if (!blocked) return;
  parked_ = true;
  Parked* waiter = this;
  shard_.watermark().park(blocked->lsn, blocked->durability,
                          std::shared_ptr<Parked>(shared_from_this(), waiter));
}

void Connection::update_output_limit() {
  const size_t bytes = io_->output.bytes();
  const size_t count = io_->output.count();
  if (!output_full_) {
    output_full_ = bytes >= limits_.output_bytes_max || count >= limits_.replies_max;
  } else if (bytes <= limits_.output_bytes_max / 2 && count <= limits_.replies_max / 2) {
    output_full_ = false;
    parse_later();
  }
}

// Everything was sent. Closing a socket that holds unread input would reset it, and the peer might
// lose our last reply: so the end of our output is announced, and input is thrown away until the
// peer has closed too.
void Connection::linger() {
  if (peer_ended_) return close(end_reason_);
  lingering_ = true;
  linger_since_ms_ = monotonic_ms();
  io_->end_output();
  io_->input.consume(io_->input.content().size());
  start_reading();
  watch_deadlines();
}

// --- deadlines

// One timer serves all of them; it is never set later, only earlier, and looks again when it
// expires.
void Connection::watch_deadlines() {
  if (!open_) return;
  int64_t next = INT64_MAX;
  const auto consider = [&](int64_t since, Milliseconds deadline) {
    if (since != 0) next = std::min(next, since + deadline.count());
  };
  consider(request_since_ms_, limits_.request_deadline);
  consider(stalled_since_ms_, limits_.stall_deadline);
  consider(linger_since_ms_, kLingerDeadline);
  consider(handshake_since_ms_, limits_.handshake_deadline);
  if (limits_.idle_deadline.count() > 0 && io_->output.empty())
    consider(active_at_ms_, limits_.idle_deadline);
  if (next == INT64_MAX) return;
  if (!io_->deadline) io_->deadline.emplace(shard_.shard(), [this] { on_deadline(); });
  if (io_->deadline->armed() && io_->deadline_at_ms <= next) return;
  io_->deadline_at_ms = next;
  io_->deadline->arm(Milliseconds(std::max<int64_t>(next - monotonic_ms(), 0) + 1));
}

void Connection::on_deadline() {
  const auto self = shared_from_this();
  const int64_t now = monotonic_ms();
  const auto passed = [&](int64_t since, Milliseconds deadline) {
    return since != 0 && now >= since + deadline.count();
  };
  if (passed(linger_since_ms_, kLingerDeadline)) return close(end_reason_);
  if (passed(stalled_since_ms_, limits_.stall_deadline)) return close(CloseReason::kTimeout);
  if (passed(handshake_since_ms_, limits_.handshake_deadline)) return close(CloseReason::kTimeout);
  const bool idle =
      limits_.idle_deadline.count() > 0 && io_->output.empty() && request_since_ms_ == 0;
  if (idle && passed(active_at_ms_, limits_.idle_deadline)) return close(CloseReason::kTimeout);
  if (passed(request_since_ms_, limits_.request_deadline)) {
    // While we do not read, the peer cannot be blamed.
    request_since_ms_ = may_read() ? 0 : now;
    if (may_read()) session_->on_request_timeout(*this);
  }
  watch_deadlines();
}

}  // namespace weir::net
