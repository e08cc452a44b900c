#pragma once
// Accounts, regions and queue URLs. An account and a region are a namespace of their own; the
// default pair is the broker's default namespace, which all protocols share.

#include <string>
#include <string_view>

#include "core/catalog/model.h"

namespace weir::sqs {

inline constexpr std::string_view kDefaultAccount = "000000000000";
inline constexpr std::string_view kDefaultRegion = "us-east-1";

struct Account {
  std::string account{kDefaultAccount};
  std::string region{kDefaultRegion};

  std::string space() const;
};

// From an Authorization header (Signature Version 4): the region of the scope, and the access key
// id as account where it is twelve digits. Without one: the defaults.
Account parse_account(std::string_view authorization);

// "http://HOST/ACCOUNT/NAME", any host and path before it, or a bare name. The account of the URL
// wins over `caller`'s.
struct QueueName {
  Account account;
  std::string name;

  catalog::Name full() const { return {account.space(), name}; }
};
QueueName parse_queue_url(std::string_view url, const Account& caller);
std::string queue_url(std::string_view origin, const Account& account, std::string_view name);
std::string queue_arn(const Account& account, std::string_view name);
// The last part of arn:aws:sqs:REGION:ACCOUNT:NAME; empty when it is none.
std::string_view name_of_arn(std::string_view arn);

// The queue that an ARN names; without a name when it is none.
QueueName queue_of_arn(std::string_view arn);

bool is_valid_queue_name(std::string_view name);
bool is_account(std::string_view text);  // twelve digits

}  // namespace weir::sqs
