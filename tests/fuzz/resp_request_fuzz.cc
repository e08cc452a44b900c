// rooms: base protocols/redis
// The request parser: whatever arrives, in whatever pieces, it consumes no more than there is and
// gives the same requests.
#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.h"
#include "protocols/redis/request_parser.h"

namespace {

using weir::ByteView;
using weir::redis::RequestParser;

// What a parser makes of the input when it sees `step` more bytes each time.
std::vector<std::string> parse_all(ByteView input, size_t step) {
  std::vector<std::string> seen;
  RequestParser parser;
  size_t position = 0;
  size_t end = 0;
  while (true) {
    const auto outcome = parser.parse(input.substr(position, end - position));
    WEIR_ASSERT(outcome.consumed <= end - position);
    position += outcome.consumed;
    if (outcome.status == RequestParser::Status::kError) {
      seen.push_back(parser.error());
      return seen;
    }
    if (outcome.status == RequestParser::Status::kRequest) {
      for (const ByteView argument : parser.arguments()) seen.emplace_back(argument);
      seen.emplace_back("--");
    }
    if (outcome.status != RequestParser::Status::kMore) continue;
    if (end == input.size()) return seen;
    end = std::min(input.size(), end + step);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView input(reinterpret_cast<const char*>(data), size);
  if (size > 4096) return 0;
  WEIR_ASSERT(parse_all(input, size + 1) == parse_all(input, 3));
  return 0;
}
