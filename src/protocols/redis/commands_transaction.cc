// Transactions: https://redis.io/docs/latest/develop/interact/transactions/

#include "protocols/redis/call.h"
#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

void multi(Call& call) {
  if (call.client.in_multi) return call.fail("ERR MULTI calls can not be nested");
  call.client.in_multi = true;
  call.reply.ok();
}

void discard(Call& call) {
  if (!call.client.in_multi) return call.fail("ERR DISCARD without MULTI");
  call.service.leave_transaction(call.client);
  call.reply.ok();
}

void exec(Call& call) {
  Client& client = call.client;
  if (!client.in_multi) return call.fail("ERR EXEC without MULTI");
  if (client.queue_grows && call.service.out_of_memory()) {
    return call.service.abort_transaction(call, errors::kOutOfMemory);
  }
  if (client.multi_broken) {
    call.service.leave_transaction(client);
    return call.fail(errors::kExecAbort);
  }
  if (call.service.watch_broken(client)) {
    call.service.leave_transaction(client);
    return call.reply.null_array();
  }
  call.service.unwatch(client);
  call.service.execute_queue(call);
  call.service.leave_transaction(client);
}

void watch(Call& call) {
  if (call.client.in_multi) return call.fail("ERR WATCH inside MULTI is not allowed");
  for (const ByteView key : call.args.subspan(1)) {
    if (!call.service.watch(call.client, key)) return call.fail("ERR too many watched keys");
  }
  call.reply.ok();
}

void unwatch(Call& call) {
  call.service.unwatch(call.client);
  call.reply.ok();
}

using namespace flag;
constexpr Command kCommands[] = {
    {"discard",
     1,
     kFast | kNotQueued,
     {},
     "transactions",
     "@transaction",
     "2.0.0",
     "Forgets the queued commands.",
     discard},
    {"exec",
     1,
     kWrite | kNotQueued,
     {},
     "transactions",
     "@transaction",
     "1.2.0",
     "Runs the queued commands as one commit.",
     exec},
    {"multi",
     1,
     kFast | kNotQueued,
     {},
     "transactions",
     "@transaction",
     "1.2.0",
     "Begins to queue commands.",
     multi},
    {"unwatch",
     1,
     kFast,
     {},
     "transactions",
     "@transaction",
     "2.2.0",
     "Forgets the watched keys.",
     unwatch},
    {"watch",
     -2,
     kFast | kNotQueued,
     {1, -1, 1},
     "transactions",
     "@transaction",
     "2.2.0",
     "Makes EXEC depend on keys staying as they are.",
     watch},
};

}  // namespace

std::span<const Command> transaction_commands() {
  return kCommands;
}

}  // namespace weir::redis
