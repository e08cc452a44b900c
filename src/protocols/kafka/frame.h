#pragma once
// A frame is a 4-byte big-endian size and that many bytes: a header, then one message. Pure; any
// thread.
//
// Request header: key, version, correlation id, client id; from the first flexible version of the
// request on, a block of tagged fields follows the client id (whose length stays 16 bits). Response
// header: correlation id, then tagged fields in flexible versions, except for ApiVersions, whose
// header never has them (a client reads it before it knows better).

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/error.h"
#include "protocols/wire/codec.h"

namespace weir::kafka {

inline constexpr size_t kFrameSizeBytes = 4;
inline constexpr size_t kRequestHeaderMin = 8;  // key, version, correlation id
inline constexpr int16_t kApiVersionsKey = 18;

// The size that the first bytes of `buffer` announce; nothing while fewer than four are there. A
// negative size, one above `frame_bytes_max` or below `frame_bytes_min` is an error: the stream
// cannot be read any further.
Result<std::optional<size_t>> frame_size(ByteView buffer,
                                         size_t frame_bytes_max,
                                         size_t frame_bytes_min = kRequestHeaderMin);

struct RequestFrame {
  int16_t key = 0;
  int16_t version = 0;
  int32_t correlation_id = 0;
  std::optional<Bytes> client_id;
  const wire::Message* message =
      nullptr;  // null: no schema has this key and version; client id and body are unread
  Bytes body;
};

// `frame` is what follows the size.
Result<RequestFrame> open_request(const Bytes& frame);

// The whole frame of a response, size included.
wire::Pieces response_frame(const wire::Message& message,
                            int16_t version,
                            int32_t correlation_id,
                            const void* response);

template <typename T>
wire::Pieces response_frame(int16_t version, int32_t correlation_id, const T& response) {
  return response_frame(T::kMessage, version, correlation_id, &response);
}

// The whole frame of a request, as a client sends it (tests, load generators).
wire::Pieces request_frame(const wire::Message& message,
                           int16_t version,
                           int32_t correlation_id,
                           const std::optional<Bytes>& client_id,
                           const void* request);

}  // namespace weir::kafka
