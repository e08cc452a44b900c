#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "protocols/sqs/attributes.h"
#include "protocols/sqs/call.h"
#include "protocols/sqs/handle.h"
#include "protocols/sqs/json.h"
#include "protocols/sqs/limits.h"

namespace weir::sqs {
namespace {

using broker::Thing;

struct Wanted {
  catalog::Uuid queue;
  Account account;
  bool fifo = false;
  std::vector<std::string> system;  // names of system attributes
  std::vector<std::string> attributes;
};

Outcome<int64_t> ranged(const Call& call,
                        std::string_view name,
                        int64_t otherwise,
                        int64_t low,
                        int64_t high,
                        std::string_view reason) {
  const auto value = integer_or(call.input, name, otherwise);
  if (!value) return value;
  if (*value < low || *value > high) {
    return invalid_parameter(
        fmt::format("Value {} for parameter {} is invalid. Reason: {}", *value, name, reason));
  }
  return value;
}

struct Parameters {
  int64_t count = 1;
  int64_t wait_seconds = 0;
  int64_t visibility_seconds = -1;
};

Outcome<Parameters> read_parameters(const Thing& queue, const Call& call) {
  const auto count = ranged(call, "MaxNumberOfMessages", 1, 1, kReceiveMax,
                            "Must be between 1 and 10, if provided.");
  if (!count) return std::unexpected(count.error());
  int64_t default_wait = 0;
  if (const auto found = queue.properties.find("sqs.ReceiveMessageWaitTimeSeconds");
      found != queue.properties.end()) {
    std::from_chars(found->second.data(), found->second.data() + found->second.size(),
                    default_wait);
  }
  const auto wait = ranged(call, "WaitTimeSeconds", default_wait, 0, kWaitSecondsMax,
                           "Must be >= 0 and <= 20, if provided.");
  if (!wait) return std::unexpected(wait.error());
  const auto visibility =
      ranged(call, "VisibilityTimeout", queue.queue_policy.lease_ms / 1000, 0,
             kVisibilitySecondsMax, "Must be between 0 and 43200, if provided.");
  if (!visibility) return std::unexpected(visibility.error());
  return Parameters{*count, *wait,
                    call.input.find("VisibilityTimeout") == nullptr ? -1 : *visibility};
}

void write_system_attributes(JsonWriter& json,
                             const Wanted& wanted,
                             const broker::Delivery& delivery) {
  const auto asked = [&](std::string_view name) {
    return std::any_of(wanted.system.begin(), wanted.system.end(),
                       [&](const std::string& one) { return one == "All" || one == name; });
  };
  bool any = false;
  const auto show = [&](std::string_view name, std::string_view value) {
    if (!asked(name)) return;
    if (!any) json.begin_object("Attributes");
    any = true;
    json.member(name, value);
  };
  const log::ReadRecord& record = delivery.record;
  const auto header = [&](ByteView name) { return record.headers.find(name); };
  show("SenderId", wanted.account.account);
  show("ApproximateFirstReceiveTimestamp", std::to_string(delivery.lease.first_delivered.ms()));
  show("ApproximateReceiveCount", std::to_string(delivery.lease.deliveries));
  show("SentTimestamp",
       header(broker::kHeaderSent).value_or(std::to_string(record.timestamp.ms())));
  if (wanted.fifo) show("SequenceNumber", sequence_number(record.offset));
  if (const auto id = header(kDedupHeader)) show("MessageDeduplicationId", *id);
  if (record.key) show("MessageGroupId", *record.key);
  if (const auto trace = header(kTraceHeader)) show("AWSTraceHeader", *trace);
  if (const auto source = header(broker::kHeaderDeadLetterSource)) {
    show("DeadLetterQueueSourceArn", queue_arn(wanted.account, *source));
  }
  if (any) json.end_object();
}

void write_message_attributes(JsonWriter& json, const std::vector<MessageAttribute>& attributes) {
  if (attributes.empty()) return;
  json.member("MD5OfMessageAttributes", md5_of_attributes(attributes));
  json.begin_object("MessageAttributes");
  for (const MessageAttribute& attribute : attributes) {
    json.begin_object(attribute.name);
    if (attribute.binary()) {
      json.member("BinaryValue", base64(attribute.value));
    } else {
      json.member("StringValue", attribute.value);
    }
    json.member("DataType", attribute.type);
    json.end_object();
  }
  json.end_object();
}

std::string to_json(const Wanted& wanted, const broker::Received& received) {
  JsonWriter json;
  json.begin_object();
  if (!received.deliveries.empty()) json.begin_array("Messages");
  for (const broker::Delivery& delivery : received.deliveries) {
    std::string mended;
    const ByteView body = valid_utf8(delivery.record.value.value_or(ByteView{}), mended);
    json.begin_object();
    json.member("MessageId",
                broker::to_string(broker::message_id_of(wanted.queue, delivery.record)));
    json.member("ReceiptHandle", make_receipt_handle(wanted.queue, {delivery.lease.offset,
                                                                    delivery.lease.generation}));
    json.member("MD5OfBody", md5_hex(body));
    json.member("Body", body);
    write_system_attributes(json, wanted, delivery);
    write_message_attributes(json, stored_attributes(delivery.record, wanted.attributes));
    json.end_object();
  }
  if (!received.deliveries.empty()) json.end_array();
  json.end_object();
  return json.take();
}

Outcome<Wanted> read_wanted(const Queue& queue, const Call& call) {
  Wanted wanted{queue.thing->uuid, queue.account, is_fifo(*queue.thing), {}, {}};
  for (const std::string_view name : {"AttributeNames", "MessageSystemAttributeNames"}) {
    auto names = texts(call.input, name);
    if (!names) return std::unexpected(names.error());
    wanted.system.insert(wanted.system.end(), names->begin(), names->end());
  }
  auto attributes = texts(call.input, "MessageAttributeNames");
  if (!attributes) return std::unexpected(attributes.error());
  wanted.attributes = std::move(*attributes);
  return wanted;
}

}  // namespace

Cancel receive_message(const Environment& environment, const Call& call, Done done) {
  const auto queue = find_queue(environment, call);
  if (!queue) return done(std::unexpected(queue.error())), nullptr;
  const auto parameters = read_parameters(*queue->thing, call);
  if (!parameters) return done(std::unexpected(parameters.error())), nullptr;
  auto wanted = read_wanted(*queue, call);
  if (!wanted) return done(std::unexpected(wanted.error())), nullptr;

  broker::ReceiveOptions options;
  options.count = static_cast<uint32_t>(parameters->count);
  if (parameters->visibility_seconds >= 0)
    options.lease = Milliseconds(parameters->visibility_seconds * 1000);
  options.wait_until = environment.now + Milliseconds(parameters->wait_seconds * 1000);
  const broker::ReceiveId id = environment.broker.receive(
      queue->thing->queue, options, environment.now,
      [wanted = std::move(*wanted),
       done = std::move(done)](Result<broker::Received> received) mutable {
        if (!received) return done(std::unexpected(to_fault(received.error())));
        if (received->deliveries.empty() && received->at_in_flight_limit) {
          Fault fault = to_fault(
              {ErrorCode::kLimitReached, "Too many messages are in flight in this queue."});
          return done(std::unexpected(after(std::move(fault), received->depends.lsn)));
        }
        done(Reply{to_json(wanted, *received), received->depends});
      });
  if (id == broker::ReceiveId{}) return nullptr;
  return [id](broker::Broker& broker) { broker.cancel_receive(id); };
}

}  // namespace weir::sqs
