#include "cli/password.h"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <iostream>
#include <string_view>

#include "server/settings.h"

namespace weir::cli {
namespace {

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find_first_of("\r\n")));
}

// The terminal shows nothing of what is typed, as long as this lives.
class Unseen {
 public:
  Unseen() {
    tcgetattr(STDIN_FILENO, &before_);
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~Unseen() { tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_); }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

 private:
  termios before_{};
};

std::string ask(std::string_view question) {
  fmt::print(stderr, "{}: ", question);
  std::string line;
  {
    const Unseen unseen;
    std::getline(std::cin, line);
  }
  fmt::print(stderr, "\n");
  return line;
}

Result<std::string> ask_twice() {
  std::string password = ask("password");
  if (ask("the same again") != password) {
    return fail(ErrorCode::kInvalidArgument, "the passwords differ");
  }
  return password;
}

Result<std::string> from_variable(const std::string& name,
                                  std::span<const char* const> environment) {
  for (const std::string_view entry : environment) {
    if (entry.starts_with(name) && entry.substr(name.size()).starts_with('=')) {
      return std::string(entry.substr(name.size() + 1));
    }
  }
  return fail(ErrorCode::kNotFound, fmt::format("the environment has no variable {}", name));
}

}  // namespace

Result<std::string> read_password(const PasswordSource& source,
                                  std::span<const char* const> environment) {
  Result<std::string> password;
  if (!source.file.empty()) {
    password = server::read_file(source.file);
    if (password) password = first_line(*password);
  } else if (!source.variable.empty()) {
    password = from_variable(source.variable, environment);
  } else if (isatty(STDIN_FILENO) == 1) {
    password = ask_twice();
  } else {
    std::string line;
    std::getline(std::cin, line);
    password = first_line(line);
  }
  if (password && password->empty()) {
    return fail(ErrorCode::kInvalidArgument, "the password is empty");
  }
  return password;
}

}  // namespace weir::cli
