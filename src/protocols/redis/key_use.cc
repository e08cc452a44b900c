// What commands do with their keys: COMMAND GETKEYSANDFLAGS.
// https://redis.io/docs/latest/develop/reference/key-specs/

#include "protocols/redis/key_use.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "protocols/redis/command.h"

namespace weir::redis {
namespace {

struct Use {
  std::string_view first;
  std::string_view others;  // of the keys behind the first one; empty: the same
  std::string_view commands;
};

// What reads only is not listed, nor what reads and changes its keys.
constexpr std::string_view kReads = "RO access";
constexpr std::string_view kReadsAndChanges = "RW access update";
constexpr Use kUses[] = {
    {"RO", "",
     "exists hexists hlen hstrlen llen scard sismember strlen touch type watch xlen "
     "zcard memory object"},
    {kReads, "", "xread xreadgroup"},
    {kReads, "OW update", "copy sort"},
    {"RW update", "",
     "expire expireat hmset hset lset persist pexpire pexpireat setrange xack "
     "xadd xcfgset xclaim xnack xsetid zadd xgroup|policy xgroup|setid"},
    {"RW insert", "",
     "append hsetnx linsert lpush lpushx rpush rpushx sadd xgroup|create "
     "xgroup|createconsumer"},
    {"RW delete", "",
     "hdel lrem ltrim srem xackdel xautoclaim xdel xdelex xtrim zrem "
     "zremrangebylex zremrangebyrank zremrangebyscore xgroup|delconsumer "
     "xgroup|destroy"},
    {"RW access delete", "",
     "blmpop blpop brpop bzmpop bzpopmax bzpopmin getdel lmpop lpop rpop "
     "spop zmpop zpopmax zpopmin"},
    {"RW access delete", "RW insert", "blmove blmovem brpoplpush lmove lmovem rpoplpush smove"},
    {"RW access delete", "OW update", "rename"},
    {"RW access delete", "OW insert", "renamenx"},
    {"OW update", "", "mset psetex set setex"},
    {"OW update", kReads,
     "sdiffstore sinterstore sunionstore zdiffstore zinterstore zrangestore "
     "zunionstore"},
    {"OW insert", "", "msetnx setnx"},
    {"RM delete", "", "del unlink"},
};

bool lists(std::string_view commands, std::string_view name) {
  for (size_t from = 0; from < commands.size();) {
    const size_t end = std::min(commands.find(' ', from), commands.size());
    if (commands.substr(from, end - from) == name) return true;
    from = end + 1;
  }
  return false;
}

std::string lower(ByteView text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

}  // namespace

std::string_view key_use(const Command& command, std::span<const ByteView> arguments, size_t nth) {
  std::string name(command.name);
  if (name == "xgroup") name += "|" + lower(arguments[1]);
  if (name == "set" && std::ranges::any_of(arguments.subspan(3), [](ByteView option) {
        return option.size() == 3 && lower(option) == "get";
      })) {
    return kReadsAndChanges;
  }
  const auto* found =
      std::ranges::find_if(kUses, [&](const Use& use) { return lists(use.commands, name); });
  if (found == std::end(kUses)) {
    return (command.flags & flag::kReadonly) != 0 ? kReads : kReadsAndChanges;
  }
  return nth == 0 || found->others.empty() ? found->first : found->others;
}

}  // namespace weir::redis
