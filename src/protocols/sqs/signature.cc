#include "protocols/sqs/signature.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <vector>

#include "protocols/sqs/digest.h"

namespace weir::sqs {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr int64_t kSkewSeconds = 15 * 60;
constexpr int64_t kExpiresMax = 7 * 86'400;

std::unexpected<Fault> refused(std::string shape, int status, std::string message) {
  std::string code = shape;
  return std::unexpected(Fault{std::move(shape), std::move(code), status, std::move(message)});
}

std::unexpected<Fault> incomplete(std::string_view what) {
  return refused("IncompleteSignature", 400, fmt::format("The signature lacks {}.", what));
}

std::unexpected<Fault> mismatch(std::string message) {
  return refused("SignatureDoesNotMatch", 403, std::move(message));
}

std::string hmac(std::string_view key, std::string_view text) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &size);
  return {reinterpret_cast<const char*>(out), size};
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned char>(byte));
  }
  return out;
}

// Percent-encoded as RFC 3986 says; a path keeps its slashes.
std::string uri_encode(std::string_view text, bool keep_slash) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' || (c == '/' && keep_slash);
    if (plain) {
      out.push_back(c);
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (const std::string_view pair : split(query, '&')) {
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    std::string name = net::percent_decode(pair.substr(0, equals));
    if (name == "X-Amz-Signature") continue;
    const std::string value =
        net::percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
    parameters.emplace_back(uri_encode(name, false), uri_encode(value, false));
  }
  std::ranges::sort(parameters);
  std::string out;
  for (const auto& [name, value] : parameters) {
    fmt::format_to(std::back_inserter(out), "{}{}={}", out.empty() ? "" : "&", name, value);
  }
  return out;
}

// Without space at the ends, and one for several within.
std::string trimmed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\t';
    if (!space) {
      out.push_back(c);
    } else if (!out.empty() && out.back() != ' ') {
      out.push_back(' ');
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string canonical_headers(const net::HttpRequest& request, std::string_view names) {
  std::string out;
  for (const std::string_view name : split(names, ';')) {
    std::string values;
    bool first = true;
    for (const net::HttpHeader& header : request.headers) {
      if (header.name != name) continue;
      if (!std::exchange(first, false)) values.push_back(',');
      values += trimmed(header.value);
    }
    fmt::format_to(std::back_inserter(out), "{}:{}\n", name, values);
  }
  return out;
}

// "20150830T123600Z" in seconds since 1970.
std::optional<int64_t> parse_time(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  const auto number = [&](size_t at, size_t size) -> std::optional<int> {
    int value = 0;
    const char* end = text.data() + at + size;
    const auto [stop, error] = std::from_chars(text.data() + at, end, value);
    if (error != std::errc() || stop != end || value < 0) return std::nullopt;
    return value;
  };
  const auto year = number(0, 4), month = number(4, 2), day = number(6, 2);
  const auto hour = number(9, 2), minute = number(11, 2), second = number(13, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::chrono::sys_seconds time = std::chrono::sys_days(date) + std::chrono::hours(*hour) +
                                        std::chrono::minutes(*minute) +
                                        std::chrono::seconds(*second);
  return time.time_since_epoch().count();
}

Outcome<void> read_scope(std::string_view credential, Claim& claim) {
  const auto parts = split(credential, '/');
  if (parts.size() != 5 || parts[4] != "aws4_request" || parts[0].empty()) {
    return incomplete("a credential of the form KEY/DATE/REGION/SERVICE/aws4_request");
  }
  claim.key_id = parts[0];
  claim.date = parts[1];
  claim.region = parts[2];
  claim.service = parts[3];
  return {};
}

Outcome<Claim> read_presigned(const net::HttpRequest& request) {
  const std::string_view query = request.query();
  Claim claim;
  claim.presigned = true;
  if (net::query_parameter(query, "X-Amz-Algorithm") != kAlgorithm) {
    return incomplete("the algorithm AWS4-HMAC-SHA256");
  }
  const auto scope = read_scope(net::query_parameter(query, "X-Amz-Credential"), claim);
  if (!scope) return std::unexpected(scope.error());
  claim.signed_headers = net::query_parameter(query, "X-Amz-SignedHeaders");
  claim.signature = net::query_parameter(query, "X-Amz-Signature");
  claim.time = net::query_parameter(query, "X-Amz-Date");
  const std::string expires = net::query_parameter(query, "X-Amz-Expires");
  const auto [end, error] =
      std::from_chars(expires.data(), expires.data() + expires.size(), claim.expires_seconds);
  const bool number = error == std::errc() && end == expires.data() + expires.size();
  if (!number || claim.expires_seconds < 1 || claim.expires_seconds > kExpiresMax) {
    return incomplete("X-Amz-Expires from 1 to 604800");
  }
  return claim;
}

bool is_signed(const Claim& claim, std::string_view header) {
  const auto names = split(claim.signed_headers, ';');
  return std::ranges::find(names, header) != names.end();
}

}  // namespace

Outcome<Claim> read_claim(const net::HttpRequest& request) {
  std::string_view rest = request.header("authorization");
  if (rest.empty()) {
    if (net::has_query_parameter(request.query(), "X-Amz-Signature"))
      return read_presigned(request);
    return refused("MissingAuthenticationToken", 403, "Request is missing Authentication Token");
  }
  if (!rest.starts_with(kAlgorithm)) return incomplete("the algorithm AWS4-HMAC-SHA256");
  rest.remove_prefix(kAlgorithm.size());
  Claim claim;
  std::string_view credential;
  for (std::string_view part : split(rest, ',')) {
    while (part.starts_with(' ')) part.remove_prefix(1);
    const size_t equals = std::min(part.find('='), part.size());
    const std::string_view value = part.substr(std::min(equals + 1, part.size()));
    const std::string_view name = part.substr(0, equals);
    if (name == "Credential") credential = value;
    if (name == "SignedHeaders") claim.signed_headers = value;
    if (name == "Signature") claim.signature = value;
  }
  const auto scope = read_scope(credential, claim);
  if (!scope) return std::unexpected(scope.error());
  claim.time = request.header("x-amz-date");
  if (claim.signed_headers.empty()) return incomplete("SignedHeaders");
  if (claim.signature.empty()) return incomplete("a Signature");
  if (claim.time.empty()) return incomplete("the header X-Amz-Date");
  return claim;
}

std::string signing_key(std::string_view secret, const Claim& claim) {
  const std::string of_day = hmac(fmt::format("AWS4{}", secret), claim.date);
  return hmac(hmac(hmac(of_day, claim.region), claim.service), "aws4_request");
}

std::string expected_signature(const net::HttpRequest& request,
                               const Claim& claim,
                               std::string_view signing_key) {
  const std::string_view path = request.path();
  // The path as it came is encoded once more: every service but S3 does so.
  const std::string canonical = fmt::format(
      "{}\n{}\n{}\n{}\n{}\n{}", request.method,
      uri_encode(path.empty() ? std::string_view("/") : path, true),
      canonical_query(request.query()), canonical_headers(request, claim.signed_headers),
      claim.signed_headers, sha256_hex(request.body));
  const std::string text =
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, claim.time, claim.scope(), sha256_hex(canonical));
  return hex(hmac(signing_key, text));
}

Outcome<void> check_signature(const net::HttpRequest& request,
                              const Claim& claim,
                              std::string_view signing_key,
                              Timestamp now) {
  for (const std::string_view needed : {"host", "x-amz-target", "x-amz-security-token"}) {
    const bool present = needed == "host" || !request.header(needed).empty();
    if (present && !is_signed(claim, needed)) {
      return mismatch(fmt::format("The header {} must be signed.", needed));
    }
  }
  const std::string expected = expected_signature(request, claim, signing_key);
  const bool equal = expected.size() == claim.signature.size() &&
                     CRYPTO_memcmp(expected.data(), claim.signature.data(), expected.size()) == 0;
  if (!equal) {
    return mismatch(
        "The request signature we calculated does not match the signature you provided. Check your "
        "AWS Secret Access Key and signing method. Consult the service documentation for details.");
  }
  const auto signed_at = parse_time(claim.time);
  if (!signed_at || !claim.time.starts_with(claim.date)) {
    return mismatch("The date of the credential and the time of the signature do not agree.");
  }
  const int64_t age = now.ms() / 1000 - *signed_at;
  const int64_t allowed = claim.presigned ? claim.expires_seconds : kSkewSeconds;
  if (age > allowed || age < -kSkewSeconds) {
    return mismatch(fmt::format("Signature {}: {} is {} seconds {} than the broker's time.",
                                age > 0 ? "expired" : "not yet current", claim.time,
                                age > 0 ? age : -age, age > 0 ? "earlier" : "later"));
  }
  return {};
}

}  // namespace weir::sqs
