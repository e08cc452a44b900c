#include "protocols/kafka/call.h"

#include <algorithm>

#include "protocols/kafka/session.h"

namespace weir::kafka {

void Call::mute_until(Timestamp until) const {
  slot_.run([until](net::Connection& connection) {
    static_cast<Session&>(connection.session()).mute_until(until);
  });
}

void add(broker::Depends& sum, const broker::Depends& one) {
  if (one.lsn == Lsn() || one.durability == Durability::kTransient) return;
  // The stricter class covers the other one: what is durable was written.
  sum.durability = sum.lsn == Lsn() ? one.durability : std::min(sum.durability, one.durability);
  sum.lsn = std::max(sum.lsn, one.lsn);
}

}  // namespace weir::kafka
