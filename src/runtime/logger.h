#pragma once
// Logger: what the process tells its operator, one line an event. Handed in, never global; the
// server decides where and how lines are written. Repeats are limited by the implementation.
//
// Thread safety: write() from any thread. Never called for each request: count instead.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace weir::runtime {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

struct LogField {
  std::string_view name;
  std::string value;
};

class Logger {
 public:
  virtual ~Logger() = default;

  // `component` is a room or a protocol ("storage", "kafka"); `message` a constant text; what
  // varies goes into `fields`.
  virtual void write(LogLevel level,
                     std::string_view component,
                     std::string_view message,
                     std::initializer_list<LogField> fields) = 0;

  void debug(std::string_view component,
             std::string_view message,
             std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kDebug, component, message, fields);
  }
  void info(std::string_view component,
            std::string_view message,
            std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kInfo, component, message, fields);
  }
  void warn(std::string_view component,
            std::string_view message,
            std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kWarning, component, message, fields);
  }
  void error(std::string_view component,
             std::string_view message,
             std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kError, component, message, fields);
  }
};

}  // namespace weir::runtime
