#pragma once
// Who listens to which channel. Messages go to those who are subscribed at that moment; nothing is
// stored.
//
// Thread: the state shard's.

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/ids.h"

namespace weir::redis {

struct Client;

class Pubsub {
 public:
  // By client id, so that the order of delivery is the order of connecting.
  using Listeners = absl::btree_map<uint64_t, Client*>;
  using Channels = absl::btree_map<std::string, Listeners, std::less<>>;

  // False when nothing changed.
  bool subscribe(Channels& channels, Client& client, ByteView name);
  bool unsubscribe(Channels& channels, Client& client, ByteView name);
  void forget(Client& client);

  // How many clients got it. The bytes leave when `lsn` may.
  size_t publish(ByteView channel, ByteView message, Lsn lsn);
  size_t publish_to_shard(ByteView channel, ByteView message, Lsn lsn);

  Channels& channels() { return channels_; }
  Channels& patterns() { return patterns_; }
  Channels& shard_channels() { return shard_channels_; }

 private:
  Channels channels_;
  Channels patterns_;
  Channels shard_channels_;
};

}  // namespace weir::redis
