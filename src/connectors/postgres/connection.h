#pragma once
// A connection to PostgreSQL over libpq that waits for nothing but its socket and the stop signal.
//
// Thread: the connector's own; Stop from any.

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "connectors/cdc/config.h"

namespace weir::postgres {

// Ends every wait of a connector's thread.
class Stop {
 public:
  Stop();
  ~Stop();
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;

  void request();
  bool requested() const { return requested_; }
  int descriptor() const { return descriptor_; }
  // True when it was requested meanwhile.
  bool wait(Milliseconds time) const;

 private:
  std::atomic<bool> requested_{false};
  int descriptor_;
};

using Cells = std::vector<std::optional<std::string>>;

// A whole number as the database prints it; 0 for null.
int64_t number_of(const std::optional<std::string>& cell);

class Connection {
 public:
  enum class Kind : uint8_t { kOrdinary, kReplication };

  // The password is read now, from the file or the environment. kInvalidArgument, kTimedOut (also
  // when stopped), kRefused (PostgreSQL's own message).
  static Result<std::unique_ptr<Connection>> open(const cdc::Connection& to,
                                                  Kind kind,
                                                  const Stop& stop);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Rows of the last statement. kRefused with PostgreSQL's message.
  Result<std::vector<Cells>> query(const std::string& sql);
  // COPY … TO STDOUT, a line after the other, without the newline.
  Result<> copy_out(const std::string& sql, const std::function<Result<>(std::string_view)>& line);
  // START_REPLICATION: from here on frames come and go.
  Result<> start_copy_both(const std::string& sql);
  // The next frame; nothing when none came in this time. kTimedOut when stopped.
  Result<std::optional<std::string>> next_frame(Milliseconds wait);
  Result<> send_frame(const std::string& frame);

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  Result<> wait_for(short events, std::optional<Milliseconds> time, bool& ready);
  Result<> flush();
  Result<> ready_for_result();
  std::unexpected<Error> failed(ErrorCode code) const;

  std::unique_ptr<State> state_;
};

}  // namespace weir::postgres
