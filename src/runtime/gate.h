#pragma once
// Gate: counts the operations that are under way on behalf of an owner, so that the owner can be
// freed safely: it closes the gate, after which nothing new enters, and is told when the last
// operation has left.
//
// Thread safety: any thread. A Pass may outlive the Gate object.

#include <cstddef>
#include <memory>
#include <optional>

#include "runtime/task.h"

namespace weir::runtime {

class Gate {
 public:
  class Pass;

  Gate();
  ~Gate();  // must be closed and empty, or never entered
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Nothing once the gate is closed: the caller must not begin.
  std::optional<Pass> enter();

  // `on_empty` runs exactly once: inside this call when nothing is under way, else on the thread
  // that leaves last.
  void close(Task on_empty);
  // Closes (unless closed) and blocks until the gate is empty: for shut-down, never on a shard.
  void close_and_wait();

  size_t count() const;
  bool closed() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// The right to be under way; leaving is its destruction.
class Gate::Pass {
 public:
  Pass(Pass&& other) noexcept = default;
  Pass& operator=(Pass&& other) noexcept;
  ~Pass();

 private:
  friend class Gate;
  explicit Pass(std::shared_ptr<State> state);
  void leave();

  std::shared_ptr<State> state_;
};

}  // namespace weir::runtime
