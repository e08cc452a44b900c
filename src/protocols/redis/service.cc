#include "protocols/redis/service.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "broker/keyspace_cell.h"
#include "protocols/redis/call.h"
#include "protocols/redis/errors.h"
#include "protocols/redis/limits.h"

namespace weir::redis {
namespace {

using broker::Broker;
using keyspace::BucketId;
using keyspace::EventKind;

constexpr size_t kReplyBytesGuess = 32;  // most replies are a word, a number or an ID

std::string unknown_command(std::span<const ByteView> arguments) {
  if (const std::string_view reason = why_absent(arguments[0]); !reason.empty())
    return std::string(reason);
  std::string text = "ERR unknown command '" + std::string(arguments[0].substr(0, 128)) +
                     "', with args beginning with: ";
  size_t shown = 0;
  for (const ByteView argument : arguments.subspan(1)) {
    if (shown >= 128) break;
    const ByteView part = argument.substr(0, 128 - shown);
    text += "'" + std::string(part) + "' ";
    shown += part.size() + 3;
  }
  return text;
}

}  // namespace

Service::Service(Broker& broker, std::function<Timestamp()> clock, ServiceOptions options)
    : broker_(broker),
      clock_(std::move(clock)),
      options_(std::move(options)),
      started_(clock_()),
      keyspace_([this](BucketId id) { return make_bucket(id); }),
      first_cells_(keyspace::kDatabasesInAll),
      cells_(size_t{keyspace::kDatabasesInAll} * keyspace::kBucketsPerDatabase),
      bucket_lsns_(size_t{keyspace::kDatabasesInAll} * keyspace::kBucketsPerDatabase),
      config_(options_.port),
      monotonic_ns_([] { return int64_t{0}; }),
      logins_(broker.catalog(), options_.login),
      streams_(broker),
      idempotence_(keyspace_),
      kept_ids_(keyspace_, streams_.cache()) {
  std::iota(stored_.begin(), stored_.end(), 0U);
}

Service::~Service() {
  broker_.cancel_wait(expiry_waiter_);
  for (auto& [id, client] : clients_) {
    if (client->blocked) broker_.cancel_wait(client->blocked->waiter);
  }
}

void Service::start() {
  for (uint32_t database = 0; database < keyspace::kDatabasesInAll; ++database) {
    const auto cells = broker_.keyspace_cells(database, false, now());
    if (!cells || !*cells) continue;
    first_cells_[database] = (*cells)->first;
    for (uint32_t i = 0; i < keyspace::kBucketsPerDatabase; ++i) {
      const BucketId id{database, i};
      const CellId cell((*cells)->first.value() + i);
      auto& keys = broker_.cell<broker::KeyspaceCell>(cell);
      cells_[id.index()] = &keys;
      keyspace_.attach(id, &keys.bucket);
    }
  }
  recover_databases();
  recover_idempotence();
  recover_kept_ids();
  recover_deadlines();
  arm_expiry();
}

// What is kept of streams that went without Redis's doing goes too.
void Service::recover_idempotence() {
  const auto gone = idempotence_.recover([this](CellId log) { return broker_.find_log(log); });
  if (gone.empty()) return;
  keyspace::Transaction keys(keyspace_, now());
  const Broker::Turn turn(broker_, keys.now(), broker::Admission::kRelease);
  if (!turn.ok()) return;
  for (const CellId log : gone) idempotence_.forget(keys, log);
  publish_changes(keys, turn.lsn());
}

// IDs that no group needs any more go: of streams that are gone, and of entries that were given up
// otherwise than by XACK.
void Service::recover_kept_ids() {
  std::map<CellId, std::vector<Offset>> unneeded;
  for (const auto& [log, offset] : kept_ids_.recover()) {
    const catalog::Thing* stream = broker_.catalog().owner_of(log);
    const bool needed =
        stream != nullptr && std::ranges::any_of(stream->stream_groups, [&](const auto& group) {
          const queue::Queue* queue = broker_.find_queue(group.second, now());
          return queue != nullptr && queue->lease_of(offset);
        });
    if (!needed) unneeded[log].push_back(offset);
  }
  if (unneeded.empty()) return;
  const auto clear = [&](keyspace::Transaction& keys) -> Result<void> {
    for (const auto& [log, offsets] : unneeded) kept_ids_.let_go(keys, log, offsets);
    return {};
  };
  // A disk that refuses leaves them for the next start.
  (void)in_turn(0, clear, broker::Admission::kRelease);
}

void Service::opened(uint16_t port) {
  options_.port = port;
  config_.set_port(port);
}

keyspace::Bucket* Service::make_bucket(BucketId id) {
  CellId& first = first_cells_[id.database];
  if (first == CellId{}) {
    const auto cells = broker_.keyspace_cells(id.database, true, now());
    WEIR_ASSERT(cells.has_value() && cells->has_value(), "database {} has no cells", id.database);
    first = (*cells)->first;
  }
  auto& cell = broker_.cell<broker::KeyspaceCell>(CellId(first.value() + id.bucket));
  cells_[id.index()] = &cell;
  return &cell.bucket;
}

// ---- clients

void Service::connect(const std::shared_ptr<Client>& client) {
  ++statistics_.connections;
  client->connected = client->active = now();
  client->admit(!logins_.demanded());
  refresh_rights(*client);
  client->database = stored_[0];
  clients_.emplace(client->id, client);
}

void Service::disconnect(const std::shared_ptr<Client>& client) {
  client->gone = client->closing = true;
  if (client->blocked) {
    broker_.cancel_wait(client->blocked->waiter);
    unpark(*client);
  }
  unwatch(*client);
  pubsub_.forget(*client);
  unmonitor(*client);
  // What is left unanswered has no reader any more.
  for (Progress& progress : std::exchange(client->waiting, {})) {
    progress.buffer.text.clear();
    progress.buffer.finish(std::move(progress.segment.complete));
  }
  clients_.erase(client->id);
}

void Service::kill(Client& client, bool at_once) {
  client.closing = true;
  client.close(at_once);
}

// ---- running segments

size_t Service::bytes_of(std::span<const ByteView> arguments) {
  size_t sum = 0;
  for (const ByteView argument : arguments) sum += argument.size() + 8;
  return sum;
}

void Segment::own() {
  if (owner) return;
  auto text = std::make_shared<std::string>();
  size_t size = 0;
  for (const ByteView argument : arguments) size += argument.size();
  text->reserve(size);
  for (ByteView& argument : arguments) {
    const size_t begin = text->size();
    text->append(argument);
    argument = ByteView(*text).substr(begin, argument.size());
  }
  owner = std::move(text);
}

void Service::run(const std::shared_ptr<Client>& client, Segment segment) {
  client->active = segment_now_ = now();
  measured_until_ns_ = monotonic_ns_();
  refresh_rights(*client);
  // A stream whose time is over is removed before anybody looks, not hidden as keys are.
  if (!stream_deadlines_.empty() && stream_deadlines_.begin()->first <= segment_now_) expire_keys();
  Progress progress;
  progress.segment = std::move(segment);
  const size_t count = progress.segment.requests.size();
  if (count > 1) progress.buffer.text.reserve(count * kReplyBytesGuess);
  if (!client->waiting.empty()) {
    progress.segment.own();
    client->waiting.push_back(std::move(progress));
    return;
  }
  if (advance(client, progress)) return;
  progress.segment.own();
  client->waiting.push_front(std::move(progress));
}

bool Service::advance(const std::shared_ptr<Client>& client, Progress& progress) {
  Segment& segment = progress.segment;
  while (progress.command < segment.requests.size() && !client->closing) {
    const auto [command, count] = segment.requests[progress.command];
    const auto arguments = std::span(segment.arguments).subspan(progress.argument, count);
    const bool has_password = command != nullptr && (command->flags & flag::kPassword) != 0;
    if (has_password && awaits_password(client, *command, arguments, progress)) return false;
    ++progress.command;
    progress.argument += count;
    progress.prepared = false;
    if (!execute(client, command, arguments, progress.buffer)) return false;
  }
  progress.buffer.finish(std::move(segment.complete));
  if (client->closing && !client->gone) client->close(false);
  return true;
}

// After a command that waited has its answer, or may be executed.
void Service::advance_waiting(const std::shared_ptr<Client>& client) {
  segment_now_ = now();
  measured_until_ns_ = monotonic_ns_();
  refresh_rights(*client);
  while (!client->waiting.empty() && !client->blocked && !client->logging_in) {
    Progress progress = std::move(client->waiting.front());
    // The rest stays in place meanwhile, so that nothing overtakes it.
    if (!advance(client, progress)) {
      client->waiting.front() = std::move(progress);
      return;
    }
    if (!client->waiting.empty()) client->waiting.pop_front();
  }
}

bool Service::execute(const std::shared_ptr<Client>& client,
                      const Command* command,
                      std::span<const ByteView> arguments,
                      ReplyBuffer& buffer) {
  ReplyWriter reply(buffer.text, client->protocol);
  const ReplyBuffer::Mark mark = buffer.mark();
  ++client->commands;
  const Subcommand* subcommand = command == nullptr || command->subcommands.empty()
                                     ? nullptr
                                     : find_subcommand(*command, arguments);
  std::string refused = command == nullptr ? unknown_command(arguments)
                                           : refusal(*client, *command, subcommand, arguments);
  if (!refused.empty()) {
    if (command != nullptr) ++statistics_.of(command_number(*command, subcommand)).rejected;
    if (client->in_multi) client->multi_broken = true;
    statistics_.count_error(refused);
    reply.error(refused);
  } else if (client->in_multi && (command->flags & flag::kNotQueued) == 0) {
    enqueue(*client, *command, arguments, reply);
  } else if (!invoke(client, *command, arguments, buffer, false)) {
    return false;
  }
  apply_reply_mode(*client, command, buffer, mark);
  return true;
}

void Service::apply_reply_mode(Client& client,
                               const Command* command,
                               ReplyBuffer& buffer,
                               ReplyBuffer::Mark mark) {
  if (client.reply_mode == ReplyMode::kOn) return;
  // What tells of a subscription is a push, as the messages are.
  if (command == nullptr || (command->flags & flag::kSubscription) == 0) buffer.silence(mark);
  if (client.reply_mode == ReplyMode::kSkip) client.reply_mode = ReplyMode::kOn;
  if (client.reply_mode == ReplyMode::kSkipNext) client.reply_mode = ReplyMode::kSkip;
}

void Service::enqueue(Client& client,
                      const Command& command,
                      std::span<const ByteView> arguments,
                      ReplyWriter& reply) {
  const size_t bytes = bytes_of(arguments);
  if (client.queue_bytes + bytes > kTransactionBytesMax) {
    client.multi_broken = true;
    statistics_.count_error("ERR");
    return reply.error("ERR transaction is larger than one commit");
  }
  client.queue_bytes += bytes;
  client.queue_grows |= (command.flags & flag::kDenyOom) != 0;
  client.queue.push_back({&command, {arguments.begin(), arguments.end()}});
  reply.simple("QUEUED");
}

bool Service::invoke(const std::shared_ptr<Client>& client,
                     const Command& command,
                     std::span<const ByteView> arguments,
                     ReplyBuffer& buffer,
                     bool resumed) {
  const int64_t began_ns = measured_until_ns_;
  ReplyWriter reply(buffer.text, client->protocol);
  keyspace::Transaction keys(keyspace_, segment_now_, std::exchange(buffers_, {}));
  if (client->no_touch) keys.use_nothing();
  Call call(*this, *client, keys, arguments, buffer, reply);
  call.resumed = resumed;
  client->last_command = command.name;
  depend_on_keys(call, command);
  if ((command.flags & flag::kWrite) == 0) {
    run_handler(call, command);
  } else {
    const bool grows = (command.flags & flag::kDenyOom) != 0 || client->queue_grows;
    const auto admission = grows ? broker::Admission::kData : broker::Admission::kRelease;
    run_in_turn(call, command, admission, bytes_of(arguments) + client->queue_bytes);
    if (keys.change_count() > 0) arm_expiry();
  }
  buffers_ = std::move(keys).buffers();
  measure(call, command, began_ns);
  if (!call.blocked) return true;
  park(client, command, arguments, std::move(*call.blocked));
  return false;
}

void Service::run_in_turn(Call& call,
                          const Command& command,
                          broker::Admission admission,
                          size_t bytes) {
  const Broker::Turn turn(broker_, call.keys.now(), admission, bytes);
  if (!turn.ok()) {
    const std::string why = errors::wire_text(turn.status().error());
    // Of what is in a transaction only EXEC comes here: who sent it is not in one any more.
    return call.client.in_multi ? abort_transaction(call, why) : call.reply.error(why);
  }
  run_handler(call, command);
  publish_changes(call.keys, turn.lsn());
  if (call.waits_for_own_commit) call.buffer.depends_on(turn.depends());
}

Result<broker::Depends> Service::in_turn(
    size_t bytes,
    const std::function<Result<void>(keyspace::Transaction& keys)>& act,
    broker::Admission admission) {
  keyspace::Transaction keys(keyspace_, std::max(broker_.now(), now()));
  const Broker::Turn turn(broker_, keys.now(), admission, bytes);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const auto done = act(keys);
  publish_changes(keys, turn.lsn());
  if (!done) return std::unexpected(done.error());
  return turn.depends();
}

void Service::run_handler(Call& call, const Command& command) {
  const size_t mark = call.buffer.text.size();
  call.command = &command;
  call.subcommand = find_subcommand(command, call.args);
  const size_t number = command_number(command, call.subcommand);
  ++statistics_.processed;
  const auto counters = [&]() -> CommandStatistics& { return statistics_.of(number); };
  if (!call.resumed) ++counters().calls;
  // Those of a transaction are told by each of its commands.
  if (config_.notified() == 0 || command.group == "transactions") {
    command.handler(call);
  } else {
    const size_t first = call.keys.change_count();
    const auto absent = absent_keys(call, command);
    command.handler(call);
    if (call.keys.change_count() > first) notify_changes(call, first, absent);
  }
  const std::string& text = call.buffer.text;
  if (text.size() > mark && text[mark] == '-') {
    ++counters().failed;  // the handler may have reset them
    statistics_.count_error(ByteView(text).substr(mark + 1));
  }
  if (!monitors_.empty() && !call.resumed) feed_monitors(call, command);
}

void Service::execute_queue(Call& exec) {
  const auto queue = std::exchange(exec.client.queue, {});
  exec.reply.array(queue.size());
  std::vector<ByteView> arguments;
  for (const QueuedCommand& queued : queue) {
    arguments.assign(queued.arguments.begin(), queued.arguments.end());
    Call call(*this, exec.client, exec.keys, arguments, exec.buffer, exec.reply);
    call.may_block = false;
    const int64_t began_ns = measured_until_ns_;
    depend_on_keys(call, *queued.command);
    if (std::string refused = late_denial(call, *queued.command); !refused.empty()) {
      statistics_.count_error(refused);
      call.reply.error(refused);
      continue;
    }
    run_handler(call, *queued.command);
    measure(call, *queued.command, began_ns);
  }
}

void Service::depend_on_keys(Call& call, const Command& command) const {
  const KeyPositions& keys = command.keys;
  if (swapped_lsn_ != Lsn{}) call.depends_on({swapped_lsn_, Durability::kFsync});
  if (keys.streams) return;  // XREAD and XREADGROUP say themselves what they have read
  if (keys.step == 0 && keys.numkeys == 0) {
    if (command.group != "connection") call.depends_on({last_lsn_, Durability::kFsync});
    return;
  }
  for (const size_t index : key_indexes(command, call.args)) {
    call.depends_on({lsn_of_key(call.client.database, call.args[index]), Durability::kFsync});
  }
}

// ---- what changes cause

void Service::publish_changes(const keyspace::Transaction& keys, Lsn lsn) {
  for (size_t i = 0; i < keys.change_count(); ++i) {
    const auto change = keys.change(i);
    const CellId cell(first_cells_[change.bucket.database].value() + change.bucket.bucket);
    broker_.journal_event(cell, *cells_[change.bucket.index()], change.event);
    bucket_lsns_[change.bucket.index()] = lsn;
    last_lsn_ = lsn;
    if (change.bucket.database == keyspace::kSideDatabase) {
      if (change.kind == EventKind::kDelete) idempotence_.removed(change.key);
      continue;
    }
    if (blocked_ > 0) signal_change(change);
    if (!watchers_.empty() && change.kind != EventKind::kClear)
      key_changed(change.bucket.database, change.key);
  }
}

void Service::signal_change(const keyspace::Transaction::Change& change) {
  const uint32_t database = change.bucket.database;
  switch (change.kind) {
    case EventKind::kListPush: return signal(database, change.key, WaitType::kList);
    case EventKind::kSortedSet: return signal(database, change.key, WaitType::kSortedSet);
    case EventKind::kPutValue:
      signal(database, change.key, WaitType::kList);
      return signal(database, change.key, WaitType::kSortedSet);
    case EventKind::kSetString:
    case EventKind::kClear:
    case EventKind::kDelete:
    case EventKind::kExpireAt:
    case EventKind::kAppend:
    case EventKind::kListPop:
    case EventKind::kListTrim:
    case EventKind::kListSet:
    case EventKind::kListInsert:
    case EventKind::kListErase:
    case EventKind::kHashSet:
    case EventKind::kHashErase:
    case EventKind::kSetAdd:
    case EventKind::kSetErase:
    case EventKind::kSortedErase: return;
  }
}

broker::WaitKey Service::wait_key(uint32_t database, ByteView key, WaitType type) {
  const uint64_t salt =
      (uint64_t{database} * 4 + static_cast<uint64_t>(type)) * 0x9e3779b97f4a7c15U;
  return broker::WaitKey::of_hash(keyspace::hash_of(key) ^ salt);
}

void Service::signal(uint32_t database, ByteView key, WaitType type) {
  const broker::WaitKey wait = wait_key(database, key, type);
  if (broker_.waiters().waiting_for(wait)) broker_.signal(wait);
}

void Service::key_changed(uint32_t database, ByteView key) {
  const auto found = watchers_.find(DatabaseKey{database, std::string(key)});
  if (found == watchers_.end()) return;
  for (Client* client : found->second) client->watch_broken = true;
}

}  // namespace weir::redis
