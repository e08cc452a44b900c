// Commands of Redis that are deliberately not there. They are unknown to COMMAND; who sends one is
// told what is missing.

#include <algorithm>
#include <cctype>
#include <string>

#include "protocols/redis/command.h"

namespace weir::redis {
namespace {

struct Absent {
  std::string_view commands;
  std::string_view error;
};
constexpr Absent kAbsent[] = {
    {"asking cluster readonly readwrite", "ERR This instance has cluster support disabled"},
    {"failover psync replconf replicaof slaveof sync",
     "ERR replication is not supported by this server"},
    {"bitcount bitfield bitfield_ro bitop bitpos getbit setbit",
     "ERR bitmaps are not supported by this server"},
    {"pfadd pfcount pfdebug pfmerge pfselftest", "ERR HyperLogLog is not supported by this server"},
    {"geoadd geodist geohash geopos georadius georadius_ro georadiusbymember "
     "georadiusbymember_ro geosearch geosearchstore",
     "ERR geo commands are not supported by this server"},
    {"dump migrate restore restore-asking",
     "ERR serialized values (DUMP, RESTORE, MIGRATE) are not supported by this server"},
    {"eval_ro evalsha_ro fcall_ro", "ERR this server runs no scripts"},
    {"debug", "ERR DEBUG command not allowed: this server has none"},
    {"shutdown", "ERR SHUTDOWN is not supported by this server: it is stopped by a signal"},
    {"bgrewriteaof",
     "ERR BGREWRITEAOF is not supported by this server: its log needs no rewriting"},
};

}  // namespace

std::string_view why_absent(ByteView name) {
  std::string lower(name.substr(0, 64));
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const Absent& absent : kAbsent) {
    for (size_t from = 0; from < absent.commands.size();) {
      const size_t end = std::min(absent.commands.find(' ', from), absent.commands.size());
      if (absent.commands.substr(from, end - from) == lower) return absent.error;
      from = end + 1;
    }
  }
  return {};
}

}  // namespace weir::redis
