#include "storage/local/real_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace weir::storage {
namespace {

constexpr uint64_t kFetchBytes = uint64_t{128} << 10;
constexpr uint64_t kFetchStepBytes = uint64_t{2} << 20;

std::unexpected<Error> os_error(std::string_view verb, const std::string& path, int code) {
  return fail(code == ENOENT ? ErrorCode::kNotFound : ErrorCode::kStorageUnavailable,
              fmt::format("cannot {} {}: {}", verb, path, std::system_category().message(code)));
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;

  int get() const { return number_; }

 private:
  int number_;
};

class RealFile : public File {
 public:
  RealFile(std::string path, Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}

  Result<size_t> read(uint64_t offset, std::span<char> into) override {
    for (;;) {
      const ssize_t count =
          ::pread(descriptor_.get(), into.data(), into.size(), static_cast<off_t>(offset));
      if (count >= 0) return static_cast<size_t>(count);
      if (errno != EINTR) return os_error("read", path_, errno);
    }
  }

  Result<size_t> write(uint64_t offset, std::span<const char> from, Sync sync) override {
    iovec vector{const_cast<char*>(from.data()), from.size()};
    for (;;) {
      const ssize_t count = ::pwritev2(descriptor_.get(), &vector, 1, static_cast<off_t>(offset),
                                       sync == Sync::kData ? RWF_DSYNC : 0);
      if (count >= 0) return static_cast<size_t>(count);
      if (errno != EINTR) return os_error("write", path_, errno);
    }
  }

  Result<void> sync() override {
    if (::fdatasync(descriptor_.get()) != 0) return os_error("sync", path_, errno);
    return {};
  }

  Result<void> allocate(uint64_t size) override {
    const int code = ::posix_fallocate(descriptor_.get(), 0, static_cast<off_t>(size));
    if (code != 0) return os_error("allocate", path_, code);
    return {};
  }

  Result<uint64_t> size() override {
    struct stat status{};
    if (::fstat(descriptor_.get(), &status) != 0) return os_error("examine", path_, errno);
    return static_cast<uint64_t>(status.st_size);
  }

  // The kernel cuts a call at what the device takes, or what is read ahead, at a time, which may be
  // as little as kFetchBytes. So each step is asked for as a whole, which gives the device large
  // requests, and then in pieces that are never cut, for what the kernel left out.
  void fetch(uint64_t offset, uint64_t length) override {
    const uint64_t end = offset + length;
    for (uint64_t step = offset; step < end; step += kFetchStepBytes) {
      const uint64_t step_end = std::min(end, step + kFetchStepBytes);
      will_need(step, step_end - step);
      for (uint64_t at = step + kFetchBytes; at < step_end; at += kFetchBytes) {
        will_need(at, std::min(kFetchBytes, step_end - at));
      }
    }
  }

 private:
  void will_need(uint64_t offset, uint64_t length) const {
    ::posix_fadvise(descriptor_.get(), static_cast<off_t>(offset), static_cast<off_t>(length),
                    POSIX_FADV_WILLNEED);
  }

  std::string path_;
  Descriptor descriptor_;
};

class FlockLock : public DirectoryLock {
 public:
  explicit FlockLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::kDirect: return O_RDWR | O_DIRECT;
    case OpenMode::kDirectCreate: return O_RDWR | O_DIRECT | O_CREAT | O_EXCL;
    case OpenMode::kDirectReplace: return O_RDWR | O_DIRECT | O_CREAT | O_TRUNC;
    case OpenMode::kRead:
    case OpenMode::kCached: return O_RDONLY;
    case OpenMode::kReplace: return O_RDWR | O_CREAT | O_TRUNC;
  }
  std::unreachable();
}

}  // namespace

RealDisk::RealDisk(std::filesystem::path folder) : folder_(std::move(folder)) {}

Result<std::unique_ptr<DirectoryLock>> RealDisk::lock() {
  if (auto made = make_directory(""); !made) return std::unexpected(made.error());
  const std::string path = folder_ / "LOCK";
  Descriptor descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (descriptor.get() < 0) return os_error("open", path, errno);
  if (::flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return os_error("lock", path, errno);
    return fail(
        ErrorCode::kStorageUnavailable,
        fmt::format("{} is in use by another process; stop it, or choose another data directory",
                    folder_.string()));
  }
  return std::make_unique<FlockLock>(std::move(descriptor));
}

Result<std::unique_ptr<File>> RealDisk::open(const std::string& path, OpenMode mode) {
  const std::string full = folder_ / path;
  const int flags = flags_of(mode) | O_CLOEXEC;
  int number = ::open(full.c_str(), flags, 0644);
  if (number < 0 && errno == EINVAL && (flags & O_DIRECT) != 0) {
    // The refused call may have made the file already.
    number = ::open(full.c_str(), flags & ~(O_DIRECT | O_EXCL), 0644);
    if (number >= 0) direct_refused_ = true;
  }
  if (number < 0) return os_error("open", full, errno);
  if (mode == OpenMode::kCached) ::posix_fadvise(number, 0, 0, POSIX_FADV_RANDOM);
  return std::make_unique<RealFile>(full, Descriptor(number));
}

Result<void> RealDisk::rename(const std::string& from, const std::string& to) {
  const std::string full = folder_ / from;
  if (::rename(full.c_str(), (folder_ / to).c_str()) != 0) return os_error("rename", full, errno);
  return {};
}

Result<void> RealDisk::remove(const std::string& path) {
  const std::string full = folder_ / path;
  if (::unlink(full.c_str()) != 0 && errno != ENOENT) return os_error("remove", full, errno);
  return {};
}

Result<void> RealDisk::make_directory(const std::string& path) {
  std::error_code code;
  std::filesystem::create_directories(folder_ / path, code);
  if (code) return os_error("make", folder_ / path, code.value());
  return {};
}

Result<void> RealDisk::sync_directory(const std::string& path) {
  const std::string full = folder_ / path;
  const Descriptor descriptor(::open(full.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0) return os_error("open", full, errno);
  if (::fsync(descriptor.get()) != 0) return os_error("sync", full, errno);
  return {};
}

Result<std::vector<std::string>> RealDisk::list(const std::string& path) {
  std::vector<std::string> names;
  std::error_code code;
  std::filesystem::directory_iterator at(folder_ / path, code);
  for (; !code && at != std::filesystem::directory_iterator(); at.increment(code)) {
    names.push_back(at->path().filename());
  }
  if (code) return os_error("list", folder_ / path, code.value());
  std::ranges::sort(names);
  return names;
}

uint64_t RealDisk::free_bytes() {
  struct statvfs status{};
  if (::statvfs(folder_.c_str(), &status) != 0) return 0;
  return static_cast<uint64_t>(status.f_bavail) * status.f_frsize;
}

std::string RealDisk::note() const {
  if (!direct_refused_) return {};
  return fmt::format(
      "the file system of {} refuses direct I/O: journal files go through the page cache, which "
      "costs memory and speed",
      folder_.string());
}

}  // namespace weir::storage
