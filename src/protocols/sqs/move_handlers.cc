// StartMessageMoveTask, ListMessageMoveTasks, CancelMessageMoveTask.

#include <fmt/format.h>

#include <algorithm>

#include "protocols/sqs/attributes.h"
#include "protocols/sqs/call.h"
#include "protocols/sqs/json.h"
#include "protocols/sqs/limits.h"
#include "protocols/sqs/move_tasks.h"

namespace weir::sqs {
namespace {

using broker::Thing;

std::string handle_of(const MoveTask& task, std::string_view source_arn) {
  JsonWriter json;
  json.begin_object();
  json.member("taskId", task.id);
  json.member("sourceArn", source_arn);
  json.end_object();
  return base64(json.take());
}

// The queue that a parameter names by its ARN.
Outcome<const Thing*> queue_of(const Environment& environment,
                               const Call& call,
                               std::string_view arn,
                               std::string_view parameter) {
  const QueueName name = queue_of_arn(arn);
  if (name.name.empty()) {
    return invalid_parameter(
        fmt::format("You must use this format to specify the {}: "
                    "arn:<partition>:<service>:<region>:<account-id>:<resource-id>",
                    parameter));
  }
  const Thing* thing = environment.broker.catalog().find(name.full());
  if (thing == nullptr || thing->kind != catalog::Kind::kQueue) {
    return resource_not_found(fmt::format(
        "The resource that you specified for the {} parameter doesn't exist.", parameter));
  }
  if (const auto allowed = check_access(call, *thing, name.account); !allowed)
    return std::unexpected(allowed.error());
  return thing;
}

bool is_dead_letter_queue(const broker::Broker& broker, const Thing& queue) {
  bool found = false;
  broker.catalog().each_source(queue.name, "", [&](const Thing& thing) {
    found = thing.kind == catalog::Kind::kQueue;
    return !found;
  });
  return found;
}

Outcome<void> check_destination(const Environment& environment,
                                const Call& call,
                                const Thing& source,
                                std::string_view source_arn,
                                std::string_view arn) {
  if (arn.empty()) return {};
  const auto target = queue_of(environment, call, arn, "DestinationArn");
  if (!target) return std::unexpected(target.error());
  if (arn == source_arn) {
    return invalid_parameter("Source queue arn and destination queue arn cannot be the same.");
  }
  if (is_fifo(**target) != is_fifo(source)) {
    return invalid_parameter(
        "The source queue and destination queue must be of the same queue type.");
  }
  return {};
}

Outcome<int64_t> ranged(const Call& call, std::string_view name, int64_t otherwise, int64_t high) {
  const auto value = integer_or(call.input, name, otherwise);
  if (!value) return value;
  if (call.input.find(name) != nullptr && (*value < 1 || *value > high)) {
    return invalid_parameter(
        fmt::format("Value {} for parameter {} is invalid. Reason: Must be between 1 and {}, if "
                    "provided.",
                    *value, name, high));
  }
  return value;
}

void write_task(JsonWriter& json, const MoveTask& task, std::string_view source_arn) {
  json.begin_object();
  if (task.running()) json.member("TaskHandle", handle_of(task, source_arn));
  json.member("Status", task.status);
  json.member("SourceArn", source_arn);
  if (!task.destination.empty()) json.member("DestinationArn", task.destination);
  if (task.rate > 0) json.member("MaxNumberOfMessagesPerSecond", task.rate);
  json.member("ApproximateNumberOfMessagesMoved", task.moved);
  json.member("ApproximateNumberOfMessagesToMove", task.to_move);
  if (!task.failure.empty()) json.member("FailureReason", task.failure);
  json.member("StartedTimestamp", task.started.ms());
  json.end_object();
}

}  // namespace

Answer start_message_move_task(const Environment& environment, const Call& call) {
  const auto source_arn = required_text(call, "SourceArn");
  if (!source_arn) return std::unexpected(source_arn.error());
  const auto destination = text_or(call.input, "DestinationArn", "");
  if (!destination) return std::unexpected(destination.error());
  const auto rate = ranged(call, "MaxNumberOfMessagesPerSecond", 0, kMoveRateMax);
  if (!rate) return std::unexpected(rate.error());
  const auto source = queue_of(environment, call, *source_arn, "SourceArn");
  if (!source) return std::unexpected(source.error());
  if (!is_dead_letter_queue(environment.broker, **source)) {
    return invalid_parameter("Source queue must be configured as a Dead Letter Queue.");
  }
  const auto fits = check_destination(environment, call, **source, *source_arn, *destination);
  if (!fits) return std::unexpected(fits.error());
  auto tasks = move_tasks_of(**source);
  if (std::ranges::any_of(tasks, &MoveTask::running)) {
    return invalid_parameter(
        "There is already a task running. Only one active task is allowed for a source queue arn "
        "at a given time.");
  }
  const queue::Queue* state = environment.broker.find_queue((*source)->queue, environment.now);
  const MoveTask task{.id = broker::to_string(environment.broker.new_uuid()),
                      .destination = *destination,
                      .rate = *rate,
                      .started = environment.now,
                      .end = state->end(),
                      .to_move = static_cast<int64_t>(state->counts().ready),
                      .status = "RUNNING",
                      .failure = {}};
  tasks.insert(tasks.begin(), task);
  if (tasks.size() > kMoveTasksKept) tasks.resize(kMoveTasksKept);
  const auto saved = set_move_tasks(environment.broker, **source, tasks, environment.now);
  if (!saved) return std::unexpected(to_fault(saved.error()));
  run_move_task(environment.broker,
                *environment.broker.catalog().find(queue_of_arn(*source_arn).full()), task);
  JsonWriter json;
  json.begin_object();
  json.member("TaskHandle", handle_of(task, *source_arn));
  json.end_object();
  return Reply{json.take(), *saved};
}

Answer list_message_move_tasks(const Environment& environment, const Call& call) {
  const auto source_arn = required_text(call, "SourceArn");
  if (!source_arn) return std::unexpected(source_arn.error());
  const auto count = ranged(call, "MaxResults", 1, kMoveTasksKept);
  if (!count) return std::unexpected(count.error());
  const auto source = queue_of(environment, call, *source_arn, "SourceArn");
  if (!source) return std::unexpected(source.error());
  auto tasks = move_tasks_of(**source);
  if (tasks.size() > static_cast<size_t>(*count)) tasks.resize(static_cast<size_t>(*count));
  JsonWriter json;
  json.begin_object();
  if (!tasks.empty()) {
    json.begin_array("Results");
    for (const MoveTask& task : tasks) write_task(json, task, *source_arn);
    json.end_array();
  }
  json.end_object();
  return Reply{json.take(), environment.broker.catalog_depends()};
}

Answer cancel_message_move_task(const Environment& environment, const Call& call) {
  const auto handle = required_text(call, "TaskHandle");
  if (!handle) return std::unexpected(handle.error());
  const auto decoded = from_base64(*handle);
  const auto parts = decode_json(decoded.value_or(""));
  const auto id = parts ? text_or(*parts, "taskId", "") : std::string();
  const auto source_arn = parts ? text_or(*parts, "sourceArn", "") : std::string();
  if (!id || !source_arn || id->empty() || source_arn->empty()) {
    return invalid_parameter("Value for parameter TaskHandle is invalid.");
  }
  const auto source = queue_of(environment, call, *source_arn, "SourceArn");
  if (!source) return std::unexpected(source.error());
  auto tasks = move_tasks_of(**source);
  const auto task = std::ranges::find(tasks, *id, &MoveTask::id);
  if (task == tasks.end()) return resource_not_found("Task does not exist.");
  if (!task->running()) return unsupported_operation("Only a running task can be cancelled.");
  task->status = "CANCELLED";
  const int64_t moved = task->moved;
  const auto saved = set_move_tasks(environment.broker, **source, tasks, environment.now);
  if (!saved) return std::unexpected(to_fault(saved.error()));
  JsonWriter json;
  json.begin_object();
  json.member("ApproximateNumberOfMessagesMoved", moved);
  json.end_object();
  return Reply{json.take(), *saved};
}

}  // namespace weir::sqs
