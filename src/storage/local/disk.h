#pragma once
// The one door from storage/local to the disk. The product opens it on real files (real_disk.h),
// the simulation on an in-memory disk that loses, tears and refuses.
//
// Paths are relative to the data directory. Every call may block and belongs off the reactor,
// except where it says so. Calls on different files, and reads and writes of different places of
// one file, may run at the same time.
//
// Errors are kStorageUnavailable with a text that names the file and the reason of the operating
// system.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weir::storage {

// Unit of direct I/O: memory, offset and length of every read and write of a file opened kDirect
// are multiples of it.
inline constexpr size_t kBlock = 4096;

constexpr uint64_t round_up(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}
constexpr uint64_t round_down(uint64_t value, uint64_t unit) {
  return value / unit * unit;
}

enum class Sync : uint8_t {
  kNone,  // handed to the operating system
  kData,  // on the device when the call returns; vouches for this write only
};

class File {
 public:
  virtual ~File() = default;

  // Both may do less than asked (the count says how much); a read of fewer than asked at the end of
  // the file.
  virtual Result<size_t> read(uint64_t offset, std::span<char> into) = 0;
  virtual Result<size_t> write(uint64_t offset, std::span<const char> from, Sync sync) = 0;
  // Everything written before the call is on the device, and the length of the file with it.
  virtual Result<void> sync() = 0;
  // Makes the file at least `size` bytes long, with room on the device.
  virtual Result<void> allocate(uint64_t size) = 0;
  virtual Result<uint64_t> size() = 0;
  // Asks for this part to be brought into the page cache, and does not wait for it. Of a file
  // opened kCached; it may do nothing.
  virtual void fetch(uint64_t offset, uint64_t length) = 0;
};

enum class OpenMode : uint8_t {
  kDirect,         // existing, past the page cache where the file system allows it
  kDirectCreate,   // the same, but it must not exist yet
  kDirectReplace,  // the same, made or emptied
  kRead,           // existing, through the page cache
  kCached,         // the same, but nothing is read ahead unless fetch() says so
  kReplace,        // made or emptied, through the page cache
};

class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

class Disk {
 public:
  virtual ~Disk() = default;

  // Held until the value is destroyed; an error that says so when another process holds it.
  virtual Result<std::unique_ptr<DirectoryLock>> lock() = 0;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  // A name made, changed or removed counts only after sync_directory of its folder.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<void> make_directory(
      const std::string& path) = 0;  // and its parents; no error if it exists
  virtual Result<void> sync_directory(const std::string& path) = 0;  // "" is the data directory
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;  // names, sorted
  // Bytes that could still be written. Quick enough for the reactor.
  virtual uint64_t free_bytes() = 0;
  // What is unusual about this disk and should be said once, for example refused direct I/O; else
  // empty.
  virtual std::string note() const = 0;
};

// Whole buffers over the calls above; a read that meets the end of the file is an error.
Result<void> read_exactly(File& file, uint64_t offset, std::span<char> into);
Result<void> write_all(File& file, uint64_t offset, std::span<const char> from, Sync sync);
Result<std::string> read_file(Disk& disk, const std::string& path);
// Replaces a small file as a whole: written aside, synced, renamed, directory synced.
Result<void> replace_file(Disk& disk,
                          const std::string& folder,
                          const std::string& name,
                          std::string_view contents);

// Memory for direct I/O, from the operating system: untouched pages cost nothing.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t bytes);  // rounded up to whole blocks, zeroed
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;

  char* data() const { return data_; }
  size_t size() const { return size_; }
  std::span<char> span() const { return {data_, size_}; }
  std::span<char> span(size_t offset, size_t length) const { return {data_ + offset, length}; }

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace weir::storage
