#pragma once
// Client: asks a running broker's admin API.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/json.h"
#include "base/error.h"
#include "base/time.h"
#include "net/http_client.h"

namespace weir::cli {

class Client {
 public:
  // "http://127.0.0.1:8080", or https. The error says how to name another address.
  static Result<Client> to(const std::string& url, const net::TlsTrust& trust);

  // The body of the answer. An answer that is an error becomes the error's message.
  Result<std::string> get(std::string_view target) { return ask("GET", target, {}); }
  Result<std::string> ask(std::string_view method, std::string_view target, std::string_view body);
  // The same, parsed.
  Result<admin::Json> ask_json(std::string_view method,
                               std::string_view target,
                               std::string_view body = {});
  // Every item of a listing, page after page; `key` names it in the answers.
  Result<std::vector<admin::Json>> list(const class Target& target, std::string_view key);

 private:
  Client(net::HttpClient http, std::string url) : http_(std::move(http)), url_(std::move(url)) {}

  net::HttpClient http_;
  std::string url_;
};

// A path below /api/v1 and its query, percent-encoded.
class Target {
 public:
  explicit Target(std::string_view noun);  // "topics"

  Target& segment(std::string_view name);
  // Left out when the value is empty.
  Target& parameter(std::string_view name, std::string_view value);

  std::string text() const { return path_ + query_; }

 private:
  std::string path_;
  std::string query_;
};

}  // namespace weir::cli
