#pragma once
// Client: asks a running broker's admin API.

#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/http_client.h"

namespace weir::cli {

class Client {
 public:
  // "http://127.0.0.1:8080". The error says how to name another address.
  static Result<Client> to(const std::string& url);

  // The body of the answer. An answer that is an error becomes the error's message.
  Result<std::string> get(std::string_view target) { return ask("GET", target, {}); }
  Result<std::string> ask(std::string_view method, std::string_view target, std::string_view body);

 private:
  explicit Client(net::HttpClient http) : http_(std::move(http)) {}

  net::HttpClient http_;
};

// A JSON object of texts: {"kafka":"127.0.0.1:9092"}.
Result<std::map<std::string, std::string>> parse_texts(std::string_view json);

}  // namespace weir::cli
