#pragma once
// ConnectionShard: what the connections of one shard have in common: the reactor, the watermark
// that holds their output back, and the list of them.
//
// Thread: the shard's own, except construction and destruction (when the shard does not run).

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "net/watermark.h"
#include "runtime/shard.h"
#include "runtime/task.h"

namespace weir::net {

class Connection;

class ConnectionShard {
 public:
  explicit ConnectionShard(runtime::Shard& shard);
  ~ConnectionShard();
  ConnectionShard(const ConnectionShard&) = delete;
  ConnectionShard& operator=(const ConnectionShard&) = delete;

  runtime::Shard& shard() const { return shard_; }
  Watermark& watermark() { return watermark_; }

  // While true, connections that produce are not read: the limit of undurable bytes is reached.
  // Consumers go on, since acknowledgements free memory.
  void set_overloaded(bool overloaded);
  bool overloaded() const { return overloaded_; }

  // The orderly end: every connection reads no further request and closes when its replies have
  // left, or is cut off after `grace`. `done` runs on the shard when none is left. No connection is
  // adopted afterwards.
  void close_all(Milliseconds grace, runtime::Task done);
  bool closing() const { return closing_; }

  size_t connections() const { return connections_.size(); }

 private:
  friend class Connection;
  void entered(std::shared_ptr<Connection> connection);
  void left(Connection& connection);

  struct Closing;

  // Closing a connection changes the map, so that a loop over it needs a copy.
  std::vector<std::shared_ptr<Connection>> all() const;

  runtime::Shard& shard_;
  Watermark watermark_;
  // Keeps a connection alive from its first byte to its last, also while nothing is under way on
  // it.
  absl::flat_hash_map<Connection*, std::shared_ptr<Connection>> connections_;
  bool overloaded_ = false;
  bool closing_ = false;
  std::unique_ptr<Closing> closing_state_;
};

}  // namespace weir::net
