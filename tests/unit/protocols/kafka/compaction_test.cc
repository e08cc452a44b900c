// Compacted topics as Kafka clients see them.

#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/configs.h"
#include "protocols/kafka/gen/fetch.h"
#include "protocols/kafka/gen/offsets.h"
#include "protocols/kafka/gen/produce.h"
#include "protocols/kafka/gen/topics.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

using Configs = std::vector<std::pair<std::string_view, std::string_view>>;

Bytes batch(std::initializer_list<std::pair<std::optional<ByteView>, ByteView>> records,
            Codec codec = Codec::kNone) {
  std::string bytes;
  log::BatchBuilder builder(bytes);
  for (const auto& [key, value] : records) {
    builder.add({.key = key, .value = value, .headers = {}, .timestamp = Timestamp(1000)});
  }
  builder.finish(codec);
  return Bytes::take(std::move(bytes));
}

class CompactedTopics : public testing::Test {
 protected:
  int16_t create(std::string_view name, const Configs& configs) {
    CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = Bytes::copy_of(name);
    topic.num_partitions = 1;
    topic.replication_factor = 1;
    for (const auto& [key, value] : configs) {
      topic.configs.push_back({Bytes::copy_of(key), Bytes::copy_of(value)});
    }
    return client.call<CreateTopicsResponse>(5, request).topics.at(0).error_code;
  }
  ProduceResponse::Partition produce(std::string_view name, Bytes records, int16_t version = 9) {
    ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 1000;
    auto& one = request.topic_data.emplace_back();
    one.name = Bytes::copy_of(name);
    one.partition_data.emplace_back().records = wire::Records(std::move(records));
    return client.call<ProduceResponse>(version, request).responses.at(0).partition_responses.at(0);
  }
  int16_t delete_records(std::string_view name, int64_t offset) {
    DeleteRecordsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = Bytes::copy_of(name);
    topic.partitions.emplace_back().offset = offset;
    return client.call<DeleteRecordsResponse>(1, request).topics.at(0).partitions.at(0).error_code;
  }
  // Key, value and offset of everything that a fetch from the beginning shows.
  std::vector<std::pair<int64_t, std::string>> fetch_all(std::string_view name) {
    FetchRequest request;
    request.min_bytes = 1;
    request.session_epoch = -1;
    auto& topic = request.topics.emplace_back();
    topic.topic = Bytes::copy_of(name);
    auto& partition = topic.partitions.emplace_back();
    partition.partition_max_bytes = 1 << 20;
    const auto response = client.call<FetchResponse>(11, request);
    const auto& records = response.responses.at(0).partitions.at(0).records;
    std::string bytes;
    for (const Bytes& piece : records->pieces) bytes += piece.view();
    std::vector<std::pair<int64_t, std::string>> found;
    const auto batches = log::split_batches(bytes);
    for (const ByteView one : *batches) {
      const auto header = log::parse_header(one);
      log::RecordIterator iterator(one.substr(log::kBatchHeaderBytes), header->count);
      log::RecordView record;
      while (iterator.next(record)) {
        found.emplace_back(header->base_offset + record.offset_delta,
                           std::string(record.key.value_or("?")) + "=" +
                               std::string(record.value.value_or("null")));
      }
      EXPECT_TRUE(iterator.complete());
    }
    return found;
  }

  Port port;
  Client client{port};
};

TEST_F(CompactedTopics, SettingsAreCheckedAndShown) {
  const int16_t invalid = wire_code(KafkaError::kInvalidConfig);
  EXPECT_EQ(create("a", {{"cleanup.policy", "compress"}}), invalid);
  EXPECT_EQ(create("a", {{"cleanup.policy", ""}}), invalid);
  EXPECT_EQ(create("a", {{"min.cleanable.dirty.ratio", "1.5"}}), invalid);
  EXPECT_EQ(create("a", {{"delete.retention.ms", "-1"}}), invalid);
  EXPECT_EQ(create("a", {{"min.compaction.lag.ms", "-1"}}), invalid);
  EXPECT_EQ(create("a", {{"max.compaction.lag.ms", "0"}}), invalid);
  EXPECT_EQ(create("a", {{"cleanup.policy", "compact,delete"},
                         {"delete.retention.ms", "5"},
                         {"min.compaction.lag.ms", "6"},
                         {"max.compaction.lag.ms", "7"},
                         {"min.cleanable.dirty.ratio", "0.25"}}),
            0);
  port.on_broker([](broker::Broker& broker) {
    const auto compaction = broker.catalog().find({"", "a"})->log_policy.compaction;
    EXPECT_EQ(compaction, (catalog::CompactionPolicy{.with_retention = true,
                                                     .delete_retention_ms = 5,
                                                     .lag_min_ms = 6,
                                                     .lag_max_ms = 7,
                                                     .dirty_permille = 250}));
  });
  // Back to the default, as a list with a word taken out.
  IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = 2;
  resource.resource_name = wire::literal("a");
  resource.configs.push_back({wire::literal("cleanup.policy"), 3, wire::literal("compact")});
  EXPECT_EQ(client.call<IncrementalAlterConfigsResponse>(1, request).responses.at(0).error_code, 0);
  port.on_broker([](broker::Broker& broker) {
    EXPECT_FALSE(broker.catalog().find({"", "a"})->log_policy.compaction);
  });
}

TEST_F(CompactedTopics, RecordsWithoutAKeyAreRefusedEachByItsPlace) {
  ASSERT_EQ(create("a", {{"cleanup.policy", "compact"}}), 0);
  for (const Codec codec : {Codec::kNone, Codec::kGzip}) {
    const auto refused = produce("a", batch({{"k", "1"}, {{}, "2"}, {"k", "3"}, {{}, "4"}}, codec));
    EXPECT_EQ(refused.error_code, wire_code(KafkaError::kInvalidRecord));
    EXPECT_EQ(refused.base_offset, -1);
    ASSERT_EQ(refused.record_errors.size(), 2U);
    EXPECT_EQ(refused.record_errors[0].batch_index, 1);
    EXPECT_EQ(refused.record_errors[1].batch_index, 3);
    EXPECT_TRUE(refused.record_errors[0].batch_index_error_message);
    EXPECT_EQ(produce("a", batch({{{}, "2"}}, codec), 3).error_code,
              wire_code(KafkaError::kInvalidRecord));
    EXPECT_EQ(produce("a", batch({{"k", "1"}, {"", "2"}}, codec)).error_code, 0);
  }
  ASSERT_EQ(create("b", {}), 0);
  EXPECT_EQ(produce("b", batch({{{}, "1"}})).error_code, 0);
}

TEST_F(CompactedTopics, RecordsAreDeletedOnlyWhenThePolicyIncludesIt) {
  ASSERT_EQ(create("only", {{"cleanup.policy", "compact"}}), 0);
  ASSERT_EQ(create("both", {{"cleanup.policy", "compact,delete"}}), 0);
  for (const std::string_view name : {"only", "both"}) {
    ASSERT_EQ(produce(name, batch({{"k", "1"}, {"k", "2"}})).error_code, 0);
  }
  EXPECT_EQ(delete_records("only", 1), wire_code(KafkaError::kPolicyViolation));
  EXPECT_EQ(delete_records("both", 1), 0);
}

TEST_F(CompactedTopics, AFetchShowsTheNewestRecordsAtTheirOffsets) {
  ASSERT_EQ(create("a", {{"cleanup.policy", "compact"}}), 0);
  for (int i = 0; i < 6; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_EQ(produce("a", batch({{"x", value}, {"y", value}})).error_code, 0);
  }
  ASSERT_EQ(produce("a", batch({{"z", "last"}})).error_code, 0);
  std::vector<std::pair<int64_t, std::string>> found;
  for (int i = 0; i < 300; ++i) {
    port.advance(Milliseconds(100));
    found = fetch_all("a");
    if (found.size() == 3) break;
  }
  const std::vector<std::pair<int64_t, std::string>> expected{
      {10, "x=5"}, {11, "y=5"}, {12, "z=last"}};
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace weir::kafka
