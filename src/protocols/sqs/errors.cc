#include "protocols/sqs/errors.h"

#include <fmt/format.h>

#include "protocols/sqs/json.h"

namespace weir::sqs {
namespace {

constexpr std::string_view kOwnPrefix = "AWS.SimpleQueueService.";

std::unexpected<Fault> same_code(std::string shape, int status, std::string message) {
  std::string code = shape;
  return std::unexpected(Fault{std::move(shape), std::move(code), status, std::move(message)});
}

}  // namespace

std::unexpected<Fault> invalid_parameter(std::string message) {
  return std::unexpected(
      Fault{"InvalidParameterValueException", "InvalidParameterValue", 400, std::move(message)});
}

std::unexpected<Fault> missing_parameter(std::string_view name) {
  return std::unexpected(Fault{"MissingRequiredParameterException", "MissingParameter", 400,
                               fmt::format("The request must contain the parameter {}.", name)});
}

std::unexpected<Fault> invalid_attribute_name(std::string_view name) {
  return same_code("InvalidAttributeName", 400, fmt::format("Unknown Attribute {}.", name));
}

std::unexpected<Fault> invalid_attribute_value(std::string message) {
  return same_code("InvalidAttributeValue", 400, std::move(message));
}

std::unexpected<Fault> two_kinds_of_encryption() {
  return same_code("InvalidAttributeName", 400,
                   "You can use one type of server-side encryption (SSE) at one time. You can "
                   "either enable KMS SSE or SQS SSE.");
}

std::unexpected<Fault> queue_does_not_exist() {
  return std::unexpected(Fault{"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400,
                               "The specified queue does not exist."});
}

std::unexpected<Fault> queue_name_exists(std::string_view attribute) {
  return std::unexpected(
      Fault{"QueueNameExists", "QueueAlreadyExists", 400,
            fmt::format(
                "A queue already exists with the same name and a different value for attribute {}",
                attribute)});
}

std::unexpected<Fault> receipt_handle_is_invalid(std::string_view handle) {
  return same_code(
      "ReceiptHandleIsInvalid", 404,
      fmt::format("The input receipt handle \"{}\" is not a valid receipt handle.", handle));
}

std::unexpected<Fault> unsupported_operation(std::string message) {
  return batch_fault("UnsupportedOperation", std::move(message));
}

std::unexpected<Fault> unknown_operation() {
  return same_code(std::string(kUnknownOperation), 404, "The request names no action.");
}

std::unexpected<Fault> invalid_action(std::string_view action) {
  return same_code("InvalidAction", 400,
                   fmt::format("The action {} is not valid for this endpoint.", action));
}

std::unexpected<Fault> over_limit(std::string message) {
  return same_code("OverLimit", 403, std::move(message));
}

std::unexpected<Fault> access_denied(std::string_view url) {
  return std::unexpected(Fault{"AccessDeniedException", "AccessDenied", 403,
                               fmt::format("Access to the resource {} is denied.", url)});
}

std::unexpected<Fault> foreign_page() {
  return std::unexpected(Fault{"AccessDeniedException", "AccessDenied", 403,
                               "Requests that the page of another site makes a browser send are "
                               "refused unless they are signed."});
}

std::unexpected<Fault> request_throttled() {
  return same_code("RequestThrottled", 403, "Request is throttled.");
}

std::unexpected<Fault> queue_deleted_recently() {
  return batch_fault(
      "QueueDeletedRecently",
      "You must wait 60 seconds after deleting a queue before you can create another with the same "
      "name.");
}

std::unexpected<Fault> purge_queue_in_progress(std::string_view queue) {
  auto fault = batch_fault(
      "PurgeQueueInProgress",
      fmt::format("Only one PurgeQueue operation on {} is allowed every 60 seconds.", queue));
  fault.error().status = 403;
  return fault;
}

std::unexpected<Fault> resource_not_found(std::string message) {
  return same_code("ResourceNotFoundException", 404, std::move(message));
}

std::unexpected<Fault> serialization_exception(std::string message) {
  return same_code("SerializationException", 400, std::move(message));
}

std::unexpected<Fault> invalid_message_contents(std::string message) {
  return same_code("InvalidMessageContents", 400, std::move(message));
}

std::unexpected<Fault> batch_fault(std::string shape, std::string message) {
  std::string code = std::string(kOwnPrefix) + shape;
  return std::unexpected(Fault{std::move(shape), std::move(code), 400, std::move(message)});
}

Fault to_fault(const Error& error) {
  const auto plain = [&](std::string name, int status) {
    std::string code = name;
    return Fault{std::move(name), std::move(code), status, error.message};
  };
  switch (error.code) {
    case ErrorCode::kNotFound:
    case ErrorCode::kWrongKind: return queue_does_not_exist().error();
    case ErrorCode::kAlreadyExists: return queue_name_exists("QueueName").error();
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kTooLarge:
    case ErrorCode::kOffsetOutOfRange:
    case ErrorCode::kCorruptBatch:
    case ErrorCode::kUnsupportedFormat: return invalid_parameter(error.message).error();
    case ErrorCode::kLeaseNotHeld: return batch_fault("MessageNotInflight", error.message).error();
    case ErrorCode::kInvalidHandle: return receipt_handle_is_invalid("").error();
    case ErrorCode::kLimitReached: return plain("OverLimit", 403);
    case ErrorCode::kUnsupported:
    case ErrorCode::kRefused: return unsupported_operation(error.message).error();
    case ErrorCode::kStorageUnavailable:
    case ErrorCode::kOverloaded:
    case ErrorCode::kShuttingDown:
    case ErrorCode::kTimedOut: return plain("ServiceUnavailable", 503);
    case ErrorCode::kOutOfOrderSequence:
    case ErrorCode::kDuplicateSequence:
    case ErrorCode::kProducerFenced:
    case ErrorCode::kUnknownProducer:
    case ErrorCode::kUnknownMember:
    case ErrorCode::kIllegalGeneration:
    case ErrorCode::kRebalanceInProgress:
    case ErrorCode::kInconsistentProtocol:
    case ErrorCode::kFencedInstance:
    case ErrorCode::kGroupNotEmpty:
    case ErrorCode::kStorageCorrupt: return plain("InternalFailure", 500);
  }
  return plain("InternalFailure", 500);
}

Fault after(Fault fault, Lsn lsn) {
  fault.lsn = lsn;
  return fault;
}

std::string to_json(const Fault& fault) {
  JsonWriter json;
  json.begin_object();
  json.member("__type", "com.amazonaws.sqs#" + fault.shape);
  json.member("message", fault.message);
  json.end_object();
  return json.take();
}

}  // namespace weir::sqs
