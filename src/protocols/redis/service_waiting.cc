// Clients that wait for a key or for their login, and keys that wait for their end.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/errors.h"
#include "protocols/redis/notifications.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

using broker::Broker;

constexpr size_t kExpiredPerTurnMax = 512;

// Who waits in it is told when the key goes.
constexpr std::string_view kToldOfAbsence = "xreadgroup";

}  // namespace

void Service::park(const std::shared_ptr<Client>& client,
                   const Command& command,
                   std::span<const ByteView> arguments,
                   BlockRequest request) {
  BlockedCommand blocked{.command = &command,
                         .arguments = std::move(request.arguments),
                         .keys = {},
                         .waiter = {},
                         .since = now(),
                         .deadline = request.deadline};
  if (blocked.arguments.empty()) blocked.arguments.assign(arguments.begin(), arguments.end());
  for (std::string& key : request.keys) {
    key.insert(0, std::to_string(client->database) + ":");
    ++blocking_keys_[key];
    if (command.name == kToldOfAbsence) ++blocking_on_nokey_[key];
  }
  blocked.keys = std::move(request.keys);
  ++blocked_;
  client->blocked = std::move(blocked);
  await(client, request);
}

void Service::await(const std::shared_ptr<Client>& client, const BlockRequest& request) {
  client->blocked->retry = request.retry;
  std::weak_ptr<Client> weak = client;
  const broker::WaiterId waiter =
      broker_.wait(request.wait_keys, std::min(client->blocked->deadline, request.retry),
                   request.mode, [this, weak](broker::WakeReason reason) {
                     const auto alive = weak.lock();
                     return !alive || wake(alive, reason);
                   });
  if (client->blocked) client->blocked->waiter = waiter;
}

bool Service::wake(const std::shared_ptr<Client>& client, broker::WakeReason reason) {
  const bool retry = reason == broker::WakeReason::kDeadline && client->blocked &&
                     !client->waiting.empty() && client->blocked->retry <= now();
  if (!retry) return resume(client, reason);
  const ReplyBuffer::Mark mark = client->waiting.front().buffer.mark();
  if (const auto request = run_again(client); !request) {
    answered(client, mark);
  } else if (client->blocked->deadline <= now()) {
    resume(client, reason);
  } else {
    await(client, *request);
  }
  return true;
}

void Service::unpark(Client& client) {
  --blocked_;
  for (const std::string& key : client.blocked->keys) {
    const auto found = blocking_keys_.find(key);
    if (--found->second == 0) blocking_keys_.erase(found);
    const auto told = client.blocked->command->name == kToldOfAbsence ? blocking_on_nokey_.find(key)
                                                                      : blocking_on_nokey_.end();
    if (told != blocking_on_nokey_.end() && --told->second == 0) blocking_on_nokey_.erase(told);
  }
  client.blocked.reset();
}

std::optional<BlockRequest> Service::run_again(const std::shared_ptr<Client>& client) {
  ReplyBuffer& buffer = client->waiting.front().buffer;
  const BlockedCommand& blocked = *client->blocked;
  const std::vector<ByteView> arguments(blocked.arguments.begin(), blocked.arguments.end());
  ReplyWriter reply(buffer.text, client->protocol);
  keyspace::Transaction keys(keyspace_, now());
  Call call(*this, *client, keys, arguments, buffer, reply);
  call.resumed = true;
  const int64_t began_ns = measured_until_ns_ = monotonic_ns_();
  run_in_turn(call, *blocked.command, broker::Admission::kRelease, bytes_of(arguments));
  if (!call.blocked) depend_on_keys(call, *blocked.command);
  measure(call, *blocked.command, began_ns);
  return std::move(call.blocked);
}

void Service::answered(const std::shared_ptr<Client>& client, ReplyBuffer::Mark mark) {
  const Command* command = client->blocked->command;
  unpark(*client);
  apply_reply_mode(*client, command, client->waiting.front().buffer, mark);
  advance_waiting(client);
}

// True when it waits no more.
bool Service::resume(const std::shared_ptr<Client>& client, broker::WakeReason reason) {
  if (!client->blocked || client->waiting.empty()) return true;
  ReplyBuffer& buffer = client->waiting.front().buffer;
  const ReplyBuffer::Mark mark = buffer.mark();
  if (reason == broker::WakeReason::kChanged) {
    if (const auto request = run_again(client)) {
      if (request->retry >= client->blocked->retry) return false;
      // From now on time alone will give an answer, or sooner than it was thought.
      await(client, *request);
      return true;
    }
  } else if (reason == broker::WakeReason::kDeadline) {
    ReplyWriter(buffer.text, client->protocol).null_array();
  } else {
    client->closing = true;
  }
  answered(client, mark);
  return true;
}

bool Service::unblock(Client& client, bool with_error) {
  if (!client.blocked) return false;
  const auto found = clients_.find(client.id);
  const std::shared_ptr<Client> self = found->second;
  broker_.cancel_wait(client.blocked->waiter);
  if (!with_error) return resume(self, broker::WakeReason::kDeadline);
  ReplyBuffer& buffer = client.waiting.front().buffer;
  statistics_.count_error("UNBLOCKED");
  ReplyWriter(buffer.text, client.protocol).error("UNBLOCKED client unblocked via CLIENT UNBLOCK");
  unpark(client);
  advance_waiting(self);
  return true;
}

// ---- expiry

void Service::arm_expiry() {
  Timestamp next = keyspace_.next_deadline();
  if (!stream_deadlines_.empty()) next = std::min(next, stream_deadlines_.begin()->first);
  if (next == expiry_armed_) return;
  broker_.cancel_wait(expiry_waiter_);
  expiry_armed_ = next;
  if (next == Timestamp::never()) return;
  expiry_waiter_ =
      broker_.wait({}, next, broker::WaitMode::kAll, [this](broker::WakeReason reason) {
        expiry_armed_ = Timestamp::never();
        if (reason == broker::WakeReason::kDeadline) expire_keys();
        return true;
      });
}

void Service::expire_keys() {
  keyspace::Transaction keys(keyspace_, now());
  {
    const Broker::Turn turn(broker_, keys.now(), broker::Admission::kRelease);
    // A disk that refuses leaves the keys in place; readers do not see them, and the next write
    // tries again.
    if (!turn.ok()) return;
    keys.remove_expired(kExpiredPerTurnMax);
    for (size_t i = 0; i < keys.change_count(); ++i) {
      const auto change = keys.change(i);
      if (change.bucket.database >= keyspace::kDatabases) continue;
      ++statistics_.expired_keys;
      notify(change.bucket.database, notify::kExpired, "expired", change.key);
    }
    expire_streams(keys);
    publish_changes(keys, turn.lsn());
  }
  arm_expiry();
}

}  // namespace weir::redis
