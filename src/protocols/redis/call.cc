#include "protocols/redis/call.h"

#include <cmath>

#include "protocols/redis/client.h"
#include "protocols/redis/numbers.h"
#include "protocols/redis/service.h"

namespace weir::redis {

uint32_t Call::database() const {
  return client.database;
}

void Call::depends_on(const broker::Depends& depends) const {
  if (!service.broker().is_safe(depends)) buffer.depends_on(depends);
}

void Call::depends_on_key(ByteView key) const {
  depends_on(service.broker().catalog_depends());
  depends_on({service.lsn_of_key(client.database, key), Durability::kFsync});
}

bool Call::is_stream(ByteView key) const {
  depends_on(service.broker().catalog_depends());
  return service.is_stream(client.database, key);
}

bool Call::is(size_t index, ByteView word) const {
  const ByteView argument = args[index];
  if (argument.size() != word.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    const char c = argument[i];
    if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != word[i]) return false;
  }
  return true;
}

std::optional<int64_t> Call::integer(size_t index, ByteView error) {
  const auto value = parse_integer(args[index]);
  if (!value) reply.error(error);
  return value;
}

std::optional<int64_t> Call::integer_between(size_t index,
                                             int64_t low,
                                             int64_t high,
                                             ByteView error) {
  const auto value = parse_integer(args[index]);
  if (value && *value >= low && *value <= high) return value;
  reply.error(error);
  return std::nullopt;
}

std::optional<double> Call::real(size_t index, ByteView error) {
  const auto value = parse_double(args[index]);
  if (!value) reply.error(error);
  return value;
}

std::optional<Timestamp> Call::timeout_seconds(size_t index) {
  const auto seconds = parse_double(args[index]);
  if (!seconds || std::isinf(*seconds) || *seconds * 1000 > 9e15) {
    reply.error("ERR timeout is not a float or out of range");
    return std::nullopt;
  }
  if (*seconds < 0) {
    reply.error("ERR timeout is negative");
    return std::nullopt;
  }
  if (*seconds == 0) return Timestamp::never();
  return now() + Milliseconds(static_cast<int64_t>(std::ceil(*seconds * 1000)));
}

bool Call::block(std::span<const ByteView> wait_for, WaitType type, Timestamp deadline) {
  if (!may_block) return false;
  blocked.emplace();
  blocked->keys.assign(wait_for.begin(), wait_for.end());
  blocked->deadline = deadline;
  for (const ByteView key : wait_for) {
    blocked->wait_keys.push_back(Service::wait_key(client.database, key, type));
  }
  return true;
}

}  // namespace weir::redis
