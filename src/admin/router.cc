#include "admin/router.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace weir::admin {
namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    segments.emplace_back(segment);
    path.remove_prefix(segment.size());
  }
  return segments;
}

bool is_placeholder(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}');
}

// "host:port", "[::1]:port" or "host", without the port.
std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  return authority.substr(0, authority.find(':'));
}

bool is_local_host(std::string_view host) {
  if (host.starts_with('[')) return true;
  if (host == "localhost" || host.ends_with(".localhost")) return true;
  return !host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

// An Origin is scheme://host:port; it is ours when its authority is the one that was asked.
bool is_own_origin(std::string_view origin, std::string_view host) {
  const size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && origin.substr(scheme + 3) == host;
}

// The length of the well-formed UTF-8 sequence at the start of `text` (RFC 3629), or 0.
size_t utf8_length(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(i < text.size() ? text[i] : 0); };
  const auto continues = [&](size_t i) { return (at(i) & 0xC0) == 0x80; };
  const uint8_t first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && at(1) < 0xA0;
    const bool surrogate = first == 0xED && at(1) > 0x9F;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && at(1) < 0x90;
    const bool beyond = first == 0xF4 && at(1) > 0x8F;
    return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kOffsetOutOfRange:
    case ErrorCode::kCorruptBatch:
    case ErrorCode::kUnsupportedFormat:
    case ErrorCode::kInvalidHandle: return 400;
    case ErrorCode::kNotFound:
    case ErrorCode::kUnknownMember:
    case ErrorCode::kUnknownProducer: return 404;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kWrongKind:
    case ErrorCode::kOutOfOrderSequence:
    case ErrorCode::kDuplicateSequence:
    case ErrorCode::kProducerFenced:
    case ErrorCode::kLeaseNotHeld:
    case ErrorCode::kIllegalGeneration:
    case ErrorCode::kRebalanceInProgress:
    case ErrorCode::kInconsistentProtocol:
    case ErrorCode::kFencedInstance:
    case ErrorCode::kGroupNotEmpty:
    case ErrorCode::kRefused: return 409;
    case ErrorCode::kTooLarge: return 413;
    case ErrorCode::kLimitReached: return 429;
    case ErrorCode::kStorageCorrupt: return 500;
    case ErrorCode::kUnsupported: return 501;
    case ErrorCode::kStorageUnavailable:
    case ErrorCode::kOverloaded:
    case ErrorCode::kShuttingDown:
    case ErrorCode::kTimedOut: return 503;
  }
  return 500;
}

}  // namespace

const std::string& Request::name(std::string_view key) const {
  const auto found = names.find(key);
  WEIR_ASSERT(found != names.end(), "the pattern has no {}", key);
  return found->second;
}

void Router::add(std::string method, std::string_view pattern, Endpoint endpoint) {
  routes_.push_back({std::move(method), split(pattern), std::move(endpoint)});
}

bool Router::matches(const Route& route,
                     const std::vector<std::string>& segments,
                     Request& request) {
  if (route.segments.size() != segments.size()) return false;
  request.names.clear();
  for (size_t i = 0; i < segments.size(); ++i) {
    const std::string& expected = route.segments[i];
    if (is_placeholder(expected)) {
      request.names[expected.substr(1, expected.size() - 2)] = net::percent_decode(segments[i]);
    } else if (expected != segments[i]) {
      return false;
    }
  }
  return true;
}

void Router::handle(net::HttpRequest http, net::HttpResponder responder) {
  const std::string_view host = http.header("host");
  const std::string_view origin = http.header("origin");
  if (!origin.empty() && !is_own_origin(origin, host)) {
    return responder.send(
        error_response(403, "foreign_origin", "pages of other sites may not ask here"));
  }
  if (local_only_ && !host.empty() && !is_local_host(host_of(host))) {
    return responder.send(error_response(403, "foreign_host", "ask for localhost or an address"));
  }
  Request request{std::move(http), {}};
  const std::vector<std::string> segments = split(request.http.path());
  std::vector<std::string_view> allowed;
  for (const Route& route : routes_) {
    if (!matches(route, segments, request)) continue;
    const std::string& method = request.http.method;
    if (route.method == method || (route.method == "GET" && method == "HEAD")) {
      return route.endpoint(std::move(request), std::move(responder));
    }
    allowed.push_back(route.method);
  }
  if (allowed.empty()) {
    return responder.send(
        error_response(404, "not_found", fmt::format("there is no {}", request.http.path())));
  }
  net::HttpResponse refused =
      error_response(405, "method_not_allowed",
                     fmt::format("{} does not do {}", request.http.path(), request.http.method));
  refused.headers.push_back({"Allow", fmt::format("{}", fmt::join(allowed, ", "))});
  responder.send(std::move(refused));
}

net::HttpResponse error_response(int status, std::string_view code, std::string_view message) {
  return net::HttpResponse::json(
      status, fmt::format("{{\"error\":{{\"code\":{},\"message\":{}}}}}\n", json_string(code),
                          json_string(message)));
}

net::HttpResponse error_response(const Error& error) {
  std::string code(to_string(error.code));
  std::ranges::replace(code, ' ', '_');
  return error_response(status_of(error.code), code, error.message);
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    const char c = text.front();
    if (length == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<uint8_t>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out + '"';
}

}  // namespace weir::admin
