#pragma once
// Receipt handles: opaque to clients; for us the queue's identity, the offset, the lease's
// generation and check bytes.

#include <optional>
#include <string>
#include <string_view>

#include "core/catalog/model.h"
#include "core/queue/queue.h"

namespace weir::sqs {

std::string make_receipt_handle(const catalog::Uuid& queue, const queue::Handle& handle);
// Nothing when this broker never made it for that queue.
std::optional<queue::Handle> parse_receipt_handle(const catalog::Uuid& queue,
                                                  std::string_view text);

}  // namespace weir::sqs
