#pragma once
// The disk of the product: a folder of a local file system.
//
// Journal files are opened past the page cache (O_DIRECT) and synced per write (RWF_DSYNC). Where
// the file system refuses direct I/O they go through the page cache, with the same guarantees;
// note() says so.

#include <atomic>
#include <filesystem>

#include "storage/local/disk.h"

namespace weir::storage {

class RealDisk : public Disk {
 public:
  // The folder is made if it is missing.
  explicit RealDisk(std::filesystem::path folder);

  Result<std::unique_ptr<DirectoryLock>> lock() override;
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> make_directory(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  uint64_t free_bytes() override;
  std::string note() const override;

 private:
  std::filesystem::path folder_;
  std::atomic<bool> direct_refused_ = false;
};

}  // namespace weir::storage
