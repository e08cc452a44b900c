// rooms: base core/catalog
// Any bytes as an event or the image of the catalog: refused, or a state whose image loads to the
// same.
#include <cstdlib>
#include <string>

#include "base/wire.h"
#include "core/catalog/catalog.h"

using namespace weir;  // NOLINT

namespace {

void require(bool truth) {
  if (!truth) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView input(reinterpret_cast<const char*>(data), size);
  catalog::Catalog catalog;
  if (!catalog.load(input)) {
    Reader reader(input);
    while (!reader.failed() && reader.remaining() > 0) {
      (void)catalog.apply(reader.bytes());  // refused or applied; the state must hold either way
    }
  }
  const std::string image = catalog.image();
  catalog::Catalog again;
  require(again.load(image).has_value());
  require(again.image() == image);
  require(again.next_cell() == catalog.next_cell() && again.things() == catalog.things());
  return 0;
}
