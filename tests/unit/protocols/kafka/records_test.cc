// Producing and fetching over a real socket.

#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/api_versions.h"
#include "protocols/kafka/gen/fetch.h"
#include "protocols/kafka/gen/metadata.h"
#include "protocols/kafka/gen/offsets.h"
#include "protocols/kafka/gen/produce.h"
#include "protocols/kafka/gen/producer_id.h"
#include "protocols/kafka/handlers/handler.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

class Records : public testing::Test {
 protected:
  explicit Records(bool two_shards = false) : port({}, two_shards) {}

  // Makes the topic and remembers its id.
  MetadataResponse::Topic topic(const std::string& name) {
    MetadataRequest request;
    request.topics.emplace();
    request.topics->push_back({{}, Bytes::copy_of(name)});
    request.allow_auto_topic_creation = true;
    return client.call<MetadataResponse>(12, request).topics.at(0);
  }
  ProduceRequest produce_request(const MetadataResponse::Topic& where,
                                 Bytes batch,
                                 int16_t acks = -1) {
    ProduceRequest request;
    request.acks = acks;
    request.timeout_ms = 1000;
    auto& one = request.topic_data.emplace_back();
    one.name = *where.name;
    one.topic_id = where.topic_id;
    one.partition_data.emplace_back().records = wire::Records(std::move(batch));
    return request;
  }
  ProduceResponse::Partition produce(const MetadataResponse::Topic& where,
                                     Bytes batch,
                                     int16_t version = 9) {
    auto response = client.call<ProduceResponse>(version, produce_request(where, std::move(batch)));
    return response.responses.at(0).partition_responses.at(0);
  }
  FetchRequest fetch_request(const MetadataResponse::Topic& where,
                             int64_t offset,
                             int32_t wait_ms = 0) {
    FetchRequest request;
    request.max_wait_ms = wait_ms;
    request.min_bytes = 1;
    request.session_epoch = -1;
    auto& one = request.topics.emplace_back();
    one.topic = *where.name;
    one.topic_id = where.topic_id;
    auto& partition = one.partitions.emplace_back();
    partition.fetch_offset = offset;
    partition.partition_max_bytes = 1 << 20;
    return request;
  }
  FetchResponse::Partition fetch(const MetadataResponse::Topic& where,
                                 int64_t offset,
                                 int16_t version = 12) {
    auto response = client.call<FetchResponse>(version, fetch_request(where, offset));
    return response.responses.at(0).partitions.at(0);
  }

  Port port;
  Client client{port};
};

class RecordsOnTwoShards : public Records {
 protected:
  RecordsOnTwoShards() : Records(true) {}
};

TEST_F(Records, WhatIsProducedIsFetchedByteForByteInEveryVersion) {
  const auto where = topic("events");
  int64_t expected = 0;
  for (int16_t version = 3; version <= 13; ++version) {
    SCOPED_TRACE(version);
    const auto result = produce(where, batch_of({"one", "two"}), version);
    EXPECT_EQ(result.error_code, 0);
    EXPECT_EQ(result.base_offset, expected);
    expected += 2;
  }
  const std::string sent = std::string(batch_of({"one", "two"}).view());
  for (int16_t version = 4; version <= 18; ++version) {
    SCOPED_TRACE(version);
    const auto result = fetch(where, 20, version);
    EXPECT_EQ(result.error_code, 0);
    EXPECT_EQ(result.high_watermark, 22);
    const std::string got = result.records->joined();
    ASSERT_EQ(got.size(), sent.size());
    EXPECT_EQ(load_be<int64_t>(got.data()), 20);
    EXPECT_EQ(got.substr(16), sent.substr(16));
  }
}

TEST_F(Records, AnOffsetInsideABatchGetsTheWholeBatch) {
  const auto where = topic("events");
  produce(where, batch_of({"a", "b", "c"}));
  EXPECT_EQ(load_be<int64_t>(fetch(where, 2).records->joined().data()), 0);
}

TEST_F(Records, AnAcknowledgementWaitsUntilTheBatchIsDurable) {
  const auto where = topic("events");
  port.hold_back(true);
  const int32_t sent = client.send(9, produce_request(where, batch_of({"a"})));
  Client other(port);
  // The other client's answer shows that the first one was handled; it sees nothing of it yet.
  EXPECT_EQ(other.call<FetchResponse>(12, fetch_request(where, 0))
                .responses.at(0)
                .partitions.at(0)
                .high_watermark,
            0);
  EXPECT_FALSE(client.has_answer());
  port.hold_back(false);
  EXPECT_EQ(
      client.receive<ProduceResponse>(9, sent).responses.at(0).partition_responses.at(0).error_code,
      0);
  EXPECT_EQ(fetch(where, 0).high_watermark, 1);
}

TEST_F(Records, AFetchAtTheEndWaitsForTheNextRecord) {
  const auto where = topic("events");
  Client reader(port);
  const int32_t waiting = reader.send(12, fetch_request(where, 0, 60'000));
  produce(where, batch_of({"now"}));
  EXPECT_EQ(
      reader.receive<FetchResponse>(12, waiting).responses.at(0).partitions.at(0).high_watermark,
      1);
}

TEST_F(Records, AFetchAnswersEmptyWhenItsTimeIsOver) {
  const auto where = topic("events");
  Client reader(port);
  const int32_t waiting = reader.send(12, fetch_request(where, 0, 500));
  port.until_waiting(1);
  EXPECT_FALSE(reader.has_answer());
  port.advance(Milliseconds(500));
  const auto response = reader.receive<FetchResponse>(12, waiting);
  EXPECT_EQ(response.responses.at(0).partitions.at(0).error_code, 0);
  EXPECT_TRUE(response.responses.at(0).partitions.at(0).records->empty());
}

TEST_F(Records, AFetchBelowItsMinimumWaitsForMore) {
  const auto where = topic("events");
  Client reader(port);
  FetchRequest request = fetch_request(where, 0, 60'000);
  request.min_bytes = static_cast<int32_t>(batch_of({"aaaa"}).size() + 1);
  const int32_t waiting = reader.send(12, request);
  produce(where, batch_of({"aaaa"}));
  EXPECT_FALSE(reader.has_answer());
  produce(where, batch_of({"aaaa"}));
  EXPECT_EQ(
      reader.receive<FetchResponse>(12, waiting).responses.at(0).partitions.at(0).high_watermark,
      2);
}

TEST_F(Records, LimitsAreSoftForTheFirstBatchOnly) {
  const auto where = topic("events");
  const auto other = topic("others");
  for (int i = 0; i < 3; ++i) produce(where, batch_of({"0123456789"}));
  produce(other, batch_of({"0123456789"}));
  const size_t size = batch_of({"0123456789"}).size();
  FetchRequest request = fetch_request(where, 0);
  request.topics.push_back(fetch_request(other, 0).topics[0]);
  request.max_bytes = 1;
  auto response = client.call<FetchResponse>(12, request);
  EXPECT_EQ(response.responses.at(0).partitions.at(0).records->size(), size);
  EXPECT_EQ(response.responses.at(1).partitions.at(0).records->size(), 0U);
  EXPECT_EQ(response.responses.at(1).partitions.at(0).high_watermark, 1);
  request.max_bytes = static_cast<int32_t>(3 * size);
  request.topics[0].partitions.at(0).partition_max_bytes = static_cast<int32_t>(2 * size);
  response = client.call<FetchResponse>(12, request);
  EXPECT_GE(response.responses.at(0).partitions.at(0).records->size(), size);
  EXPECT_LE(response.responses.at(0).partitions.at(0).records->size(), 2 * size);
  EXPECT_EQ(response.responses.at(1).partitions.at(0).records->size(), size);
}

TEST_F(Records, ErrorsNameWhatIsWrong) {
  const auto where = topic("events");
  produce(where, batch_of({"a"}));
  EXPECT_EQ(fetch(where, 2).error_code, wire_code(KafkaError::kOffsetOutOfRange));
  auto nowhere = where;
  nowhere.name = wire::literal("nowhere");
  nowhere.topic_id.bytes[0] ^= 1;
  EXPECT_EQ(fetch(nowhere, 0).error_code, wire_code(KafkaError::kUnknownTopicOrPartition));
  EXPECT_EQ(fetch(nowhere, 0, 13).error_code, wire_code(KafkaError::kUnknownTopicId));
  EXPECT_EQ(produce(nowhere, batch_of({"a"})).error_code,
            wire_code(KafkaError::kUnknownTopicOrPartition));

  std::string broken(batch_of({"a"}).view());
  broken.back() ^= 1;
  EXPECT_EQ(produce(where, Bytes::take(std::move(broken))).error_code,
            wire_code(KafkaError::kCorruptMessage));

  FetchRequest session = fetch_request(where, 0);
  session.session_id = 7;
  session.session_epoch = 1;
  EXPECT_EQ(client.call<FetchResponse>(12, session).error_code,
            wire_code(KafkaError::kFetchSessionIdNotFound));
  FetchRequest epoch = fetch_request(where, 0);
  epoch.topics[0].partitions.at(0).current_leader_epoch = 99;
  EXPECT_EQ(client.call<FetchResponse>(12, epoch).responses.at(0).partitions.at(0).error_code,
            wire_code(KafkaError::kUnknownLeaderEpoch));
}

TEST_F(Records, WithoutAcknowledgementThereIsNoAnswer) {
  const auto where = topic("events");
  client.send(9, produce_request(where, batch_of({"a"}), 0));
  EXPECT_EQ(produce(where, batch_of({"b"})).base_offset, 1);
}

TEST_F(Records, AnErrorWithoutAcknowledgementEndsTheConnection) {
  auto where = topic("events");
  where.name = wire::literal("nowhere");
  client.send(9, produce_request(where, batch_of({"a"}), 0));
  EXPECT_TRUE(client.socket().wait_closed());
}

TEST_F(Records, ARepeatedIdempotentBatchGetsItsFirstOffsetAgain) {
  const auto where = topic("events");
  const int64_t id = client.call<InitProducerIdResponse>(4, InitProducerIdRequest{}).producer_id;
  EXPECT_GE(id, 0);
  const auto batch = [&](int32_t sequence) {
    std::string bytes;
    log::BatchBuilder builder(bytes);
    builder.add({.key = "k", .value = "v", .headers = {}, .timestamp = Timestamp(1)});
    builder.finish_for(id, 0, sequence);
    return Bytes::take(std::move(bytes));
  };
  EXPECT_EQ(produce(where, batch(0)).base_offset, 0);
  EXPECT_EQ(produce(where, batch(1)).base_offset, 1);
  const auto again = produce(where, batch(0));
  EXPECT_EQ(again.error_code, 0);
  EXPECT_EQ(again.base_offset, 0);
  EXPECT_EQ(produce(where, batch(5)).error_code, wire_code(KafkaError::kOutOfOrderSequenceNumber));
}

TEST_F(Records, ProducersOfAPartitionAreDescribed) {
  const auto where = topic("events");
  const auto describe = [&](int32_t partition) {
    DescribeProducersRequest request;
    request.topics.push_back({*where.name, {partition}});
    return client.call<DescribeProducersResponse>(0, request).topics.at(0).partitions.at(0);
  };
  EXPECT_TRUE(describe(0).active_producers.empty());
  EXPECT_EQ(describe(9).error_code, wire_code(KafkaError::kUnknownTopicOrPartition));
  const int64_t id = client.call<InitProducerIdResponse>(4, InitProducerIdRequest{}).producer_id;
  std::string bytes;
  log::BatchBuilder builder(bytes);
  for (int i = 0; i < 3; ++i) {
    builder.add({.key = "k", .value = "v", .headers = {}, .timestamp = Timestamp(1)});
  }
  builder.finish_for(id, 4, 0);
  EXPECT_EQ(produce(where, Bytes::take(std::move(bytes))).error_code, 0);
  const auto described = describe(0);
  EXPECT_EQ(described.error_code, 0);
  ASSERT_EQ(described.active_producers.size(), 1);
  const auto& producer = described.active_producers[0];
  EXPECT_EQ(producer.producer_id, id);
  EXPECT_EQ(producer.producer_epoch, 4);
  EXPECT_EQ(producer.last_sequence, 2);
  EXPECT_EQ(producer.last_timestamp, 1) << "the batch's";
  EXPECT_EQ(producer.current_txn_start_offset, -1);
}

TEST_F(Records, TransactionsAreRefusedByName) {
  InitProducerIdRequest request;
  request.transactional_id = wire::literal("t");
  EXPECT_EQ(client.call<InitProducerIdResponse>(4, request).error_code, wire_code(kNoTransactions));
}

TEST_F(Records, OffsetsAreListedByTime) {
  const auto where = topic("events");
  produce(where, batch_of({"a", "b", "c"}, 1000));
  const auto list = [&](int64_t time) {
    ListOffsetsRequest request;
    auto& one = request.topics.emplace_back();
    one.name = *where.name;
    one.partitions.emplace_back().timestamp = time;
    return client.call<ListOffsetsResponse>(7, request).topics.at(0).partitions.at(0);
  };
  EXPECT_EQ(list(-1).offset, 3);
  EXPECT_EQ(list(-2).offset, 0);
  EXPECT_EQ(list(-3).offset, 2);
  EXPECT_EQ(list(1001).offset, 1);
  EXPECT_EQ(list(1001).timestamp, 1001);
  EXPECT_EQ(list(0).offset, 0);
  EXPECT_EQ(list(2000).offset, -1);
  EXPECT_EQ(list(2000).timestamp, -1);
}

TEST_F(Records, RecordsAreDeletedUpToAnOffset) {
  const auto where = topic("events");
  produce(where, batch_of({"a"}));
  produce(where, batch_of({"b"}));
  const auto remove = [&](int64_t offset) {
    DeleteRecordsRequest request;
    auto& one = request.topics.emplace_back();
    one.name = *where.name;
    one.partitions.emplace_back().offset = offset;
    return client.call<DeleteRecordsResponse>(2, request).topics.at(0).partitions.at(0);
  };
  EXPECT_EQ(remove(1).low_watermark, 1);
  EXPECT_EQ(remove(0).error_code, 0);
  EXPECT_EQ(remove(0).low_watermark, 1);
  EXPECT_EQ(remove(9).error_code, wire_code(KafkaError::kOffsetOutOfRange));
  EXPECT_EQ(fetch(where, 0).error_code, wire_code(KafkaError::kOffsetOutOfRange));
  EXPECT_EQ(remove(-1).low_watermark, 2);
}

TEST_F(Records, TheEndOfAnEpochIsFound) {
  const auto where = topic("events");
  produce(where, batch_of({"a"}));
  const auto end = [&](int32_t epoch) {
    OffsetForLeaderEpochRequest request;
    auto& one = request.topics.emplace_back();
    one.topic = *where.name;
    one.partitions.emplace_back().leader_epoch = epoch;
    return client.call<OffsetForLeaderEpochResponse>(4, request).topics.at(0).partitions.at(0);
  };
  EXPECT_EQ(end(0).end_offset, 1);
  EXPECT_EQ(end(7).end_offset, -1);
  EXPECT_EQ(end(7).leader_epoch, -1);
}

TEST_F(RecordsOnTwoShards, PipelinedRequestsKeepTheirOrderAndFetchesWake) {
  const auto where = topic("events");
  Client reader(port);
  for (int64_t round = 0; round < 50; ++round) {
    const int32_t waiting = reader.send(12, fetch_request(where, round * 3, 60'000));
    std::vector<int32_t> sent;
    for (int i = 0; i < 3; ++i) {
      sent.push_back(client.send(9, produce_request(where, batch_of({"a"}))));
    }
    for (int i = 0; i < 3; ++i) {
      const auto response = client.receive<ProduceResponse>(9, sent[static_cast<size_t>(i)]);
      EXPECT_EQ(response.responses.at(0).partition_responses.at(0).base_offset, round * 3 + i);
    }
    EXPECT_GT(
        reader.receive<FetchResponse>(12, waiting).responses.at(0).partitions.at(0).high_watermark,
        round * 3);
  }
}

TEST_F(RecordsOnTwoShards, AClientThatLeavesWhileItWaitsLeavesNothingBehind) {
  const auto where = topic("events");
  for (int round = 0; round < 20; ++round) {
    Client gone(port);
    gone.send(12, fetch_request(where, 0, 60'000));
  }
  port.until_nobody_waits();
}

// ---- the connection itself

TEST_F(Records, AdvertisedVersionsAreThoseOfTheHandlers) {
  for (int16_t version = 0; version <= 4; ++version) {
    const auto response = client.call<ApiVersionsResponse>(version, ApiVersionsRequest{});
    EXPECT_EQ(response.error_code, 0);
    ASSERT_EQ(response.api_keys.size(), all_handlers().size());
  }
  const auto response = client.call<ApiVersionsResponse>(3, ApiVersionsRequest{});
  EXPECT_EQ(response.api_keys.at(0).api_key, ProduceRequest::kKey);
  EXPECT_EQ(response.api_keys.at(0).min_version, 0);  // shown, not answered: see the handler
  EXPECT_EQ(response.api_keys.at(0).max_version, 13);
}

TEST_F(Records, AnUnknownVersionOfApiVersionsIsAnsweredInVersionZero) {
  client.socket().send(ByteView("\0\0\0\x0b\0\x12\0\x63\0\0\0\x09\0\x01x", 15));
  const auto response = client.receive<ApiVersionsResponse>(0, 9);
  EXPECT_EQ(response.error_code, wire_code(KafkaError::kUnsupportedVersion));
  ASSERT_EQ(response.api_keys.size(), 1U);
  EXPECT_EQ(response.api_keys.at(0).max_version, 4);
}

TEST_F(Records, AnswersComeInTheOrderOfTheRequests) {
  const auto where = topic("events");
  const int32_t first = client.send(12, fetch_request(where, 0, 60'000));
  const int32_t second = client.send(3, ApiVersionsRequest{});
  const int32_t third = client.send(9, produce_request(where, batch_of({"a"})));
  client.receive<FetchResponse>(12, first);  // woken by the third
  client.receive<ApiVersionsResponse>(3, second);
  client.receive<ProduceResponse>(9, third);
}

TEST_F(Records, BadInputEndsTheConnectionAndNothingElse) {
  const ByteView inputs[] = {
      ByteView("\xff\xff\xff\xff", 4),                           // a negative size
      ByteView("\x7f\xff\xff\xff", 4),                           // above the limit
      ByteView("\0\0\0\x03\0\0\0", 7),                           // no header
      ByteView("\0\0\0\x0a\x03\xe7\0\0\0\0\0\x01\xff\xff", 14),  // an unknown request
      ByteView("\0\0\0\x0a\0\0\0\x02\0\0\0\x01\xff\xff", 14),    // a version shown, not answered
      ByteView("\0\0\0\x0e\0\x03\0\x01\0\0\0\x01\xff\xff\x7f\xff\xff\xff",
               18),  // a count beyond the frame
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n"};
  for (const ByteView input : inputs) {
    Client bad(port);
    bad.socket().send(input);
    EXPECT_TRUE(bad.socket().wait_closed()) << input;
  }
  EXPECT_EQ(client.call<ApiVersionsResponse>(3, ApiVersionsRequest{}).error_code, 0);
}

TEST_F(Records, AClientThatLeavesWhileItWaitsLeavesNothingBehind) {
  const auto where = topic("events");
  {
    Client gone(port);
    gone.send(12, fetch_request(where, 0, 60'000));
    gone.send(12, fetch_request(where, 0, 60'000));
    port.until_waiting(2);
  }
  port.until_nobody_waits();
}

}  // namespace
}  // namespace weir::kafka
