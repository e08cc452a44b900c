#pragma once
// Message move tasks: what StartMessageMoveTask began. A task moves what its source queue held when
// it began, a step at a time; what a step moved, what it gives up and how far the task is are one
// commit, so a crash neither loses nor repeats a message, and the task goes on after it.
//
// The tasks of a queue (the newest kMoveTasksKept) are a note on it: the property "sqs.move-tasks".
// Source: SQS API reference, StartMessageMoveTask; developer guide, "Dead-letter queue redrive".
//
// Thread: the state shard's.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/broker.h"
#include "protocols/sqs/errors.h"

namespace weir::sqs {

inline constexpr size_t kMoveTasksKept = 10;

struct MoveTask {
  std::string id;
  std::string destination;  // ARN; empty: where each message came from
  int64_t rate = 0;         // messages in a second; 0: as fast as it goes
  Timestamp started;
  Offset end;  // what came later stays: messages that fail again would go round for ever
  int64_t to_move = 0;
  int64_t moved = 0;
  std::string status;
  std::string failure;

  bool running() const { return status == "RUNNING"; }
};

// The newest first.
std::vector<MoveTask> move_tasks_of(const broker::Thing& queue);
Result<broker::Depends> set_move_tasks(broker::Broker& broker,
                                       const broker::Thing& queue,
                                       const std::vector<MoveTask>& tasks,
                                       Timestamp now);

// Lets a running task go on, until it ends or the broker stops. Once for each task after a start of
// the broker.
void run_move_task(broker::Broker& broker, const broker::Thing& source, const MoveTask& task);
// After recovery: all tasks that run.
void resume_move_tasks(broker::Broker& broker);

}  // namespace weir::sqs
