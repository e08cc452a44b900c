// What the encoders of other people's clients wrote must mean something to our tables, and the same
// bytes must come out.

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string_view>
#include <tuple>

#include "protocols/kafka/frame.h"
#include "protocols/kafka/gen/fetch.h"
#include "protocols/kafka/gen/group_membership.h"
#include "protocols/kafka/gen/produce.h"
#include "protocols/kafka/gen/quotas.h"
#include "protocols/kafka/messages.h"
#include "protocols/wire/inspect.h"

namespace weir::kafka {
namespace {

// Its frames have a value in every field.
constexpr std::string_view kFilled = "kafka-python";

struct Golden {
  std::string source;
  std::string name;
  bool is_request;
  int16_t version;
  Bytes bytes;  // the message alone
};

std::string from_hexadecimal(const std::string& text) {
  std::string bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return bytes;
}

const wire::Message* by_name(const std::string& name, bool is_request) {
  for (const wire::Message* message : all_messages()) {
    if (message->name == name && message->is_request == is_request) return message;
  }
  return nullptr;
}

// librdkafka's frames were captured whole: take the header off.
Bytes without_header(const Golden& golden, const Bytes& frame) {
  if (golden.is_request) {
    auto opened = open_request(frame);
    return opened && opened->message ? opened->body : Bytes();
  }
  const wire::Message* message = by_name(golden.name, false);
  const bool tagged = message->flexible.contains(golden.version) && message->key != kApiVersionsKey;
  return frame.slice(tagged ? 5 : 4);
}

std::vector<Golden> read_all() {
  std::ifstream file(GOLDEN_FRAMES);
  std::vector<Golden> all;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    Golden golden;
    std::string direction, bytes;
    words >> golden.source >> golden.name >> direction >> golden.version >> bytes;
    golden.is_request = direction == "request";
    golden.bytes = Bytes::take(from_hexadecimal(bytes));
    if (golden.source == "librdkafka") golden.bytes = without_header(golden, golden.bytes);
    all.push_back(std::move(golden));
  }
  return all;
}

TEST(GoldenFrames, ForeignEncodersAgreeWithTheTablesByteForByte) {
  std::set<std::string> kinds;
  for (const Golden& golden : read_all()) {
    SCOPED_TRACE(golden.source + " " + golden.name +
                 (golden.is_request ? " request v" : " response v") +
                 std::to_string(golden.version));
    const wire::Message* message = by_name(golden.name, golden.is_request);
    ASSERT_NE(message, nullptr);
    const std::unique_ptr<void, void (*)(void*)> value(message->create(), message->destroy);
    // Two requests of one client carry a byte that belongs to another version; Kafka ignores it,
    // and so do we.
    wire::DecodeLimits limits;
    limits.left_over_allowed = golden.source.ends_with("one-byte-more");
    const auto done = wire::decode(*message, golden.version, golden.bytes, value.get(), limits);
    EXPECT_TRUE(done) << done.error().message;
    if (!done) continue;
    wire::Pieces pieces;
    wire::encode(*message, golden.version, value.get(), {}, pieces);
    std::string again;
    for (const Bytes& piece : pieces) again.append(piece.view());
    EXPECT_EQ(again, golden.bytes.view().substr(
                         0, golden.bytes.size() - (limits.left_over_allowed ? 1 : 0)))
        << wire::dump(*message, golden.version, value.get());
    kinds.insert(golden.name);
  }
  EXPECT_GE(kinds.size(), 25U);
}

TEST(GoldenFrames, ThereAreForeignBytesOfEveryVersionOfEveryMessage) {
  std::set<std::tuple<std::string, bool, int16_t>> have;
  for (const Golden& golden : read_all()) {
    have.emplace(golden.name, golden.is_request, golden.version);
  }
  for (const wire::Message* message : all_messages()) {
    for (int16_t version = message->versions.first; version <= message->versions.last; ++version) {
      EXPECT_TRUE(have.contains({std::string(message->name), message->is_request, version}))
          << message->name << (message->is_request ? " request v" : " response v") << version;
    }
  }
}

TEST(GoldenFrames, FieldsLandWhereTheyBelong) {
  int checked = 0;
  for (const Golden& golden : read_all()) {
    if (golden.source == "librdkafka" || golden.source == kFilled || !golden.is_request) continue;
    SCOPED_TRACE(golden.source + " " + golden.name + " v" + std::to_string(golden.version));
    if (golden.name == "Fetch") {
      const auto fetch = wire::decode<FetchRequest>(golden.version, golden.bytes);
      ASSERT_TRUE(fetch);
      EXPECT_EQ(fetch->max_bytes, 10485760);
      EXPECT_EQ(fetch->isolation_level, 1);
      const FetchRequest::Partition& partition = fetch->topics.at(0).partitions.at(0);
      EXPECT_EQ(partition.partition, 3);
      EXPECT_EQ(partition.fetch_offset, 42);
      EXPECT_EQ(partition.partition_max_bytes, 1048576);
      if (golden.version >= 11) EXPECT_EQ(fetch->rack_id.view(), "r1");
      ++checked;
    } else if (golden.name == "Produce") {
      const auto produce = wire::decode<ProduceRequest>(golden.version, golden.bytes);
      ASSERT_TRUE(produce);
      EXPECT_EQ(produce->acks, -1);
      EXPECT_EQ(produce->timeout_ms, 30000);
      EXPECT_EQ(produce->topic_data.at(0).name.view(), "user-events");
      EXPECT_EQ(produce->topic_data.at(0).partition_data.at(0).index, 1);
      EXPECT_EQ(produce->topic_data.at(0).partition_data.at(0).records->joined().at(16),
                2);  // the batch's magic
      ++checked;
    } else if (golden.name == "JoinGroup") {
      const auto join = wire::decode<JoinGroupRequest>(golden.version, golden.bytes);
      ASSERT_TRUE(join);
      EXPECT_EQ(join->session_timeout_ms, 30000);
      EXPECT_EQ(join->rebalance_timeout_ms, golden.version == 0 ? -1 : 60000);
      EXPECT_EQ(join->protocols.at(0).metadata.view(), ByteView("\x00\x01", 2));
      ++checked;
    }
  }
  EXPECT_GE(checked, 30);
}

TEST(GoldenFrames, QuotasAreFloatingPointNumbers) {
  int checked = 0;
  for (const Golden& golden : read_all()) {
    if (golden.name != "AlterClientQuotas" || golden.source == kFilled) continue;
    const auto alter = wire::decode<AlterClientQuotasRequest>(golden.version, golden.bytes);
    ASSERT_TRUE(alter);
    const auto& entry = alter->entries.at(0);
    EXPECT_EQ(entry.entity.at(0).entity_name, wire::literal("alice"));
    EXPECT_EQ(entry.entity.at(1).entity_name, std::nullopt);
    EXPECT_EQ(entry.ops.at(0).value, 1'048'576.0);
    EXPECT_EQ(entry.ops.at(1).value, 12.5);
    EXPECT_TRUE(entry.ops.at(2).remove);
    ++checked;
  }
  EXPECT_EQ(checked, 2);
}

}  // namespace
}  // namespace weir::kafka
