#pragma once
// What requests cost in time, for the quota request_percentage (KIP-124): the thread of the
// connection, and the thread of the state shard where that is another one. What is done later for a
// request that waits (a fetch that new records wake) is not counted.

#include <chrono>
#include <memory>
#include <utility>

#include "base/bytes.h"
#include "net/connection.h"
#include "protocols/kafka/peer.h"
#include "runtime/owned.h"

namespace weir::kafka {

class Engine;

// Whom to charge for one request. Immutable.
class TimeMeter {
 public:
  using Clock = std::chrono::steady_clock;

  TimeMeter(std::weak_ptr<net::Connection> connection,
            std::shared_ptr<const Peer> peer,
            Bytes client_id);

  // On the state shard. A client over its quota is not read for a while.
  void charge(Engine& engine, Clock::duration spent) const;

 private:
  std::weak_ptr<net::Connection> connection_;
  std::shared_ptr<const Peer> peer_;
  Bytes client_id_;
};

// The engine on its shard, for one request: what is done there is charged to the request's client
// while somebody measures. Where it is the connection's shard too, the session's own measure has
// it in already.
class MeteredEngine {
 public:
  // Null: nobody measures.
  MeteredEngine(runtime::Owned<Engine>& engine, std::shared_ptr<const TimeMeter> meter)
      : engine_(&engine), meter_(std::move(meter)) {}

  // As Owned::call().
  template <typename Fn>
  void call(Fn&& fn) const {
    if (!meter_ || engine_->is_here()) return engine_->call(std::forward<Fn>(fn));
    engine_->call([meter = meter_, f = std::forward<Fn>(fn)](Engine& engine) mutable {
      const auto begun = TimeMeter::Clock::now();
      std::move(f)(engine);
      meter->charge(engine, TimeMeter::Clock::now() - begun);
    });
  }

 private:
  runtime::Owned<Engine>* engine_;
  std::shared_ptr<const TimeMeter> meter_;
};

}  // namespace weir::kafka
