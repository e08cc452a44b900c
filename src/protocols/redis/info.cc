#include "protocols/redis/info.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <iterator>

#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

using Out = std::string;

template <typename... Args>
void line(Out& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
  out += "\r\n";
}

void server(Service& service, Out& out) {
  const int64_t uptime = (service.now() - service.started()).count() / 1000;
  line(out, "redis_version:{}", kRedisVersion);
  line(out, "server_name:weir");
  line(out, "weir_version:{}", service.options().weir_version);
  line(out, "redis_mode:standalone");
  line(out, "arch_bits:64");
  line(out, "multiplexing_api:epoll");
  line(out, "tcp_port:{}", service.options().port);
  line(out, "uptime_in_seconds:{}", uptime);
  line(out, "uptime_in_days:{}", uptime / 86400);
}

void clients(Service& service, Out& out) {
  line(out, "connected_clients:{}", service.clients().size());
  line(out, "maxclients:{}", service.config().values().at("maxclients"));
  line(out, "blocked_clients:{}", service.blocked_clients());
  line(out, "tracking_clients:0");
  line(out, "total_blocking_keys:{}", service.blocking_keys());
  line(out, "total_blocking_keys_on_nokey:{}", service.blocking_keys_on_nokey());
}

void memory(Service& service, Out& out) {
  line(out, "used_memory:{}", service.keyspace().used_bytes());
  line(out, "used_memory_dataset:{}", service.keyspace().used_bytes());
  line(out, "maxmemory:{}", service.config().maxmemory());
  line(out, "maxmemory_policy:noeviction");
}

void persistence(Service& service, Out& out) {
  line(out, "loading:0");
  line(out, "async_loading:0");
  line(out, "rdb_changes_since_last_save:0");
  line(out, "rdb_bgsave_in_progress:0");
  line(out, "rdb_last_bgsave_status:ok");
  line(out, "aof_enabled:1");
  line(out, "aof_rewrite_in_progress:0");
  line(out, "aof_last_write_status:{}", service.broker().storage_problem() ? "err" : "ok");
}

void stats(Service& service, Out& out) {
  const Statistics& statistics = service.statistics();
  line(out, "total_connections_received:{}", statistics.connections);
  line(out, "total_commands_processed:{}", statistics.processed);
  line(out, "expired_keys:{}", statistics.expired_keys);
  line(out, "evicted_keys:0");
  line(out, "pubsub_channels:{}", service.pubsub().channels().size());
  line(out, "pubsub_patterns:{}", service.pubsub().patterns().size());
  line(out, "pubsubshard_channels:{}", service.pubsub().shard_channels().size());
  line(out, "total_error_replies:{}", statistics.error_replies);
}

void replication(Service&, Out& out) {
  line(out, "role:master");
  line(out, "connected_slaves:0");
  line(out, "master_repl_offset:0");
}

void command_line(Out& out, std::string_view name, const CommandStatistics& counters) {
  if (counters.unused()) return;
  const auto taken_us = static_cast<double>(counters.taken_ns) / 1000;
  const double each_us = counters.calls == 0 ? 0.0 : taken_us / static_cast<double>(counters.calls);
  line(out, "cmdstat_{}:calls={},usec={},usec_per_call={:.2f},rejected_calls={},failed_calls={}",
       name, counters.calls, counters.taken_ns / 1000, each_us, counters.rejected, counters.failed);
}

void commandstats(Service& service, Out& out) {
  for (const Command* command : all_commands()) {
    command_line(out, command->name, service.statistics().of(command->number));
    for (const Subcommand& subcommand : command->subcommands) {
      command_line(out, subcommand.name,
                   service.statistics().of(command_number(*command, &subcommand)));
    }
  }
}

void errorstats(Service& service, Out& out) {
  for (const auto& [word, count] : service.statistics().errors)
    line(out, "errorstat_{}:count={}", word, count);
}

void cluster(Service&, Out& out) {
  line(out, "cluster_enabled:0");
}

void keyspace_section(Service& service, Out& out) {
  for (uint32_t database = 0; database < keyspace::kDatabases; ++database) {
    const uint32_t stored = service.stored_database(database);
    const size_t keys = service.key_count(stored);
    if (keys == 0) continue;
    line(out, "db{}:keys={},expires={},avg_ttl=0", database, keys,
         service.keyspace().size_with_deadline(stored));
  }
}

// Of the process, in seconds.
void cpu(Service&, Out& out) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  line(out, "used_cpu_sys:{:.6f}", seconds(usage.ru_stime));
  line(out, "used_cpu_user:{:.6f}", seconds(usage.ru_utime));
}

struct Section {
  std::string_view name;
  std::string_view title;
  bool by_default;
  void (*write)(Service&, Out&);
};

constexpr Section kSections[] = {
    {"server", "Server", true, server},
    {"clients", "Clients", true, clients},
    {"memory", "Memory", true, memory},
    {"persistence", "Persistence", true, persistence},
    {"stats", "Stats", true, stats},
    {"replication", "Replication", true, replication},
    {"cpu", "CPU", true, cpu},
    {"commandstats", "Commandstats", false, commandstats},
    {"errorstats", "Errorstats", true, errorstats},
    {"cluster", "Cluster", true, cluster},
    {"keyspace", "Keyspace", true, keyspace_section},
};

}  // namespace

std::string info_text(Service& service, const std::vector<std::string>& sections) {
  std::vector<std::string> wanted = sections;
  for (std::string& name : wanted) {
    std::ranges::transform(name, name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  }
  const auto asked = [&](std::string_view name) {
    return std::ranges::find(wanted, name) != wanted.end();
  };
  const bool everything = asked("all") || asked("everything");
  const bool defaults = wanted.empty() || asked("default");
  std::string out;
  for (const Section& section : kSections) {
    if (!everything && !(defaults && section.by_default) && !asked(section.name)) continue;
    if (!out.empty()) out += "\r\n";
    line(out, "# {}", section.title);
    section.write(service, out);
  }
  return out;
}

}  // namespace weir::redis
