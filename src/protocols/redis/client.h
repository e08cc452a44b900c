#pragma once
// Client: what the server knows of one connection. It lives on the state shard, beside the data, so
// that a command and the state of who sent it change together; the connection shard only parses and
// writes.

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_set.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/credentials/scram.h"
#include "base/ids.h"
#include "base/time.h"
#include "broker/waiters.h"
#include "protocols/redis/call.h"

namespace weir::redis {

// Requests that are answered together, in order: what each is, and the arguments of one after the
// other.
struct Segment {
  struct Request {
    const Command* command;  // null: unknown
    uint32_t arguments;
  };

  std::vector<Request> requests;
  std::vector<ByteView> arguments;
  std::shared_ptr<const std::string>
      owner;  // of the bytes; none: they live for the length of the call only
  CompleteReply complete;

  void add(const Command* command, std::span<const ByteView> words) {
    requests.push_back({command, static_cast<uint32_t>(words.size())});
    arguments.insert(arguments.end(), words.begin(), words.end());
  }
  // Takes the bytes over, if they are only borrowed.
  void own();
};

struct KnownUser;

struct QueuedCommand {
  const Command* command = nullptr;
  std::vector<std::string> arguments;
};

struct DatabaseKey {
  uint32_t database = 0;
  std::string key;
  auto operator<=>(const DatabaseKey&) const = default;
};

struct WatchedKey {
  DatabaseKey key;
  bool existed = false;  // a key that expires meanwhile has changed
};

enum class ReplyMode : uint8_t { kOn, kOff, kSkipNext, kSkip };

// A segment and how far it is: the next command, and where its arguments begin.
struct Progress {
  Segment segment;
  size_t command = 0;
  size_t argument = 0;
  ReplyBuffer buffer;
  bool prepared = false;  // what the next command wants with a password is done
};

// A command that waits; its segment is the first of Client::waiting.
struct BlockedCommand {
  const Command* command = nullptr;
  std::vector<std::string> arguments;
  std::vector<std::string> keys;
  broker::WaiterId waiter;
  Timestamp since;
  Timestamp deadline = Timestamp::never();
  Timestamp retry = Timestamp::never();
};

struct Client {
  uint64_t id = 0;
  std::string address;
  std::string local_address;
  std::string name;
  std::string user;      // who logged in; empty: nobody, which is the user "default"
  bool admitted = true;  // false: has to log in first
  // The same for the connection's parser, which takes only short requests until then.
  std::atomic<bool> restricted{false};
  std::shared_ptr<const KnownUser> known;  // what the user may do; null: everything
  // Keys of the password that ACL SETUSER is about to set.
  std::optional<ScramCredentials> new_credentials;
  std::string library_name;
  std::string library_version;
  uint32_t database = 0;
  int protocol = 2;
  Timestamp connected;
  Timestamp active;
  std::string_view last_command = "NULL";
  uint64_t commands = 0;
  bool no_evict = false;
  bool no_touch = false;
  ReplyMode reply_mode = ReplyMode::kOn;

  bool in_multi = false;
  bool multi_broken = false;  // a command was refused while queueing
  bool watch_broken = false;  // a watched key changed
  std::vector<QueuedCommand> queue;
  size_t queue_bytes = 0;
  bool queue_grows = false;  // a command of it brings new data
  std::vector<WatchedKey> watched;

  absl::btree_set<std::string> channels;
  absl::btree_set<std::string> patterns;
  absl::btree_set<std::string> shard_channels;

  std::optional<BlockedCommand> blocked;
  std::deque<Progress> waiting;  // the segment that waits, and those behind it
  bool logging_in = false;       // that is for work on a password
  bool closing = false;          // nothing more is executed
  bool gone = false;             // the connection has ended

  // To the connection, from the state shard: out-of-band bytes, and the end (after the replies so
  // far, or at once).
  std::function<void(std::string bytes, Lsn lsn)> push;
  std::function<void(bool at_once)> close;

  void admit(bool yes) {
    admitted = yes;
    restricted.store(!yes, std::memory_order_relaxed);
  }
  // Whose rights it has: who logged in, else "default".
  std::string_view user_name() const { return user.empty() ? "default" : std::string_view(user); }
  size_t subscriptions() const { return channels.size() + patterns.size() + shard_channels.size(); }
};

// As CLIENT LIST shows it; `query_bytes` are those of the command that runs.
std::string describe_client(const Service& service,
                            const Client& client,
                            Timestamp now,
                            size_t query_bytes = 0);

}  // namespace weir::redis
