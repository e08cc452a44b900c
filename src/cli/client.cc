#include "cli/client.h"

#include <fmt/format.h>
#include <simdjson.h>

namespace weir::cli {
namespace {

constexpr int kFirstErrorStatus = 400;

// The admin API's errors look like {"error":{"code":"...","message":"..."}}.
std::string message_of(const net::HttpClientResponse& response) {
  simdjson::dom::parser parser;
  std::string_view message;
  if (parser.parse(response.body)["error"]["message"].get(message) == simdjson::SUCCESS) {
    return std::string(message);
  }
  return fmt::format("the broker answered {}", response.status);
}

ErrorCode code_of(int status) {
  switch (status) {
    case 404: return ErrorCode::kNotFound;
    case 409: return ErrorCode::kAlreadyExists;
    case 413: return ErrorCode::kTooLarge;
    case 501: return ErrorCode::kUnsupported;
    case 503: return ErrorCode::kStorageUnavailable;
    default: return ErrorCode::kInvalidArgument;
  }
}

}  // namespace

Result<Client> Client::to(const std::string& url) {
  auto http = net::HttpClient::to(url);
  if (!http) return std::unexpected(http.error());
  return Client(std::move(*http));
}

Result<std::string> Client::ask(std::string_view method,
                                std::string_view target,
                                std::string_view body) {
  auto response = http_.request(method, target, {{"Content-Type", "application/json"}}, body);
  if (!response) {
    return fail(
        response.error().code,
        response.error().message + "; is Weir running? Name its admin port with --url or WEIR_URL");
  }
  if (response->status >= kFirstErrorStatus) {
    return fail(code_of(response->status), message_of(*response));
  }
  return std::move(response->body);
}

Result<std::map<std::string, std::string>> parse_texts(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  const auto malformed = [] {
    return fail(ErrorCode::kInvalidArgument, "the answer is not what a Weir broker gives");
  };
  if (parser.parse(json.data(), json.size()).get(object) != simdjson::SUCCESS) return malformed();
  std::map<std::string, std::string> texts;
  for (const auto field : object) {
    std::string_view text;
    if (field.value.get(text) != simdjson::SUCCESS) return malformed();
    texts.emplace(field.key, text);
  }
  return texts;
}

}  // namespace weir::cli
