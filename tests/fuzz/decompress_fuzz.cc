// rooms: base base/compression
// Any bytes as compressed data of each codec: an error, or at most the limit; and what we compress
// comes back.
#include <cstdlib>
#include <string>

#include "base/compression/compression.h"

using namespace weir;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto codec = static_cast<Codec>(data[0] % (kCodecMax + 2));
  const ByteView input(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr DecompressLimits kLimits{
      .bytes_max = size_t{1} << 18, .ratio_max = 64, .ratio_free_bytes = 4096};
  const auto output = decompress(codec, input, kLimits);
  if (output && output->size() > kLimits.output_max(input.size())) abort();
  if (static_cast<uint8_t>(codec) <= kCodecMax &&
      decompress(codec, compress(codec, input)) != input)
    abort();
  return 0;
}
