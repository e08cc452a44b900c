#include "protocols/kafka/time_meter.h"

#include "protocols/kafka/engine.h"
#include "protocols/kafka/session.h"

namespace weir::kafka {

TimeMeter::TimeMeter(std::weak_ptr<net::Connection> connection,
                     std::shared_ptr<const Peer> peer,
                     Bytes client_id)
    : connection_(std::move(connection)),
      peer_(std::move(peer)),
      client_id_(std::move(client_id)) {}

void TimeMeter::charge(Engine& engine, Clock::duration spent) const {
  const double seconds = std::chrono::duration<double>(spent).count();
  const Timestamp now = engine.now();
  const QuotaClient client{peer_->user(), client_id_.view()};
  const Milliseconds pause = engine.quotas.charge(Metered::kHandled, client, seconds, now);
  if (pause.count() == 0) return;
  if (const auto open = connection_.lock()) {
    open->run_on_session<Session>(
        [until = now + pause](Session& session) { session.mute_until(until); });
  }
}

}  // namespace weir::kafka
