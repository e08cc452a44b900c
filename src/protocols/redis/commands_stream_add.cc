// XADD: https://redis.io/docs/latest/commands/xadd/

#include <algorithm>
#include <optional>
#include <string>

#include "protocols/redis/command.h"
#include "protocols/redis/limits.h"
#include "protocols/redis/notifications.h"
#include "protocols/redis/stream_arguments.h"

namespace weir::redis {
namespace {

constexpr ByteView kNotRising =
    "ERR The ID specified in XADD is equal or smaller than the target stream top item";

struct AddOptions {
  bool make = true;
  std::optional<ByteView> producer;  // IDMP, IDMPAUTO
  std::optional<ByteView> message;   // IDMP
  TrimOptions trim;
  log::IdRequest id;
  size_t fields = 0;  // index of the first
};

// The ID argument of XADD.
bool take_new_id(Call& call, size_t index, log::IdRequest& request) {
  const ByteView text = call.args[index];
  if (text == "*") return true;
  if (text.size() > 2 && text.ends_with("-*")) {
    const auto id = parse_id(text.substr(0, text.size() - 2), 0);
    if (id && text.find('-') == text.size() - 2) {
      request = {log::IdRequest::Kind::kMsAuto, *id};
      return true;
    }
  } else if (const auto id = parse_id(text, 0)) {
    request = {log::IdRequest::Kind::kExplicit, *id};
    if (*id != StreamId{}) return true;
    call.fail("ERR The ID specified in XADD must be greater than 0-0");
    return false;
  }
  call.fail(kInvalidId);
  return false;
}

// IDMPAUTO producer, IDMP producer message. Moves behind it; false: it is none of them.
bool take_idempotence(Call& call, size_t& index, AddOptions& options, bool& failed) {
  const bool given = call.is(index, "idmp") && index + 2 < call.count();
  const bool automatic = call.is(index, "idmpauto") && index + 1 < call.count();
  if (!given && !automatic) return false;
  const auto refuse = [&](ByteView text) {
    call.fail(text);
    failed = true;
    return true;
  };
  if (options.producer) return refuse("ERR syntax error, IDMP/IDMPAUTO specified multiple times");
  options.producer = call.args[index + 1];
  if (options.producer->empty()) {
    return refuse(given ? "ERR syntax error, IDMP requires a non-empty producer ID"
                        : "ERR syntax error, IDMPAUTO requires a non-empty producer ID");
  }
  if (given) options.message = call.args[index + 2];
  if (given && options.message->empty())
    return refuse("ERR syntax error, IDMP requires a non-empty idempotent ID");
  if (std::max(options.producer->size(), options.message.value_or("").size()) >
      Idempotence::kNameBytesMax) {
    return refuse("ERR producer IDs and idempotent IDs have at most 4096 bytes here");
  }
  index += given ? 3 : 2;
  return true;
}

bool may_be_word(ByteView text) {
  return !text.empty() && text.front() >= 'A';
}

std::optional<AddOptions> add_options(Call& call) {
  AddOptions options;
  size_t i = 2;
  // No ID begins like a word, which nearly all calls are without.
  while (i < call.count() && may_be_word(call.args[i])) {
    bool failed = false;
    if (call.is(i, "nomkstream")) {
      options.make = false;
      ++i;
    } else if (!take_idempotence(call, i, options, failed) &&
               !take_trim_option(call, i, options.trim, failed)) {
      break;
    }
    if (failed) return std::nullopt;
  }
  if (options.producer && i < call.count() && !call.args[i].starts_with('*')) {
    if (take_new_id(call, i, options.id))
      call.fail("ERR syntax error, IDMP/IDMPAUTO can be used only with auto-generated IDs");
    return std::nullopt;
  }
  if (!check_trim_options(call, options.trim)) return std::nullopt;
  if (i >= call.count() || !take_new_id(call, i, options.id)) {
    if (i >= call.count()) call.fail("ERR wrong number of arguments for 'xadd' command");
    return std::nullopt;
  }
  options.fields = i + 1;
  const size_t count = call.count() - options.fields;
  if (count == 0 || count % 2 != 0) {
    call.fail("ERR wrong number of arguments for 'xadd' command");
    return std::nullopt;
  }
  if (count / 2 > static_cast<size_t>(log::kRecordHeadersMax)) {
    call.fail("ERR an entry has at most 4096 fields here");
    return std::nullopt;
  }
  return options;
}

// The exact error for an ID that the log refuses; nothing when it is fine.
std::optional<ByteView> id_problem(const log::Log& log, const log::IdRequest& request) {
  if (log.last_id() == StreamId::max()) {
    return "ERR The stream has exhausted the last possible ID, unable to add more items";
  }
  const StreamId last = log.last_id();
  if (request.kind == log::IdRequest::Kind::kExplicit && request.id <= last) return kNotRising;
  if (request.kind == log::IdRequest::Kind::kMsAuto &&
      (request.id.ms < last.ms || (request.id.ms == last.ms && last.seq == UINT64_MAX))) {
    return kNotRising;
  }
  return std::nullopt;
}

// An entry's name for its producer: what the client says, or what the fields are.
std::string message_name(const Call& call, const AddOptions& options) {
  if (options.message) return std::string(*options.message);
  return Idempotence::name_of_fields(call.args.subspan(options.fields));
}

// The ID of the same message sent before, which is then the answer.
bool answered_as_duplicate(Call& call,
                           const StreamKey& stream,
                           ByteView producer,
                           const std::string& message) {
  Idempotence& known = call.service.idempotence();
  const auto before = known.find(call.keys, stream.log, producer, message,
                                 call.service.idempotence_settings(*stream.thing));
  if (!before) return false;
  known.count_duplicate(call.keys, stream.log);
  put_id(call.reply, *before);
  return true;
}

void xadd(Call& call) {
  const auto options = add_options(call);
  if (!options) return;
  auto stream = stream_argument(call, 1);
  if (!stream) return;
  broker::Broker& broker = call.service.broker();
  if (!*stream) {
    if (!options->make) return call.reply.null();
    const auto made = call.service.make_stream(call, call.args[1]);
    if (!made) return call.fail(made.error());
    stream = *made;
  }
  const log::Log* log = broker.find_log(stream->log);
  if (log == nullptr) return call.fail(errors::kNoSuchKey);
  if (options->trim.strategy != TrimOptions::Strategy::kNone) {
    const auto free = broker.check_unlocked(*stream->thing, call.now());
    if (!free) return call.fail(free.error());
  }
  const std::string message = options->producer ? message_name(call, *options) : std::string();
  if (options->producer && answered_as_duplicate(call, *stream, *options->producer, message))
    return;
  if (const auto problem = id_problem(*log, options->id)) return call.fail(*problem);
  const RecordFields fields = to_record(call.args.subspan(options->fields));
  const log::RecordInput record{
      .key = fields.key, .value = fields.value, .headers = fields.headers, .timestamp = call.now()};
  const auto appended = broker.append_record(stream->log, record, call.now(), options->id);
  if (!appended) return call.fail(appended.error());
  // Whoever reads it learns its ID then; but what else this transaction does may trim it before.
  if (!call.may_block)
    call.service.streams().cache().put(stream->log, appended->base_id, appended->base_offset);
  if (options->producer) {
    call.service.idempotence().remember(call.keys, stream->log, *options->producer, message,
                                        appended->base_id,
                                        call.service.idempotence_settings(*stream->thing));
  }
  call.service.stream_changed(call.database(), call.args[1]);
  call.service.notify(call.database(), notify::kStream, "xadd", call.args[1]);
  put_id(call.reply, appended->base_id);
  if (options->trim.strategy == TrimOptions::Strategy::kNone) return;
  trim_stream(
      call.service, *stream, options->trim, call.now(),
      [&service = call.service, database = call.database(), key = std::string(call.args[1])](
          Result<int64_t> removed, const Dependence& depends) {
        if (removed.value_or(0) > 0)
          service.notify(database, notify::kStream, "xtrim", key, depends.as_one().lsn);
      });
}

using namespace flag;
constexpr Command kCommands[] = {
    {"xadd",
     -5,
     kWrite | kDenyOom | kFast,
     {1, 1, 1},
     "stream",
     "@stream",
     "5.0.0",
     "Appends an entry.",
     xadd},
};

}  // namespace

std::span<const Command> stream_add_commands() {
  return kCommands;
}

}  // namespace weir::redis
