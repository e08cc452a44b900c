#pragma once
// Service: the Redis server on the state shard, over the broker: executes commands, keeps clients,
// subscriptions, watched keys, blocked commands and statistics.
//
// A command that may write runs in a turn of the broker and becomes one commit; EXEC is one turn.
// Whoever waits for a key is tried when the turn has ended, so a push by MULTI is seen whole or not
// at all.
//
// Thread: the state shard's.

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "broker/broker.h"
#include "core/keyspace/keyspace.h"
#include "core/keyspace/transaction.h"
#include "protocols/redis/acl_log.h"
#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/config.h"
#include "protocols/redis/idempotence.h"
#include "protocols/redis/kept_ids.h"
#include "protocols/redis/login.h"
#include "protocols/redis/pubsub.h"
#include "protocols/redis/reply_buffer.h"
#include "protocols/redis/slow_log.h"
#include "protocols/redis/statistics.h"
#include "protocols/redis/streams.h"

namespace weir::redis {

// What INFO and HELLO claim: the command set and behaviour that clients may expect.
inline constexpr std::string_view kRedisVersion = "7.2.4";

// What a waiting command waits for at a key: each is woken by its own kind of value.
enum class WaitType : uint8_t { kList, kSortedSet, kStream };

struct ServiceOptions {
  std::string weir_version = "0.1.0";
  uint16_t port = 6379;
  bool owns_all = false;  // DEL, EXPIRE and FLUSH* also act on what other protocols made
  LoginOptions login = {};
};

class Service {
 public:
  // The clock is asked once per segment and when time alone is the reason to act.
  Service(broker::Broker& broker, std::function<Timestamp()> clock, ServiceOptions options = {});
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // The clock that commands are timed by; without it they take no time.
  void measure_by(std::function<int64_t()> monotonic_ns) {
    monotonic_ns_ = std::move(monotonic_ns);
  }

  // Makes recovered keys known; call once after Broker::start().
  void start();

  // The port, when it is known only later than the options.
  void opened(uint16_t port);

  void connect(const std::shared_ptr<Client>& client);
  void disconnect(const std::shared_ptr<Client>& client);
  // Executes the requests in order; completes the segment once, at once or when what blocks is
  // over.
  void run(const std::shared_ptr<Client>& client, Segment segment);

  // --- for handlers

  broker::Broker& broker() { return broker_; }
  const broker::Broker& broker() const { return broker_; }
  keyspace::Keyspace& keyspace() { return keyspace_; }
  const ServiceOptions& options() const { return options_; }
  Config& config() { return config_; }
  Statistics& statistics() { return statistics_; }
  SlowLog& slow_log() { return slow_log_; }
  LatencyEvents& latency() { return latency_; }
  Pubsub& pubsub() { return pubsub_; }
  Logins& logins() { return logins_; }
  AclLog& acl_log() { return acl_log_; }
  Streams& streams() { return streams_; }
  Idempotence& idempotence() { return idempotence_; }
  KeptIds& kept_ids() { return kept_ids_; }
  // Of a stream: its own settings (XCFGSET), or those of the server.
  Idempotence::Settings idempotence_settings(const catalog::Thing& stream) const;
  Timestamp now() const { return clock_(); }
  Timestamp started() const { return started_; }
  Random& random() { return broker_.random(); }

  // Clients in order of their ids.
  const absl::btree_map<uint64_t, std::shared_ptr<Client>>& clients() const { return clients_; }
  size_t blocked_clients() const { return blocked_; }
  size_t blocking_keys() const { return blocking_keys_.size(); }
  // Keys for which someone waits to be told that they are gone (XREADGROUP).
  size_t blocking_keys_on_nokey() const { return blocking_on_nokey_.size(); }
  // Ends the wait of a client: with an error, or as if its time were over. False when it does not
  // wait.
  bool unblock(Client& client, bool with_error);
  void kill(Client& client, bool at_once);

  // The stream of that name, which may be a topic or a queue of another protocol; null when there
  // is none.
  const catalog::Thing* find_stream(uint32_t database, ByteView key) const;
  // Clients name databases by number; everywhere else a database is the stored one that its number
  // stands for since the last SWAPDB.
  uint32_t stored_database(uint32_t number) const { return stored_[number]; }
  uint32_t number_of(uint32_t stored) const;
  // In the caller's turn.
  void swap_databases(Call& call, uint32_t number, uint32_t other_number);

  bool is_stream(uint32_t database, ByteView key) const {
    return static_cast<bool>(stream_of(database, key));
  }
  StreamKey stream_of(uint32_t database, ByteView key) const;
  // In the caller's turn, a stream of one partition.
  Result<StreamKey> make_stream(Call& call, ByteView key);
  std::vector<std::string> stream_names(uint32_t database) const;
  // The stream that a log is; nothing when it is none of this database.
  std::optional<std::string> stream_of_cell(uint32_t database, CellId cell) const;
  // Some stream; nothing when there is none.
  std::optional<std::string> any_stream(uint32_t database);
  // Keys and streams; constant time.
  size_t key_count(uint32_t database) const;
  // About `count` keys and streams from the cursor on; returns the next cursor, 0 at the end.
  uint64_t scan(uint32_t database,
                uint64_t cursor,
                size_t count,
                const std::function<void(ByteView key, ByteView type)>& visit,
                ByteView (*type_name)(const keyspace::KeyState&)) const;
  // In the caller's turn. False when there is none; kRefused when another protocol made it.
  Result<bool> remove_stream(Call& call, ByteView key);
  Result<bool> remove_stream(keyspace::Transaction& keys, uint32_t database, ByteView key);
  // A commit of its own (or part of the one that is open), for what goes on after the command that
  // asked for it. What its answer depends on.
  Result<broker::Depends> in_turn(
      size_t bytes,
      const std::function<Result<void>(keyspace::Transaction& keys)>& act,
      broker::Admission admission = broker::Admission::kData);
  Result<void> rename_stream(Call& call, ByteView from, uint32_t to_database, ByteView to);
  // Deadlines of streams, as those of keys: a note of the stream's own, so that they go where it
  // goes. In the caller's turn; never(): it lives for ever. kRefused when another protocol made it.
  Timestamp stream_deadline(const catalog::Thing& stream) const;
  Result<void> expire_stream(uint32_t database, ByteView key, Timestamp deadline, Timestamp now);
  Result<StreamKey> make_stream(uint32_t database, ByteView key, Timestamp now);
  bool owned(const catalog::Thing& thing) const;
  // kRefused when one of them is locked: then none may go.
  Result<void> may_remove_all_streams(uint32_t database, Timestamp now) const;
  void remove_all_streams(Call& call, uint32_t database);
  // In the turn that changed it: wakes and marks who waits for or watches it.
  void stream_changed(uint32_t database, ByteView key);
  // A group's state changed, no entry: WATCH does not notice, as in Redis.
  void group_changed(uint32_t database, ByteView key);
  static catalog::Name name_of(uint32_t database, ByteView key);
  static broker::WaitKey wait_key(uint32_t database, ByteView key, WaitType type);

  // What the keys take is more than `maxmemory`.
  bool out_of_memory() const;
  // False at the limit of watched keys.
  bool watch(Client& client, ByteView key);
  void unwatch(Client& client);
  // Forgets what is queued and watched.
  void leave_transaction(Client& client);
  // The same, as the answer to an EXEC that may not run.
  void abort_transaction(Call& exec, ByteView why);
  // True when a watched key changed, or expired, since it was watched.
  bool watch_broken(const Client& client) const;
  // Before a database is flushed: the watched keys that exist there change.
  void flushing(uint32_t database);
  // A key changed in a way that no event of the keyspace tells (a stream).
  void key_changed(uint32_t database, ByteView key);
  // Wakes those who wait for a key of this type.
  void signal(uint32_t database, ByteView key, WaitType type);

  // Tells of an event (notify::k...) of a key; the message leaves when `lsn` may.
  void notify(uint32_t database, uint32_t kind, ByteView event, ByteView key, Lsn lsn);
  // In the turn that made it happen.
  void notify(uint32_t database, uint32_t kind, ByteView event, ByteView key) {
    notify(database, kind, event, key, broker_.next_lsn());
  }

  // MONITOR: the client is shown every command from now on.
  void monitor(Client& client) { monitors_[client.id] = &client; }
  void unmonitor(const Client& client) { monitors_.erase(client.id); }

  // Has the client's rights looked up anew: who it is, or what he may do, has changed.
  void refresh_rights(Client& client) {
    client.known = logins_.known_user(client.user, client.known);
  }
  // Notes in ACL LOG that somebody was refused something.
  void log_refusal(const Client& client,
                   std::string_view reason,
                   std::string_view object,
                   std::string_view user);
  // Ends connections that listen to channels which their user may not hear any more.
  void end_forbidden_subscriptions(Call& call, std::string_view user);

  // Runs the queued commands of EXEC inside the turn that is open.
  void execute_queue(Call& exec);

  // Of the newest change of what holds this key.
  Lsn lsn_of_key(uint32_t database, ByteView key) const {
    return bucket_lsns_[keyspace::Keyspace::bucket_of(database, key).index()];
  }
  // Of the newest change of any key: what a listing depends on.
  Lsn last_lsn() const { return last_lsn_; }

 private:
  // False when a command waits; the progress is kept by the client then.
  bool advance(const std::shared_ptr<Client>& client, Progress& progress);
  void advance_waiting(const std::shared_ptr<Client>& client);
  // True when the next command is a login whose password has to be compared first, or sets a
  // password whose keys have to be made; nothing of the client is executed meanwhile.
  bool awaits_password(const std::shared_ptr<Client>& client,
                       const Command& command,
                       std::span<const ByteView> arguments,
                       Progress& progress);
  // False when the command waits. `command` is null when it is unknown.
  bool execute(const std::shared_ptr<Client>& client,
               const Command* command,
               std::span<const ByteView> arguments,
               ReplyBuffer& buffer);
  bool invoke(const std::shared_ptr<Client>& client,
              const Command& command,
              std::span<const ByteView> arguments,
              ReplyBuffer& buffer,
              bool resumed);
  // Empty when the command may run.
  std::string refusal(const Client& client,
                      const Command& command,
                      const Subcommand* subcommand,
                      std::span<const ByteView> arguments);
  // Empty when the client has the right to run it; else the refusal, which is logged.
  std::string denial(const Client& client, const Asked& asked);
  // The same for a command of a transaction, whose rules may have changed since it was queued.
  std::string late_denial(const Call& call, const Command& command);
  void enqueue(Client& client,
               const Command& command,
               std::span<const ByteView> arguments,
               ReplyWriter& reply);
  // About what a command writes, for admission.
  static size_t bytes_of(std::span<const ByteView> arguments);
  void run_handler(Call& call, const Command& command);
  // Ends the time of a command, which is the beginning of the next one's: one reading of the clock
  // for each.
  void measure(const Call& call, const Command& command, int64_t began_ns);
  void note(const Call& call, const Command& command, int64_t taken_ns);
  // Tells what the command has changed in the keyspace since its change `first`; `absent` are the
  // keys that were not there before, if anybody wants to know of new ones.
  void notify_changes(Call& call, size_t first, std::span<const std::string> absent);
  std::vector<std::string> absent_keys(const Call& call, const Command& command) const;
  void feed_monitors(const Call& call, const Command& command);
  // Runs a handler that may write, as one commit.
  void run_in_turn(Call& call, const Command& command, broker::Admission admission, size_t bytes);
  void publish_changes(const keyspace::Transaction& keys, Lsn lsn);
  void signal_change(const keyspace::Transaction::Change& change);
  void depend_on_keys(Call& call, const Command& command) const;
  void apply_reply_mode(Client& client,
                        const Command* command,
                        ReplyBuffer& buffer,
                        ReplyBuffer::Mark mark);

  void park(const std::shared_ptr<Client>& client,
            const Command& command,
            std::span<const ByteView> arguments,
            BlockRequest request);
  void await(const std::shared_ptr<Client>& client, const BlockRequest& request);
  bool wake(const std::shared_ptr<Client>& client, broker::WakeReason reason);
  // What it waits for next, when there is still no answer.
  std::optional<BlockRequest> run_again(const std::shared_ptr<Client>& client);
  bool resume(const std::shared_ptr<Client>& client, broker::WakeReason reason);
  void answered(const std::shared_ptr<Client>& client, ReplyBuffer::Mark mark);
  void unpark(Client& client);
  keyspace::Bucket* make_bucket(keyspace::BucketId id);
  void recover_idempotence();
  void recover_kept_ids();
  void forget_log(keyspace::Transaction& keys, CellId log);
  void recover_databases();
  void follow_watched(Client& client, uint32_t stored, uint32_t other);
  void arm_expiry();
  void expire_keys();
  void expire_streams(keyspace::Transaction& keys);
  void recover_deadlines();
  void forget_deadline(uint32_t database, const catalog::Thing& stream);

  broker::Broker& broker_;
  std::function<Timestamp()> clock_;
  ServiceOptions options_;
  const Timestamp started_;
  keyspace::Keyspace keyspace_;
  std::array<uint32_t, keyspace::kDatabases> stored_{};  // by number
  Lsn swapped_lsn_;  // of the last SWAPDB; until it is durable, everybody waits for it
  std::vector<CellId> first_cells_;  // of each database; 0: it has none yet
  // Streams that were looked up lately, by their names' hashes; good while the catalog is as it
  // was.
  struct KnownStream {
    Lsn catalog;
    uint32_t database = 0;
    const catalog::Thing* thing = nullptr;
  };
  static constexpr size_t kKnownStreams = 64;
  mutable std::array<KnownStream, kKnownStreams> known_streams_{};
  // Both by BucketId::index(); null: not yet written.
  std::vector<broker::Cell*> cells_;
  std::vector<Lsn> bucket_lsns_;
  Lsn last_lsn_;
  Timestamp segment_now_;                   // one time for all commands of a segment
  keyspace::Transaction::Buffers buffers_;  // kept between commands for their memory
  Config config_;
  Statistics statistics_;
  std::function<int64_t()> monotonic_ns_;
  int64_t measured_until_ns_ = 0;
  SlowLog slow_log_;
  LatencyEvents latency_;
  AclLog acl_log_;
  Logins logins_;
  Pubsub pubsub_;
  Streams streams_;
  Idempotence idempotence_;
  KeptIds kept_ids_;
  absl::btree_map<uint64_t, std::shared_ptr<Client>> clients_;
  absl::btree_map<uint64_t, Client*> monitors_;
  absl::btree_map<DatabaseKey, absl::flat_hash_set<Client*>> watchers_;
  absl::flat_hash_map<std::string, size_t> blocking_keys_;
  absl::flat_hash_map<std::string, size_t> blocking_on_nokey_;
  size_t blocked_ = 0;
  absl::btree_set<std::pair<Timestamp, DatabaseKey>> stream_deadlines_;
  Timestamp expiry_armed_ = Timestamp::never();
  broker::WaiterId expiry_waiter_;
};

}  // namespace weir::redis
