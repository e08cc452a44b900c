// rooms: base protocols/wire protocols/kafka
// Any bytes as a request frame (without its size): either refused, or decoded to something that
// encodes to bytes which decode to the same again.

#include <cstdlib>
#include <memory>

#include "protocols/kafka/frame.h"
#include "protocols/wire/inspect.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir;
  const Bytes frame = Bytes::copy_of(ByteView(reinterpret_cast<const char*>(data), size));
  const auto request = kafka::open_request(frame);
  if (!request || !request->message) return 0;
  const wire::Message& message = *request->message;
  using Value = std::unique_ptr<void, void (*)(void*)>;
  const Value value(message.create(), message.destroy);
  wire::DecodeLimits limits;
  limits.memory_bytes_max = 1024 * 1024;
  if (!wire::decode(message, request->version, request->body, value.get(), limits)) return 0;

  wire::dump(message, request->version, value.get());
  wire::Pieces pieces;
  wire::encode(message, request->version, value.get(), {}, pieces);
  std::string text;
  for (const Bytes& piece : pieces) text.append(piece.view());
  const Bytes again = Bytes::take(std::move(text));
  const Value back(message.create(), message.destroy);
  const auto done = wire::decode(message, request->version, again, back.get(), limits);
  if (!done || !message.equal(value.get(), back.get())) std::abort();
  return 0;
}
