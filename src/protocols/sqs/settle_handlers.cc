#include <fmt/format.h>

#include "protocols/sqs/attributes.h"
#include "protocols/sqs/call.h"
#include "protocols/sqs/handle.h"
#include "protocols/sqs/json.h"
#include "protocols/sqs/limits.h"

namespace weir::sqs {
namespace {

using broker::Thing;

struct Settling {
  Outcome<void> result;
  broker::Depends depends;
};

std::unexpected<Fault> handle_value(std::string_view handle, std::string_view reason) {
  return invalid_parameter(
      fmt::format("Value {} for parameter ReceiptHandle is invalid. Reason: {}", handle, reason));
}

Outcome<queue::Handle> read_handle(const Thing& queue, const Value& input) {
  const Value* given = input.find("ReceiptHandle");
  if (given == nullptr || given->text.empty()) return missing_parameter("ReceiptHandle");
  const auto handle = parse_receipt_handle(queue.uuid, given->text);
  if (!handle) return receipt_handle_is_invalid(given->text);
  return *handle;
}

Settling delete_one(const Environment& environment,
                    const Thing& queue,
                    const Value& input,
                    ByteView by) {
  const auto handle = read_handle(queue, input);
  if (!handle) return {std::unexpected(handle.error()), {}};
  const queue::Check check = is_fifo(queue) ? queue::Check::kThisLease : queue::Check::kAnyLease;
  const auto settled =
      environment.broker.settle(queue.queue, {&*handle, 1}, check, environment.now, by);
  if (!settled) return {std::unexpected(to_fault(settled.error())), {}};
  const std::string& text = input.find("ReceiptHandle")->text;
  switch (settled->outcomes.front()) {
    case queue::Outcome::kDone:
    case queue::Outcome::kAlreadySettled: return {{}, settled->depends};
    case queue::Outcome::kNotHeld:
      return {handle_value(text, "The receipt handle has expired."), settled->depends};
    case queue::Outcome::kUnknown: return {receipt_handle_is_invalid(text), settled->depends};
  }
  return {{}, settled->depends};
}

// A lease may be extended again and again, but not beyond 12 hours from its receive.
bool is_too_long(const Environment& environment,
                 const Thing& queue,
                 const queue::Handle& handle,
                 int64_t seconds) {
  const auto lease =
      environment.broker.find_queue(queue.queue, environment.now)->lease_of(handle.offset);
  if (!lease || lease->generation != handle.generation) return false;
  const Milliseconds total = environment.now + Milliseconds(seconds * 1000) - lease->last_delivered;
  return total > Milliseconds(kVisibilitySecondsMax * 1000);
}

// The lease that a change of visibility is for. On a standard queue the handle of an older receive
// prolongs the lease that the message has now (recorded from AWS by the tests of moto), but never
// shortens it: who received the message last keeps it for as long as it was promised to him.
queue::Handle in_force(const Environment& environment,
                       const Thing& queue,
                       const queue::Handle& handle,
                       int64_t seconds) {
  if (is_fifo(queue)) return handle;
  const auto lease =
      environment.broker.find_queue(queue.queue, environment.now)->lease_of(handle.offset);
  if (!lease || lease->generation <= handle.generation) return handle;
  const bool longer = environment.now + Milliseconds(seconds * 1000) > lease->deadline;
  return longer ? queue::Handle{handle.offset, lease->generation} : handle;
}

Settling change_one(const Environment& environment,
                    const Thing& queue,
                    const Value& input,
                    ByteView /*by*/) {
  auto handle = read_handle(queue, input);
  if (!handle) return {std::unexpected(handle.error()), {}};
  if (input.find("VisibilityTimeout") == nullptr)
    return {missing_parameter("VisibilityTimeout"), {}};
  const auto seconds = integer_or(input, "VisibilityTimeout", 0);
  if (!seconds) return {std::unexpected(seconds.error()), {}};
  if (*seconds < 0 || *seconds > kVisibilitySecondsMax) {
    return {invalid_parameter(fmt::format("Value {} for parameter VisibilityTimeout is invalid. "
                                          "Reason: VisibilityTimeout must be an integer between "
                                          "0 and {}.",
                                          *seconds, kVisibilitySecondsMax)),
            {}};
  }
  *handle = in_force(environment, queue, *handle, *seconds);
  if (is_too_long(environment, queue, *handle, *seconds)) {
    return {invalid_parameter(
                fmt::format("Value {} for parameter VisibilityTimeout is invalid. Reason: Total "
                            "VisibilityTimeout for the message is beyond the limit [{} seconds].",
                            *seconds, kVisibilitySecondsMax)),
            environment.broker.queue_depends(queue.queue)};
  }
  const auto changed =
      environment.broker.extend(queue.queue, {&*handle, 1}, queue::Check::kThisLease,
                                Milliseconds(*seconds * 1000), environment.now);
  if (!changed) return {std::unexpected(to_fault(changed.error())), {}};
  const std::string& text = input.find("ReceiptHandle")->text;
  switch (changed->outcomes.front()) {
    case queue::Outcome::kDone:
    case queue::Outcome::kNotHeld:
      // An ended lease, or a newer one that would be cut short: nothing happens.
      return {{}, changed->depends};
    case queue::Outcome::kAlreadySettled:
      return {
          handle_value(text,
                       "Message does not exist or is not available for visibility timeout change."),
          changed->depends};
    case queue::Outcome::kUnknown: return {receipt_handle_is_invalid(text), changed->depends};
  }
  return {{}, changed->depends};
}

// Who asks, as far as it is known.
ByteView caller(const Call& call) {
  return call.principal ? ByteView(call.principal->name) : ByteView();
}

using One = Settling (*)(const Environment& environment,
                         const Thing& queue,
                         const Value& input,
                         ByteView by);

Answer single(const Environment& environment, const Call& call, One one) {
  const auto queue = find_queue(environment, call);
  if (!queue) return std::unexpected(queue.error());
  const Settling done = one(environment, *queue->thing, call.input, caller(call));
  if (!done.result) return std::unexpected(after(done.result.error(), done.depends.lsn));
  return Reply{"{}", done.depends};
}

Answer batch(const Environment& environment, const Call& call, One one) {
  const auto queue = find_queue(environment, call);
  if (!queue) return std::unexpected(queue.error());
  const auto entries = batch_entries(call);
  if (!entries) return std::unexpected(entries.error());
  const broker::Broker::Turn turn(environment.broker, environment.now, broker::Admission::kRelease);
  if (!turn.ok()) return std::unexpected(to_fault(turn.status().error()));
  JsonWriter json;
  json.begin_object();
  std::vector<FailedEntry> failed;
  broker::Depends depends;
  bool any = false;
  for (const Entry& entry : *entries) {
    const Settling done = one(environment, *queue->thing, *entry.input, caller(call));
    if (done.depends.lsn > depends.lsn) depends = done.depends;
    if (!done.result) {
      failed.push_back({entry.id, done.result.error()});
      continue;
    }
    if (!any) json.begin_array("Successful");
    any = true;
    json.begin_object();
    json.member("Id", entry.id);
    json.end_object();
  }
  if (any) json.end_array();
  write_failed(json, failed);
  json.end_object();
  return Reply{json.take(), depends};
}

}  // namespace

Answer delete_message(const Environment& environment, const Call& call) {
  return single(environment, call, delete_one);
}

Answer delete_message_batch(const Environment& environment, const Call& call) {
  return batch(environment, call, delete_one);
}

Answer change_message_visibility(const Environment& environment, const Call& call) {
  return single(environment, call, change_one);
}

Answer change_message_visibility_batch(const Environment& environment, const Call& call) {
  return batch(environment, call, change_one);
}

}  // namespace weir::sqs
