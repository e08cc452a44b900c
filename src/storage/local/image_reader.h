#pragma once
// Reading checkpoints: the index of an image file, and all newest images in ascending order of
// cells. Blocking.

#include <functional>
#include <span>

#include "storage/local/disk.h"
#include "storage/local/recovery.h"

namespace weir::storage {

Result<ImageIndex> read_image_index(Disk& disk, const ImageFileRef& file);

using ImageSink = std::function<Result<void>(CellId cell, ByteView image)>;

// Hands every image that `cells` points to over, checked against its checksum. Stops at the first
// error.
Result<void> for_each_image(Disk& disk,
                            std::span<const ImageFileRef> files,
                            const CellDirectory& cells,
                            const ImageSink& sink);

}  // namespace weir::storage
