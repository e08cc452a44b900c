#include "net/connection_shard.h"

#include <utility>
#include <vector>

#include "base/assert.h"
#include "net/connection.h"
#include "runtime/timer.h"

namespace weir::net {

struct ConnectionShard::Closing {
  Closing(runtime::Shard& shard, std::function<void()> cut_off)
      : grace(shard, std::move(cut_off)) {}

  runtime::Timer grace;
  runtime::Task done;
};

std::vector<std::shared_ptr<Connection>> ConnectionShard::all() const {
  std::vector<std::shared_ptr<Connection>> all;
  all.reserve(connections_.size());
  for (const auto& [address, connection] : connections_) all.push_back(connection);
  return all;
}

ConnectionShard::ConnectionShard(runtime::Shard& shard) : shard_(shard) {}
ConnectionShard::~ConnectionShard() = default;

void ConnectionShard::entered(std::shared_ptr<Connection> connection) {
  connections_[connection.get()] = std::move(connection);
}

void ConnectionShard::left(Connection& connection) {
  connections_.erase(&connection);
  if (!connections_.empty() || !closing_state_) return;
  closing_state_->grace.cancel();
  if (closing_state_->done) std::exchange(closing_state_->done, nullptr)();
}

void ConnectionShard::set_overloaded(bool overloaded) {
  if (overloaded_ == overloaded) return;
  overloaded_ = overloaded;
  if (overloaded) return;
  for (const auto& connection : all()) connection->overload_ended();
}

void ConnectionShard::close_all(Milliseconds grace, runtime::Task done) {
  WEIR_ASSERT(!closing_, "the connections of a shard are closed once");
  closing_ = true;
  if (connections_.empty()) return done();
  closing_state_ = std::make_unique<Closing>(shard_, [this] {
    for (const auto& connection : all()) connection->close(CloseReason::kShutdown);
  });
  closing_state_->done = std::move(done);
  closing_state_->grace.arm(grace);
  for (const auto& connection : all()) connection->close_after_replies(CloseReason::kShutdown);
}

}  // namespace weir::net
