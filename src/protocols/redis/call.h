#pragma once
// Call: one command while it runs, with all that its handler may use.
//
// Thread: the state shard, for the length of one call. Arguments are views that live as long.

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"
#include "broker/types.h"
#include "broker/waiters.h"
#include "core/keyspace/transaction.h"
#include "protocols/redis/errors.h"
#include "protocols/redis/reply_buffer.h"
#include "protocols/redis/reply_writer.h"

namespace weir::redis {

struct Client;
struct Command;
struct Subcommand;
class Service;
enum class WaitType : uint8_t;

// Why and how a client waits.
struct BlockRequest {
  std::vector<std::string> keys;
  std::vector<broker::WaitKey> wait_keys;
  Timestamp deadline = Timestamp::never();
  Timestamp retry = Timestamp::never();  // time alone may give an answer then: run again
  // Readers are all tried; takers only while there is something to take.
  broker::WaitMode mode = broker::WaitMode::kOne;
  // The arguments to run again with, when they are not those of the command ("$" of XREAD is
  // resolved once).
  std::vector<std::string> arguments;
};

class Call {
 public:
  Call(Service& service,
       Client& client,
       keyspace::Transaction& keys,
       std::span<const ByteView> args,
       ReplyBuffer& buffer,
       ReplyWriter& reply)
      : service(service), client(client), keys(keys), args(args), buffer(buffer), reply(reply) {}

  Service& service;
  Client& client;
  keyspace::Transaction& keys;
  std::span<const ByteView> args;
  ReplyBuffer& buffer;  // of which `reply` writes the text
  ReplyWriter& reply;
  const Command* command = nullptr;
  const Subcommand* subcommand = nullptr;  // of a container
  bool may_block = true;                   // false inside MULTI
  bool resumed = false;                    // run again after having waited
  // False: the answer may leave before the command's own commit is safe (a delivery that may be
  // repeated). Inside MULTI the whole transaction waits.
  bool waits_for_own_commit = true;
  std::optional<BlockRequest> blocked;  // set by block(): there is no reply yet

  uint32_t database() const;
  Timestamp now() const { return keys.now(); }
  size_t count() const { return args.size(); }

  // Case-insensitive comparison of an argument with a lower-case word.
  bool is(size_t index, ByteView word) const;

  // The value of a key if it holds a T; null when there is no such key. Streams are of another
  // type.
  template <typename T>
  Result<const T*> get(ByteView key) const {
    auto value = keys.get<T>(database(), key);
    if (value && *value == nullptr && is_stream(key)) return weir::fail(ErrorCode::kWrongKind);
    return value;
  }
  bool is_stream(ByteView key) const;

  // The answer waits for this, unless it is safe already.
  void depends_on(const broker::Depends& depends) const;
  // For what a name stands for: the key in the keyspace, or a stream.
  void depends_on_key(ByteView key) const;
  bool exists(ByteView key) const {
    return keys.find(database(), key) != nullptr || is_stream(key);
  }

  void fail(const Error& error) { reply.error(errors::wire_text(error)); }
  void fail(ByteView text) { reply.error(text); }

  // Arguments as numbers; when they are none, the error is the reply and nothing comes back.
  std::optional<int64_t> integer(size_t index, ByteView error = errors::kNotInteger);
  std::optional<int64_t> integer_between(size_t index, int64_t low, int64_t high, ByteView error);
  std::optional<double> real(size_t index, ByteView error = errors::kNotFloat);
  // A timeout in seconds with a fraction, 0 for ever, as a deadline.
  std::optional<Timestamp> timeout_seconds(size_t index);

  // Parks the client until one of the keys changes or the deadline passes; then the command runs
  // again, or the client is told that time is over. False, and nothing happens, where waiting is
  // not allowed.
  bool block(std::span<const ByteView> wait_for, WaitType type, Timestamp deadline);
};

}  // namespace weir::redis
