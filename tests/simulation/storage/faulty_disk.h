#pragma once
// A disk in memory that behaves as badly as a real one may. What was written but not synced can be
// lost, or kept, sector by sector, when the power is cut; so can names that were made, changed or
// removed since their directory was synced (a journalling file system keeps a prefix of such
// changes). Errors, short transfers and a full disk are switched on by the test. Everything random
// comes from one seed.

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "storage/local/disk.h"

namespace weir::storage {

struct DiskFaults {
  // Each once in so many calls; 0 is never.
  uint64_t write_error = 0;  // part of the write may have happened
  uint64_t sync_error = 0;   // what was unsynced is kept or lost, nobody knows
  uint64_t read_error = 0;
  uint64_t short_transfer = 0;
  uint64_t allocate_error = 0;
  uint64_t stale_page = 0;  // a read of a journal file through the page cache finds what is gone
};

class FaultyDisk : public Disk {
 public:
  explicit FaultyDisk(uint64_t seed) : random_(seed) {}

  DiskFaults faults;
  uint64_t capacity = UINT64_MAX;  // bytes that files may take together

  // The power goes. Open files and locks are dead afterwards; `keep_percent` of the unsynced
  // sectors survive.
  void cut_power(uint64_t keep_percent);
  // From now until the power is cut nothing becomes durable any more: what runs now was under way
  // at that moment.
  void begin_dying() { dying_ = true; }

  // Changes one bit of a file as it is on the device.
  void flip_bit(const std::string& path, uint64_t offset, int bit);
  std::vector<std::string> paths() const;
  uint64_t file_size(const std::string& path) const;
  std::string contents(const std::string& path) const;
  uint64_t used() const;
  uint64_t syncs() const { return syncs_; }
  uint64_t writes() const { return writes_; }
  uint64_t errors() const { return errors_; }                // of writes and syncs so far
  uint64_t cached_bytes() const { return cached_bytes_; }    // read through the page cache
  uint64_t fetched_bytes() const { return fetched_bytes_; }  // asked for ahead

  Result<std::unique_ptr<DirectoryLock>> lock() override;
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> make_directory(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  uint64_t free_bytes() override { return capacity - std::min(capacity, used()); }
  std::string note() const override { return {}; }

 private:
  static constexpr size_t kSector = 512;
  using Sector = std::array<char, kSector>;

  struct Inode {
    std::string bytes;
    std::map<uint64_t, Sector>
        before;  // what the device still has of sectors written since the last sync
    uint64_t durable_size = 0;
  };
  using InodePtr = std::shared_ptr<Inode>;
  using Names = std::map<std::string, InodePtr>;
  using NameChange = std::function<void(Names&)>;
  class OpenFile;

  bool happens(uint64_t one_in) { return one_in > 0 && random_.one_in(one_in); }
  Error failure(std::string_view what) const;
  void put(Inode& inode, uint64_t offset, std::string_view bytes, bool durable);
  void settle(Inode& inode, uint64_t keep_percent);
  void change_names(const std::string& folder, NameChange change);
  Result<size_t> write(const InodePtr& inode, uint64_t offset, std::string_view bytes, Sync sync);
  Result<void> sync(const InodePtr& inode);

  Random random_;
  Names names_;
  Names durable_names_;
  std::vector<std::pair<std::string, NameChange>>
      changes_;        // of names, not synced; with their folder
  uint64_t life_ = 0;  // counts power cuts: handles of an earlier life are dead
  bool locked_ = false;
  bool dying_ = false;
  bool off_ = false;
  uint64_t syncs_ = 0;
  uint64_t writes_ = 0;
  uint64_t errors_ = 0;
  uint64_t cached_bytes_ = 0;
  uint64_t fetched_bytes_ = 0;
};

}  // namespace weir::storage
