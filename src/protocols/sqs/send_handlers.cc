#include <fmt/format.h>

#include <algorithm>

#include "protocols/sqs/attributes.h"
#include "protocols/sqs/call.h"
#include "protocols/sqs/json.h"
#include "protocols/sqs/limits.h"

namespace weir::sqs {
namespace {

using broker::Thing;

struct Message {
  const std::string* body = nullptr;
  std::vector<MessageAttribute> attributes;
  std::string trace;
  std::string group;
  std::string dedup_id;  // empty: none
  int64_t delay_seconds = -1;

  size_t bytes() const {
    size_t total = body->size();
    for (const MessageAttribute& attribute : attributes) {
      total += attribute.name.size() + attribute.type.size() + attribute.value.size();
    }
    return total;
  }
};

Outcome<void> read_fifo(const Thing& queue, const Value& input, bool in_batch, Message& message) {
  const auto group = text_or(input, "MessageGroupId", "");
  const auto dedup = text_or(input, "MessageDeduplicationId", "");
  if (!group) return std::unexpected(group.error());
  if (!dedup) return std::unexpected(dedup.error());
  const bool fifo = is_fifo(queue);
  if (!group->empty() && !is_valid_id(*group)) {
    return invalid_parameter(
        "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in "
        "length.");
  }
  message.group = *group;
  if (!fifo) {
    if (dedup->empty()) return {};
    return invalid_parameter(
        fmt::format("Value {} for parameter MessageDeduplicationId is invalid. Reason: The request "
                    "include parameter that is not "
                    "valid for this queue type.",
                    *dedup));
  }
  if (group->empty()) {
    if (!in_batch) return missing_parameter("MessageGroupId");
    return invalid_parameter("The request must contain the parameter MessageGroupId.");
  }
  if (!dedup->empty() && !is_valid_id(*dedup)) {
    return invalid_parameter(
        "MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 "
        "in length.");
  }
  message.dedup_id = *dedup;
  if (message.dedup_id.empty()) {
    const auto content_based = queue.properties.find("sqs.ContentBasedDeduplication");
    if (content_based == queue.properties.end() || content_based->second != "true") {
      return invalid_parameter(
          "The queue should either have ContentBasedDeduplication enabled or "
          "MessageDeduplicationId provided explicitly");
    }
    message.dedup_id = sha256_hex(*message.body);
  }
  return {};
}

// The one system attribute that may be sent; empty when it is not.
Outcome<std::string> trace_header(const Value* system) {
  constexpr std::string_view kTrace = "AWSTraceHeader";
  if (system == nullptr) return std::string();
  for (const Member& member : system->members) {
    if (member.name == kTrace) continue;
    return invalid_parameter(
        fmt::format("Message system attribute name '{}' is invalid.", member.name));
  }
  const Value* trace = system->find(kTrace);
  if (trace == nullptr) return std::string();
  const auto type = text_or(*trace, "DataType", "");
  if (!type) return std::unexpected(type.error());
  auto text = text_or(*trace, "StringValue", "");
  if (!text) return text;
  if (*type != "String" || text->empty() || !has_valid_characters(*text)) {
    return invalid_parameter(
        "Message (system) attribute 'AWSTraceHeader' must contain a non-empty value of type "
        "'String'.");
  }
  return text;
}

// What fails the whole call, in a batch too.
Outcome<Message> read_message(const Thing& queue, const Value& input, bool in_batch) {
  Message message;
  const Value* body = input.find("MessageBody");
  if (body == nullptr) return missing_parameter("MessageBody");
  if (!body->is(Value::Kind::kText)) return serialization_exception("MessageBody must be a string");
  message.body = &body->text;
  if (const auto fifo = read_fifo(queue, input, in_batch, message); !fifo)
    return std::unexpected(fifo.error());
  auto attributes = message_attributes(input.find("MessageAttributes"));
  if (!attributes) return std::unexpected(attributes.error());
  message.attributes = std::move(*attributes);
  const auto delay = integer_or(input, "DelaySeconds", -1);
  if (!delay) return std::unexpected(delay.error());
  message.delay_seconds = *delay;
  auto trace = trace_header(input.find("MessageSystemAttributes"));
  if (!trace) return std::unexpected(trace.error());
  message.trace = std::move(*trace);
  return message;
}

// What fails one message only.
Outcome<void> check_message(const Thing& queue,
                            const Message& message,
                            const Bounds& bounds,
                            bool in_batch) {
  if (message.body->empty()) return missing_parameter("MessageBody");
  if (message.bytes() > queue.queue_policy.message_bytes_max) {
    return invalid_parameter(fmt::format(
        "One or more parameters {}. Reason: Message must be shorter than {} bytes.",
        in_batch ? "cannot be validated" : "are invalid", queue.queue_policy.message_bytes_max));
  }
  if (!has_valid_characters(*message.body)) {
    return invalid_message_contents(
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to "
        "#xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF");
  }
  const bool fifo_delay = is_fifo(queue) && message.delay_seconds > 0;
  if (fifo_delay || message.delay_seconds < -1 || message.delay_seconds > bounds.delay_seconds) {
    return invalid_parameter(fmt::format(
        "Value {} for parameter DelaySeconds is invalid. Reason: {}.", message.delay_seconds,
        fifo_delay ? "The request include parameter that is not valid for this queue type"
                   : fmt::format("DelaySeconds must be >= 0 and <= {}", bounds.delay_seconds)));
  }
  return {};
}

Outcome<broker::Sent> send(const Environment& environment,
                           const Thing& queue,
                           const Message& message) {
  std::vector<std::string> type_names;
  type_names.reserve(message.attributes.size());  // views into it must stay valid
  std::vector<log::RecordHeader> headers;
  for (const MessageAttribute& attribute : message.attributes) {
    headers.push_back({attribute.name, attribute.value});
    if (attribute.type == "String") continue;
    type_names.push_back(std::string(kTypeHeader) + attribute.name);
    headers.push_back({type_names.back(), attribute.type});
  }
  if (!message.trace.empty()) headers.push_back({kTraceHeader, message.trace});
  if (!message.dedup_id.empty()) headers.push_back({kDedupHeader, message.dedup_id});
  log::RecordInput record{{}, *message.body, headers, environment.now};
  if (!message.group.empty()) record.key = message.group;

  broker::SendOptions options;
  // On a FIFO queue 0 means the queue's own delay, as on AWS.
  const bool own_delay = message.delay_seconds >= 0 && !is_fifo(queue);
  if (own_delay) options.delay = Milliseconds(message.delay_seconds * 1000);
  std::string scoped;
  if (!message.dedup_id.empty()) {
    const auto scope = queue.properties.find("sqs.DeduplicationScope");
    const bool per_group = scope != queue.properties.end() && scope->second == "messageGroup";
    if (per_group) scoped = message.group + '\0';
    scoped += message.dedup_id;
    options.dedup_id = scoped;
  }
  auto sent = environment.broker.send(queue.queue, record, options, environment.now);
  if (!sent) return std::unexpected(to_fault(sent.error()));
  return *sent;
}

void write_sent(JsonWriter& json,
                const Thing& queue,
                const Message& message,
                const broker::Sent& sent) {
  json.member("MessageId", broker::to_string(broker::message_id(queue.uuid, sent.offset)));
  json.member("MD5OfMessageBody", md5_hex(*message.body));
  if (!message.attributes.empty()) {
    json.member("MD5OfMessageAttributes", md5_of_attributes(message.attributes));
  }
  if (!message.trace.empty()) {
    const MessageAttribute trace{"AWSTraceHeader", "String", message.trace};
    json.member("MD5OfMessageSystemAttributes", md5_of_attributes({&trace, 1}));
  }
  if (is_fifo(queue)) json.member("SequenceNumber", sequence_number(sent.offset));
}

}  // namespace

std::string sequence_number(Offset offset) {
  return fmt::format("1{:019}", offset.value());
}

Answer send_message(const Environment& environment, const Call& call) {
  const Bounds& bounds = environment.state.options.bounds;
  const auto queue = find_queue(environment, call);
  if (!queue) return std::unexpected(queue.error());
  const auto message = read_message(*queue->thing, call.input, false);
  if (!message) return std::unexpected(message.error());
  if (const auto valid = check_message(*queue->thing, *message, bounds, false); !valid)
    return std::unexpected(valid.error());
  const auto sent = send(environment, *queue->thing, *message);
  if (!sent) return std::unexpected(sent.error());
  JsonWriter json;
  json.begin_object();
  write_sent(json, *queue->thing, *message, *sent);
  json.end_object();
  return Reply{json.take(), sent->depends};
}

Answer send_message_batch(const Environment& environment, const Call& call) {
  const Bounds& bounds = environment.state.options.bounds;
  const auto queue = find_queue(environment, call);
  if (!queue) return std::unexpected(queue.error());
  const auto entries = batch_entries(call);
  if (!entries) return std::unexpected(entries.error());
  std::vector<Message> messages;
  size_t bytes = 0;
  for (const Entry& entry : *entries) {
    auto message = read_message(*queue->thing, *entry.input, true);
    if (!message) return std::unexpected(message.error());
    bytes += message->bytes();
    messages.push_back(std::move(*message));
  }
  if (bytes > bounds.message_bytes) {
    return batch_fault(
        "BatchRequestTooLong",
        fmt::format("Batch requests cannot be longer than {} bytes. You have sent {} bytes.",
                    bounds.message_bytes, bytes));
  }
  JsonWriter json;
  json.begin_object();
  std::vector<FailedEntry> failed;
  broker::Depends depends;
  const broker::Broker::Turn turn(environment.broker, environment.now, broker::Admission::kData,
                                  bytes);
  if (!turn.ok()) return std::unexpected(to_fault(turn.status().error()));
  bool any = false;
  for (size_t i = 0; i < messages.size(); ++i) {
    Outcome<broker::Sent> sent;
    if (const auto valid = check_message(*queue->thing, messages[i], bounds, true); !valid) {
      sent = std::unexpected(valid.error());
    } else {
      sent = send(environment, *queue->thing, messages[i]);
    }
    if (!sent) {
      failed.push_back({(*entries)[i].id, sent.error()});
      continue;
    }
    if (sent->depends.lsn > depends.lsn) depends = sent->depends;
    if (!any) json.begin_array("Successful");
    any = true;
    json.begin_object();
    json.member("Id", (*entries)[i].id);
    write_sent(json, *queue->thing, messages[i], *sent);
    json.end_object();
  }
  if (any) json.end_array();
  write_failed(json, failed);
  json.end_object();
  return Reply{json.take(), depends};
}

}  // namespace weir::sqs
