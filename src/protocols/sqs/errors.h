#pragma once
// Errors as SQS answers them: the shape's name, the code of the older query protocol, the HTTP
// status and the text. Names, codes and texts are AWS's (API reference; AWS SDK models): clients
// compare them.

#include <expected>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"

namespace weir::sqs {

struct Fault {
  std::string shape;
  std::string query_code;
  int status = 400;
  std::string message;
  Lsn lsn = {};  // of the state that it derives from, beside the catalog's

  bool senders() const { return status < 500; }
};

template <typename T>
using Outcome = std::expected<T, Fault>;

std::unexpected<Fault> invalid_parameter(std::string message);
std::unexpected<Fault> missing_parameter(std::string_view name);
std::unexpected<Fault> invalid_attribute_name(std::string_view name);
std::unexpected<Fault> invalid_attribute_value(std::string message);
std::unexpected<Fault> two_kinds_of_encryption();
std::unexpected<Fault> queue_does_not_exist();
std::unexpected<Fault> queue_name_exists(std::string_view attribute);
std::unexpected<Fault> receipt_handle_is_invalid(std::string_view handle);
std::unexpected<Fault> unsupported_operation(std::string message);
// Of requests that name no action, or one that nobody knows.
inline constexpr std::string_view kUnknownOperation = "UnknownOperationException";
std::unexpected<Fault> unknown_operation();
std::unexpected<Fault> invalid_action(std::string_view action);
std::unexpected<Fault> over_limit(std::string message);
std::unexpected<Fault> access_denied(std::string_view url);
std::unexpected<Fault> foreign_page();
std::unexpected<Fault> request_throttled();
std::unexpected<Fault> queue_deleted_recently();
std::unexpected<Fault> purge_queue_in_progress(std::string_view queue);
std::unexpected<Fault> resource_not_found(std::string message);
std::unexpected<Fault> serialization_exception(std::string message);
std::unexpected<Fault> invalid_message_contents(std::string message);
// The faults of batches, by their shape: EmptyBatchRequest, TooManyEntriesInBatchRequest, …
std::unexpected<Fault> batch_fault(std::string shape, std::string message);

// What the broker said.
Fault to_fault(const Error& error);
// The same fault, which tells of state as of this LSN.
Fault after(Fault fault, Lsn lsn);

// {"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"…"}
std::string to_json(const Fault& fault);

}  // namespace weir::sqs
