// rooms: base core/catalog core/log core/queue broker net runtime protocols/sqs
// Any bytes as the form of a Query request, sent to any path; and as a text inside XML, where they
// must open and close nothing.

#include <cstdlib>
#include <string>

#include "protocols/sqs/query.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::sqs;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t split = bytes.find('\n');
  const std::string_view path = split == std::string_view::npos ? "/" : bytes.substr(0, split);
  const std::string_view form = split == std::string_view::npos ? bytes : bytes.substr(split + 1);
  const auto request = decode_query(form, path);
  if (request && !request->input.is(Value::Kind::kMap)) std::abort();
  if (!request && request.error().status >= 500) std::abort();
  std::string text;
  append_xml(bytes, text);
  if (text.find_first_of("<>\"\r") != std::string::npos) std::abort();
  if (text.find('\0') != std::string::npos) std::abort();
  return 0;
}
