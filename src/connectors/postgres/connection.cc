#include "connectors/postgres/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace weir::postgres {
namespace {

constexpr Milliseconds kConnectTime{15'000};

struct FreeResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPointer = std::unique_ptr<PGresult, FreeResult>;

struct FreeMemory {
  void operator()(char* memory) const { PQfreemem(memory); }
};
using TextPointer = std::unique_ptr<char, FreeMemory>;

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.pop_back();
  }
  return text;
}

Result<std::string> password_of(const cdc::Connection& to) {
  if (!to.password_env.empty()) {
    const char* value = std::getenv(to.password_env.c_str());
    if (value != nullptr) return std::string(value);
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("the broker's environment has no {} with the database's password",
                            to.password_env));
  }
  if (to.password_file.empty()) return std::string();
  std::ifstream file(to.password_file);
  if (!file) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} with the database's password cannot be read", to.password_file));
  }
  return trimmed(std::string(std::istreambuf_iterator<char>(file), {}));
}

}  // namespace

int64_t number_of(const std::optional<std::string>& cell) {
  int64_t value = 0;
  if (cell) std::from_chars(cell->data(), cell->data() + cell->size(), value);
  return value;
}

Stop::Stop() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
Stop::~Stop() {
  close(descriptor_);
}

void Stop::request() {
  requested_ = true;
  eventfd_write(descriptor_, 1);
}

bool Stop::wait(Milliseconds time) const {
  pollfd watched{descriptor_, POLLIN, 0};
  if (!requested_) poll(&watched, 1, static_cast<int>(time.count()));
  return requested_;
}

struct Connection::State {
  explicit State(const Stop& signal) : stop(signal) {}
  ~State() { PQfinish(connection); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  const Stop& stop;
  PGconn* connection = nullptr;
};

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::~Connection() = default;

std::unexpected<Error> Connection::failed(ErrorCode code) const {
  return fail(code, trimmed(PQerrorMessage(state_->connection)));
}

Result<> Connection::wait_for(short events, std::optional<Milliseconds> time, bool& ready) {
  pollfd watched[2] = {{PQsocket(state_->connection), events, 0},
                       {state_->stop.descriptor(), POLLIN, 0}};
  const int got = poll(watched, 2, time ? static_cast<int>(time->count()) : -1);
  if (state_->stop.requested()) return fail(ErrorCode::kTimedOut, "the connector stops");
  ready = got > 0 && watched[0].revents != 0;
  return {};
}

Result<std::unique_ptr<Connection>> Connection::open(const cdc::Connection& to,
                                                     Kind kind,
                                                     const Stop& stop) {
  const auto password = password_of(to);
  if (!password) return std::unexpected(password.error());
  const std::string port = std::to_string(to.port);
  const std::string keepalive = to.tcp_keepalive ? "1" : "0";
  std::vector<const char*> names;
  std::vector<const char*> values;
  const auto set = [&](const char* name, const char* value) {
    if (*value == 0) return;
    names.push_back(name);
    values.push_back(value);
  };
  set("host", to.host.c_str());
  set("port", port.c_str());
  set("user", to.user.c_str());
  set("dbname", to.database.c_str());
  set("password", password->c_str());
  set("sslmode", to.sslmode.c_str());
  set("sslcert", to.sslcert.c_str());
  set("sslkey", to.sslkey.c_str());
  set("sslrootcert", to.sslrootcert.c_str());
  set("keepalives", keepalive.c_str());
  set("application_name", "weir");
  set("client_encoding", "UTF8");
  // Values come as text; this is the text that the types are read from. A snapshot lasts as long
  // as it must.
  set("options",
      "-c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=3 -c bytea_output=hex "
      "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0");
  if (kind == Kind::kReplication) set("replication", "database");
  names.push_back(nullptr);
  values.push_back(nullptr);

  auto state = std::make_unique<State>(stop);
  state->connection = PQconnectStartParams(names.data(), values.data(), 0);
  auto opened = std::unique_ptr<Connection>(new Connection(std::move(state)));
  PGconn* connection = opened->state_->connection;
  if (connection == nullptr || PQstatus(connection) == CONNECTION_BAD) {
    return opened->failed(ErrorCode::kRefused);
  }
  const auto deadline = std::chrono::steady_clock::now() + kConnectTime;
  for (auto step = PGRES_POLLING_WRITING; step != PGRES_POLLING_OK;
       step = PQconnectPoll(connection)) {
    if (step == PGRES_POLLING_FAILED) return opened->failed(ErrorCode::kRefused);
    const auto left =
        std::chrono::duration_cast<Milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return fail(ErrorCode::kTimedOut, fmt::format("{}:{} did not answer in time", to.host, port));
    }
    bool ready = false;
    const short events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (const auto waited = opened->wait_for(events, left, ready); !waited) {
      return std::unexpected(waited.error());
    }
  }
  PQsetnonblocking(connection, 1);
  return opened;
}

Result<> Connection::flush() {
  for (;;) {
    const int left = PQflush(state_->connection);
    if (left == 0) return {};
    if (left < 0) return failed(ErrorCode::kRefused);
    bool ready = false;
    if (auto waited = wait_for(POLLIN | POLLOUT, std::nullopt, ready); !waited) return waited;
    if (PQconsumeInput(state_->connection) == 0) return failed(ErrorCode::kRefused);
  }
}

Result<> Connection::ready_for_result() {
  if (auto flushed = flush(); !flushed) return flushed;
  while (PQisBusy(state_->connection) != 0) {
    bool ready = false;
    if (auto waited = wait_for(POLLIN, std::nullopt, ready); !waited) return waited;
    if (PQconsumeInput(state_->connection) == 0) return failed(ErrorCode::kRefused);
  }
  return {};
}

Result<std::vector<Cells>> Connection::query(const std::string& sql) {
  if (PQsendQuery(state_->connection, sql.c_str()) == 0) return failed(ErrorCode::kRefused);
  std::vector<Cells> rows;
  std::optional<Error> problem;
  for (;;) {
    if (auto ready = ready_for_result(); !ready) return std::unexpected(ready.error());
    const ResultPointer result(PQgetResult(state_->connection));
    if (result == nullptr) break;
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      problem = Error{ErrorCode::kRefused, trimmed(PQresultErrorMessage(result.get()))};
      continue;
    }
    rows.clear();
    for (int row = 0; row < PQntuples(result.get()); ++row) {
      Cells& cells = rows.emplace_back();
      for (int column = 0; column < PQnfields(result.get()); ++column) {
        if (PQgetisnull(result.get(), row, column) != 0) {
          cells.emplace_back();
        } else {
          cells.emplace_back(
              std::string(PQgetvalue(result.get(), row, column),
                          static_cast<size_t>(PQgetlength(result.get(), row, column))));
        }
      }
    }
  }
  if (problem) return std::unexpected(*problem);
  return rows;
}

Result<> Connection::copy_out(const std::string& sql,
                              const std::function<Result<>(std::string_view)>& line) {
  if (PQsendQuery(state_->connection, sql.c_str()) == 0) return failed(ErrorCode::kRefused);
  if (auto ready = ready_for_result(); !ready) return ready;
  const ResultPointer begun(PQgetResult(state_->connection));
  if (PQresultStatus(begun.get()) != PGRES_COPY_OUT) {
    return fail(ErrorCode::kRefused, trimmed(PQresultErrorMessage(begun.get())));
  }
  for (;;) {
    char* buffer = nullptr;
    const int length = PQgetCopyData(state_->connection, &buffer, 1);
    const TextPointer owned(buffer);
    if (length == -2) return failed(ErrorCode::kRefused);
    if (length == -1) break;
    if (length == 0) {
      bool ready = false;
      if (auto waited = wait_for(POLLIN, std::nullopt, ready); !waited) return waited;
      if (PQconsumeInput(state_->connection) == 0) return failed(ErrorCode::kRefused);
      continue;
    }
    std::string_view text(buffer, static_cast<size_t>(length));
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (auto taken = line(text); !taken) return taken;
  }
  std::optional<Error> problem;
  for (;;) {
    if (auto ready = ready_for_result(); !ready) return ready;
    const ResultPointer result(PQgetResult(state_->connection));
    if (result == nullptr) break;
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
      problem = Error{ErrorCode::kRefused, trimmed(PQresultErrorMessage(result.get()))};
    }
  }
  return problem ? Result<>(std::unexpected(*problem)) : Result<>();
}

Result<> Connection::start_copy_both(const std::string& sql) {
  if (PQsendQuery(state_->connection, sql.c_str()) == 0) return failed(ErrorCode::kRefused);
  if (auto ready = ready_for_result(); !ready) return ready;
  const ResultPointer begun(PQgetResult(state_->connection));
  if (PQresultStatus(begun.get()) == PGRES_COPY_BOTH) return {};
  return fail(ErrorCode::kRefused, trimmed(PQresultErrorMessage(begun.get())));
}

Result<std::optional<std::string>> Connection::next_frame(Milliseconds wait) {
  for (bool waited = false;; waited = true) {
    char* buffer = nullptr;
    const int length = PQgetCopyData(state_->connection, &buffer, 1);
    const TextPointer owned(buffer);
    if (length > 0) return std::string(buffer, static_cast<size_t>(length));
    if (length == -1) return fail(ErrorCode::kRefused, "PostgreSQL ended the stream");
    if (length == -2) return failed(ErrorCode::kRefused);
    if (waited) return std::nullopt;
    bool ready = false;
    if (auto came = wait_for(POLLIN, wait, ready); !came) return std::unexpected(came.error());
    if (!ready) return std::nullopt;
    if (PQconsumeInput(state_->connection) == 0) return failed(ErrorCode::kRefused);
  }
}

Result<> Connection::send_frame(const std::string& frame) {
  const int sent = PQputCopyData(state_->connection, frame.data(), static_cast<int>(frame.size()));
  if (sent < 0) return failed(ErrorCode::kRefused);
  return flush();
}

}  // namespace weir::postgres
