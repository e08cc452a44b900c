#include "admin/process.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <utility>

namespace weir::admin {
namespace {

double resident_bytes() {
  long total = 0;
  long resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  const int read = std::fscanf(file, "%ld %ld", &total, &resident);
  (void)std::fclose(file);
  return read == 2 ? static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) : 0;
}

double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double open_files() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  double count = -3;  // ".", ".." and the folder itself
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

}  // namespace

std::string ports_json(const Ports& ports) {
  std::string entries;
  for (const auto& [name, address] : ports) {
    entries +=
        fmt::format("{}{}:{}", entries.empty() ? "" : ",", json_string(name), json_string(address));
  }
  return "{" + entries + "}\n";
}

void add_process_endpoints(Router& router,
                           const Health& health,
                           const Ports& ports,
                           const std::string& version) {
  router.add("GET", "/", [version](const Request&, net::HttpResponder responder) {
    responder.send(net::HttpResponse::json(
        200, fmt::format("{{\"name\":\"weir\",\"version\":{},\"endpoints\":[\"/livez\",\"/readyz\","
                         "\"/metrics\",\"/api/v1/ports\",\"/api/v1/topics\",\"/api/v1/queues\","
                         "\"/api/v1/groups\",\"/api/v1/bridges\"]}}\n",
                         json_string(version))));
  });
  router.add("GET", "/livez", [](const Request&, net::HttpResponder responder) {
    responder.send(net::HttpResponse::text(200, "alive\n"));
  });
  router.add("GET", "/readyz", [&health](const Request& request, net::HttpResponder responder) {
    const int status = health.ready() ? 200 : 503;
    responder.send(request.verbose() ? net::HttpResponse::json(status, health.to_json())
                                     : net::HttpResponse::text(status, health.to_text()));
  });
  router.add("GET", "/api/v1/ports", [&ports](const Request&, net::HttpResponder responder) {
    responder.send(net::HttpResponse::json(200, ports_json(ports)));
  });
}

void add_listeners_endpoint(Router& router, const Ports& ports, const std::set<std::string>& tls) {
  router.add(
      "GET", "/api/v1/listeners", [&ports, &tls](const Request&, net::HttpResponder responder) {
        std::string entries;
        for (const auto& [name, address] : ports) {
          entries +=
              fmt::format("{}{{\"name\":{},\"address\":{},\"tls\":{}}}", entries.empty() ? "" : ",",
                          json_string(name), json_string(address), tls.contains(name));
        }
        responder.send(net::HttpResponse::json(200, "{\"listeners\":[" + entries + "]}\n"));
      });
}

void register_process_metrics(MetricRegistry& metrics, const std::string& version) {
  const auto begin = std::chrono::steady_clock::now();
  metrics.add("weir_build_info", "Always 1.", {{"version", version}}, [] { return 1.0; });
  metrics.add("weir_uptime_seconds", "Time since the start.", {}, [begin] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  });
  metrics.add("weir_process_resident_memory_bytes", "Memory in use.", {}, resident_bytes);
  metrics.add("weir_process_cpu_seconds", "Processor time since the start.", {}, processor_seconds);
  metrics.add("weir_process_open_files", "Open file descriptors.", {}, open_files);
}

}  // namespace weir::admin
