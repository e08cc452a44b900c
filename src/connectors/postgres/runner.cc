#include "connectors/postgres/runner.h"

#include <algorithm>

#include "connectors/postgres/session.h"
#include "runtime/this_thread.h"

namespace weir::postgres {
namespace {

constexpr Milliseconds kFirstPause{200};

}  // namespace

Runner::Runner(std::string name,
               std::shared_ptr<const cdc::Config> config,
               runtime::Owned<broker::Broker>& broker,
               runtime::Clock& clock,
               runtime::Logger& logger)
    : name_(std::move(name)),
      config_(std::move(config)),
      broker_(broker),
      clock_(clock),
      logger_(logger),
      thread_([this] { run(); }) {}

Runner::~Runner() {
  stop();
  thread_.join();
}

void Runner::stop() {
  stop_.request();
}

void Runner::wake() {
  update([](Status& status) {
    status.snapshot_tables = 1;
    status.snapshot_tables_done = 0;
    status.snapshot_rows = 0;
    status.snapshot_rows_estimated = 0;
  });
  ++requests_;
}

Status Runner::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void Runner::update(const std::function<void(Status&)>& change) {
  const std::lock_guard lock(mutex_);
  change(status_);
}

void Runner::run() {
  runtime::name_this_thread("weir-cdc");
  Milliseconds pause = kFirstPause;
  while (!stop_.requested()) {
    Session session(*this);
    const auto ended = session.run();
    if (stop_.requested()) break;
    const bool streamed = status().state == "streaming";
    update([&](Status& status) {
      status.state = "waiting";
      status.problem = ended ? "the stream ended" : ended.error().message;
      ++status.reconnects;
    });
    if (streamed) pause = kFirstPause;
    if (stop_.wait(pause)) break;
    pause = std::min(pause * 2, Milliseconds(config_->retry_delay_ms));
  }
  if (config_->slot_drop_on_stop) {
    const Stop unhurried;  // the connection's own time limit ends it
    const auto dropped = drop_slot(*config_, unhurried);
    if (!dropped) update([&](Status& status) { status.problem = dropped.error().message; });
  }
  update([](Status& status) { status.state = "stopped"; });
}

}  // namespace weir::postgres
