#include "protocols/sqs/move_tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/assert.h"
#include "broker/redrive.h"
#include "protocols/sqs/json.h"
#include "protocols/sqs/names.h"

namespace weir::sqs {
namespace {

using broker::Broker;
using broker::Thing;

constexpr std::string_view kProperty = "sqs.move-tasks";
constexpr size_t kStepMessages = 256;
constexpr Milliseconds kPause{1};           // between steps: others have their turn
constexpr Milliseconds kRetryAfter{1'000};  // the storage refuses
constexpr int64_t kStepsEachSecond = 10;    // of a task with a rate

std::string written(const std::vector<MoveTask>& tasks) {
  JsonWriter json;
  json.begin_object();
  json.begin_array("tasks");
  for (const MoveTask& task : tasks) {
    json.begin_object();
    json.member("id", task.id);
    if (!task.destination.empty()) json.member("to", task.destination);
    if (task.rate > 0) json.member("rate", task.rate);
    json.member("started", task.started.ms());
    json.member("end", task.end.value());
    json.member("to_move", task.to_move);
    json.member("moved", task.moved);
    json.member("status", task.status);
    if (!task.failure.empty()) json.member("failure", task.failure);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.take();
}

// What one task does, from step to step. It finds its queue and its task again in each: both may
// have been deleted, cancelled or replaced meanwhile.
class Runner : public std::enable_shared_from_this<Runner> {
 public:
  Runner(Broker& broker, const Thing& source, const MoveTask& task)
      : broker_(broker), source_(source.name), uuid_(source.uuid), id_(task.id) {}

  void schedule(Milliseconds after) {
    broker_.wait({}, broker_.now() + after, broker::WaitMode::kAll,
                 [self = shared_from_this()](broker::WakeReason reason) {
                   if (reason != broker::WakeReason::kStopping) self->step();
                   return true;
                 });
  }

  // A task with a rate waits before each step for as long as the step's messages take.
  static size_t messages_in_step(const MoveTask& task) {
    if (task.rate == 0) return kStepMessages;
    return static_cast<size_t>(std::max<int64_t>(1, task.rate / kStepsEachSecond));
  }
  static Milliseconds pause_before_step(const MoveTask& task) {
    if (task.rate == 0) return kPause;
    return Milliseconds(static_cast<int64_t>(messages_in_step(task)) * 1000 / task.rate);
  }

 private:
  const Thing* source() const {
    const Thing* thing = broker_.catalog().find(source_);
    return thing != nullptr && thing->uuid == uuid_ ? thing : nullptr;
  }
  std::optional<MoveTask> task() const {
    if (source() == nullptr) return std::nullopt;
    for (MoveTask& one : move_tasks_of(*source())) {
      if (one.id == id_ && one.running()) return std::move(one);
    }
    return std::nullopt;
  }

  void step();
  void move(std::vector<Offset> offsets, std::vector<broker::Delivery> records);
  const Thing* target_of(const MoveTask& task, const log::ReadRecord& record) const;
  Result<void> save(const MoveTask& task);
  void end(MoveTask task, std::string status, std::string failure = {});

  Broker& broker_;
  const catalog::Name source_;
  const catalog::Uuid uuid_;
  const std::string id_;
  Offset next_{0};  // what lies below was moved, or was not ready when its turn came
};

void Runner::step() {
  const auto present = task();
  if (!present) return;
  const CellId queue = source()->queue;
  const CellId log = source()->logs.front();
  const queue::Queue* state = broker_.find_queue(queue, broker_.now());
  auto ready = state->ready_from(next_, messages_in_step(*present));
  std::erase_if(ready, [&](Offset offset) { return offset >= present->end; });
  if (ready.empty() && next_ > Offset(0)) {
    next_ = Offset(0);  // what became ready behind us
    return schedule(kPause);
  }
  if (ready.empty()) return end(*present, "COMPLETED");
  broker_.read_records(log, ready, [self = shared_from_this(), ready](auto records) mutable {
    if (!records) return self->schedule(kRetryAfter);
    self->move(std::move(ready), std::move(*records));
  });
}

const Thing* Runner::target_of(const MoveTask& task, const log::ReadRecord& record) const {
  if (task.destination.empty()) return broker::dead_letter_source(broker_, source_.space, record);
  const Thing* target = broker_.catalog().find(queue_of_arn(task.destination).full());
  return target != nullptr && target->kind == catalog::Kind::kQueue ? target : nullptr;
}

// Everything that changes here is one commit.
void Runner::move(std::vector<Offset> offsets, std::vector<broker::Delivery> records) {
  auto present = task();
  if (!present) return;
  size_t bytes = 0;
  for (const broker::Delivery& delivery : records) bytes += delivery.holder.size();
  const Broker::Turn turn(broker_, broker_.now(), broker::Admission::kData, bytes);
  if (!turn.ok()) return schedule(kRetryAfter);
  const CellId queue = source()->queue;
  const queue::Queue* state = broker_.find_queue(queue, broker_.now());
  std::vector<Offset> done;
  std::string failure;
  size_t at = 0;
  for (const Offset offset : offsets) {
    while (at < records.size() && records[at].record.offset < offset) ++at;
    const auto still = state->ready_from(offset, 1);
    if (still.empty() || still.front() != offset) continue;  // somebody received it meanwhile
    if (at == records.size() || records[at].record.offset != offset) {
      done.push_back(offset);  // its record is gone
      continue;
    }
    const Thing* target = target_of(*present, records[at].record);
    if (target == nullptr) {
      failure = present->destination.empty() ? "CouldNotDetermineMessageSource"
                                             : "AWS.SimpleQueueService.NonExistentQueue";
      break;
    }
    const auto sent = broker::send_again(broker_, *target, records[at].record, {}, broker_.now());
    if (!sent) {
      failure = sent.error().message;
      break;
    }
    done.push_back(offset);
    ++present->moved;
  }
  next_ = offsets.back().next();
  const auto discarded = broker_.discard(queue, done, broker_.now());
  // The turn was admitted, and nothing but this thread changes the queue.
  WEIR_ASSERT(discarded && discarded->done == done.size(), "a moved message was settled already");
  if (!failure.empty()) return end(std::move(*present), "FAILED", std::move(failure));
  if (save(*present)) schedule(pause_before_step(*present));
}

Result<void> Runner::save(const MoveTask& task) {
  auto tasks = move_tasks_of(*source());
  for (MoveTask& one : tasks) {
    if (one.id == task.id) one = task;
  }
  const auto saved = set_move_tasks(broker_, *source(), tasks, broker_.now());
  if (!saved) return std::unexpected(saved.error());
  return {};
}

void Runner::end(MoveTask task, std::string status, std::string failure) {
  task.status = std::move(status);
  task.failure = std::move(failure);
  if (!save(task)) schedule(kRetryAfter);
}

}  // namespace

std::vector<MoveTask> move_tasks_of(const Thing& queue) {
  std::vector<MoveTask> tasks;
  const auto found = queue.properties.find(std::string(kProperty));
  if (found == queue.properties.end()) return tasks;
  const auto stored = decode_json(found->second);
  const Value* list = stored ? stored->find("tasks") : nullptr;
  if (list == nullptr) return tasks;
  for (const Value& item : list->items) {
    const auto text = [&](std::string_view name) {
      const Value* value = item.find(name);
      return value == nullptr ? std::string() : value->text;
    };
    const auto number = [&](std::string_view name) {
      const Value* value = item.find(name);
      return value == nullptr ? int64_t{0} : value->integer;
    };
    tasks.push_back({.id = text("id"),
                     .destination = text("to"),
                     .rate = number("rate"),
                     .started = Timestamp(number("started")),
                     .end = Offset(number("end")),
                     .to_move = number("to_move"),
                     .moved = number("moved"),
                     .status = text("status"),
                     .failure = text("failure")});
  }
  return tasks;
}

Result<broker::Depends> set_move_tasks(Broker& broker,
                                       const Thing& queue,
                                       const std::vector<MoveTask>& tasks,
                                       Timestamp now) {
  return broker.annotate(catalog::Name(queue.name), std::string(kProperty), written(tasks), now);
}

void run_move_task(Broker& broker, const Thing& source, const MoveTask& task) {
  std::make_shared<Runner>(broker, source, task)->schedule(Runner::pause_before_step(task));
}

void resume_move_tasks(Broker& broker) {
  broker.catalog().each_thing_from({}, [&](const Thing& thing) {
    for (const MoveTask& task : move_tasks_of(thing)) {
      if (task.running()) run_move_task(broker, thing, task);
    }
    return true;
  });
}

}  // namespace weir::sqs
