#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>

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
  int64_t visibility_seconds = 0;
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
  return Parameters{*count, *wait, *visibility};
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
  // A dead letter of a FIFO queue is known by its message id, whatever it was sent under.
  if (wanted.fifo && header(broker::kHeaderDeadLetterSource)) {
    show("MessageDeduplicationId", header(broker::kHeaderMessageId).value_or(ByteView{}));
  } else if (const auto id = header(kDedupHeader)) {
    show("MessageDeduplicationId", *id);
  }
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

// Ids of attempts, as those of groups.
Outcome<std::string> read_attempt(const Thing& queue, const Call& call) {
  auto id = text_or(call.input, "ReceiveRequestAttemptId", "");
  if (!id || id->empty()) return id;
  if (!is_fifo(queue)) {
    return invalid_parameter(
        fmt::format("Value {} for parameter ReceiveRequestAttemptId is invalid. Reason: The "
                    "request include parameter that is not valid for this queue type.",
                    *id));
  }
  if (!is_valid_id(*id)) {
    return invalid_parameter(
        "ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to "
        "128 in length.");
  }
  return id;
}

// Fewer messages than asked for where they may be so large that ten were too much for memory.
// Strict mode: how many more may be in flight; OverLimit on a standard queue.
Outcome<uint32_t> room_in_flight(const Environment& environment,
                                 const Thing& queue,
                                 int64_t wanted) {
  const size_t largest = std::max<size_t>(queue.queue_policy.message_bytes_max, 1);
  const auto count = static_cast<uint32_t>(std::min<size_t>(
      static_cast<size_t>(wanted), std::max<size_t>(kAnswerBytesMost / largest, 1)));
  if (!environment.state.options.strict) return count;
  const uint64_t leased =
      environment.broker.find_queue(queue.queue, environment.now)->counts().leased;
  const uint64_t room = FrontState::kInFlightMax - std::min(FrontState::kInFlightMax, leased);
  if (room > 0 || is_fifo(queue)) return static_cast<uint32_t>(std::min<uint64_t>(count, room));
  auto fault = over_limit("Too many messages are in flight in this queue.");
  fault.error().lsn = environment.broker.queue_depends(queue.queue).lsn;
  return fault;
}

// One receive that was asked for, until it is answered.
struct Receiving {
  Wanted wanted;
  CellId queue;
  CellId log;
  std::string attempt;  // empty: none
  Done done;

  void answer(const Result<broker::Received>& received) {
    if (!received) return done(std::unexpected(to_fault(received.error())));
    done(Reply{to_json(wanted, *received), received->depends});
  }
};

// The deadline that a lease has now; never() when it has ended.
Timestamp deadline_of(const queue::Queue& queue, const queue::Handle& handle) {
  const auto lease = queue.lease_of(handle.offset);
  const bool stands = lease && lease->generation == handle.generation;
  return stands ? lease->deadline : Timestamp::never();
}

void remember(const Environment& environment,
              const Receiving& receiving,
              const std::vector<queue::Handle>& handles) {
  const queue::Queue* queue =
      environment.broker.find_queue(receiving.queue, environment.broker.now());
  if (receiving.attempt.empty() || handles.empty() || queue == nullptr) return;
  Attempt attempt;
  for (const queue::Handle& handle : handles) {
    attempt.held.push_back({handle, deadline_of(*queue, handle)});
  }
  environment.state.attempts.put(FrontState::key(receiving.wanted.queue, receiving.attempt),
                                 std::move(attempt), environment.broker.now());
}

// The leases of the attempt before, if none of its messages was touched since: not settled, not
// given another timeout, not received again.
std::vector<queue::Handle> repeatable(const Environment& environment, const Receiving& receiving) {
  if (receiving.attempt.empty()) return {};
  const Attempt* attempt = environment.state.attempts.find(
      FrontState::key(receiving.wanted.queue, receiving.attempt), environment.now);
  if (attempt == nullptr) return {};
  const queue::Queue* queue = environment.broker.find_queue(receiving.queue, environment.now);
  std::vector<queue::Handle> handles;
  for (const Attempt::Held& held : attempt->held) {
    const Timestamp deadline = deadline_of(*queue, held.handle);
    if (deadline == Timestamp::never() || deadline != held.deadline) return {};
    handles.push_back(held.handle);
  }
  return handles;
}

// The same messages and handles again, hidden anew.
void repeat(const Environment& environment,
            std::shared_ptr<Receiving> receiving,
            const std::vector<queue::Handle>& handles,
            Milliseconds visibility) {
  broker::Broker& broker = environment.broker;
  const queue::Queue* queue = broker.find_queue(receiving->queue, environment.now);
  broker::Received received;
  std::vector<Offset> offsets;
  for (const queue::Handle& handle : handles) {
    received.deliveries.push_back({*queue->lease_of(handle.offset), {}, {}});
    offsets.push_back(handle.offset);
  }
  const auto extended = broker.extend(receiving->queue, handles, queue::Check::kThisLease,
                                      visibility, environment.now);
  if (!extended) return receiving->answer(std::unexpected(extended.error()));
  received.depends = extended->depends;
  remember(environment, *receiving, handles);
  std::ranges::sort(offsets);
  const CellId log = receiving->log;
  broker.read_records(
      log, std::move(offsets),
      [receiving = std::move(receiving), received = std::move(received)](auto records) mutable {
        if (!records) return receiving->answer(std::unexpected(records.error()));
        std::erase_if(received.deliveries, [&](broker::Delivery& delivery) {
          const auto found =
              std::ranges::find(*records, delivery.lease.offset,
                                [](const broker::Delivery& one) { return one.record.offset; });
          if (found == records->end()) return true;
          delivery.record = found->record;
          delivery.holder = found->holder;
          return false;
        });
        receiving->answer(std::move(received));
      });
}

// Everything that a request says, or what is wrong with it.
struct Asked {
  Parameters parameters;
  uint32_t count = 0;
  std::shared_ptr<Receiving> receiving;
};

Outcome<Asked> read_request(const Environment& environment, const Call& call) {
  const auto queue = find_queue(environment, call);
  if (!queue) return std::unexpected(queue.error());
  const auto parameters = read_parameters(*queue->thing, call);
  if (!parameters) return std::unexpected(parameters.error());
  auto wanted = read_wanted(*queue, call);
  if (!wanted) return std::unexpected(wanted.error());
  auto attempt = read_attempt(*queue->thing, call);
  if (!attempt) return std::unexpected(attempt.error());
  const auto room = room_in_flight(environment, *queue->thing, parameters->count);
  if (!room) return std::unexpected(room.error());
  return Asked{*parameters, *room,
               std::make_shared<Receiving>(Receiving{std::move(*wanted), queue->thing->queue,
                                                     queue->thing->logs.front(),
                                                     std::move(*attempt), nullptr})};
}

}  // namespace

Cancel receive_message(const Environment& environment, const Call& call, Done done) {
  auto asked = read_request(environment, call);
  if (!asked) return done(std::unexpected(asked.error())), nullptr;
  const std::shared_ptr<Receiving> receiving = std::move(asked->receiving);
  receiving->done = std::move(done);
  const Parameters& parameters = asked->parameters;
  const Milliseconds visibility(parameters.visibility_seconds * 1000);
  if (const auto handles = repeatable(environment, *receiving); !handles.empty()) {
    repeat(environment, receiving, handles, visibility);
    return nullptr;
  }
  if (asked->count == 0) {  // a FIFO queue that is full says so by being silent
    receiving->answer(broker::Received{
        .deliveries = {}, .depends = environment.broker.queue_depends(receiving->queue)});
    return nullptr;
  }
  broker::ReceiveOptions options;
  options.count = asked->count;
  options.lease = visibility;
  options.wait_until = environment.now + Milliseconds(parameters.wait_seconds * 1000);
  const broker::ReceiveId id = environment.broker.receive(
      receiving->queue, options, environment.now,
      [environment, receiving](Result<broker::Received> received) {
        if (received) {
          std::vector<queue::Handle> handles;
          for (const broker::Delivery& delivery : received->deliveries) {
            handles.push_back({delivery.lease.offset, delivery.lease.generation});
          }
          remember(environment, *receiving, handles);
        }
        receiving->answer(received);
      });
  if (id == broker::ReceiveId{}) return nullptr;
  return [id](broker::Broker& broker) { broker.cancel_receive(id); };
}

}  // namespace weir::sqs
