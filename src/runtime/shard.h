#pragma once
// Shard: one thread with one reactor. What lives on a shard is touched by its thread only, hence
// without locks; others reach it through post(). Nothing that runs on a shard may block.
//
// Life: construct, start(), stop() (from outside), destroy. Tasks posted before start() run once it
// runs; tasks that have not run when it stops are freed by stop(), and what is posted later by its
// sender. Since freeing a task may post to other shards, all shards are stopped before the first is
// destroyed.
//
// Thread safety: post(), is_current(), stop() from any thread; defer() and reactor() from the
// shard's own.

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/task.h"

namespace boost::asio {
class io_context;  // NOLINT(readability-identifier-naming): Asio's name
}

namespace weir::runtime {

class Shard {
 public:
  // `name` (at most 15 characters) is what a debugger and `top -H` show for the thread.
  Shard(uint32_t index, std::string name);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  void start();
  // Ends the loop after the handler that runs now, and joins the thread. Idempotent; never called
  // from the shard itself.
  void stop();

  uint32_t index() const;
  const std::string& name() const;

  // The shard whose thread this is; null on other threads.
  static Shard* current();
  bool is_current() const { return current() == this; }

  // Runs `task` on this shard, later (never inside the call). Tasks of one sender keep their order.
  void post(Task task);
  // Runs `task` on this shard after the handlers that are ready now: gathers what several of them
  // want to do once, such as writing a connection's replies or handing a frame to the disk.
  void defer(Task task);
  // Runs `task` on this shard and returns when it has run: for start-up, shut-down and tests, from
  // outside only.
  void run_and_wait(Task task);

  boost::asio::io_context& reactor();

 private:
  struct State;
  void drain();

  std::unique_ptr<State> state_;
};

}  // namespace weir::runtime
