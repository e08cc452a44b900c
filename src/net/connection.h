#pragma once
// Connection: one client on one port, whatever the protocol. It owns the socket, a bounded read
// buffer and an ordered queue of replies. Session: what a protocol adds to it, a parser of bytes
// that gives replies.
//
// The contract in short:
//  - on_data() parses as many whole requests as the view holds (while connection.wants_more()), and
//  for each of them,
//    in order, either sends the answer (send()) or reserves its place (reserve()) and completes it
//    later.
//  - A reply leaves when all earlier ones have left and the watermark of its durability class has
//  reached its LSN. No
//    session waits for that before it parses the next request.
//  - All replies that one wake-up makes ready go out in one gathered write.
//
// Limits and what happens at them (ConnectionLimits): a request larger than the buffer:
// Session::on_overflow(); too much output parked or unsent, or too many requests under way: the
// socket is not read until half of it has left; a request that does not arrive whole in time:
// Session::on_request_timeout(); a peer that takes nothing: closed.
//
// Thread: everything on the connection's shard, except what says "any thread".
// Life: kept by its reactor operations and by ReplySlots; the Session dies on its shard, soon after
// on_close().

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "net/reply.h"
#include "net/watermark.h"
#include "runtime/task.h"

namespace weir::net {

class Connection;
class ConnectionShard;
class TlsServer;
struct ListenerMetrics;

struct ConnectionLimits {
  // The largest request, hence the most that the read buffer grows to.
  size_t request_bytes_max = size_t{1} << 20;
  // Parked and unsent output; above it reading stops, below half of it reading goes on.
  size_t output_bytes_max = size_t{4} << 20;
  // Requests under way (reserved places); as above.
  size_t replies_max = 4096;
  // From the first byte of a request to its last.
  Milliseconds request_deadline = std::chrono::seconds(30);
  // Without a request and without a reply under way; 0 is for ever (the peer's host is still
  // probed, by TCP keep-alive).
  Milliseconds idle_deadline{0};
  // With output waiting of which the peer takes nothing.
  Milliseconds stall_deadline = std::chrono::seconds(120);
  // From the accept to the end of the TLS handshake, where the listener has one.
  Milliseconds handshake_deadline = std::chrono::seconds(10);
};

// The right, and the duty, to answer one request. Whoever holds it completes it exactly once; if it
// is dropped instead, the connection is closed, since the answers behind it could not leave.
class ReplySlot {
 public:
  ReplySlot() = default;
  ReplySlot(ReplySlot&& other) noexcept = default;
  ReplySlot& operator=(ReplySlot&& other) noexcept;
  ~ReplySlot();

  explicit operator bool() const { return connection_ != nullptr; }

  // Any thread. `reply` leaves in its turn, once `durability`'s watermark has reached `lsn`; LSN 0
  // waits for nothing. An empty reply is allowed and sends nothing (Kafka's acks=0).
  void complete(Reply reply, Lsn lsn = {}, Durability durability = Durability::kFsync);

  // On the connection's shard. `hook` runs there once if the connection ends, or the peer says that
  // it will send no more, while this slot is not complete: the place to cancel a waiting receive,
  // fetch or BLPOP. The slot stays to be completed.
  void on_abandoned(runtime::Task hook);

  // On the connection's shard: see Connection::set_producing().
  void set_producing(bool on);

  // Any thread; a hint: true while somebody may still read the answer.
  bool open() const;

  // Any thread: see Connection::run(). Not after complete().
  void run(std::move_only_function<void(Connection&)> fn) const;

 private:
  friend class Connection;
  ReplySlot(std::shared_ptr<Connection> connection, uint64_t number)
      : connection_(std::move(connection)), number_(number) {}

  std::shared_ptr<Connection> connection_;
  uint64_t number_ = 0;
};

// A protocol's side of one connection. All calls come on the connection's shard.
class Session {
 public:
  virtual ~Session() = default;

  // `data` begins with the first byte that was not consumed before. Parses as many whole requests
  // as it can while connection.wants_more(), and returns how many bytes it is done with; the rest
  // comes again, with more behind it.
  virtual size_t on_data(ByteView data) = 0;

  // True while a request has begun whose bytes were consumed already (a parser that keeps its own
  // state).
  virtual bool inside_request() const { return false; }

  // The buffer is full, on_data() consumed nothing and asks for more. Default: closes.
  virtual void on_overflow(Connection& connection);
  // A request began and is not whole after limits.request_deadline. Default: closes.
  virtual void on_request_timeout(Connection& connection);
  // The socket is closed. Called once; no call of any kind comes after it.
  virtual void on_close() {}
};

using SessionFactory = std::function<std::unique_ptr<Session>(Connection&)>;

// Why a connection ended; a label of weir_connections_closed_total.
enum class CloseReason : uint8_t {
  kPeer,       // the peer closed or reset it
  kSession,    // the protocol ended it: a malformed request, QUIT, a failed login
  kOverflow,   // a request above the limit
  kTimeout,    // a request that did not arrive whole, idle or stalled too long
  kAbandoned,  // a reply was dropped
  kShutdown,   // the broker stops
  kHandshake,  // no TLS came about, or the peer tried without
};
inline constexpr size_t kCloseReasons = 7;

class Connection final : public std::enable_shared_from_this<Connection>, private Parked {
 public:
  // --- replies
  // The place of the next reply in order.
  ReplySlot reserve();
  // reserve() and complete() in one: an answer that is known at once, or output that nobody asked
  // for (Redis pushes).
  void send(Reply reply, Lsn lsn = {}, Durability durability = Durability::kFsync);

  // --- requests
  // False when a parser must stop here and return what it has consumed: the output limit is
  // reached, or the connection ends. on_data() is called again with the rest when there is room.
  bool wants_more() const;
  // A hint from the parser: the request at the front of the buffer has `bytes` in all. Saves
  // growing step by step; takes no memory that the peer has not begun to fill.
  void expect(size_t bytes);
  // `part`, which lies in the view given to on_data(), beyond that call. Shares the read buffer
  // when `part` is a large share of it, else copies.
  Bytes keep(ByteView part);
  // Counted: the socket is read again after as many resumes as pauses.
  void pause_reading();
  void resume_reading();
  // What is not read does not notice that its peer has left: this looks, and ends the connection as
  // reading would have. A peer that sent something before it left is noticed once that is read;
  // `partial`: what was not consumed yet is less than a request, which nobody will complete.
  void look_for_end(bool partial = false);
  // Declares whether this client brings data, by its last request: it is then not read while the
  // shard is overloaded (too many undurable bytes).
  void set_producing(bool on = true);
  void set_limits(const ConnectionLimits& limits) { limits_ = limits; }
  const ConnectionLimits& limits() const { return limits_; }

  // --- the end
  // Reads no further request; closes when all reserved replies have left.
  void close_after_replies(CloseReason reason = CloseReason::kSession);
  // At once: what has not been written is dropped.
  void close(CloseReason reason = CloseReason::kSession);
  // Any thread; a hint elsewhere than on the shard.
  bool open() const { return open_.load(std::memory_order_relaxed); }

  // --- who and where
  uint64_t id() const { return id_; }                        // unique in this process
  const std::string& peer_address() const { return peer_; }  // "127.0.0.1:50123", "[::1]:50123"
  const std::string& local_address() const {
    return local_;
  }  // the address that the client reached
  // What passes is encrypted.
  bool secure() const { return secure_; }
  // Whose certificate the client showed: its subject by RFC 2253 ("CN=billing,O=Example,C=CH"), as
  // Java writes it. Empty without one, and until the handshake is over (Session::on_data() comes
  // later).
  std::string certificate_subject() const;
  ConnectionShard& shard() const { return shard_; }
  Session& session() const { return *session_; }

  // Any thread: runs fn(SessionType&) on the connection's shard while the session lives, else
  // never. Inline when the caller is on that shard.
  template <typename SessionType, typename Fn>
  void run_on_session(Fn fn) {
    run([f = std::move(fn)](Connection& self) mutable {
      f(static_cast<SessionType&>(self.session()));
    });
  }
  // The same with the connection itself.
  void run(std::move_only_function<void(Connection&)> fn);

  // Used by Listener: takes over a connected socket and begins to read, or to shake hands where
  // `tls` is given. `place` is given back when the connection has closed.
  static void adopt(ConnectionShard& shard,
                    int socket,
                    const SessionFactory& factory,
                    const ConnectionLimits& limits,
                    std::shared_ptr<ListenerMetrics> metrics,
                    std::shared_ptr<TlsServer> tls = nullptr,
                    std::shared_ptr<void> place = nullptr);
  ~Connection() override;

 private:
  friend class ReplySlot;
  friend class ConnectionShard;
  struct Io;

  Connection(ConnectionShard& shard,
             int socket,
             const ConnectionLimits& limits,
             std::shared_ptr<ListenerMetrics> metrics,
             std::shared_ptr<TlsServer> tls);

  void complete(uint64_t number, Reply reply, Lsn lsn, Durability durability);  // any thread
  void complete_here(uint64_t number, Reply reply, Lsn lsn, Durability durability);
  void abandoned_slot();  // any thread

  // Parked: the watermark reached the LSN of the first blocked reply.
  void released() override;

  void start_reading();
  enum class ReadEnd : uint8_t { kNone, kEnded, kBroken };
  void on_read(ReadEnd end, size_t bytes);
  void on_end_of_input();
  void parse();
  bool parse_once();
  void parse_later();
  bool may_read() const;
  void overload_ended();
  void run_hooks();

  void flush();
  void flush_later();
  bool write_ready();
  void wait_writable();
  void park_if_blocked();
  void update_output_limit();
  void linger();

  // With TLS these stand in for a read, a write and the end of output (connection_tls.cc).
  void read_encrypted_later();
  void read_encrypted();
  bool write_encrypted();
  bool end_encrypted_output();
  void handshake_failed(const std::string& reason, const std::string& last_words);

  void watch_deadlines();
  void on_deadline();
  void finish_close();

  ConnectionShard& shard_;
  const uint64_t id_;
  const bool secure_;
  std::string peer_;
  std::string local_;
  ConnectionLimits limits_;
  std::shared_ptr<ListenerMetrics> metrics_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Io> io_;  // socket, buffers, timer: everything that needs Asio

  std::atomic<bool> open_{true};
  bool in_session_ = false;  // inside a call to the session: no flush, no destruction
  bool reading_ = false;     // a read is under way
  bool parsing_later_ = false;
  bool flushing_later_ = false;
  bool waiting_writable_ = false;
  bool parked_ = false;
  bool output_full_ = false;
  bool ending_ = false;     // close_after_replies() was called
  bool lingering_ = false;  // everything was sent; reads on until the peer closes too
  bool peer_ended_ = false;
  bool producing_ = false;
  uint32_t pauses_ = 0;
  CloseReason end_reason_ = CloseReason::kSession;
  int64_t request_since_ms_ = 0;    // monotonic; 0 = no request has begun
  int64_t active_at_ms_ = 0;        // the last byte in or out
  int64_t stalled_since_ms_ = 0;    // 0 = nothing waits for the peer
  int64_t linger_since_ms_ = 0;     // 0 = not lingering
  int64_t handshake_since_ms_ = 0;  // 0 = it is over, or there is none
};

}  // namespace weir::net
