#include "net/read_buffer.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace weir::net {
namespace {

// How much is allocated for a request on the word of its length field alone.
constexpr size_t kTrustedBytes = size_t{256} << 10;
// After so many reads that a small buffer would have held, the buffer becomes small.
constexpr uint32_t kSmallReadsBeforeShrinking = 16;
// A smaller share of the buffer is copied when kept, since it would keep the whole of it alive.
constexpr size_t kShareWorthKeeping = 4;

}  // namespace

void ReadBuffer::consume(size_t bytes) {
  WEIR_ASSERT(bytes <= end_ - begin_, "consumed {} of {} bytes", bytes, end_ - begin_);
  if (bytes == 0) return;
  begin_ += bytes;
  expected_ = 0;
}

std::span<char> ReadBuffer::room(size_t bytes_max) {
  const size_t have = end_ - begin_;
  if (have >= bytes_max) return {};
  if (have == 0 && !kept_) begin_ = end_ = 0;
  const size_t wanted = std::min(capacity_wanted(), std::max(bytes_max, kBytesMin));
  if (wanted > capacity_ || (have == 0 && wanted < capacity_)) {
    reallocate(wanted);
  } else if (capacity_ - end_ < capacity_ / 2 && begin_ > 0) {
    if (kept_) {
      reallocate(wanted);
    } else {
      std::memmove(storage_.get(), storage_.get() + begin_, have);
      begin_ = 0;
      end_ = have;
    }
  }
  room_given_ = std::min(capacity_ - end_, bytes_max - have);
  return {storage_.get() + end_, room_given_};
}

void ReadBuffer::filled(size_t bytes) {
  WEIR_ASSERT(bytes <= room_given_);
  room_was_filled_ = bytes == room_given_;
  small_reads_ = bytes <= kBytesMin / 2 ? small_reads_ + 1 : 0;
  end_ += bytes;
}

size_t ReadBuffer::capacity_wanted() const {
  const size_t have = end_ - begin_;
  size_t wanted = std::max(capacity_, kBytesMin);
  if (have == 0 && (capacity_ > kBytesBusy || small_reads_ >= kSmallReadsBeforeShrinking))
    wanted = kBytesMin;
  if (have == capacity_ && have > 0) wanted = capacity_ * 2;
  if (room_was_filled_) wanted = std::max(wanted, std::min(capacity_ * 2, kBytesBusy));
  if (expected_ > have)
    wanted = std::max(wanted, std::min(expected_, std::max(have * 2, kTrustedBytes)));
  return wanted;
}

void ReadBuffer::reallocate(size_t capacity) {
  const size_t have = end_ - begin_;
  auto larger = std::make_shared_for_overwrite<char[]>(capacity);
  if (have > 0) std::memcpy(larger.get(), storage_.get() + begin_, have);
  storage_ = std::move(larger);
  capacity_ = capacity;
  begin_ = 0;
  end_ = have;
  kept_ = false;
}

Bytes ReadBuffer::keep(ByteView part) {
  WEIR_ASSERT(part.data() >= storage_.get() && part.data() + part.size() <= storage_.get() + end_,
              "only what the buffer holds can be kept");
  if (part.size() < capacity_ / kShareWorthKeeping) return Bytes::copy_of(part);
  kept_ = true;
  return Bytes::of_owner(storage_, part);
}

}  // namespace weir::net
