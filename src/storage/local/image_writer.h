#pragma once
// Writes one image file, a batch of cells at a time. Lives in the background lane between the
// calls; blocking. Past the page cache: an image is read again at a start at most, and what it
// would push out is read sooner.

#include <memory>
#include <string>
#include <vector>

#include "broker/ports/journal.h"
#include "storage/local/disk.h"
#include "storage/local/manifest.h"

namespace weir::storage {

struct TakenImage {
  CellId cell;
  Lsn lsn;
  broker::CellImage image;
};

class ImageWriter {
 public:
  ImageWriter(Disk& disk, uint64_t number) : disk_(disk), number_(number) {}

  Result<void> write(std::vector<TakenImage> batch);
  // Index and, unless a canary forbids it, sync. After this the file is complete.
  Result<ImageFileRef> finish(std::vector<DroppedCell> dropped);

  const std::vector<ImageRow>& rows() const { return index_.rows; }

 private:
  Result<void> open();
  Result<void> spill();

  Disk& disk_;
  uint64_t number_;
  std::unique_ptr<File> file_;
  uint64_t written_ = 0;
  std::string pending_;  // what follows written_
  Buffer aligned_;
  ImageIndex index_;
};

}  // namespace weir::storage
