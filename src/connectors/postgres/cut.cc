#include "connectors/postgres/cut.h"

#include <fmt/format.h>

#include <chrono>

#include "connectors/pgoutput/frame.h"
#include "connectors/pgoutput/statements.h"
#include "runtime/this_thread.h"

namespace weir::postgres {
namespace {

// A name has at most 63 characters. The slot of an earlier attempt may still be on its way out.
std::string temporary_name(const std::string& slot) {
  constexpr size_t kKept = 40;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return fmt::format("{}_{:x}", slot.substr(0, kKept),
                     std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

}  // namespace

Result<Cut> read_cut(const std::vector<Cells>& answer) {
  if (answer.empty() || answer.front().size() < 3) {
    return fail(ErrorCode::kCorruptBatch, "PostgreSQL's answer about a new slot cannot be read");
  }
  const auto point = pgoutput::parse_lsn(answer.front()[1].value_or(""));
  if (!point) return std::unexpected(point.error());
  return Cut{.point = *point, .snapshot = answer.front()[2].value_or(""), .holder = nullptr};
}

CutOpening::CutOpening(std::shared_ptr<const cdc::Config> config)
    : config_(std::move(config)), thread_([this] {
        runtime::name_this_thread("weir-cdc-cut");
        auto cut = open();
        const std::lock_guard lock(mutex_);
        answer_ = std::move(cut);
        found_.notify_one();
      }) {}

CutOpening::~CutOpening() {
  stop_.request();
  thread_.join();
}

std::optional<Result<Cut>> CutOpening::poll(Milliseconds wait) {
  std::unique_lock lock(mutex_);
  found_.wait_for(lock, std::chrono::milliseconds(wait.count()),
                  [&] { return answer_.has_value(); });
  return std::exchange(answer_, std::nullopt);
}

Result<Cut> CutOpening::open() {
  auto holder = Connection::open(config_->connection, Connection::Kind::kReplication, stop_);
  if (!holder) return std::unexpected(holder.error());
  const auto made = (*holder)->query(
      pgoutput::create_slot(temporary_name(config_->slot_name), {.temporary = true}));
  if (!made) {
    return fail(
        made.error().code,
        fmt::format("a snapshot needs a replication slot for a while: {}", made.error().message));
  }
  auto cut = read_cut(*made);
  if (cut) cut->holder = std::move(*holder);
  return cut;
}

}  // namespace weir::postgres
