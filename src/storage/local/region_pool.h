#pragma once
// Memory for regions of files. What the last slice of a region gives back is used for the next one:
// fresh pages would have to be zeroed by the kernel first, which costs more than the read itself.
//
// Thread: any.

#include <memory>
#include <mutex>
#include <vector>

#include "storage/local/disk.h"

namespace weir::storage {

// What a consumer asks for at a time, and a row more.
inline constexpr size_t kRegionBytes = (size_t{1} << 20) + (size_t{128} << 10);

class RegionPool : public std::enable_shared_from_this<RegionPool> {
 public:
  // Memory of kRegionBytes, aligned for direct I/O, with what was in it before.
  std::shared_ptr<char> take();
  // Gives back to the operating system what nobody uses.
  void clear();

 private:
  static constexpr size_t kFreeMax = 32;

  void give_back(Buffer buffer);

  std::mutex mutex_;
  std::vector<Buffer> free_;
};

}  // namespace weir::storage
