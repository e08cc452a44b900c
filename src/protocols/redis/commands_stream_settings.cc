// Settings of a stream: XCFGSET. https://redis.io/docs/latest/commands/xcfgset/
//
// Beyond Redis: how long and how much of a stream is kept. It is the retention of its log, as Kafka
// shows and changes it.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>

#include "protocols/redis/command.h"
#include "protocols/redis/stream_arguments.h"

namespace weir::redis {
namespace {

struct StreamSettings {
  std::optional<int64_t> duration_s;
  std::optional<int64_t> size_max;
  std::optional<int64_t> retention_ms;
  std::optional<int64_t> retention_bytes;
};

struct Setting {
  ByteView word;
  ByteView name;
  std::optional<int64_t> StreamSettings::* value;
  int64_t high;
  bool may_be_unlimited;
  ByteView range;
};
constexpr Setting kSettings[] = {
    {"idmp-duration", "IDMP-DURATION", &StreamSettings::duration_s,
     Idempotence::kDurationSecondsMax, false, "between 1 and 86400 seconds"},
    {"idmp-maxsize", "IDMP-MAXSIZE", &StreamSettings::size_max, Idempotence::kSizeMax, false,
     "between 1 and 10000 entries"},
    {"retention-ms", "RETENTION-MS", &StreamSettings::retention_ms, INT64_MAX, true,
     "at least 1, or -1 for no limit"},
    {"retention-bytes", "RETENTION-BYTES", &StreamSettings::retention_bytes, INT64_MAX, true,
     "at least 1, or -1 for no limit"},
};

// False when the call has failed.
bool take_setting(Call& call, size_t index, StreamSettings& settings) {
  const auto* known = std::ranges::find_if(
      kSettings, [&](const Setting& setting) { return call.is(index, setting.word); });
  if (known == std::end(kSettings) || index + 1 >= call.count()) {
    call.fail(errors::kSyntax);
    return false;
  }
  std::optional<int64_t>& value = settings.*known->value;
  if (value) {
    call.fail(fmt::format("ERR {} specified multiple times", known->name));
    return false;
  }
  value = call.integer(index + 1);
  if (!value) return false;
  if (*value >= 1 && *value <= known->high) return true;
  if (*value == catalog::kUnlimited && known->may_be_unlimited) return true;
  call.fail(fmt::format("ERR {} must be {}", known->name, known->range));
  return false;
}

// False when the call has failed.
bool change_retention(Call& call, const StreamKey& stream, const StreamSettings& settings) {
  if (!settings.retention_ms && !settings.retention_bytes) return true;
  const catalog::Thing& before = *stream.thing;
  if (before.kind != catalog::Kind::kTopic || !call.service.owned(before)) {
    call.fail("ERR refused: the stream was made through another protocol; set its retention there");
    return false;
  }
  catalog::Thing after = before;
  catalog::LogPolicy& policy = after.log_policy;
  policy.retention_ms = settings.retention_ms.value_or(policy.retention_ms);
  policy.retention_bytes = settings.retention_bytes.value_or(policy.retention_bytes);
  const auto altered = call.service.broker().alter(after, call.now());
  if (!altered) call.fail(altered.error());
  return altered.has_value();
}

// Another value than before is noted with the stream, and what is remembered is forgotten. False
// when the call has failed.
bool change(Call& call,
            const StreamKey& stream,
            const char* property,
            int64_t before,
            std::optional<int64_t> after) {
  if (!after || *after == before) return true;
  const auto noted = call.service.broker().annotate(stream.thing->name, property,
                                                    std::to_string(*after), call.now());
  if (!noted) {
    call.fail(noted.error());
    return false;
  }
  call.service.idempotence().clear(call.keys, stream.log);
  call.service.key_changed(call.database(), call.args[1]);
  return true;
}

void xcfgset(Call& call) {
  if (call.count() == 2) return call.fail("ERR At least one parameter must be specified");
  auto stream = stream_argument(call, 1);
  if (!stream) return;
  if (!*stream) return call.fail(errors::kNoSuchKey);
  StreamSettings settings;
  for (size_t i = 2; i < call.count(); i += 2) {
    if (!take_setting(call, i, settings)) return;
  }
  if (!change_retention(call, *stream, settings)) return;
  stream = call.service.stream_of(call.database(), call.args[1]);
  const auto before = call.service.idempotence_settings(*stream->thing);
  if (!change(call, *stream, Idempotence::kDurationProperty, before.duration.count() / 1000,
              settings.duration_s))
    return;
  // The note may have moved the stream's description.
  stream = call.service.stream_of(call.database(), call.args[1]);
  if (!change(call, *stream, Idempotence::kSizeProperty, static_cast<int64_t>(before.size_max),
              settings.size_max))
    return;
  call.reply.ok();
}

using namespace flag;
constexpr KeyPositions kOne{1, 1, 1};
constexpr Command kCommands[] = {
    {"xcfgset", -2, kWrite | kDenyOom | kFast, kOne, "stream", "@stream", "8.6.0",
     "Sets what of a stream is kept, and what is remembered of idempotent producers.", xcfgset},
};

}  // namespace

std::span<const Command> stream_settings_commands() {
  return kCommands;
}

}  // namespace weir::redis
