// Settings of a stream: XCFGSET. https://redis.io/docs/latest/commands/xcfgset/

#include <fmt/format.h>

#include <optional>
#include <string>

#include "protocols/redis/command.h"
#include "protocols/redis/stream_arguments.h"

namespace weir::redis {
namespace {

struct StreamSettings {
  std::optional<int64_t> duration_s;
  std::optional<int64_t> size_max;
};

// False when the call has failed.
bool take_setting(Call& call, size_t index, StreamSettings& settings) {
  const bool duration = call.is(index, "idmp-duration");
  if ((!duration && !call.is(index, "idmp-maxsize")) || index + 1 >= call.count()) {
    call.fail(errors::kSyntax);
    return false;
  }
  const ByteView name = duration ? "IDMP-DURATION" : "IDMP-MAXSIZE";
  std::optional<int64_t>& setting = duration ? settings.duration_s : settings.size_max;
  if (setting) {
    call.fail(fmt::format("ERR {} specified multiple times", name));
    return false;
  }
  const int64_t high = duration ? Idempotence::kDurationSecondsMax : Idempotence::kSizeMax;
  setting = call.integer(index + 1);
  if (!setting) return false;
  if (*setting >= 1 && *setting <= high) return true;
  call.fail(fmt::format("ERR {} must be between 1 and {} {}", name, high,
                        duration ? "seconds" : "entries"));
  return false;
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
  auto stream = stream_argument(call, 1);
  if (!stream) return;
  if (!*stream) return call.fail(errors::kNoSuchKey);
  StreamSettings settings;
  for (size_t i = 2; i < call.count(); i += 2) {
    if (!take_setting(call, i, settings)) return;
  }
  if (!settings.duration_s && !settings.size_max)
    return call.fail("ERR At least one parameter must be specified");
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
    {"xcfgset", -4, kWrite | kDenyOom | kFast, kOne, "stream", "@stream", "8.6.0",
     "Sets how long and how many messages of idempotent producers are remembered.", xcfgset},
};

}  // namespace

std::span<const Command> stream_settings_commands() {
  return kCommands;
}

}  // namespace weir::redis
