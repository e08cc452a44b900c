// rooms: base core/catalog core/log core/queue broker net runtime protocols/sqs
// Any text as a receipt handle, a queue URL, an ARN and an Authorization header. A handle that is
// taken is one that would be made.

#include <cstdlib>
#include <string_view>

#include "protocols/sqs/digest.h"
#include "protocols/sqs/handle.h"
#include "protocols/sqs/names.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::sqs;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr weir::catalog::Uuid kQueue{1, 2};
  if (const auto handle = parse_receipt_handle(kQueue, text)) {
    const auto again = parse_receipt_handle(kQueue, make_receipt_handle(kQueue, *handle));
    if (!again || again->offset != handle->offset || again->generation != handle->generation)
      std::abort();
  }
  if (const auto bytes = from_base64(text)) {
    if (from_base64(base64(*bytes)) != bytes) std::abort();
  }
  const Account account = parse_account(text);
  const QueueName name = parse_queue_url(text, account);
  const QueueName again = parse_queue_url(queue_url("host", name.account, name.name), account);
  if (is_valid_queue_name(name.name) && again.name != name.name) std::abort();
  static_cast<void>(name_of_arn(text));
  return 0;
}
