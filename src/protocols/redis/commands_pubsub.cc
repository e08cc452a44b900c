// Publish and subscribe: https://redis.io/docs/latest/develop/interact/pubsub/

#include <fmt/format.h>

#include <string>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/glob.h"
#include "protocols/redis/limits.h"
#include "protocols/redis/service.h"
#include "protocols/redis/subcommands.h"

namespace weir::redis {
namespace {

// One of the three kinds of subscription.
struct Family {
  ByteView subscribed;
  ByteView unsubscribed;
  Pubsub::Channels& (Pubsub::*channels)();
  absl::btree_set<std::string> Client::* names;
};

constexpr Family kPlain{"subscribe", "unsubscribe", &Pubsub::channels, &Client::channels};
constexpr Family kPattern{"psubscribe", "punsubscribe", &Pubsub::patterns, &Client::patterns};
constexpr Family kShard{"ssubscribe", "sunsubscribe", &Pubsub::shard_channels,
                        &Client::shard_channels};

size_t count_of(const Client& client, const Family& family) {
  return family.names == &Client::shard_channels ? client.shard_channels.size()
                                                 : client.channels.size() + client.patterns.size();
}

void tell(Call& call, const Family& family, ByteView what, const ByteView* name) {
  call.reply.push(3);
  call.reply.bulk(what);
  if (name == nullptr) {
    call.reply.null();
  } else {
    call.reply.bulk(*name);
  }
  call.reply.integer(static_cast<int64_t>(count_of(call.client, family)));
}

void subscribe(Call& call, const Family& family) {
  Pubsub& pubsub = call.service.pubsub();
  for (const ByteView name : call.args.subspan(1)) {
    if (call.client.subscriptions() >= kSubscriptionsMax)
      return call.fail("ERR too many subscriptions");
    pubsub.subscribe((pubsub.*family.channels)(), call.client, name);
    (call.client.*family.names).emplace(name);
    tell(call, family, family.subscribed, &name);
  }
}

void unsubscribe(Call& call, const Family& family) {
  Pubsub& pubsub = call.service.pubsub();
  auto& names = call.client.*family.names;
  std::vector<std::string> leaving(call.args.begin() + 1, call.args.end());
  if (leaving.empty()) leaving.assign(names.begin(), names.end());
  for (const std::string& name : leaving) {
    pubsub.unsubscribe((pubsub.*family.channels)(), call.client, name);
    names.erase(name);
    const ByteView view = name;
    tell(call, family, family.unsubscribed, &view);
  }
  if (leaving.empty()) tell(call, family, family.unsubscribed, nullptr);
}

void subscribe_plain(Call& call) {
  subscribe(call, kPlain);
}
void subscribe_pattern(Call& call) {
  subscribe(call, kPattern);
}
void subscribe_shard(Call& call) {
  subscribe(call, kShard);
}
void unsubscribe_plain(Call& call) {
  unsubscribe(call, kPlain);
}
void unsubscribe_pattern(Call& call) {
  unsubscribe(call, kPattern);
}
void unsubscribe_shard(Call& call) {
  unsubscribe(call, kShard);
}

// A message published by a transaction leaves with it.
Lsn publish_lsn(Call& call) {
  return call.may_block ? Lsn{} : call.service.broker().next_lsn();
}

void publish(Call& call) {
  call.reply.integer(static_cast<int64_t>(
      call.service.pubsub().publish(call.args[1], call.args[2], publish_lsn(call))));
}

void publish_shard(Call& call) {
  call.reply.integer(static_cast<int64_t>(
      call.service.pubsub().publish_to_shard(call.args[1], call.args[2], publish_lsn(call))));
}

void list_channels(Call& call, const Pubsub::Channels& channels) {
  if (call.count() > 3)
    return call.fail(
        fmt::format("ERR wrong number of arguments for 'pubsub|{}' command", call.args[1]));
  std::vector<ByteView> names;
  for (const auto& [name, listeners] : channels) {
    if (call.count() == 2 || glob_matches(call.args[2], name)) names.push_back(name);
  }
  call.reply.array(names.size());
  for (const ByteView name : names) call.reply.bulk(name);
}

void count_listeners(Call& call, const Pubsub::Channels& channels) {
  call.reply.array((call.count() - 2) * 2);
  for (const ByteView name : call.args.subspan(2)) {
    const auto found = channels.find(name);
    call.reply.bulk(name);
    call.reply.integer(found == channels.end() ? 0 : static_cast<int64_t>(found->second.size()));
  }
}

void pubsub_channels(Call& call) {
  if (call.count() > 3) return fail_subcommand(call);
  list_channels(call, call.service.pubsub().channels());
}
void pubsub_shardchannels(Call& call) {
  if (call.count() > 3) return fail_subcommand(call);
  list_channels(call, call.service.pubsub().shard_channels());
}
void pubsub_numsub(Call& call) {
  count_listeners(call, call.service.pubsub().channels());
}
void pubsub_shardnumsub(Call& call) {
  count_listeners(call, call.service.pubsub().shard_channels());
}
void pubsub_numpat(Call& call) {
  call.reply.integer(static_cast<int64_t>(call.service.pubsub().patterns().size()));
}

void pubsub_help(Call& call) {
  constexpr ByteView kLines[] = {"CHANNELS [<pattern>]",
                                 "    The channels that somebody listens to.",
                                 "NUMPAT",
                                 "    How many patterns are listened to.",
                                 "NUMSUB [<channel> ...]",
                                 "    How many listen to each channel.",
                                 "SHARDCHANNELS [<pattern>]",
                                 "    The shard channels that somebody listens to.",
                                 "SHARDNUMSUB [<shardchannel> ...]",
                                 "    How many listen to each shard channel."};
  answer_help(call, kLines);
}

using namespace flag;
constexpr Subcommand kPubsubForms[] = {
    {"pubsub|channels", -2, kPubsub, pubsub_channels},
    {"pubsub|help", 2, 0, pubsub_help},
    {"pubsub|numpat", 2, kPubsub, pubsub_numpat},
    {"pubsub|numsub", -2, kPubsub, pubsub_numsub},
    {"pubsub|shardchannels", -2, kPubsub, pubsub_shardchannels},
    {"pubsub|shardnumsub", -2, kPubsub, pubsub_shardnumsub},
};

constexpr uint32_t kSubscribing = kSubscription | kPubsub | kInSubscription;
constexpr Command kCommands[] = {
    {"psubscribe",
     -2,
     kSubscribing,
     {},
     "pubsub",
     "@pubsub",
     "2.0.0",
     "Listens to channels by pattern.",
     subscribe_pattern},
    {"publish",
     3,
     kPubsub | kFast,
     {},
     "pubsub",
     "@pubsub",
     "2.0.0",
     "Sends a message to a channel.",
     publish},
    {"pubsub",
     -2,
     kPubsub,
     {},
     "pubsub",
     "",
     "2.8.0",
     "Asks about channels and listeners.",
     run_subcommand,
     kPubsubForms},
    {"punsubscribe",
     -1,
     kSubscribing,
     {},
     "pubsub",
     "@pubsub",
     "2.0.0",
     "Stops listening to patterns.",
     unsubscribe_pattern},
    {"spublish",
     3,
     kPubsub | kFast,
     {},
     "pubsub",
     "@pubsub",
     "7.0.0",
     "Sends a message to a shard channel.",
     publish_shard},
    {"ssubscribe",
     -2,
     kSubscribing,
     {},
     "pubsub",
     "@pubsub",
     "7.0.0",
     "Listens to shard channels.",
     subscribe_shard},
    {"subscribe",
     -2,
     kSubscribing,
     {},
     "pubsub",
     "@pubsub",
     "2.0.0",
     "Listens to channels.",
     subscribe_plain},
    {"sunsubscribe",
     -1,
     kSubscribing,
     {},
     "pubsub",
     "@pubsub",
     "7.0.0",
     "Stops listening to shard channels.",
     unsubscribe_shard},
    {"unsubscribe",
     -1,
     kSubscribing,
     {},
     "pubsub",
     "@pubsub",
     "2.0.0",
     "Stops listening to channels.",
     unsubscribe_plain},
};

}  // namespace

std::span<const Command> pubsub_commands() {
  return kCommands;
}

}  // namespace weir::redis
