// The power-cut layer: a library to preload under the real program. It stands in front of the C
// library's file calls, and for files below WEIR_POWERCUT_DATA keeps in WEIR_POWERCUT_LOG (a folder
// on the same file system, outside of the data) what is needed to undo whatever no sync has
// covered. After SIGKILL the cutter undoes a random part of that.
//
// Calls that cannot be followed (shared writable mappings, copy_file_range, a stream opened for
// writing) are counted, and the cutter refuses to judge such a run.

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/crash/powercut/real.h"
#include "tests/crash/powercut/recorder.h"

namespace weir::powercut {
namespace {

constexpr int kDescriptorsMax = 65536;

// What is known of a descriptor of a followed file. `reader` is a plain descriptor to read
// pre-images with.
struct Descriptor {
  uint64_t inode = 0;
  int reader = -1;
  bool directory = false;
  bool synchronous = false;
};

Descriptor* descriptors[kDescriptorsMax];

// The data directory, or null when nothing is to be followed. Must not allocate: an allocator opens
// files while it starts.
const char* data_folder() {
  static const char* const folder =
      std::getenv("WEIR_POWERCUT_LOG") == nullptr ? nullptr : std::getenv("WEIR_POWERCUT_DATA");
  return folder;
}

bool may_be_followed(const char* path) {
  const char* data = data_folder();
  return data != nullptr && path != nullptr &&
         (path[0] != '/' || std::strncmp(path, data, std::strlen(data)) == 0);
}

// Made at the first file that is followed, so that helper processes with the same environment leave
// the log alone.
Recorder* recorder() {
  static Recorder* const instance = new Recorder(std::getenv("WEIR_POWERCUT_LOG"));
  return instance;
}

Descriptor* followed(int number) {
  return number >= 0 && number < kDescriptorsMax ? descriptors[number] : nullptr;
}

std::string path_of_descriptor(int number) {
  char path[4096];
  const ssize_t length =
      ::readlink(("/proc/self/fd/" + std::to_string(number)).c_str(), path, sizeof path);
  return length <= 0 ? std::string() : std::string(path, static_cast<size_t>(length));
}

std::string absolute(int folder, const char* path) {
  if (path == nullptr) return {};
  std::filesystem::path full = path;
  if (!full.is_absolute()) {
    full = (folder == AT_FDCWD ? std::filesystem::current_path().string()
                               : path_of_descriptor(folder)) /
           full;
  }
  std::string normal = full.lexically_normal();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

// The path when it is one that the recorder follows, else empty.
std::string followed_path(int folder, const char* path) {
  if (!may_be_followed(path)) return {};
  const int saved = errno;
  std::string full = absolute(folder, path);
  errno = saved;
  return (full + "/").starts_with(std::string(data_folder()) + "/") ? full : std::string();
}

bool exists(const std::string& path) {
  struct stat status{};
  const int saved = errno;
  const bool found = ::lstat(path.c_str(), &status) == 0;
  errno = saved;
  return found;
}

void follow(int number, const std::string& path, int flags) {
  if (number < 0 || number >= kDescriptorsMax) return;
  const int saved = errno;
  struct stat status{};
  ::fstat(number, &status);
  auto entry = std::make_unique<Descriptor>();
  entry->inode = status.st_ino;
  entry->directory = S_ISDIR(status.st_mode);
  entry->synchronous = (flags & (O_DSYNC | O_SYNC)) != 0;
  if (S_ISREG(status.st_mode) && (flags & O_ACCMODE) != O_RDONLY) {
    entry->reader = real().open(path.c_str(), O_RDONLY | O_CLOEXEC);
  }
  descriptors[number] = entry.release();
  errno = saved;
}

int open_followed(int folder, const char* path, int flags, mode_t mode) {
  const std::string full = followed_path(folder, path);
  if (full.empty()) return real().openat(folder, path, flags, mode);
  const bool creates = (flags & O_CREAT) != 0 && !exists(full);
  if ((flags & O_TRUNC) != 0 && !creates) {
    const int number = real().open(full.c_str(), O_RDONLY | O_CLOEXEC);
    const Ticket cut = number < 0 ? Ticket{} : recorder()->begin_resize(number, 0);
    if (number >= 0) real().close(number);
    const int opened = real().openat(folder, path, flags, mode);
    recorder()->end(cut, opened >= 0, false);
    if (opened >= 0) follow(opened, full, flags);
    return opened;
  }
  const Ticket made = creates ? recorder()->begin_create(full, Kind::kCreate) : Ticket{};
  const int number = real().openat(folder, path, flags, mode);
  if (number >= 0) follow(number, full, flags);
  if (number >= 0 && creates) recorder()->set_inode(made, followed(number)->inode);
  recorder()->end(made, number >= 0, false);
  return number;
}

// Runs a call that writes [offset, offset + length) of a followed file, or at its current position
// with offset -1.
template <typename Call>
ssize_t write_followed(int number, off_t offset, size_t length, bool synchronous, Call call) {
  const Descriptor* entry = followed(number);
  if (entry == nullptr || entry->reader < 0) return call();
  const int saved = errno;
  if (offset < 0) {
    const bool append = (::fcntl(number, F_GETFL) & O_APPEND) != 0;
    offset = ::lseek(number, 0, append ? SEEK_END : SEEK_CUR);
  }
  const Ticket ticket =
      recorder()->begin_write(entry->reader, static_cast<uint64_t>(offset), length);
  errno = saved;
  const ssize_t count = call();
  const int code = errno;
  const bool whole = count == static_cast<ssize_t>(length);
  recorder()->end(ticket, count >= 0, whole && (synchronous || entry->synchronous));
  errno = code;
  return count;
}

size_t total(const iovec* vectors, int count) {
  size_t bytes = 0;
  for (int i = 0; i < count; ++i) bytes += vectors[i].iov_len;
  return bytes;
}

template <typename Call>
int sync_followed(int number, Call call) {
  const Descriptor* entry = followed(number);
  if (entry == nullptr) return call();
  const auto covered = recorder()->begin_sync(entry->inode, entry->directory);
  const int result = call();
  if (result == 0) recorder()->end_sync(covered, entry->inode, entry->directory);
  return result;
}

template <typename Call>
int resize_followed(int number, uint64_t size, Call call) {
  const Descriptor* entry = followed(number);
  if (entry == nullptr || entry->reader < 0) return call();
  const Ticket ticket = recorder()->begin_resize(entry->reader, size);
  const int result = call();
  const int code = errno;
  recorder()->end(ticket, result == 0, false);
  errno = code;
  return result;
}

template <typename Call>
int allocate_followed(int number, int mode, off_t offset, off_t length, Call call) {
  const Descriptor* entry = followed(number);
  if (entry == nullptr || entry->reader < 0 || (mode & FALLOC_FL_KEEP_SIZE) != 0) {
    if (entry != nullptr && mode != FALLOC_FL_KEEP_SIZE && mode != 0)
      recorder()->refuse("fallocate with this mode");
    return call();
  }
  if (mode != 0) recorder()->refuse("fallocate with this mode");
  struct stat status{};
  ::fstat(number, &status);
  const auto end = static_cast<uint64_t>(offset + length);
  return end > static_cast<uint64_t>(status.st_size) ? resize_followed(number, end, call) : call();
}

template <typename Call>
int remove_followed(int folder, const char* path, Kind kind, Call call) {
  const std::string full = followed_path(folder, path);
  if (full.empty()) return call();
  const Ticket ticket = recorder()->begin_unlink(full, kind);
  const int result = call();
  const int code = errno;
  recorder()->end(ticket, result == 0, false);
  errno = code;
  return result;
}

template <typename Call>
int rename_followed(int from_folder, const char* from, int to_folder, const char* to, Call call) {
  const std::string source = followed_path(from_folder, from);
  const std::string target = followed_path(to_folder, to);
  if (source.empty() && target.empty()) return call();
  if (source.empty() || target.empty()) {
    recorder()->refuse("a rename across the data directory's edge");
    return call();
  }
  const Ticket ticket = recorder()->begin_rename(source, target);
  const int result = call();
  const int code = errno;
  recorder()->end(ticket, result == 0, false);
  errno = code;
  return result;
}

template <typename Call>
int create_followed(int folder, const char* path, Kind kind, Call call) {
  const std::string full = followed_path(folder, path);
  if (full.empty() || exists(full)) return call();
  const Ticket ticket = recorder()->begin_create(full, kind);
  const int result = call();
  const int code = errno;
  if (struct stat status{}; ::lstat(full.c_str(), &status) == 0)
    recorder()->set_inode(ticket, status.st_ino);
  recorder()->end(ticket, result == 0, false);
  errno = code;
  return result;
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace
}  // namespace weir::powercut

using namespace weir::powercut;

#define POWERCUT_OPEN(name)                            \
  int name(const char* path, int flags, ...) {         \
    va_list arguments;                                 \
    va_start(arguments, flags);                        \
    const mode_t mode = mode_of(flags, arguments);     \
    va_end(arguments);                                 \
    return open_followed(AT_FDCWD, path, flags, mode); \
  }
#define POWERCUT_OPENAT(name)                              \
  int name(int folder, const char* path, int flags, ...) { \
    va_list arguments;                                     \
    va_start(arguments, flags);                            \
    const mode_t mode = mode_of(flags, arguments);         \
    va_end(arguments);                                     \
    return open_followed(folder, path, flags, mode);       \
  }

extern "C" {

POWERCUT_OPEN(open)
POWERCUT_OPEN(open64)
POWERCUT_OPENAT(openat)
POWERCUT_OPENAT(openat64)

int creat(const char* path, mode_t mode) {
  return open_followed(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int close(int number) {
  if (Descriptor* entry = followed(number); entry != nullptr) {
    descriptors[number] = nullptr;
    if (entry->reader >= 0) real().close(entry->reader);
    delete entry;
  }
  return real().close(number);
}

ssize_t write(int number, const void* bytes, size_t length) {
  return write_followed(number, -1, length, false,
                        [&] { return real().write(number, bytes, length); });
}

ssize_t writev(int number, const iovec* vectors, int count) {
  return write_followed(number, -1, total(vectors, count), false,
                        [&] { return real().writev(number, vectors, count); });
}

ssize_t pwrite(int number, const void* bytes, size_t length, off_t offset) {
  return write_followed(number, offset, length, false,
                        [&] { return real().pwrite(number, bytes, length, offset); });
}

ssize_t pwrite64(int number, const void* bytes, size_t length, off64_t offset) {
  return pwrite(number, bytes, length, offset);
}

ssize_t pwritev(int number, const iovec* vectors, int count, off_t offset) {
  return write_followed(number, offset, total(vectors, count), false,
                        [&] { return real().pwritev(number, vectors, count, offset); });
}

ssize_t pwritev64(int number, const iovec* vectors, int count, off64_t offset) {
  return pwritev(number, vectors, count, offset);
}

ssize_t pwritev2(int number, const iovec* vectors, int count, off_t offset, int flags) {
  return write_followed(number, offset, total(vectors, count),
                        (flags & (RWF_DSYNC | RWF_SYNC)) != 0,
                        [&] { return real().pwritev2(number, vectors, count, offset, flags); });
}

ssize_t pwritev64v2(int number, const iovec* vectors, int count, off64_t offset, int flags) {
  return pwritev2(number, vectors, count, offset, flags);
}

int ftruncate(int number, off_t size) {
  return resize_followed(number, static_cast<uint64_t>(size),
                         [&] { return real().ftruncate(number, size); });
}

int ftruncate64(int number, off64_t size) {
  return ftruncate(number, size);
}

int truncate(const char* path, off_t size) {
  if (!followed_path(AT_FDCWD, path).empty()) recorder()->refuse("truncate by path");
  return real().truncate(path, size);
}

int fallocate(int number, int mode, off_t offset, off_t length) {
  return allocate_followed(number, mode, offset, length,
                           [&] { return real().fallocate(number, mode, offset, length); });
}

int fallocate64(int number, int mode, off64_t offset, off64_t length) {
  return fallocate(number, mode, offset, length);
}

int posix_fallocate(int number, off_t offset, off_t length) {
  return allocate_followed(number, 0, offset, length,
                           [&] { return real().posix_fallocate(number, offset, length); });
}

int posix_fallocate64(int number, off64_t offset, off64_t length) {
  return posix_fallocate(number, offset, length);
}

int fsync(int number) {
  return sync_followed(number, [&] { return real().fsync(number); });
}

int fdatasync(int number) {
  return sync_followed(number, [&] { return real().fdatasync(number); });
}

int rename(const char* from, const char* to) noexcept {
  return rename_followed(AT_FDCWD, from, AT_FDCWD, to, [&] { return real().rename(from, to); });
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  return rename_followed(from_folder, from, to_folder, to,
                         [&] { return real().renameat(from_folder, from, to_folder, to); });
}

int renameat2(
    int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  if (flags != 0 && !followed_path(from_folder, from).empty())
    recorder()->refuse("renameat2 with flags");
  return rename_followed(from_folder, from, to_folder, to,
                         [&] { return real().renameat2(from_folder, from, to_folder, to, flags); });
}

int unlink(const char* path) noexcept {
  return remove_followed(AT_FDCWD, path, Kind::kUnlink, [&] { return real().unlink(path); });
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  const Kind kind = (flags & AT_REMOVEDIR) != 0 ? Kind::kRemoveDirectory : Kind::kUnlink;
  return remove_followed(folder, path, kind, [&] { return real().unlinkat(folder, path, flags); });
}

int remove(const char* path) noexcept {
  struct stat status{};
  const bool directory = ::lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
  return remove_followed(AT_FDCWD, path, directory ? Kind::kRemoveDirectory : Kind::kUnlink,
                         [&] { return real().remove(path); });
}

int rmdir(const char* path) noexcept {
  return remove_followed(AT_FDCWD, path, Kind::kRemoveDirectory,
                         [&] { return real().rmdir(path); });
}

int link(const char* from, const char* to) noexcept {
  return create_followed(AT_FDCWD, to, Kind::kLink, [&] { return real().link(from, to); });
}

int mkdir(const char* path, mode_t mode) noexcept {
  return create_followed(AT_FDCWD, path, Kind::kMakeDirectory,
                         [&] { return real().mkdir(path, mode); });
}

int mkdirat(int folder, const char* path, mode_t mode) noexcept {
  return create_followed(folder, path, Kind::kMakeDirectory,
                         [&] { return real().mkdirat(folder, path, mode); });
}

void* mmap(
    void* address, size_t length, int protection, int flags, int number, off_t offset) noexcept {
  if (followed(number) != nullptr && (flags & MAP_SHARED) != 0 && (protection & PROT_WRITE) != 0) {
    recorder()->refuse("a shared writable mapping");
  }
  return real().mmap(address, length, protection, flags, number, offset);
}

FILE* fopen(const char* path, const char* mode) {
  if (std::strpbrk(mode, "wa+") != nullptr && !followed_path(AT_FDCWD, path).empty())
    recorder()->refuse("a stream opened for writing");
  return real().fopen(path, mode);
}

FILE* fopen64(const char* path, const char* mode) {
  return fopen(path, mode);
}

ssize_t copy_file_range(
    int from, off_t* from_at, int to, off_t* to_at, size_t length, unsigned flags) {
  if (followed(to) != nullptr) recorder()->refuse("copy_file_range");
  return real().copy_file_range(from, from_at, to, to_at, length, flags);
}

}  // extern "C"
