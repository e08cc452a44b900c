#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <utility>
#include <vector>

#include "admin/router.h"
#include "cli/client.h"
#include "cli/command.h"

namespace weir::cli {
namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

// Credentials are not checked; clients of AWS insist on having some.
Variables variables(const std::map<std::string, std::string>& ports, const std::string& url) {
  Variables out = {{"WEIR_URL", url}};
  if (const auto aws = ports.find("aws"); aws != ports.end()) {
    out.emplace_back("AWS_ENDPOINT_URL", "http://" + aws->second);
    out.emplace_back("AWS_ACCESS_KEY_ID", "weir");
    out.emplace_back("AWS_SECRET_ACCESS_KEY", "weir");
    out.emplace_back("AWS_REGION", "us-east-1");
    out.emplace_back("AWS_DEFAULT_REGION", "us-east-1");
  }
  if (const auto kafka = ports.find("kafka"); kafka != ports.end()) {
    out.emplace_back("KAFKA_BROKERS", kafka->second);
  }
  if (const auto redis = ports.find("redis"); redis != ports.end()) {
    out.emplace_back("REDIS_URL", "redis://" + redis->second);
  }
  return out;
}

// In single quotes nothing has a meaning but the quote itself.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

int env(const Line& line) {
  auto client = Client::to(line.url);
  if (!client) return report(client.error());
  const auto body = client->get("/api/v1/ports");
  if (!body) return report(body.error());
  const auto ports = parse_texts(*body);
  if (!ports) return report(ports.error());
  std::string json;
  for (const auto& [name, value] : variables(*ports, line.url)) {
    if (!line.json) fmt::print("export {}={}\n", name, shell_quoted(value));
    json += fmt::format("{}{}:{}", json.empty() ? "" : ",", admin::json_string(name),
                        admin::json_string(value));
  }
  if (line.json) fmt::print("{{{}}}\n", json);
  return kDone;
}

}  // namespace

void add_env(CLI::App& app, Line& line) {
  CLI::App* command = add_command(app, "env", "Print export lines for AWS, Kafka and Redis clients",
                                  "  eval \"$(weir env)\"\n"
                                  "  weir env --url http://127.0.0.1:8080 --json");
  add_client_options(*command, line);
  command->callback([&line] { line.action = [&line] { return env(line); }; });
}

}  // namespace weir::cli
