#pragma once
// Where stored bytes lie: a part of one frame of one journal file. The log keeps such places and
// hands them out again; it never looks inside.

#include <cstdint>

#include "base/ids.h"

namespace weir::log {

// One entry (from its header to the end of its payload) or the union of several entries of one
// frame.
struct Location {
  FileId file;
  uint32_t frame =
      0;  // the frame's place in its file, in blocks of 4 KiB; a span never crosses a frame
  uint32_t position = 0;  // of the entry in the file, in bytes
  uint32_t length = 0;    // bytes of the entry, header included

  bool operator==(const Location&) const = default;
};

}  // namespace weir::log
