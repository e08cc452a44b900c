#pragma once
// What a checkpoint is on the disk: CURRENT names a manifest, the manifest names image files and
// the journal files that were in use, an image file holds images of cells and ends in their index.
// docs/formats/checkpoint.md is the specification. Encoding and decoding only.

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"

namespace weir::storage {

inline constexpr const char* kCheckpointFolder = "checkpoints";
inline constexpr const char* kCurrentName = "CURRENT";
inline constexpr size_t kImageFileHeaderBytes = 24;

// The root of the data directory: replaced as a whole at every start and every checkpoint.
struct Current {
  uint64_t epoch = 0;     // of the newest start
  uint64_t manifest = 0;  // its number; 0 when there is no checkpoint yet
};

std::string encode_current(const Current& current);
Result<Current> decode_current(ByteView bytes);

struct ImageFileRef {
  uint64_t number = 0;
  uint64_t bytes = 0;     // of the whole file
  uint64_t index_at = 0;  // where its index begins; it reaches to the end
  uint32_t index_crc = 0;
};

struct Manifest {
  uint64_t number = 0;
  Lsn covered;  // every entry up to here is in an image
  Timestamp now;
  FileId last_file;  // files with a greater id came later and are in use
  struct JournalFileRef {
    FileId id;
    Lsn last;  // of its commits if it was sealed; 0 if it was still appended to
  };
  std::vector<JournalFileRef> files;
  std::vector<ImageFileRef> images;  // oldest first; the newest image of a cell counts
};

std::string encode_manifest(const Manifest& manifest);
Result<Manifest> decode_manifest(ByteView bytes);
std::string manifest_path(uint64_t number);

struct ImageRow {
  CellId cell;
  Lsn lsn;  // holds every entry of the cell up to here
  uint64_t offset = 0;
  uint64_t length = 0;
  uint32_t crc = 0;
};

// A cell that is gone for good, while older image files may still hold an image of it.
struct DroppedCell {
  CellId cell;
  Lsn lsn;
  uint64_t image_file = 0;  // the newest one that may hold an image of it, 0 if none
};

struct ImageIndex {
  std::vector<ImageRow> rows;
  std::vector<DroppedCell> dropped;  // all of them, also those of earlier checkpoints
};

std::string encode_image_file_header(uint64_t number);
bool image_file_header_is(ByteView bytes, uint64_t number);
std::string encode_image_index(const ImageIndex& index);
Result<ImageIndex> decode_image_index(ByteView bytes, const ImageFileRef& file);
std::string image_file_path(uint64_t number);

}  // namespace weir::storage
