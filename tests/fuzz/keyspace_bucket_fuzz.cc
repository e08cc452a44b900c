// rooms: base core/keyspace
// Events and images of a bucket: damaged bytes are an error, and what loads saves to the same
// bytes.
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "core/keyspace/bucket.h"

namespace {

std::string saved(const weir::keyspace::Bucket& bucket) {
  auto image = bucket.image();
  for (auto& part : image.deferred) part(image.head);
  return image.head;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using weir::keyspace::Bucket;
  weir::Reader reader(weir::ByteView(reinterpret_cast<const char*>(data), size));
  Bucket bucket;
  if (reader.boolean()) {
    if (!bucket.load(reader.raw(reader.remaining()))) return 0;
  } else {
    while (reader.remaining() > 0) (void)bucket.replay(reader.bytes());
  }
  const std::string image = saved(bucket);
  Bucket again;
  WEIR_ASSERT(again.load(image).has_value());
  WEIR_ASSERT(saved(again) == image);
  return 0;
}
