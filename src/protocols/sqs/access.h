#pragma once
// Access: whether a principal may do something to a queue, by the queue's policy document. Without
// one the owner's account may do everything and nobody else anything. A statement that denies wins.
// What a statement says with elements that are not understood here (conditions, NotPrincipal,
// NotAction, NotResource) never allows, and always denies. Source: SQS developer guide, "Custom
// policies"; IAM user guide, "Policy evaluation logic".

#include <string_view>

#include "broker/types.h"
#include "protocols/sqs/credentials.h"

namespace weir::sqs {

// `action` as the request names it ("SendMessageBatch"); `owner` is the account of the queue.
bool may(const Principal& principal,
         std::string_view action,
         const broker::Thing& queue,
         const Account& owner);

// `pattern` may hold * (anything) and ? (one character).
bool matches_wildcard(std::string_view pattern, std::string_view text);

}  // namespace weir::sqs
