#include "runtime/shard.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <latch>
#include <thread>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "runtime/mailbox.h"
#include "runtime/this_thread.h"

namespace weir::runtime {
namespace {

thread_local Shard* current_shard = nullptr;

// Shorter than what the system gives to others (about 3 ms): a completion that wakes the shard is
// handled at once although the cores are busy. Longer than those of the threads that write for it.
constexpr std::chrono::microseconds kSlice(500);

}  // namespace

struct Shard::State {
  State(uint32_t number, std::string label) : index(number), name(std::move(label)) {}

  const uint32_t index;
  const std::string name;
  boost::asio::io_context reactor{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
      reactor.get_executor()};
  Mailbox mailbox;
  std::vector<Task> deferred;
  std::thread thread;
};

Shard::Shard(uint32_t index, std::string name)
    : state_(std::make_unique<State>(index, std::move(name))) {}

Shard::~Shard() {
  stop();
  state_->mailbox.close();  // a shard that never ran
}

void Shard::start() {
  WEIR_ASSERT(!state_->thread.joinable(), "shard {} was started before", state_->index);
  state_->thread = std::thread([this] {
    current_shard = this;
    name_this_thread(state_->name.c_str());
    set_time_slice(kSlice);
    state_->reactor.run();
  });
}

void Shard::stop() {
  if (!state_->thread.joinable()) return;
  WEIR_ASSERT(!is_current(), "shard {} cannot join itself", state_->index);
  state_->reactor.stop();
  state_->thread.join();
  state_->mailbox.close();
  const std::vector<Task> dropped = std::exchange(state_->deferred, {});
}

uint32_t Shard::index() const {
  return state_->index;
}
const std::string& Shard::name() const {
  return state_->name;
}
Shard* Shard::current() {
  return current_shard;
}
boost::asio::io_context& Shard::reactor() {
  return state_->reactor;
}

void Shard::post(Task task) {
  if (state_->mailbox.push(std::move(task)))
    boost::asio::post(state_->reactor, [this] { drain(); });
}

void Shard::drain() {
  for (Task& task : state_->mailbox.take()) task();
}

void Shard::defer(Task task) {
  state_->deferred.push_back(std::move(task));
  if (state_->deferred.size() > 1) return;
  boost::asio::post(state_->reactor, [this] {
    // What the tasks defer in turn belongs to the next round, or they could keep the reactor from
    // its sockets.
    for (Task& deferred : std::exchange(state_->deferred, {})) deferred();
  });
}

void Shard::run_and_wait(Task task) {
  WEIR_ASSERT(!is_current(), "shard {} cannot wait for itself", state_->index);
  // Shared: the shard may still be inside count_down() when the wait ends.
  const auto ran = std::make_shared<std::latch>(1);
  post([ran, &task] {
    task();
    ran->count_down();
  });
  ran->wait();
}

}  // namespace weir::runtime
