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
  // What stands before the API answers in one line of text.
  const std::string_view body = response.body;
  const bool text = response.header("content-type").starts_with("text/plain");
  const std::string_view line = text ? body.substr(0, body.find('\n')) : std::string_view();
  return fmt::format("the broker answered {}{}{}", response.status, line.empty() ? "" : ": ", line);
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

Result<Client> Client::to(const std::string& url, const net::TlsTrust& trust) {
  auto http = net::HttpClient::to(url);
  if (!http) return std::unexpected(http.error());
  http->set_trust(trust);
  return Client(std::move(*http), url);
}

Result<std::string> Client::ask(std::string_view method,
                                std::string_view target,
                                std::string_view body) {
  auto response = http_.request(method, target, {{"Content-Type", "application/json"}}, body);
  if (!response && response.error().code == ErrorCode::kNotFound) {
    return fail(ErrorCode::kNotFound,
                fmt::format("no broker at {}; start one with weir serve, or name it with --url or "
                            "WEIR_URL ({})",
                            url_, response.error().message));
  }
  if (!response && response.error().code == ErrorCode::kRefused) {
    return fail(ErrorCode::kRefused,
                fmt::format("{}; name who signed its certificate with --ca, or take any with "
                            "--insecure-skip-verify",
                            response.error().message));
  }
  if (!response) return std::unexpected(response.error());
  if (response->status >= kFirstErrorStatus) {
    return fail(code_of(response->status), message_of(*response));
  }
  return std::move(response->body);
}

Result<admin::Json> Client::ask_json(std::string_view method,
                                     std::string_view target,
                                     std::string_view body) {
  const auto text = ask(method, target, body);
  if (!text) return std::unexpected(text.error());
  return admin::Json::parse(*text);
}

Result<std::vector<admin::Json>> Client::list(const Target& target, std::string_view key) {
  std::vector<admin::Json> items;
  std::string from;
  do {
    const auto page = ask_json("GET", Target(target).parameter("from", from).text());
    if (!page) return std::unexpected(page.error());
    const std::vector<admin::Json>& more = (*page)[key].list();
    items.insert(items.end(), more.begin(), more.end());
    const std::string& next = (*page)["next"].text();
    if (!next.empty() && next == from) {
      return fail(ErrorCode::kInvalidArgument, "the broker's listing does not end");
    }
    from = next;
  } while (!from.empty());
  return items;
}

Target::Target(std::string_view noun) : path_("/api/v1/") {
  path_ += noun;
}

namespace {

// RFC 3986, section 2.3: what may stand as it is.
std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return out;
}

}  // namespace

Target& Target::segment(std::string_view name) {
  path_ += "/" + percent_encoded(name);
  return *this;
}

Target& Target::parameter(std::string_view name, std::string_view value) {
  if (value.empty()) return *this;
  query_ += query_.empty() ? "?" : "&";
  query_ += name;
  query_ += "=" + percent_encoded(value);
  return *this;
}

}  // namespace weir::cli
