#pragma once
// Call: one request under way, and the duty to answer it. Handlers get it on the connection's
// shard, usually take it to the state shard (engine().call), and answer from wherever they are.
//
// A Call that is dropped unanswered closes the connection: the answers behind it could not leave.

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "broker/types.h"
#include "net/connection.h"
#include "protocols/kafka/config.h"
#include "protocols/kafka/errors.h"
#include "protocols/kafka/frame.h"
#include "protocols/kafka/peer.h"
#include "protocols/kafka/time_meter.h"

namespace weir::kafka {

class Authenticator;

class Call {
 public:
  Call(net::ReplySlot slot,
       MeteredEngine engine,
       const Config& config,
       Authenticator& authenticator,
       std::shared_ptr<const Peer> peer,
       const RequestFrame& frame)
      : slot_(std::move(slot)),
        engine_(std::move(engine)),
        config_(&config),
        authenticator_(&authenticator),
        peer_(std::move(peer)),
        version_(frame.version),
        correlation_id_(frame.correlation_id),
        client_id_(frame.client_id.value_or(Bytes())) {}

  int16_t version() const { return version_; }
  const Bytes& client_id() const { return client_id_; }
  const Peer& peer() const { return *peer_; }
  const Config& config() const { return *config_; }
  // The way to the state shard; good for longer than the call.
  MeteredEngine engine() const { return engine_; }
  // The connection's, while a handler is called: on its shard, and never later.
  Authenticator& authenticator() const { return *authenticator_; }

  // Any thread, once. The answer leaves when what it depends on may be seen.
  template <typename Response>
  void answer(const Response& response, broker::Depends depends = {}) {
    send(response_frame(version_, correlation_id_, response), depends);
  }
  // In another version than the request's (ApiVersions only).
  template <typename Response>
  void answer_in(int16_t version, const Response& response) {
    send(response_frame(version, correlation_id_, response), {});
  }
  // The request wants no answer; what comes behind it may leave.
  void answer_nothing() { slot_.complete({}); }

  // Before the answer, any thread: no further request of this client is read until then (KIP-219).
  void mute_until(Timestamp until) const;

  // On the connection's shard: see net::ReplySlot.
  void on_abandoned(runtime::Task hook) { slot_.on_abandoned(std::move(hook)); }

 private:
  void send(wire::Pieces pieces, broker::Depends depends) {
    slot_.complete(net::Reply({}, std::move(pieces)), depends.lsn, depends.durability);
  }

  net::ReplySlot slot_;
  MeteredEngine engine_;
  const Config* config_;
  Authenticator* authenticator_;
  std::shared_ptr<const Peer> peer_;
  int16_t version_;
  int32_t correlation_id_;
  Bytes client_id_;
};

// What an answer depends on that says several things.
void add(broker::Depends& sum, const broker::Depends& one);

}  // namespace weir::kafka
