#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "admin/router.h"
#include "cli/client.h"
#include "cli/command.h"

namespace weir::cli {
namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

// Where the admin API says that somebody listens.
struct Listening {
  std::string address;
  bool tls = false;
};

Result<std::map<std::string, Listening>> listeners_of(Client& client) {
  const auto answer = client.ask_json("GET", "/api/v1/listeners");
  if (!answer) return std::unexpected(answer.error());
  std::map<std::string, Listening> found;
  for (const admin::Json& one : (*answer)["listeners"].list()) {
    found[one["name"].text()] = {one["address"].text(), one["tls"].flag()};
  }
  return found;
}

// Who signed the broker's certificate, in the variables that clients look at themselves.
void add_authorities(const std::string& file, Variables& out) {
  std::error_code error;
  const std::string path = std::filesystem::absolute(file, error).string();
  for (const char* name : {"WEIR_CA", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}) {
    out.emplace_back(name, error ? file : path);
  }
}

// Clients of AWS insist on having credentials, whether they are checked or not.
Variables variables(const std::map<std::string, Listening>& listeners, const Line& line) {
  Variables out = {{"WEIR_URL", line.url}};
  if (const auto aws = listeners.find("aws"); aws != listeners.end()) {
    out.emplace_back("AWS_ENDPOINT_URL",
                     (aws->second.tls ? "https://" : "http://") + aws->second.address);
    out.emplace_back("AWS_ACCESS_KEY_ID", "weir");
    out.emplace_back("AWS_SECRET_ACCESS_KEY", "weir");
    out.emplace_back("AWS_REGION", "us-east-1");
    out.emplace_back("AWS_DEFAULT_REGION", "us-east-1");
  }
  if (const auto kafka = listeners.find("kafka"); kafka != listeners.end()) {
    out.emplace_back("KAFKA_BROKERS", kafka->second.address);
    if (kafka->second.tls) out.emplace_back("KAFKA_SECURITY_PROTOCOL", "SSL");
  }
  if (const auto redis = listeners.find("redis"); redis != listeners.end()) {
    out.emplace_back("REDIS_URL",
                     (redis->second.tls ? "rediss://" : "redis://") + redis->second.address);
  }
  if (!line.trust.ca.empty()) add_authorities(line.trust.ca, out);
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
  auto client = Client::to(line.url, line.trust);
  if (!client) return report(client.error());
  const auto listeners = listeners_of(*client);
  if (!listeners) return report(listeners.error());
  std::string json;
  for (const auto& [name, value] : variables(*listeners, line)) {
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
                                  "  weir env --url http://127.0.0.1:8080 --json\n"
                                  "  weir env --url https://127.0.0.1:8080 --ca ca.pem");
  add_client_options(*command, line);
  command->callback([&line] { line.action = [&line] { return env(line); }; });
}

}  // namespace weir::cli
