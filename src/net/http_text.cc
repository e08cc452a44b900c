// What http.h offers on texts: targets, query strings, percent escapes, the head of a response.
#include "net/http_text.h"

#include <fmt/format.h>

#include <ctime>
#include <iterator>
#include <utility>

#include "net/http.h"

namespace weir::net {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Calls visit(name, value), both still encoded, until it returns true; true when it did.
template <typename Visit>
bool any_parameter(std::string_view query, Visit visit) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const size_t equals = pair.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    if (visit(pair.substr(0, equals), value)) return true;
  }
  return false;
}

// RFC 9110, section 5.6.7. Composed once a second.
const std::string& http_date() {
  thread_local std::time_t composed_at = 0;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now == composed_at) return text;
  std::tm parts{};
  gmtime_r(&now, &parts);
  char buffer[64];
  text.assign(buffer, std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &parts));
  composed_at = now;
  return text;
}

// A line break in a value would end the header early and let its author write headers of his own.
void append_field(std::string& out, std::string_view text) {
  for (const char c : text) out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
}

}  // namespace

std::string percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::string query_parameter(std::string_view query, std::string_view name) {
  std::string found;
  any_parameter(query, [&](std::string_view key, std::string_view value) {
    if (percent_decode(key, true) != name) return false;
    found = percent_decode(value, true);
    return true;
  });
  return found;
}

bool has_query_parameter(std::string_view query, std::string_view name) {
  return any_parameter(query, [&](std::string_view key, std::string_view) {
    return percent_decode(key, true) == name;
  });
}

std::string_view HttpRequest::path() const {
  std::string_view path = target;
  // The absolute form, "http://host/path", must be understood too (RFC 9112, section 3.2.2).
  if (const size_t scheme = path.find("://");
      !path.starts_with('/') && scheme != std::string_view::npos) {
    const size_t slash = path.find('/', scheme + 3);
    path = slash == std::string_view::npos ? std::string_view("/") : path.substr(slash);
  }
  return path.substr(0, path.find('?'));
}

std::string_view HttpRequest::query() const {
  const size_t mark = target.find('?');
  return mark == std::string::npos ? std::string_view{} : std::string_view(target).substr(mark + 1);
}

std::string_view HttpRequest::header(std::string_view name) const {
  for (const HttpHeader& header : headers) {
    if (header.name == name) return header.value;
  }
  return {};
}

HttpResponse HttpResponse::text(int status, std::string body) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, Reply(std::move(body))};
}

HttpResponse HttpResponse::json(int status, std::string body) {
  return {status, {{"Content-Type", "application/json"}}, Reply(std::move(body))};
}

std::string_view http_reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    default: return "Status";
  }
}

std::string http_needs_tls() {
  return http_reply(HttpResponse::text(400, "this port speaks HTTPS: ask with https://\n"),
                    {.keep_alive = false})
      .text;
}

Reply http_reply(HttpResponse response, const HttpFraming& framing) {
  const bool bodiless = response.status == 204 || response.status == 304 || response.status < 200;
  std::string head;
  head.reserve(256 + (bodiless || framing.head ? 0 : response.body.text.size()));
  fmt::format_to(std::back_inserter(head), "HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status,
                 http_reason(response.status), http_date());
  for (const HttpHeader& header : response.headers) {
    append_field(head, header.name);
    head += ": ";
    append_field(head, header.value);
    head += "\r\n";
  }
  if (!bodiless)
    fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", response.body.size());
  if (!framing.keep_alive) {
    head += "Connection: close\r\n";
  } else if (framing.http_1_0) {
    head += "Connection: keep-alive\r\n";
  }
  head += "\r\n";
  if (bodiless || framing.head) return head;
  head += response.body.text;
  return {std::move(head), std::move(response.body.parts)};
}

}  // namespace weir::net
