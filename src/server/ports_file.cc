#include "server/ports_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace weir::server {

Result<> write_ports_file(const std::string& path, const std::string& json) {
  const std::string fresh = fmt::format("{}.{}", path, getpid());
  const auto refuse = [&] {
    const int reason = errno;
    ::unlink(fresh.c_str());
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("cannot write {}: {}; choose another file with --ports-file", path,
                            std::strerror(reason)));
  };
  const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return refuse();
  const ssize_t written = ::write(file, json.data(), json.size());
  const bool closed = ::close(file) == 0;
  if (written != static_cast<ssize_t>(json.size()) || !closed) return refuse();
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return refuse();
  return {};
}

void remove_ports_file(const std::string& path) {
  ::unlink(path.c_str());
}

}  // namespace weir::server
