#include "server/logging.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>
#include <ctime>
#include <iterator>
#include <map>
#include <mutex>

#include "admin/router.h"

namespace weir::server {
namespace {

using Clock = std::chrono::steady_clock;
using runtime::LogField;
using runtime::LogLevel;

constexpr uint32_t kRepeatsMax = 10;
constexpr auto kRepeatWindow = std::chrono::seconds(10);
// Distinct messages that are remembered; beyond it all are forgotten, which lets a few more lines
// through.
constexpr size_t kRemembered = 1024;

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return "debug";
    case LogLevel::kInfo: return "info";
    case LogLevel::kWarning: return "warning";
    case LogLevel::kError: return "error";
  }
  return "info";
}

// 2024-01-31T12:00:00.123Z
std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(now)), ms.count() % 1000);
}

// A value of logfmt: quoted when it needs to be.
std::string logfmt_value(std::string_view value) {
  const bool plain =
      !value.empty() && value.find_first_of(" \"=\\\n\r\t") == std::string_view::npos;
  return plain ? std::string(value) : admin::json_string(value);
}

class StderrLogger final : public runtime::Logger {
 public:
  StderrLogger(const std::string& level, bool json)
      : logger_("weir", std::make_shared<spdlog::sinks::stderr_sink_mt>()), json_(json) {
    logger_.set_formatter(std::make_unique<spdlog::pattern_formatter>("%v"));
    logger_.set_level(spdlog::level::from_str(level));
    logger_.flush_on(spdlog::level::debug);
  }

  void write(LogLevel level,
             std::string_view component,
             std::string_view message,
             std::initializer_list<LogField> fields) override {
    if (!logger_.should_log(to_spdlog(level))) return;
    uint32_t left_out = 0;
    if (!admit(component, message, left_out)) return;
    const std::string line = json_ ? json(level, component, message, fields, left_out)
                                   : logfmt(level, component, message, fields, left_out);
    logger_.log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  struct Repeats {
    Clock::time_point window_begin;
    uint32_t written = 0;
    uint32_t left_out = 0;
  };

  bool admit(std::string_view component, std::string_view message, uint32_t& left_out) {
    const std::lock_guard lock(mutex_);
    if (repeats_.size() >= kRemembered) repeats_.clear();
    Repeats& repeats = repeats_[fmt::format("{}\n{}", component, message)];
    const Clock::time_point now = Clock::now();
    if (repeats.written == 0 || now - repeats.window_begin >= kRepeatWindow) {
      left_out = repeats.left_out;
      repeats = {.window_begin = now};
    }
    if (repeats.written == kRepeatsMax) {
      ++repeats.left_out;
      return false;
    }
    ++repeats.written;
    return true;
  }

  static std::string json(LogLevel level,
                          std::string_view component,
                          std::string_view message,
                          std::initializer_list<LogField> fields,
                          uint32_t left_out) {
    std::string line =
        fmt::format(R"({{"ts":"{}","level":"{}","component":{},"msg":{})", timestamp(),
                    name_of(level), admin::json_string(component), admin::json_string(message));
    for (const LogField& field : fields) {
      line +=
          fmt::format(",{}:{}", admin::json_string(field.name), admin::json_string(field.value));
    }
    if (left_out > 0) line += fmt::format(R"(,"left_out":{})", left_out);
    return line + "}";
  }

  static std::string logfmt(LogLevel level,
                            std::string_view component,
                            std::string_view message,
                            std::initializer_list<LogField> fields,
                            uint32_t left_out) {
    std::string line = fmt::format("ts={} level={} component={} msg={}", timestamp(),
                                   name_of(level), component, logfmt_value(message));
    for (const LogField& field : fields) {
      line += fmt::format(" {}={}", field.name, logfmt_value(field.value));
    }
    if (left_out > 0) line += fmt::format(" left_out={}", left_out);
    return line;
  }

  spdlog::logger logger_;
  const bool json_;
  std::mutex mutex_;
  std::map<std::string, Repeats> repeats_;
};

}  // namespace

std::unique_ptr<runtime::Logger> make_logger(const std::string& level, bool json) {
  return std::make_unique<StderrLogger>(level, json);
}

}  // namespace weir::server
