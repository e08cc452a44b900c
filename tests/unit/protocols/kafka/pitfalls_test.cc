// What other brokers that speak Kafka's protocol got wrong, each as a rule of its own. The table in
// tests/unit/protocols/kafka/README.md says which test stands for which mistake.

#include <string>
#include <vector>

#include "base/checksum.h"
#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/configs.h"
#include "protocols/kafka/gen/fetch.h"
#include "protocols/kafka/gen/group_membership.h"
#include "protocols/kafka/gen/group_offsets.h"
#include "protocols/kafka/gen/metadata.h"
#include "protocols/kafka/gen/offsets.h"
#include "protocols/kafka/gen/produce.h"
#include "protocols/kafka/gen/topics.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;  // of the port's clock

struct Timed {
  std::string_view value;
  int64_t timestamp;
};

Bytes timed_batch(const std::vector<Timed>& records, Codec codec = Codec::kNone) {
  std::string bytes;
  log::BatchBuilder builder(bytes);
  for (const Timed& one : records) {
    builder.add(
        {.key = "k", .value = one.value, .headers = {}, .timestamp = Timestamp(one.timestamp)});
  }
  builder.finish(codec);
  return Bytes::take(std::move(bytes));
}

// The same bytes with another attribute word, and the checksum that goes with it.
Bytes with_attributes(const Bytes& batch, int16_t attributes) {
  std::string bytes(batch.view());
  store_be(bytes.data() + 21, attributes);
  store_be(bytes.data() + 17, crc32c(ByteView(bytes).substr(21)));
  return Bytes::take(std::move(bytes));
}

class Pitfalls : public testing::Test {
 protected:
  void make(const std::string& name,
            const std::vector<std::pair<std::string, std::string>>& settings = {}) {
    CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = Bytes::copy_of(name);
    topic.num_partitions = 1;
    topic.replication_factor = -1;
    for (const auto& [key, value] : settings) {
      topic.configs.push_back({Bytes::copy_of(key), Bytes::copy_of(value)});
    }
    EXPECT_EQ(client.call<CreateTopicsResponse>(7, request).topics.at(0).error_code, 0);
  }
  void remove(const std::string& name) {
    DeleteTopicsRequest request;
    request.topics.emplace_back().name = Bytes::copy_of(name);
    EXPECT_EQ(client.call<DeleteTopicsResponse>(6, request).responses.at(0).error_code, 0);
  }
  MetadataResponse::Topic described(const std::string& name) {
    MetadataRequest request;
    request.topics.emplace();
    request.topics->push_back({{}, Bytes::copy_of(name)});
    return client.call<MetadataResponse>(12, request).topics.at(0);
  }
  ProduceResponse::Partition produce(const std::string& topic, Bytes batch) {
    ProduceRequest request;
    request.acks = -1;
    auto& one = request.topic_data.emplace_back();
    one.name = Bytes::copy_of(topic);
    one.partition_data.emplace_back().records = wire::Records(std::move(batch));
    return client.call<ProduceResponse>(9, request).responses.at(0).partition_responses.at(0);
  }
  static FetchRequest fetch_request(const std::vector<std::string>& topics,
                                    int64_t offset,
                                    int32_t wait_ms = 0) {
    FetchRequest request;
    request.max_wait_ms = wait_ms;
    request.min_bytes = 1;
    request.session_epoch = -1;
    for (const std::string& topic : topics) {
      auto& one = request.topics.emplace_back();
      one.topic = Bytes::copy_of(topic);
      auto& partition = one.partitions.emplace_back();
      partition.fetch_offset = offset;
      partition.partition_max_bytes = 1 << 20;
    }
    return request;
  }
  FetchResponse::Partition fetch(const std::string& topic, int64_t offset) {
    return client.call<FetchResponse>(12, fetch_request({topic}, offset))
        .responses.at(0)
        .partitions.at(0);
  }
  ListOffsetsResponse::Partition list(const std::string& topic,
                                      int64_t time,
                                      int16_t version = 11,
                                      int32_t leader_epoch = -1) {
    ListOffsetsRequest request;
    auto& one = request.topics.emplace_back();
    one.name = Bytes::copy_of(topic);
    auto& partition = one.partitions.emplace_back();
    partition.timestamp = time;
    partition.current_leader_epoch = leader_epoch;
    return client.call<ListOffsetsResponse>(version, request).topics.at(0).partitions.at(0);
  }
  int64_t delete_before(const std::string& topic, int64_t offset) {
    DeleteRecordsRequest request;
    auto& one = request.topics.emplace_back();
    one.name = Bytes::copy_of(topic);
    one.partitions.emplace_back().offset = offset;
    const auto answer =
        client.call<DeleteRecordsResponse>(2, request).topics.at(0).partitions.at(0);
    EXPECT_EQ(answer.error_code, 0);
    return answer.low_watermark;
  }

  Port port;
  Client client{port};
};

// 6: a broker took the start of the log from one view and the records from another.
TEST_F(Pitfalls, TheStartThatIsToldIsWhereReadingGoesOn) {
  make("events");
  for (const std::string_view value : {"a", "b", "c"}) produce("events", batch_of({value, value}));
  for (int64_t before = 0; before <= 6; ++before) {
    ASSERT_EQ(delete_before("events", before), before);
    EXPECT_EQ(list("events", -2).offset, before);
    const auto at_start = fetch("events", before);
    EXPECT_EQ(at_start.error_code, 0);
    EXPECT_EQ(at_start.log_start_offset, before);
    EXPECT_EQ(at_start.records->empty(), before == 6);
    if (before == 0) continue;
    const auto below = fetch("events", before - 1);
    EXPECT_EQ(below.error_code, wire_code(KafkaError::kOffsetOutOfRange));
    EXPECT_EQ(below.log_start_offset, before);
  }
}

// 7: the first record that reaches the time, whatever the order of timestamps and the codec.
TEST_F(Pitfalls, ATimeIsLookedUpRecordByRecordAlsoWhereTimesFallAndBatchesAreCompressed) {
  for (const Codec codec : {Codec::kNone, Codec::kZstd}) {
    const std::string topic = codec == Codec::kNone ? "plain" : "compressed";
    make(topic);
    produce(topic, timed_batch({{"a", 5000}, {"b", 1000}, {"c", 7000}}, codec));
    produce(topic, timed_batch({{"d", 2000}}, codec));
    produce(topic, timed_batch({{"e", 6000}, {"f", 9000}, {"g", 100}}, codec));
    const std::pair<int64_t, int64_t> wanted[] = {{0, 0},    {1500, 0}, {5000, 0}, {5001, 2},
                                                  {7000, 2}, {7001, 5}, {9000, 5}, {9001, -1}};
    for (const auto& [time, offset] : wanted) {
      EXPECT_EQ(list(topic, time).offset, offset) << topic << " at " << time;
    }
    EXPECT_EQ(list(topic, 5001).timestamp, 7000);
    EXPECT_EQ(list(topic, -3).offset, 5);
    EXPECT_EQ(list(topic, -3).timestamp, 9000);
  }
}

// 8: nothing is found below the start, the highest time is that of what is left, and "nothing" is
// -1 and -1.
TEST_F(Pitfalls, DeletedRecordsAreNotFoundByTime) {
  make("events");
  produce("events", timed_batch({{"a", 9000}, {"b", 300}}));
  produce("events", timed_batch({{"c", 500}, {"d", 400}}));
  delete_before("events", 1);
  EXPECT_EQ(list("events", 0).offset, 1);
  EXPECT_EQ(list("events", 301).offset, 2);
  EXPECT_EQ(list("events", 501).offset, -1);
  EXPECT_EQ(list("events", 501).timestamp, -1);
  EXPECT_EQ(list("events", -3).offset, 2);
  EXPECT_EQ(list("events", -3).timestamp, 500);
  delete_before("events", 4);
  EXPECT_EQ(list("events", 0).offset, -1);
  EXPECT_EQ(list("events", -3).offset, -1);
  EXPECT_EQ(list("events", -1).offset, 4);
  EXPECT_EQ(list("events", -2).offset, 4);
}

TEST_F(Pitfalls, SpecialTimesAreThoseOfTheirVersion) {
  make("events");
  produce("events", batch_of({"a"}));
  EXPECT_EQ(list("events", -4).offset, 0);
  for (const int64_t tiered : {-5, -6}) {
    EXPECT_EQ(list("events", tiered).error_code, 0);
    EXPECT_EQ(list("events", tiered).offset, -1);
  }
  const int16_t unsupported = wire_code(KafkaError::kUnsupportedVersion);
  EXPECT_EQ(list("events", -7).error_code, unsupported);
  EXPECT_EQ(list("events", -3, 6).error_code, unsupported);
  EXPECT_EQ(list("events", -4, 7).error_code, unsupported);
  EXPECT_EQ(list("events", -5, 8).error_code, unsupported);
  EXPECT_EQ(list("events", -6, 10).error_code, unsupported);
  EXPECT_EQ(list("events", -2, 1).offset, 0);
}

// 9
TEST_F(Pitfalls, AbsurdTimestampsAreRefusedWhereTheTopicSaysSo) {
  make("events", {{"message.timestamp.after.max.ms", "3600000"},
                  {"message.timestamp.before.max.ms", "3600000"}});
  const int16_t invalid = wire_code(KafkaError::kInvalidTimestamp);
  EXPECT_EQ(produce("events", timed_batch({{"a", kNow}})).error_code, 0);
  EXPECT_EQ(produce("events", timed_batch({{"a", kNow + 3'700'000}})).error_code, invalid);
  EXPECT_EQ(produce("events", timed_batch({{"a", INT64_MAX}})).error_code, invalid);
  EXPECT_EQ(produce("events", timed_batch({{"a", kNow - 3'700'000}})).error_code, invalid);
  EXPECT_EQ(fetch("events", 0).high_watermark, 1);
  // Unless a topic says otherwise an hour ahead is the most, and anything in the past will do.
  make("others");
  EXPECT_EQ(produce("others", timed_batch({{"a", 1}, {"b", kNow + 3'500'000}})).error_code, 0);
  EXPECT_EQ(produce("others", timed_batch({{"a", 1}, {"b", kNow + 3'700'000}})).error_code,
            invalid);
  make("free", {{"message.timestamp.after.max.ms", "9223372036854775807"}});
  EXPECT_EQ(produce("free", timed_batch({{"a", INT64_MAX}})).error_code, 0);
}

TEST_F(Pitfalls, AbsurdNumbersOfPartitionsAreAgainstThePolicy) {
  make("events");
  for (const int32_t count : {10'001, INT32_MAX}) {
    CreateTopicsRequest create;
    auto& topic = create.topics.emplace_back();
    topic.name = wire::literal("many");
    topic.num_partitions = count;
    topic.replication_factor = -1;
    const auto made = client.call<CreateTopicsResponse>(7, create).topics.at(0);
    EXPECT_EQ(made.error_code, wire_code(KafkaError::kPolicyViolation));
    CreatePartitionsRequest grow;
    auto& grown = grow.topics.emplace_back();
    grown.name = wire::literal("events");
    grown.count = count;
    EXPECT_EQ(client.call<CreatePartitionsResponse>(3, grow).results.at(0).error_code,
              wire_code(KafkaError::kPolicyViolation));
  }
}

// 10
TEST_F(Pitfalls, AppendTimeIsToldOnlyWhereTheTopicWantsIt) {
  make("created");
  make("appended", {{"message.timestamp.type", "LogAppendTime"}});
  EXPECT_EQ(produce("created", timed_batch({{"a", 1000}})).log_append_time_ms, -1);
  EXPECT_EQ(produce("appended", timed_batch({{"a", 1000}, {"b", 1001}})).log_append_time_ms, kNow);
  const std::string batch = fetch("appended", 0).records->joined();
  EXPECT_EQ(load_be<int16_t>(batch.data() + 21) & 8, 8);
  EXPECT_EQ(load_be<int64_t>(batch.data() + 35), kNow);
  EXPECT_EQ(load_be<uint32_t>(batch.data() + 17), crc32c(ByteView(batch).substr(21)));
}

// 11, 12: without transactions all that is visible is stable, and the list of aborted ones is empty
// for those who ask, and not there for the others.
TEST_F(Pitfalls, TheStableOffsetIsTheVisibleEndAndNeverFallsOrRunsAhead) {
  make("events");
  int64_t last = 0;
  for (int i = 0; i < 20; ++i) {
    port.hold_back(i % 3 == 0);
    Client writer(port);
    ProduceRequest request;
    request.acks = -1;
    auto& one = request.topic_data.emplace_back();
    one.name = wire::literal("events");
    one.partition_data.emplace_back().records = wire::Records(batch_of({"x", "y"}));
    const int32_t sent = writer.send(9, request);
    for (const int8_t isolation : {int8_t{0}, int8_t{1}}) {
      FetchRequest wanted = fetch_request({"events"}, last);
      wanted.isolation_level = isolation;
      const auto answer = client.call<FetchResponse>(12, wanted).responses.at(0).partitions.at(0);
      EXPECT_EQ(answer.last_stable_offset, answer.high_watermark);
      EXPECT_GE(answer.last_stable_offset, last);
      EXPECT_LE(answer.last_stable_offset, 2 * (i + 1));
      EXPECT_EQ(answer.aborted_transactions.has_value(), isolation == 1);
      if (isolation == 1) EXPECT_TRUE(answer.aborted_transactions->empty());
      last = answer.last_stable_offset;
      EXPECT_GE(list("events", -1).offset, last);
    }
    port.hold_back(false);
    writer.receive<ProduceResponse>(9, sent);
  }
}

// 15 to 17: transactions are refused at their first step, with a message that says so.
TEST_F(Pitfalls, TheCoordinatorOfTransactionsIsRefusedWithAReason) {
  FindCoordinatorRequest request;
  request.key_type = 1;
  request.key = wire::literal("t");
  request.coordinator_keys.push_back(wire::literal("t"));
  for (int16_t version = 1; version <= 6; ++version) {
    const auto response = client.call<FindCoordinatorResponse>(version, request);
    const bool one = version < 4;
    EXPECT_EQ(one ? response.error_code : response.coordinators.at(0).error_code,
              wire_code(kNoTransactions));
    const auto message = one ? response.error_message : response.coordinators.at(0).error_message;
    ASSERT_TRUE(message) << version;
    EXPECT_NE(message->view().find("transactions"), std::string_view::npos) << message->view();
  }
}

// 20: epochs are checked wherever they are told, and committed ones come back.
TEST_F(Pitfalls, LeaderEpochsAreCheckedAndKept) {
  make("events");
  produce("events", batch_of({"a"}));
  EXPECT_GE(described("events").partitions.at(0).leader_epoch, 0);
  EXPECT_GE(list("events", -1).leader_epoch, 0);
  EXPECT_EQ(list("events", -1, 11, 99).error_code, wire_code(KafkaError::kUnknownLeaderEpoch));
  OffsetForLeaderEpochRequest ends;
  auto& topic = ends.topics.emplace_back();
  topic.topic = wire::literal("events");
  topic.partitions.emplace_back().current_leader_epoch = 99;
  EXPECT_EQ(
      client.call<OffsetForLeaderEpochResponse>(4, ends).topics.at(0).partitions.at(0).error_code,
      wire_code(KafkaError::kUnknownLeaderEpoch));

  OffsetCommitRequest commit;
  commit.group_id = wire::literal("crew");
  auto& committed = commit.topics.emplace_back();
  committed.name = wire::literal("events");
  auto& partition = committed.partitions.emplace_back();
  partition.committed_offset = 1;
  partition.committed_leader_epoch = 7;
  EXPECT_EQ(client.call<OffsetCommitResponse>(8, commit).topics.at(0).partitions.at(0).error_code,
            0);
  OffsetFetchRequest fetched;
  fetched.group_id = commit.group_id;
  fetched.topics.emplace();
  fetched.topics->push_back({wire::literal("events"), {0}});
  EXPECT_EQ(client.call<OffsetFetchResponse>(7, fetched)
                .topics.at(0)
                .partitions.at(0)
                .committed_leader_epoch,
            7);
}

TEST_F(Pitfalls, ATopicThatIsMadeAgainIsAnother) {
  make("events");
  produce("events", batch_of({"a"}));
  const auto before = described("events");
  remove("events");
  make("events");
  const auto after = described("events");
  EXPECT_NE(before.topic_id, after.topic_id);
  FetchRequest request = fetch_request({"events"}, 0);
  request.topics[0].topic_id = before.topic_id;
  EXPECT_EQ(client.call<FetchResponse>(13, request).responses.at(0).partitions.at(0).error_code,
            wire_code(KafkaError::kUnknownTopicId));
  EXPECT_EQ(fetch("events", 0).high_watermark, 0);
}

// 22
TEST_F(Pitfalls, OldMessageFormatsAreNeitherStoredNorServed) {
  make("events");
  for (const char magic : {'\0', '\1', '\3'}) {
    std::string bytes(batch_of({"a"}).view());
    bytes[16] = magic;
    const KafkaError error = magic < 2 ? KafkaError::kInvalidRecord : KafkaError::kCorruptMessage;
    EXPECT_EQ(produce("events", Bytes::take(std::move(bytes))).error_code, wire_code(error));
  }
  EXPECT_EQ(fetch("events", 0).high_watermark, 0);
}

// 23: the batch that is larger than every limit is one of the first partition that has any.
TEST_F(Pitfalls, ALargeBatchBehindEmptyPartitionsGoesOutAlone) {
  for (const char* name : {"empty", "large", "small"}) make(name);
  produce("large", batch_of({std::string(5000, 'x')}));
  produce("small", batch_of({"x"}));
  for (const int32_t limit : {0, 1, 4999}) {
    FetchRequest request = fetch_request({"empty", "large", "small"}, 0);
    request.max_bytes = limit;
    for (auto& topic : request.topics) topic.partitions[0].partition_max_bytes = 100;
    const auto response = client.call<FetchResponse>(12, request);
    EXPECT_EQ(response.responses.at(0).partitions.at(0).records->size(), 0U);
    EXPECT_GT(response.responses.at(1).partitions.at(0).records->size(), 5000U);
    EXPECT_EQ(response.responses.at(2).partitions.at(0).records->size(), 0U);
  }
}

// 24: what can be answered is not waited for.
TEST_F(Pitfalls, AFetchThatNeedNotWaitIsAnsweredAtOnce) {
  make("events");
  const int32_t a_minute = 60'000;
  client.call<FetchResponse>(12, fetch_request({}, 0, a_minute));
  client.call<FetchResponse>(12, fetch_request({"events", "nowhere"}, 0, a_minute));
  FetchRequest nothing = fetch_request({"events"}, 0, a_minute);
  nothing.min_bytes = 0;
  client.call<FetchResponse>(12, nothing);
  client.call<FetchResponse>(12, fetch_request({"events"}, 0, -1));
  client.call<FetchResponse>(12, fetch_request({"events"}, 9, a_minute));  // out of range
  // The minimum is a sum over partitions.
  make("others");
  produce("events", batch_of({"x"}));
  produce("others", batch_of({"x"}));
  FetchRequest both = fetch_request({"events", "others"}, 0, a_minute);
  both.min_bytes = static_cast<int32_t>(2 * batch_of({"x"}).size());
  client.call<FetchResponse>(12, both);
}

// 25
TEST_F(Pitfalls, ClientsDoNotWriteControlBatchesAndStayWithinTheTopicsLimit) {
  make("events", {{"max.message.bytes", "1000"}});
  EXPECT_EQ(produce("events", with_attributes(batch_of({"a"}), 0x20)).error_code,
            wire_code(KafkaError::kInvalidRecord));
  EXPECT_EQ(produce("events", with_attributes(batch_of({"a"}), 0x10)).error_code,
            wire_code(kNoTransactions));
  EXPECT_EQ(produce("events", batch_of({std::string(2000, 'x')})).error_code,
            wire_code(KafkaError::kMessageTooLarge));
  EXPECT_EQ(fetch("events", 0).high_watermark, 0);
}

// 29
TEST_F(Pitfalls, ListsOfASettingGrowAndShrinkByTheirElements) {
  make("events");
  const auto change = [&](int8_t operation, std::string_view value) {
    IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = 2;
    resource.resource_name = wire::literal("events");
    resource.configs.push_back({wire::literal("cleanup.policy"), operation, Bytes::copy_of(value)});
    return client.call<IncrementalAlterConfigsResponse>(1, request).responses.at(0).error_code;
  };
  const auto policy = [&] {
    DescribeConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = 2;
    resource.resource_name = wire::literal("events");
    const auto response = client.call<DescribeConfigsResponse>(4, request);
    for (const auto& config : response.results.at(0).configs) {
      if (config.name.view() == "cleanup.policy") return std::string(config.value->view());
    }
    return std::string();
  };
  constexpr int8_t kAppend = 2;
  constexpr int8_t kSubtract = 3;
  EXPECT_EQ(policy(), "delete");
  EXPECT_EQ(change(kAppend, "compact"), 0);
  EXPECT_NE(policy().find("compact"), std::string::npos);
  EXPECT_NE(policy().find("delete"), std::string::npos);
  EXPECT_EQ(change(kSubtract, "delete"), 0);
  EXPECT_EQ(policy(), "compact");
  EXPECT_NE(change(kAppend, "shred"), 0);
  EXPECT_EQ(policy(), "compact");
}

}  // namespace
}  // namespace weir::kafka
