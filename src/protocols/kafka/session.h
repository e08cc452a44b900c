#pragma once
// One client's connection: cuts frames out of its bytes, finds the handler, keeps the answers in
// order. Thread: the connection's shard.
//
// A client that used up a quota is answered at once, and then not read until its pause is over
// (KIP-219). That it has left is noticed all the same. A large request is read when there is memory
// for it; see request_memory.h. Where connections of an address have a quota, a new one is not read
// before it has been asked; one too many is held up, unread, and closed (KIP-612).
//
// Mistakes of the peer end the connection, as in Kafka: a frame above the limit, a request that
// cannot be decoded, a request or version that was not advertised, one that has to wait for a
// login. (An unknown version of ApiVersions is answered.)

#include <memory>

#include "base/time.h"
#include "broker/waiters.h"
#include "net/connection.h"
#include "protocols/kafka/call.h"
#include "protocols/kafka/frame.h"
#include "protocols/kafka/sasl/authenticator.h"
#include "protocols/kafka/service.h"

namespace weir::kafka {

class TimeMeter;
struct HandlerEntry;

class Session final : public net::Session {
 public:
  Session(net::Connection& connection, Service& service, const ListenerConfig& listener);

  ~Session() override;

  size_t on_data(ByteView data) override;
  Authenticator& authenticator() { return authenticator_; }

  // Reads no further request before `until`. The latest of several counts.
  void mute_until(Timestamp until);

 private:
  // False: the connection ends here.
  bool handle(const Bytes& frame);
  Call call_of(const RequestFrame& request, std::shared_ptr<const TimeMeter> meter = nullptr);
  bool run(const HandlerEntry& handler, const RequestFrame& request);
  void await_welcome();
  // Room for a request that has not arrived yet; without it the connection is not read until there
  // is some.
  bool has_memory(size_t bytes);
  void await_memory(size_t bytes);
  void look_for_memory(size_t bytes, broker::WakeReason reason);
  void give_memory_back();
  void await_end_of_pause();
  void look_whether_pause_is_over(broker::WakeReason reason);

  net::Connection& connection_;
  Service& service_;
  Authenticator authenticator_;
  Timestamp muted_until_;
  bool muted_ = false;
  bool introduced_ = false;
  size_t memory_ = 0;  // taken for the request that is arriving
};

}  // namespace weir::kafka
