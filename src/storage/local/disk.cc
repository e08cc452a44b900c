#include "storage/local/disk.h"

#include <sys/mman.h>

#include <utility>

#include "base/assert.h"

namespace weir::storage {

Result<void> read_exactly(File& file, uint64_t offset, std::span<char> into) {
  while (!into.empty()) {
    const auto count = file.read(offset, into);
    if (!count) return std::unexpected(count.error());
    if (*count == 0) return fail(ErrorCode::kStorageCorrupt, "a file is shorter than it must be");
    offset += *count;
    into = into.subspan(*count);
  }
  return {};
}

Result<void> write_all(File& file, uint64_t offset, std::span<const char> from, Sync sync) {
  while (!from.empty()) {
    const auto count = file.write(offset, from, sync);
    if (!count) return std::unexpected(count.error());
    if (*count == 0) return fail(ErrorCode::kStorageUnavailable, "the disk takes no more bytes");
    // A short direct write may end inside a block: the block is written again.
    const size_t step = *count == from.size() ? *count : round_down(*count, kBlock);
    offset += step;
    from = from.subspan(step);
  }
  return {};
}

Result<std::string> read_file(Disk& disk, const std::string& path) {
  auto file = disk.open(path, OpenMode::kRead);
  if (!file) return std::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  std::string contents(*size, '\0');
  if (auto read = read_exactly(**file, 0, contents); !read) return std::unexpected(read.error());
  return contents;
}

Result<void> replace_file(Disk& disk,
                          const std::string& folder,
                          const std::string& name,
                          std::string_view contents) {
  const std::string path = folder.empty() ? name : folder + "/" + name;
  auto file = disk.open(path + ".new", OpenMode::kReplace);
  if (!file) return std::unexpected(file.error());
  if (auto ok = write_all(**file, 0, contents, Sync::kNone); !ok) return ok;
  if (auto ok = (*file)->sync(); !ok) return ok;
  if (auto ok = disk.rename(path + ".new", path); !ok) return ok;
  return disk.sync_directory(folder);
}

Buffer::Buffer(size_t bytes) : size_(round_up(bytes, kBlock)) {
  void* memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  WEIR_ASSERT(memory != MAP_FAILED, "no memory for a buffer of {} bytes", size_);
  data_ = static_cast<char*>(memory);
}

Buffer::~Buffer() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace weir::storage
