#include "protocols/sqs/credentials.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::sqs {
namespace {

constexpr std::string_view kService = "sqs";
constexpr size_t kDerivedMax = 1'000;
constexpr size_t kUsersMax = 100'000;

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

// One section while the file is read.
struct Section {
  std::string name;
  std::string key_id;
  std::string secret;
  std::string account;
  size_t line = 0;
};

std::unexpected<Error> bad_line(size_t line, std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("line {}: {}", line, what));
}

Result<void> read_line(Section& section, std::string_view text, size_t line) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || section.name.empty()) {
    return bad_line(line, "expected [name], or key = value behind it");
  }
  const std::string_view key = trim(text.substr(0, equals));
  const std::string_view value = trim(text.substr(equals + 1));
  if (key == "aws_access_key_id") section.key_id = value;
  if (key == "aws_secret_access_key") section.secret = value;
  if (key == "aws_account_id") section.account = value;
  // Other keys of such files (region, …) are somebody else's.
  return {};
}

Result<void> check(const Section& section) {
  if (section.key_id.empty() || section.secret.empty()) {
    return bad_line(
        section.line,
        fmt::format("[{}] needs aws_access_key_id and aws_secret_access_key", section.name));
  }
  if (!section.account.empty() && !is_account(section.account)) {
    return bad_line(
        section.line,
        fmt::format("[{}] has an aws_account_id that is not twelve digits", section.name));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Credentials>> Credentials::parse(std::string_view text) {
  auto credentials = std::make_unique<Credentials>();
  Section section;
  const auto finish = [&]() -> Result<void> {
    if (section.name.empty()) return {};
    if (auto valid = check(section); !valid) return valid;
    if (credentials->users_.size() >= kUsersMax) return bad_line(section.line, "too many keys");
    Principal principal{section.name, section.account};
    if (principal.account.empty()) {
      principal.account = is_account(section.key_id) ? section.key_id : kDefaultAccount;
    }
    const bool is_new =
        credentials->users_.try_emplace(section.key_id, User{principal, section.secret}).second;
    if (!is_new) return bad_line(section.line, "this aws_access_key_id stands in it twice");
    return {};
  };
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view content = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.empty() || content.front() == '#' || content.front() == ';') continue;
    if (content.front() == '[' && content.back() == ']' && content.size() > 2) {
      if (auto done = finish(); !done) return std::unexpected(done.error());
      section = {.name = std::string(trim(content.substr(1, content.size() - 2))),
                 .key_id = {},
                 .secret = {},
                 .account = {},
                 .line = line};
      continue;
    }
    if (auto read = read_line(section, content, line); !read) return std::unexpected(read.error());
  }
  if (auto done = finish(); !done) return std::unexpected(done.error());
  if (credentials->users_.empty()) return bad_line(1, "there is no key in it");
  return credentials;
}

std::string Credentials::key_for(const User& user, const Claim& claim) const {
  const std::string name = claim.key_id + "/" + claim.scope();
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = derived_.find(name); known != derived_.end()) return known->second;
  }
  std::string key = signing_key(user.secret, claim);
  const std::lock_guard lock(mutex_);
  if (derived_.size() >= kDerivedMax) derived_.clear();
  derived_[name] = key;
  return key;
}

Outcome<Principal> Credentials::authenticate(const net::HttpRequest& request, Timestamp now) const {
  const auto claim = read_claim(request);
  if (!claim) return std::unexpected(claim.error());
  const auto user = users_.find(claim->key_id);
  if (user == users_.end() || claim->service != kService) {
    return std::unexpected(Fault{"InvalidClientTokenId", "InvalidClientTokenId", 403,
                                 user == users_.end()
                                     ? "The security token included in the request is invalid."
                                     : "The credential is scoped to another service than sqs."});
  }
  const auto valid = check_signature(request, *claim, key_for(user->second, *claim), now);
  if (!valid) return std::unexpected(valid.error());
  return user->second.principal;
}

}  // namespace weir::sqs
