#pragma once
// The compression codecs that a Kafka record batch may name, behind two functions. Input comes from
// clients: whatever it holds, the output never grows beyond its limit and a malformed input is an
// error.
//
// Thread safety: no state; callable from any thread. Large inputs belong off the reactors.
// Formats: RFC 1952 (gzip, members may follow each other), snappy raw or in the xerial framing of
// Java clients, the LZ4 frame format, RFC 8878 (zstd).

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace weir {

enum class Codec : uint8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };

inline constexpr uint8_t kCodecMax = 4;

struct DecompressLimits {
  size_t bytes_max = size_t{64} << 20;
  // A small input may not become a huge output: at most max(ratio_free_bytes, input * ratio_max).
  size_t ratio_max = 256;
  size_t ratio_free_bytes = size_t{4} << 20;

  // The most that `input_bytes` may become.
  size_t output_max(size_t input_bytes) const;
};

// kCorruptBatch: not a whole, valid stream of the codec; kTooLarge: more output than the limits
// allow; kUnsupportedFormat: a codec number of nobody.
Result<std::string> decompress(Codec codec, ByteView input, const DecompressLimits& limits = {});

// Never fails for the codecs above. Snappy is written raw.
std::string compress(Codec codec, ByteView input);
// Snappy in the xerial framing, as Java clients send it.
std::string compress_snappy_xerial(ByteView input, size_t block_bytes = size_t{32} << 10);

}  // namespace weir
