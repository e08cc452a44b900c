#include "cli/filter_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "net/unique_fd.h"

namespace weir::cli {
namespace {

std::unexpected<Error> failed(const std::string& what) {
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{}: {}", what, std::strerror(errno)));  // NOLINT(concurrency-mt-unsafe)
}

// A file without a name that holds the text: the command may read it or not.
Result<net::UniqueFd> file_of(const std::string& text) {
  net::UniqueFd file(memfd_create("weir-message", MFD_CLOEXEC));
  if (file.get() < 0) return failed("a temporary file");
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t more = write(file.get(), text.data() + written, text.size() - written);
    if (more < 0) return failed("a temporary file");
    written += static_cast<size_t>(more);
  }
  if (lseek(file.get(), 0, SEEK_SET) < 0) return failed("a temporary file");
  return file;
}

// Nothing when it is too much.
std::optional<std::string> read_all(int from) {
  std::string text;
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t count = read(from, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(count));
    if (text.size() > kFilteredBytesMax) return std::nullopt;
  }
}

}  // namespace

Result<std::string> filtered(const std::string& command, const std::string& input) {
  auto in = file_of(input);
  if (!in) return std::unexpected(in.error());
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failed("a pipe");
  net::UniqueFd out(ends[0]);
  net::UniqueFd to_close(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in->get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, to_close.get(), STDOUT_FILENO);
  std::string shell = "sh";
  std::string option = "-c";
  std::string line = command;
  char* const arguments[] = {shell.data(), option.data(), line.data(), nullptr};
  pid_t process = 0;
  const int spawned = posix_spawn(&process, "/bin/sh", &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (spawned != 0) {
    errno = spawned;
    return failed("/bin/sh");
  }
  to_close.reset();
  auto text = read_all(out.get());
  out.reset();  // a command that writes on gets a signal
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  if (!text) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} wrote more than {} bytes", command, kFilteredBytesMax));
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} failed", command));
  }
  // Most programs end their output with a newline that is no part of it.
  if (text->ends_with('\n') && !input.ends_with('\n')) text->pop_back();
  return std::move(*text);
}

}  // namespace weir::cli
