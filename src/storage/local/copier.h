#pragma once
// Copies live entries of old journal files into a new one, a step at a time: the tidier's work off
// the reactor. Blocking.

#include <map>
#include <memory>
#include <vector>

#include "storage/local/files.h"

namespace weir::storage {

// A span to be copied, and where it lies.
struct CopyPiece {
  CellId cell;
  broker::Extent from;
  std::string path;
  uint32_t salt = 0;
};

class Copier {
 public:
  struct Target {
    FileId id;
    uint64_t epoch = 0;
    uint64_t size = 0;
    uint32_t salt = 0;
    std::shared_ptr<File> handle;
  };
  struct Progress {
    bool done = false;  // all pieces are copied, or the target is full; everything is on the device
    uint64_t bytes = 0;  // read by this step
  };

  Copier(Disk& disk, std::vector<CopyPiece> pieces, Target target);

  // About a megabyte. An error is one of the target's; pieces that cannot be read are left where
  // they are.
  Result<Progress> step();

  // Valid when done.
  std::vector<broker::MovedSpan> take_moved() { return std::move(moved_); }
  uint64_t copied_bytes() const { return copied_bytes_; }
  uint64_t end() const { return position_; }
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  Result<bool> copy(const CopyPiece& piece, uint64_t& bytes);
  Result<void> flush();
  Result<void> finish();

  Disk& disk_;
  std::vector<CopyPiece> pieces_;
  Target target_;
  size_t next_ = 0;
  std::map<std::string, std::shared_ptr<File>> sources_;
  Buffer frame_;
  uint32_t frame_entries_ = 0;
  uint32_t frame_length_ = 0;
  uint64_t position_ = kBlock;  // of the frame that is being filled
  std::vector<IndexRow> index_;
  std::vector<broker::MovedSpan> moved_;
  uint64_t copied_bytes_ = 0;
  std::vector<std::string> problems_;
};

}  // namespace weir::storage
