#include "protocols/sqs/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocols/sqs/limits.h"

namespace weir::sqs {
namespace {

// The text up to the separator, which is taken off `rest` as well.
std::string_view next_part(std::string_view& rest, char separator) {
  const size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

}  // namespace

bool is_account(std::string_view text) {
  return text.size() == 12 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string Account::space() const {
  if (account == kDefaultAccount && region == kDefaultRegion) return {};
  return account + "/" + region;
}

Account parse_account(std::string_view authorization) {
  constexpr std::string_view kCredential = "Credential=";
  Account result;
  const size_t begin = authorization.find(kCredential);
  if (begin == std::string_view::npos) return result;
  std::string_view scope = authorization.substr(begin + kCredential.size());
  scope = scope.substr(0, scope.find_first_of(", "));
  const std::string_view key = next_part(scope, '/');
  next_part(scope, '/');  // the date
  const std::string_view region = next_part(scope, '/');
  if (is_account(key)) result.account = key;
  if (!region.empty() && region.size() <= 64) result.region = region;
  return result;
}

QueueName parse_queue_url(std::string_view url, const Account& caller) {
  QueueName result{caller, {}};
  const size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  while (!url.empty() && url.back() == '/') url.remove_suffix(1);
  const size_t slash = url.rfind('/');
  if (slash == std::string_view::npos) {
    result.name = url;
    return result;
  }
  result.name = url.substr(slash + 1);
  const std::string_view before = url.substr(0, slash);
  const std::string_view account = before.substr(before.rfind('/') + 1);
  if (is_account(account)) result.account.account = account;
  return result;
}

std::string queue_url(std::string_view origin, const Account& account, std::string_view name) {
  return fmt::format("{}/{}/{}", origin, account.account, name);
}

std::string queue_arn(const Account& account, std::string_view name) {
  return fmt::format("arn:aws:sqs:{}:{}:{}", account.region, account.account, name);
}

std::string_view name_of_arn(std::string_view arn) {
  if (!arn.starts_with("arn:") || std::count(arn.begin(), arn.end(), ':') != 5) return {};
  return arn.substr(arn.rfind(':') + 1);
}

QueueName queue_of_arn(std::string_view arn) {
  QueueName result;
  result.name = name_of_arn(arn);
  if (result.name.empty()) return result;
  next_part(arn, ':');  // arn
  next_part(arn, ':');  // the partition
  next_part(arn, ':');  // the service
  result.account.region = next_part(arn, ':');
  result.account.account = next_part(arn, ':');
  return result;
}

bool is_valid_queue_name(std::string_view name) {
  if (name.size() > kQueueNameBytesMax) return false;
  if (name.ends_with(".fifo")) name.remove_suffix(5);
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

}  // namespace weir::sqs
