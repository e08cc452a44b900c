#pragma once
// ReadBuffer: what was received and not yet consumed, contiguous. Small while a connection is
// quiet, as large as its limit when a large request arrives, and small again afterwards.
//
// Parts of it can be kept as Bytes; memory that somebody keeps is never written again.

#include <memory>
#include <span>

#include "base/bytes.h"

namespace weir::net {

class ReadBuffer {
 public:
  static constexpr size_t kBytesMin = 4096;
  static constexpr size_t kBytesBusy = size_t{64} << 10;  // for a stream of small requests

  ByteView content() const { return {storage_.get() + begin_, end_ - begin_}; }
  // Moves nothing: a read into the room may be under way.
  void consume(size_t bytes);

  // Room behind the content, so that content and room together are at most `bytes_max`; empty when
  // the content alone is that large. May move the content: views into it end here.
  std::span<char> room(size_t bytes_max);
  // So many bytes of the room were filled.
  void filled(size_t bytes);
  // The request at the front has so many bytes in all.
  void expect(size_t bytes) { expected_ = bytes; }

  Bytes keep(ByteView part);
  size_t capacity() const { return capacity_; }

 private:
  size_t capacity_wanted() const;
  void reallocate(size_t capacity);

  std::shared_ptr<char[]> storage_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t expected_ = 0;
  size_t room_given_ = 0;
  uint32_t small_reads_ = 0;
  bool room_was_filled_ = false;
  bool kept_ = false;
};

}  // namespace weir::net
