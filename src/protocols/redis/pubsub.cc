#include "protocols/redis/pubsub.h"

#include "protocols/redis/client.h"
#include "protocols/redis/glob.h"
#include "protocols/redis/reply_writer.h"

namespace weir::redis {
namespace {

void send(Client& client,
          ByteView kind,
          const ByteView* pattern,
          ByteView channel,
          ByteView message,
          Lsn lsn) {
  std::string bytes;
  ReplyWriter writer(bytes, client.protocol);
  writer.push(pattern == nullptr ? 3 : 4);
  writer.bulk(kind);
  if (pattern != nullptr) writer.bulk(*pattern);
  writer.bulk(channel);
  writer.bulk(message);
  client.push(std::move(bytes), lsn);
}

}  // namespace

bool Pubsub::subscribe(Channels& channels, Client& client, ByteView name) {
  return channels[std::string(name)].emplace(client.id, &client).second;
}

bool Pubsub::unsubscribe(Channels& channels, Client& client, ByteView name) {
  const auto found = channels.find(name);
  if (found == channels.end() || found->second.erase(client.id) == 0) return false;
  if (found->second.empty()) channels.erase(found);
  return true;
}

void Pubsub::forget(Client& client) {
  for (const auto& name : client.channels) unsubscribe(channels_, client, name);
  for (const auto& name : client.patterns) unsubscribe(patterns_, client, name);
  for (const auto& name : client.shard_channels) unsubscribe(shard_channels_, client, name);
  client.channels.clear();
  client.patterns.clear();
  client.shard_channels.clear();
}

size_t Pubsub::publish(ByteView channel, ByteView message, Lsn lsn) {
  size_t receivers = 0;
  if (const auto found = channels_.find(channel); found != channels_.end()) {
    for (const auto& [id, client] : found->second)
      send(*client, "message", nullptr, channel, message, lsn);
    receivers += found->second.size();
  }
  for (const auto& [pattern, listeners] : patterns_) {
    if (!glob_matches(pattern, channel)) continue;
    const ByteView name = pattern;
    for (const auto& [id, client] : listeners)
      send(*client, "pmessage", &name, channel, message, lsn);
    receivers += listeners.size();
  }
  return receivers;
}

size_t Pubsub::publish_to_shard(ByteView channel, ByteView message, Lsn lsn) {
  const auto found = shard_channels_.find(channel);
  if (found == shard_channels_.end()) return 0;
  for (const auto& [id, client] : found->second)
    send(*client, "smessage", nullptr, channel, message, lsn);
  return found->second.size();
}

}  // namespace weir::redis
