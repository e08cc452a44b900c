// Databases by their numbers. SWAPDB changes which stored database a number stands for, and nothing
// else: no key moves, and the namespaces in which other protocols see streams stay as they are.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/assert.h"
#include "protocols/redis/call.h"
#include "protocols/redis/numbers.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

// In the side database: the stored databases in the order of their numbers, "1 0 2 ...", once two
// were swapped.
constexpr ByteView kOrderKey = "databases";

}  // namespace

uint32_t Service::number_of(uint32_t stored) const {
  const auto* found = std::ranges::find(stored_, stored);
  return static_cast<uint32_t>(found - stored_.begin());
}

void Service::recover_databases() {
  const auto* state = keyspace_.find_any(keyspace::kSideDatabase, kOrderKey);
  const auto* held = state == nullptr ? nullptr : keyspace::held<Text>(state->value);
  if (held == nullptr) return;
  const ByteView text = *held;
  size_t from = 0;
  for (uint32_t& stored : stored_) {
    const size_t end = std::min(text.find(' ', from), text.size());
    const auto number = from > end ? std::nullopt : parse_integer(text.substr(from, end - from));
    WEIR_ASSERT(number && *number >= 0 && *number < keyspace::kDatabases,
                "the order of databases is '{}'", text);
    stored = static_cast<uint32_t>(*number);
    from = end + 1;
  }
}

void Service::swap_databases(Call& call, uint32_t number, uint32_t other_number) {
  if (number == other_number) return;
  const uint32_t stored = stored_[number];
  const uint32_t other = stored_[other_number];
  std::swap(stored_[number], stored_[other_number]);
  std::string order;
  for (const uint32_t each : stored_) {
    if (!order.empty()) order += ' ';
    order += std::to_string(each);
  }
  call.keys.set_string(keyspace::kSideDatabase, kOrderKey, order, Timestamp::never());
  swapped_lsn_ = broker_.next_lsn();
  for (const auto& [id, client] : clients_) {
    if (!client->watched.empty()) follow_watched(*client, stored, other);
    if (client->database != stored && client->database != other) continue;
    client->database = client->database == stored ? other : stored;
    if (!client->blocked) continue;
    // It waits for the keys of the number, which are others now: it tries again, and then waits for
    // those.
    broker_.cancel_wait(client->blocked->waiter);
    BlockRequest again;
    again.retry = now();
    await(client, again);
  }
}

}  // namespace weir::redis
