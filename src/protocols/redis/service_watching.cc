// Watched keys: https://redis.io/docs/latest/develop/interact/transactions/

#include <algorithm>
#include <string>
#include <utility>

#include "protocols/redis/client.h"
#include "protocols/redis/limits.h"
#include "protocols/redis/service.h"

namespace weir::redis {

void Service::flushing(uint32_t database) {
  for (auto& [watched, clients] : watchers_) {
    if (watched.database != database || keyspace_.find(database, watched.key, now()) == nullptr)
      continue;
    for (Client* client : clients) client->watch_broken = true;
  }
}

bool Service::watch(Client& client, ByteView key) {
  DatabaseKey watched{client.database, std::string(key)};
  const bool known =
      std::ranges::any_of(client.watched, [&](const WatchedKey& w) { return w.key == watched; });
  if (known) return true;
  if (client.watched.size() >= kWatchedKeysMax) return false;
  watchers_[watched].insert(&client);
  const bool existed = keyspace_.find(client.database, key, now()) != nullptr;
  client.watched.push_back({std::move(watched), existed});
  return true;
}

void Service::unwatch(Client& client) {
  for (const WatchedKey& watched : std::exchange(client.watched, {})) {
    const auto found = watchers_.find(watched.key);
    if (found == watchers_.end()) continue;
    found->second.erase(&client);
    if (found->second.empty()) watchers_.erase(found);
  }
  client.watch_broken = false;
}

void Service::leave_transaction(Client& client) {
  client.in_multi = client.multi_broken = false;
  client.queue.clear();
  client.queue_bytes = 0;
  client.queue_grows = false;
  unwatch(client);
}

void Service::abort_transaction(Call& exec, ByteView why) {
  leave_transaction(exec.client);
  exec.fail("EXECABORT Transaction discarded because of: " + std::string(why));
}

bool Service::watch_broken(const Client& client) const {
  return client.watch_broken || std::ranges::any_of(client.watched, [&](const WatchedKey& watched) {
           return watched.existed &&
                  keyspace_.find(watched.key.database, watched.key.key, now()) == nullptr;
         });
}

// What a client watches is a key of the number: it has changed if there is one before or after.
void Service::follow_watched(Client& client, uint32_t stored, uint32_t other) {
  const auto lives = [&](uint32_t database, const std::string& key) {
    return keyspace_.find(database, key, now()) != nullptr || is_stream(database, key);
  };
  for (WatchedKey& watched : client.watched) {
    DatabaseKey& key = watched.key;
    if (key.database != stored && key.database != other) continue;
    if (lives(stored, key.key) || lives(other, key.key)) client.watch_broken = true;
    const auto found = watchers_.find(key);
    found->second.erase(&client);
    if (found->second.empty()) watchers_.erase(found);
    key.database = key.database == stored ? other : stored;
    watchers_[key].insert(&client);
  }
}

}  // namespace weir::redis
