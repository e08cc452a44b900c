#include "simulation/storage/faulty_disk.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "storage/local/files.h"

namespace weir::storage {
namespace {

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

}  // namespace

class FaultyDisk::OpenFile : public File {
 public:
  OpenFile(FaultyDisk& disk, InodePtr inode, bool cached)
      : disk_(disk), inode_(std::move(inode)), life_(disk.life_), cached_(cached) {}

  Result<size_t> read(uint64_t offset, std::span<char> into) override {
    if (disk_.off_ || life_ != disk_.life_)
      return std::unexpected(disk_.failure("the machine is off"));
    if (disk_.happens(disk_.faults.read_error)) return std::unexpected(disk_.failure("read error"));
    if (offset >= inode_->bytes.size()) return 0;
    size_t count = std::min<uint64_t>(into.size(), inode_->bytes.size() - offset);
    if (count > 1 && disk_.happens(disk_.faults.short_transfer))
      count = 1 + disk_.random_.below(count - 1);
    std::memcpy(into.data(), inode_->bytes.data() + offset, count);
    if (cached_) {
      disk_.cached_bytes_ += count;
      if (disk_.happens(disk_.faults.stale_page)) std::memset(into.data(), 0, count);
    }
    return count;
  }
  Result<size_t> write(uint64_t offset, std::span<const char> from, Sync sync) override {
    if (disk_.off_ || life_ != disk_.life_)
      return std::unexpected(disk_.failure("the machine is off"));
    return disk_.write(inode_, offset, {from.data(), from.size()}, sync);
  }
  Result<void> sync() override {
    if (disk_.off_ || life_ != disk_.life_)
      return std::unexpected(disk_.failure("the machine is off"));
    return disk_.sync(inode_);
  }
  Result<void> allocate(uint64_t size) override {
    if (disk_.off_ || life_ != disk_.life_)
      return std::unexpected(disk_.failure("the machine is off"));
    if (disk_.happens(disk_.faults.allocate_error))
      return std::unexpected(disk_.failure("allocate error"));
    const uint64_t now = inode_->bytes.size();
    if (size <= now) return {};
    if (disk_.free_bytes() < size - now) return std::unexpected(disk_.failure("no space left"));
    inode_->bytes.resize(size);
    return {};
  }
  Result<uint64_t> size() override { return inode_->bytes.size(); }
  void fetch(uint64_t, uint64_t length) override { disk_.fetched_bytes_ += length; }

 private:
  FaultyDisk& disk_;
  InodePtr inode_;
  uint64_t life_;
  bool cached_;
};

Error FaultyDisk::failure(std::string_view what) const {
  return Error{ErrorCode::kStorageUnavailable, std::string(what)};
}

void FaultyDisk::put(Inode& inode, uint64_t offset, std::string_view bytes, bool durable) {
  if (inode.bytes.size() < offset + bytes.size()) inode.bytes.resize(offset + bytes.size());
  for (uint64_t sector = offset / kSector; sector * kSector < offset + bytes.size(); ++sector) {
    if (durable) {
      inode.before.erase(sector);
      continue;
    }
    Sector old{};
    const uint64_t at = sector * kSector;
    const size_t count = std::min<uint64_t>(kSector, inode.bytes.size() - at);
    std::memcpy(old.data(), inode.bytes.data() + at, count);
    inode.before.try_emplace(sector, old);
  }
  std::memcpy(inode.bytes.data() + offset, bytes.data(), bytes.size());
  if (durable) inode.durable_size = std::max<uint64_t>(inode.durable_size, offset + bytes.size());
}

Result<size_t> FaultyDisk::write(const InodePtr& inode,
                                 uint64_t offset,
                                 std::string_view bytes,
                                 Sync sync) {
  ++writes_;
  if (offset + bytes.size() > inode->bytes.size() &&
      free_bytes() < offset + bytes.size() - inode->bytes.size()) {
    return std::unexpected(failure("no space left"));
  }
  if (happens(faults.write_error)) {
    ++errors_;
    put(*inode, offset, bytes.substr(0, random_.below(bytes.size() + 1)), false);
    return std::unexpected(failure("write error"));
  }
  if (bytes.size() > 1 && happens(faults.short_transfer)) {
    bytes = bytes.substr(0, 1 + random_.below(bytes.size() - 1));
  }
  put(*inode, offset, bytes, sync == Sync::kData && !dying_);
  if (dying_ && sync == Sync::kData) {
    off_ = true;
    return std::unexpected(failure("the machine is off"));
  }
  return bytes.size();
}

Result<void> FaultyDisk::sync(const InodePtr& inode) {
  ++syncs_;
  if (dying_) {
    off_ = true;
    return std::unexpected(failure("the machine is off"));
  }
  if (happens(faults.sync_error)) {
    ++errors_;
    settle(*inode, 50);
    return std::unexpected(failure("sync error"));
  }
  inode->before.clear();
  inode->durable_size = inode->bytes.size();
  return {};
}

// Each unsynced sector is kept or lost for good.
void FaultyDisk::settle(Inode& inode, uint64_t keep_percent) {
  for (const auto& [sector, old] : inode.before) {
    if (random_.below(100) < keep_percent) continue;
    const uint64_t at = sector * kSector;
    if (at >= inode.bytes.size()) continue;
    const size_t count = std::min<uint64_t>(kSector, inode.bytes.size() - at);
    std::memcpy(inode.bytes.data() + at, old.data(), count);
  }
  inode.before.clear();
}

void FaultyDisk::cut_power(uint64_t keep_percent) {
  for (const auto& [name, inode] : names_) {
    settle(*inode, keep_percent);
    if (inode->bytes.size() != inode->durable_size && random_.below(100) >= keep_percent) {
      inode->bytes.resize(inode->durable_size);
    }
    inode->durable_size = inode->bytes.size();
  }
  size_t kept = changes_.size() * keep_percent / 100;
  if (keep_percent > 0 && keep_percent < 100) kept = random_.below(changes_.size() + 1);
  names_ = durable_names_;
  for (size_t i = 0; i < kept; ++i) changes_[i].second(names_);
  durable_names_ = names_;
  changes_.clear();
  ++life_;
  locked_ = dying_ = off_ = false;
}

void FaultyDisk::change_names(const std::string& folder, NameChange change) {
  change(names_);
  changes_.emplace_back(folder, std::move(change));
}

Result<void> FaultyDisk::sync_directory(const std::string& path) {
  if (off_) return std::unexpected(failure("the machine is off"));
  if (dying_) {
    off_ = true;
    return std::unexpected(failure("the machine is off"));
  }
  if (happens(faults.sync_error)) return std::unexpected(failure("sync error"));
  std::erase_if(changes_, [&](auto& entry) {
    if (entry.first != path) return false;
    entry.second(durable_names_);
    return true;
  });
  return {};
}

Result<std::unique_ptr<DirectoryLock>> FaultyDisk::lock() {
  struct Lock : DirectoryLock {
    Lock(FaultyDisk& disk) : owner(disk), life(disk.life_) {}
    ~Lock() override {
      if (life == owner.life_) owner.locked_ = false;
    }
    FaultyDisk& owner;
    uint64_t life;
  };
  if (locked_) return fail(ErrorCode::kStorageUnavailable, "the directory is in use");
  locked_ = true;
  return std::make_unique<Lock>(*this);
}

Result<std::unique_ptr<File>> FaultyDisk::open(const std::string& path, OpenMode mode) {
  if (off_) return std::unexpected(failure("the machine is off"));
  const auto known = names_.find(path);
  const bool replaces = mode == OpenMode::kReplace || mode == OpenMode::kDirectReplace;
  const bool makes = mode == OpenMode::kDirectCreate || replaces;
  if (known == names_.end() && !makes) return fail(ErrorCode::kNotFound, "no file " + path);
  if (known != names_.end() && mode == OpenMode::kDirectCreate) {
    return std::unexpected(failure("exists already"));
  }
  InodePtr inode;
  if (known == names_.end() || replaces) {
    inode = std::make_shared<Inode>();
    change_names(folder_of(path), [path, inode](Names& names) { names[path] = inode; });
  } else {
    inode = known->second;
  }
  const bool cached = mode == OpenMode::kCached;
  return std::make_unique<OpenFile>(*this, std::move(inode), cached);
}

Result<void> FaultyDisk::rename(const std::string& from, const std::string& to) {
  if (off_) return std::unexpected(failure("the machine is off"));
  if (!names_.contains(from)) return fail(ErrorCode::kNotFound, "no file " + from);
  change_names(folder_of(from), [from, to, inode = names_[from]](Names& names) {
    names.erase(from);
    names[to] = inode;
  });
  return {};
}

Result<void> FaultyDisk::remove(const std::string& path) {
  if (off_) return std::unexpected(failure("the machine is off"));
  change_names(folder_of(path), [path](Names& names) { names.erase(path); });
  return {};
}

Result<void> FaultyDisk::make_directory(const std::string&) {
  return {};
}

Result<std::vector<std::string>> FaultyDisk::list(const std::string& path) {
  std::vector<std::string> found;
  for (const auto& [name, inode] : names_) {
    if (folder_of(name) == path) found.push_back(name.substr(path.empty() ? 0 : path.size() + 1));
  }
  return found;
}

void FaultyDisk::flip_bit(const std::string& path, uint64_t offset, int bit) {
  Inode& inode = *names_.at(path);
  WEIR_ASSERT(offset < inode.bytes.size());
  inode.bytes[offset] = static_cast<char>(inode.bytes[offset] ^ (1 << bit));
}

std::vector<std::string> FaultyDisk::paths() const {
  std::vector<std::string> found;
  for (const auto& [name, inode] : names_) found.push_back(name);
  return found;
}

uint64_t FaultyDisk::file_size(const std::string& path) const {
  return names_.at(path)->bytes.size();
}

std::string FaultyDisk::contents(const std::string& path) const {
  return names_.at(path)->bytes;
}

uint64_t FaultyDisk::used() const {
  uint64_t sum = 0;
  for (const auto& [name, inode] : names_) sum += inode->bytes.size();
  return sum;
}

}  // namespace weir::storage
