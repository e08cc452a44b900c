#include "protocols/kafka/frame.h"

#include <gtest/gtest.h>

#include "base/wire.h"
#include "protocols/kafka/gen/api_versions.h"
#include "protocols/kafka/gen/group_membership.h"

namespace weir::kafka {
namespace {

Bytes joined(const wire::Pieces& pieces) {
  std::string text;
  for (const Bytes& piece : pieces) text.append(piece.view());
  return Bytes::take(std::move(text));
}

Bytes request(int16_t version, const std::optional<Bytes>& client_id) {
  HeartbeatRequest heartbeat;
  heartbeat.group_id = wire::literal("g");
  return joined(request_frame(HeartbeatRequest::kMessage, version, 77, client_id, &heartbeat));
}

TEST(Frame, ARequestIsReadBackWithItsHeader) {
  for (const int16_t version : {int16_t{0}, int16_t{3}, int16_t{4}}) {
    for (const std::optional<Bytes>& client_id :
         {std::optional<Bytes>(), std::optional(wire::literal("me"))}) {
      const Bytes frame = request(version, client_id);
      const auto size = frame_size(frame.view(), 1000);
      ASSERT_TRUE(size && *size);
      EXPECT_EQ(**size, frame.size() - kFrameSizeBytes);
      const auto opened = open_request(frame.slice(kFrameSizeBytes));
      ASSERT_TRUE(opened);
      EXPECT_EQ(opened->correlation_id, 77);
      EXPECT_EQ(opened->client_id, client_id);
      const auto heartbeat = wire::decode<HeartbeatRequest>(version, opened->body);
      ASSERT_TRUE(heartbeat) << heartbeat.error().message;
      EXPECT_EQ(heartbeat->group_id.view(), "g");
    }
  }
}

TEST(Frame, ANullClientIdStillHasItsTaggedFields) {
  const Bytes frame = request(4, std::nullopt);
  EXPECT_EQ(frame.view().substr(4 + 8, 3), ByteView("\xff\xff\x00", 3));
}

TEST(Frame, AnUnknownKeyOrVersionIsOpenedAsFarAsItCanBeRead) {
  const auto opened =
      open_request(wire::literal(ByteView("\x00\x12\x00\x63\x00\x00\x00\x05garbage", 15)));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->key, kApiVersionsKey);
  EXPECT_EQ(opened->version, 99);
  EXPECT_EQ(opened->correlation_id, 5);
  EXPECT_EQ(opened->message, nullptr);
}

TEST(Frame, SizesAreBounded) {
  EXPECT_EQ(frame_size(ByteView("\0\0\0", 3), 100).value(), std::nullopt);
  EXPECT_EQ(frame_size(ByteView("\0\0\0\x64", 4), 100).value(), 100U);
  EXPECT_EQ(frame_size(ByteView("\0\0\0\x65", 4), 100).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(frame_size("\xff\xff\xff\xff", 100).error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(frame_size(ByteView("\0\0\0\x07", 4), 100));
}

TEST(Frame, TheResponseHeaderOfApiVersionsNeverHasTaggedFields) {
  ApiVersionsResponse versions;
  EXPECT_EQ(joined(response_frame(3, 1, versions)).view().substr(4, 6),
            ByteView("\0\0\0\x01\0\0", 6));
  HeartbeatResponse heartbeat;
  EXPECT_EQ(joined(response_frame(4, 1, heartbeat)).view(),
            ByteView("\0\0\0\x0c\0\0\0\x01\0\0\0\0\0\0\0\0", 16));
  EXPECT_EQ(joined(response_frame(0, 1, heartbeat)).view(),
            ByteView("\0\0\0\x06\0\0\0\x01\0\0", 10));
}

TEST(Frame, ACutOffHeaderIsRefused) {
  const Bytes frame = request(4, wire::literal("me")).slice(kFrameSizeBytes);
  for (size_t length = 0; length < 13; ++length)
    EXPECT_FALSE(open_request(frame.slice(0, length))) << length;
}

}  // namespace
}  // namespace weir::kafka
