// How a Kafka record stands in a record, in both directions: the Kafka table of docs/interop.md.

#include "protocols/kafka/gen/fetch.h"
#include "protocols/kafka/gen/group_admin.h"
#include "protocols/kafka/gen/metadata.h"
#include "protocols/kafka/gen/produce.h"
#include "protocols/kafka/gen/topics.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

using Strings = std::vector<std::string>;

Bytes text(std::string_view value) {
  return Bytes::copy_of(value);
}

class KafkaInterop : public testing::Test {
 protected:
  static constexpr Timestamp kNow{1'700'000'000'000};

  void create(std::string_view name, std::string_view setting = {}, std::string_view value = {}) {
    CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = text(name);
    topic.num_partitions = 1;
    topic.replication_factor = -1;
    if (!setting.empty()) topic.configs.push_back({text(setting), text(value)});
    EXPECT_EQ(client.call<CreateTopicsResponse>(7, request).topics[0].error_code, 0);
  }
  void produce(std::string_view topic, Bytes batch) {
    ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 1000;
    auto& one = request.topic_data.emplace_back();
    one.name = text(topic);
    one.partition_data.emplace_back().records = wire::Records(std::move(batch));
    EXPECT_EQ(
        client.call<ProduceResponse>(9, request).responses[0].partition_responses[0].error_code, 0);
  }
  // The batches that a consumer gets, from offset 0.
  std::string fetched(std::string_view topic) {
    FetchRequest request;
    request.min_bytes = 1;
    request.session_epoch = -1;
    auto& one = request.topics.emplace_back();
    one.topic = text(topic);
    one.partitions.emplace_back().partition_max_bytes = 1 << 20;
    const auto response = client.call<FetchResponse>(12, request).responses[0].partitions[0];
    EXPECT_EQ(response.error_code, 0);
    return response.records->joined();
  }
  // As a consumer decodes them: "offset key value name=value ..."; a null is "~".
  static Strings decoded(const std::string& batches) {
    Strings records;
    const auto shown = [](std::optional<ByteView> bytes) {
      return std::string(bytes.value_or("~"));
    };
    for (size_t at = 0; at < batches.size();) {
      const ByteView rest = ByteView(batches).substr(at);
      const auto header = log::parse_header(rest);
      EXPECT_TRUE(header);
      if (!header) break;
      log::RecordIterator iterator(rest.substr(log::kBatchHeaderBytes), header->count);
      log::RecordView record;
      while (records.size() < 100 && iterator.next(record)) {
        std::string line = std::to_string(header->base_offset + record.offset_delta) + " " +
                           shown(record.key) + " " + shown(record.value);
        for (const auto& field : record.headers) {
          line += " " + std::string(field.key) + "=" + shown(field.value);
        }
        records.push_back(line);
      }
      at += header->size();
    }
    return records;
  }
  static std::string batch(const log::RecordInput& record, Codec codec = Codec::kNone) {
    std::string bytes;
    log::BatchBuilder builder(bytes);
    builder.add(record);
    builder.finish(codec);
    return bytes;
  }
  // A record as another protocol would store it.
  void append(const std::string& topic, const log::RecordInput& record) {
    port.on_broker([&](broker::Broker& broker) {
      const CellId log = broker.catalog().find(catalog::Name{"", topic})->logs[0];
      EXPECT_TRUE(broker.append_record(log, record, kNow));
    });
    port.sync();
  }
  // What another protocol reads at an offset.
  log::ReadRecord stored(const std::string& topic, int64_t offset = 0) {
    port.on_broker([&](broker::Broker& broker) {
      const CellId log = broker.catalog().find(catalog::Name{"", topic})->logs[0];
      broker.read_records(log, {Offset(offset)}, [&](Result<std::vector<broker::Delivery>> read) {
        ASSERT_TRUE(read && read->size() == 1);
        held_ = std::move(read->front());
      });
    });
    return held_.record;
  }

  Port port;
  Client client{port};

 private:
  broker::Delivery held_;
};

TEST_F(KafkaInterop, NullIsNotEmptyInEitherDirection) {
  create("t");
  produce("t", text(batch({{}, "", {}, kNow})));
  EXPECT_FALSE(stored("t").key);
  EXPECT_EQ(stored("t").value, "");
  produce("t", text(batch({"", {}, {}, kNow})));
  EXPECT_EQ(stored("t", 1).key, "");
  EXPECT_FALSE(stored("t", 1).value);
  // An entry of fields only, as XADD stores it.
  const std::vector<log::RecordHeader> fields{{"item", ByteView("book")}};
  append("t", {{}, {}, fields, kNow});
  EXPECT_EQ(decoded(fetched("t")), (Strings{"0 ~ ", "1  ~", "2 ~ ~ item=book"}));
}

TEST_F(KafkaInterop, HeadersKeepTheirOrderEqualNamesAndNulls) {
  const std::vector<log::RecordHeader> headers{
      {"b", ByteView("1")}, {"a", std::nullopt}, {"b", ByteView("")}};
  create("t");
  produce("t", text(batch({"k", "v", headers, kNow})));
  Strings seen;
  for (const auto& header : stored("t").headers) {
    seen.emplace_back(std::string(header.key) + "=" + std::string(header.value.value_or("~")));
  }
  EXPECT_EQ(seen, (Strings{"b=1", "a=~", "b="}));
  const std::vector<log::RecordHeader> ours{{"weir.type:n", ByteView("Number")}};
  append("t", {"k", "v", ours, kNow});
  EXPECT_EQ(decoded(fetched("t")), (Strings{"0 k v b=1 a=~ b=", "1 k v weir.type:n=Number"}));
}

TEST_F(KafkaInterop, TheTimestampIsTheProducersUnlessTheTopicSaysOtherwise) {
  create("t");
  create("stamped", "message.timestamp.type", "LogAppendTime");
  produce("t", text(batch({"k", "v", {}, Timestamp(5)})));
  produce("stamped", text(batch({"k", "v", {}, Timestamp(5)})));
  EXPECT_EQ(stored("t").timestamp, Timestamp(5));
  EXPECT_EQ(stored("stamped").timestamp, kNow);
}

TEST_F(KafkaInterop, OffsetsAreThoseOfTheLogAndAQueueHasPartitionZero) {
  port.on_broker([&](broker::Broker& broker) {
    EXPECT_TRUE(broker.create_queue(
        {.name = {"", "jobs"}, .log = {}, .queue = {}, .properties = {}}, kNow));
  });
  append("jobs", {{}, "first", {}, kNow});
  produce("jobs", text(batch({{}, "second", {}, kNow})));
  EXPECT_EQ(stored("jobs", 1).value, "second");
  EXPECT_EQ(decoded(fetched("jobs")), (Strings{"0 ~ first", "1 ~ second"}));
}

TEST_F(KafkaInterop, ABatchIsKeptByteForByteAndARecordFromElsewhereIsABatchOfItsOwn) {
  create("t");
  const std::string sent = batch({"k", std::string(1000, 'x'), {}, kNow}, Codec::kZstd);
  produce("t", text(sent));
  append("t", {"k", "one", {}, kNow});
  append("t", {"k", "two", {}, kNow});
  const std::string got = fetched("t");
  constexpr size_t kEpochEnd = 16;  // base offset, length and leader epoch are written in
  EXPECT_EQ(got.substr(kEpochEnd, sent.size() - kEpochEnd), sent.substr(kEpochEnd));
  const auto second = log::parse_header(ByteView(got).substr(sent.size()));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->end_offset(), Offset(2));
  EXPECT_EQ(second->codec(), Codec::kNone);
}

TEST_F(KafkaInterop, GroupsOfOtherProtocolsAreNotListed) {
  create("t");
  port.on_broker([&](broker::Broker& broker) {
    queue::Policy policy;
    policy.tracking = queue::Tracking::kCursor;
    policy.lease_duration = queue::kNoDeadline;
    EXPECT_TRUE(broker.create_stream_group({"", "t"}, "redis-group", Offset(0), policy, kNow));
  });
  EXPECT_TRUE(client.call<ListGroupsResponse>(4, ListGroupsRequest{}).groups.empty());
}

}  // namespace
}  // namespace weir::kafka
