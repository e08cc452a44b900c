#include "runtime/gate.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/assert.h"

namespace weir::runtime {

struct Gate::State {
  mutable std::mutex mutex;
  std::condition_variable emptied;
  size_t count = 0;
  bool closed = false;
  Task on_empty;
};

Gate::Gate() : state_(std::make_shared<State>()) {}

Gate::~Gate() {
  const std::lock_guard lock(state_->mutex);
  WEIR_ASSERT(state_->count == 0, "a gate was freed with {} operations under way", state_->count);
}

std::optional<Gate::Pass> Gate::enter() {
  const std::lock_guard lock(state_->mutex);
  if (state_->closed) return std::nullopt;
  ++state_->count;
  return Pass(state_);
}

void Gate::close(Task on_empty) {
  {
    const std::lock_guard lock(state_->mutex);
    WEIR_ASSERT(!state_->closed, "a gate closes once");
    state_->closed = true;
    if (state_->count > 0) {
      state_->on_empty = std::move(on_empty);
      return;
    }
  }
  on_empty();
}

void Gate::close_and_wait() {
  std::unique_lock lock(state_->mutex);
  state_->closed = true;
  state_->emptied.wait(lock, [this] { return state_->count == 0; });
}

size_t Gate::count() const {
  const std::lock_guard lock(state_->mutex);
  return state_->count;
}

bool Gate::closed() const {
  const std::lock_guard lock(state_->mutex);
  return state_->closed;
}

Gate::Pass::Pass(std::shared_ptr<State> state) : state_(std::move(state)) {}
Gate::Pass::~Pass() {
  leave();
}

Gate::Pass& Gate::Pass::operator=(Pass&& other) noexcept {
  if (this == &other) return *this;
  leave();
  state_ = std::move(other.state_);
  return *this;
}

void Gate::Pass::leave() {
  const std::shared_ptr<State> state = std::exchange(state_, nullptr);
  if (!state) return;
  Task on_empty;
  {
    const std::lock_guard lock(state->mutex);
    if (--state->count > 0 || !state->closed) return;
    on_empty = std::exchange(state->on_empty, nullptr);
    state->emptied.notify_all();
  }
  if (on_empty) on_empty();
}

}  // namespace weir::runtime
