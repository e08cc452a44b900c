#pragma once
// Where storage/local gets its threads from. The reactor is the one thread on which the journal
// lives; blocking steps run in lanes beside it and post their completions back. The product has
// threads (thread_executor.h), the simulation a seeded scheduler that runs everything on one thread
// in an order of its choice.
//
// Thread: run(), after() and cancel() on the reactor's thread; post() from any.

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

namespace weir::storage {

using Task = std::move_only_function<void()>;
using Duration = std::chrono::nanoseconds;

enum class Lane : uint8_t {
  kWriterA,  // one thread each: a frame at a time, in the order they were given
  kWriterB,
  kReader,      // a few threads: reads of cold extents, preparing files
  kBackground,  // one thread: pre-writing, checkpoints, tidying; its steps are short
};
inline constexpr size_t kLanes = 4;

class Executor {
 public:
  virtual ~Executor() = default;

  // Runs `task` on the reactor's thread, after the step that is running there now. Tasks keep their
  // order.
  virtual void post(Task task) = 0;
  // The same, after whatever else is ready on the reactor now: what several requests want to do
  // once. Called on the reactor's thread.
  virtual void defer(Task task) { post(std::move(task)); }
  // Runs a blocking step off the reactor. What it has to say it posts.
  virtual void run(Lane lane, Task step) = 0;
  // Runs `task` on the reactor's thread after `delay`. Returns a number for cancel(), never 0.
  virtual uint64_t after(Duration delay, Task task) = 0;
  virtual void cancel(uint64_t timer) = 0;  // a number whose task has run is ignored
  // A clock that only runs forwards.
  virtual Duration now() const = 0;
};

}  // namespace weir::storage
