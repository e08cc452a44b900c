#include "protocols/kafka/frame.h"

#include <fmt/format.h>

#include "base/wire.h"
#include "protocols/kafka/messages.h"

namespace weir::kafka {
namespace {

constexpr uint64_t kHeaderTagsMax = 64;

bool skip_tagged_fields(Reader& reader) {
  const uint64_t count = reader.varint();
  if (count > kHeaderTagsMax) return false;
  for (uint64_t i = 0; i < count; ++i) {
    reader.varint();
    reader.raw(reader.varint());
  }
  return !reader.failed();
}

// Writes the frame's size, now that the rest of the prefix and the message's size are known.
wire::Pieces framed(const wire::Message& message,
                    int16_t version,
                    const void* value,
                    std::string prefix) {
  const size_t size = prefix.size() - kFrameSizeBytes + wire::encoded_size(message, version, value);
  store_be(prefix.data(), static_cast<int32_t>(size));
  wire::Pieces pieces;
  wire::encode(message, version, value, std::move(prefix), pieces);
  return pieces;
}

}  // namespace

Result<std::optional<size_t>> frame_size(ByteView buffer,
                                         size_t frame_bytes_max,
                                         size_t frame_bytes_min) {
  if (buffer.size() < kFrameSizeBytes) return std::nullopt;
  const auto size = load_be<int32_t>(buffer.data());
  if (size < static_cast<int32_t>(frame_bytes_min)) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("a frame of {} bytes", size));
  }
  if (static_cast<size_t>(size) > frame_bytes_max) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("a frame of {} bytes, {} are allowed", size, frame_bytes_max));
  }
  return static_cast<size_t>(size);
}

Result<RequestFrame> open_request(const Bytes& frame) {
  Reader reader(frame.view());
  RequestFrame request;
  request.key = reader.fixed_be<int16_t>();
  request.version = reader.fixed_be<int16_t>();
  request.correlation_id = reader.fixed_be<int32_t>();
  if (reader.failed())
    return fail(ErrorCode::kInvalidArgument, "a request header of less than 8 bytes");
  const wire::Message* message = find_message(request.key, true);
  if (!message || !message->versions.contains(request.version)) return request;

  const auto client_id_size = reader.fixed_be<int16_t>();
  if (client_id_size >= 0) {
    request.client_id = frame.slice(reader.position(), static_cast<size_t>(client_id_size));
    reader.raw(static_cast<uint64_t>(client_id_size));
  }
  // A null client id does not do away with the tagged fields (KAFKA-13385).
  const bool tagged = message->flexible.contains(request.version);
  if (reader.failed() || client_id_size < -1 || (tagged && !skip_tagged_fields(reader))) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} v{}: the header is cut off", message->name, request.version));
  }
  request.message = message;
  request.body = frame.slice(reader.position());
  return request;
}

wire::Pieces response_frame(const wire::Message& message,
                            int16_t version,
                            int32_t correlation_id,
                            const void* response) {
  std::string prefix;
  Writer writer(prefix);
  writer.fixed<int32_t>(0);
  writer.fixed_be(correlation_id);
  if (message.flexible.contains(version) && message.key != kApiVersionsKey) writer.u8(0);
  return framed(message, version, response, std::move(prefix));
}

wire::Pieces request_frame(const wire::Message& message,
                           int16_t version,
                           int32_t correlation_id,
                           const std::optional<Bytes>& client_id,
                           const void* request) {
  std::string prefix;
  Writer writer(prefix);
  writer.fixed<int32_t>(0);
  writer.fixed_be(message.key);
  writer.fixed_be(version);
  writer.fixed_be(correlation_id);
  writer.fixed_be(client_id ? static_cast<int16_t>(client_id->size()) : int16_t{-1});
  if (client_id) writer.raw(client_id->view());
  if (message.flexible.contains(version)) writer.u8(0);
  return framed(message, version, request, std::move(prefix));
}

}  // namespace weir::kafka
