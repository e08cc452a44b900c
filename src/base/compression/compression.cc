#include "base/compression/compression.h"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

#include "base/assert.h"
#include "base/wire.h"

namespace weir {

namespace {

// The xerial framing: this magic, two big-endian versions, then blocks of a big-endian length and
// raw snappy.
constexpr ByteView kXerialMagic{"\x82SNAPPY\0", 8};
constexpr size_t kXerialHeaderBytes = 16;

std::unexpected<Error> corrupt(std::string_view codec) {
  return fail(ErrorCode::kCorruptBatch,
              std::string("the ") + std::string(codec) + " data is malformed");
}

std::unexpected<Error> too_large(size_t output_max) {
  return fail(ErrorCode::kTooLarge,
              "the data decompresses to more than " + std::to_string(output_max) + " bytes");
}

// Output that grows in steps up to a limit. One byte more than the limit is offered, so that output
// of exactly the limit can be told from more.
class Output {
 public:
  Output(size_t expected, size_t limit) : limit_(limit) {
    text_.resize(std::min(std::max<size_t>(expected, 256), limit + 1));
  }
  char* free_begin() { return text_.data() + used_; }
  size_t free_bytes() const { return text_.size() - used_; }
  void advance(size_t bytes) { used_ += bytes; }
  bool over() const { return used_ > limit_; }
  // Makes room when none is left; false at the limit.
  bool grow() {
    if (free_bytes() > 0) return true;
    if (text_.size() > limit_) return false;
    text_.resize(std::min(text_.size() * 2, limit_ + 1));
    return true;
  }
  std::string take() {
    text_.resize(used_);
    return std::move(text_);
  }

 private:
  std::string text_;
  size_t used_ = 0;
  size_t limit_;
};

Result<std::string> gunzip(ByteView input, size_t output_max) {
  z_stream stream{};
  if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK) return corrupt("gzip");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> closer(&stream, inflateEnd);
  if (input.size() > UINT32_MAX) return corrupt("gzip");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream.avail_in = static_cast<uInt>(input.size());
  Output output(input.size() * 4, output_max);
  while (true) {
    if (!output.grow()) return too_large(output_max);
    const auto room = static_cast<uInt>(std::min<size_t>(output.free_bytes(), UINT32_MAX));
    stream.next_out = reinterpret_cast<Bytef*>(output.free_begin());
    stream.avail_out = room;
    const int status = inflate(&stream, Z_NO_FLUSH);
    output.advance(room - stream.avail_out);
    if (output.over()) return too_large(output_max);
    if (status == Z_STREAM_END) {
      if (stream.avail_in == 0) return output.take();
      if (inflateReset(&stream) != Z_OK) return corrupt("gzip");  // the next member
    } else if (status != Z_OK || (stream.avail_in == 0 && stream.avail_out > 0)) {
      return corrupt("gzip");
    }
  }
}

Result<void> append_raw_snappy(ByteView input, size_t output_max, std::string& out) {
  size_t length = 0;
  if (!snappy::GetUncompressedLength(input.data(), input.size(), &length)) return corrupt("snappy");
  if (length > output_max - out.size()) return too_large(output_max);
  // A copy element of three bytes makes at most 64 bytes: a larger claim is a lie, told before
  // memory is taken for it.
  if (length / 64 > input.size()) return corrupt("snappy");
  const size_t begin = out.size();
  out.resize(begin + length);
  if (!snappy::RawUncompress(input.data(), input.size(), out.data() + begin))
    return corrupt("snappy");
  return {};
}

Result<std::string> unsnappy(ByteView input, size_t output_max) {
  std::string out;
  if (!input.starts_with(kXerialMagic)) {
    const auto done = append_raw_snappy(input, output_max, out);
    if (!done) return std::unexpected(done.error());
    return out;
  }
  Reader reader(input);
  reader.raw(kXerialHeaderBytes);
  while (!reader.failed() && reader.remaining() > 0) {
    const ByteView block = reader.raw(reader.fixed_be<uint32_t>());
    if (reader.failed()) break;
    const auto done = append_raw_snappy(block, output_max, out);
    if (!done) return std::unexpected(done.error());
  }
  if (reader.failed()) return corrupt("snappy");
  return out;
}

Result<std::string> unlz4(ByteView input, size_t output_max) {
  LZ4F_dctx* raw = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION))) return corrupt("lz4");
  const std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> context(
      raw, LZ4F_freeDecompressionContext);
  Output output(input.size() * 4, output_max);
  size_t position = 0;
  while (true) {
    if (!output.grow()) return too_large(output_max);
    size_t produced = output.free_bytes();
    size_t consumed = input.size() - position;
    const size_t hint = LZ4F_decompress(context.get(), output.free_begin(), &produced,
                                        input.data() + position, &consumed, nullptr);
    if (LZ4F_isError(hint)) return corrupt("lz4");
    output.advance(produced);
    position += consumed;
    if (output.over()) return too_large(output_max);
    if (hint == 0 && position == input.size()) return output.take();
    if (produced == 0 && consumed == 0) return corrupt("lz4");  // it wants more than there is
  }
}

Result<std::string> unzstd(ByteView input, size_t output_max) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                   ZSTD_freeDCtx);
  // The window is memory that the input asks for: 8 MiB is what a decoder must grant (RFC 8878).
  if (context == nullptr ||
      ZSTD_isError(ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, 23))) {
    return corrupt("zstd");
  }
  Output output(input.size() * 4, output_max);
  ZSTD_inBuffer in{input.data(), input.size(), 0};
  while (true) {
    if (!output.grow()) return too_large(output_max);
    ZSTD_outBuffer out{output.free_begin(), output.free_bytes(), 0};
    const size_t consumed_before = in.pos;
    const size_t hint = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(hint)) return corrupt("zstd");
    output.advance(out.pos);
    if (output.over()) return too_large(output_max);
    if (hint == 0 && in.pos == in.size) return output.take();
    if (out.pos == 0 && in.pos == consumed_before) return corrupt("zstd");
  }
}

std::string gzip(ByteView input) {
  z_stream stream{};
  const int opened = deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8,
                                  Z_DEFAULT_STRATEGY);
  WEIR_ASSERT(opened == Z_OK, "deflateInit2: {}", opened);
  std::string out(deflateBound(&stream, input.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = deflate(&stream, Z_FINISH);
  WEIR_ASSERT(status == Z_STREAM_END, "deflate: {}", status);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string lz4(ByteView input) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;  // what Kafka's Java reader requires
  std::string out(LZ4F_compressFrameBound(input.size(), &preferences), '\0');
  const size_t size =
      LZ4F_compressFrame(out.data(), out.size(), input.data(), input.size(), &preferences);
  WEIR_ASSERT(!LZ4F_isError(size), "LZ4F_compressFrame: {}", LZ4F_getErrorName(size));
  out.resize(size);
  return out;
}

std::string zstd(ByteView input) {
  std::string out(ZSTD_compressBound(input.size()), '\0');
  const size_t size = ZSTD_compress(out.data(), out.size(), input.data(), input.size(), 3);
  WEIR_ASSERT(!ZSTD_isError(size), "ZSTD_compress: {}", ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

std::string raw_snappy(ByteView input) {
  std::string out;
  snappy::Compress(input.data(), input.size(), &out);
  return out;
}

}  // namespace

size_t DecompressLimits::output_max(size_t input_bytes) const {
  const size_t by_ratio =
      ratio_max != 0 && input_bytes > SIZE_MAX / ratio_max ? SIZE_MAX : input_bytes * ratio_max;
  return std::min(bytes_max, std::max(ratio_free_bytes, by_ratio));
}

Result<std::string> decompress(Codec codec, ByteView input, const DecompressLimits& limits) {
  const size_t output_max = limits.output_max(input.size());
  switch (codec) {
    case Codec::kNone:
      if (input.size() > output_max) return too_large(output_max);
      return std::string(input);
    case Codec::kGzip: return gunzip(input, output_max);
    case Codec::kSnappy: return unsnappy(input, output_max);
    case Codec::kLz4: return unlz4(input, output_max);
    case Codec::kZstd: return unzstd(input, output_max);
  }
  return fail(
      ErrorCode::kUnsupportedFormat,
      "compression codec " + std::to_string(static_cast<unsigned>(codec)) + " is not known");
}

std::string compress(Codec codec, ByteView input) {
  WEIR_ASSERT(input.size() <= UINT32_MAX / 2, "{} bytes", input.size());
  switch (codec) {
    case Codec::kNone: return std::string(input);
    case Codec::kGzip: return gzip(input);
    case Codec::kSnappy: return raw_snappy(input);
    case Codec::kLz4: return lz4(input);
    case Codec::kZstd: return zstd(input);
  }
  WEIR_ASSERT(false, "codec {}", static_cast<unsigned>(codec));
}

std::string compress_snappy_xerial(ByteView input, size_t block_bytes) {
  Writer writer;
  writer.raw(kXerialMagic);
  writer.fixed_be<int32_t>(1);
  writer.fixed_be<int32_t>(1);
  for (size_t position = 0; position < input.size(); position += block_bytes) {
    const std::string block = raw_snappy(input.substr(position, block_bytes));
    writer.fixed_be(static_cast<uint32_t>(block.size()));
    writer.raw(block);
  }
  return std::move(writer.out());
}

}  // namespace weir
