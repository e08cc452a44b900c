// Fetch sessions: the table by itself, and over a real socket.

#include "protocols/kafka/fetch_sessions.h"

#include "protocols/kafka/gen/produce.h"
#include "protocols/kafka/gen/topics.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

class SessionTable : public testing::Test {
 protected:
  static FetchRequest asking(int32_t session,
                             int32_t epoch,
                             const std::string& topic = "",
                             std::vector<int32_t> partitions = {}) {
    FetchRequest request;
    request.session_id = session;
    request.session_epoch = epoch;
    if (topic.empty()) return request;
    auto& one = request.topics.emplace_back();
    one.topic = Bytes::copy_of(topic);
    for (const int32_t partition : partitions) one.partitions.emplace_back().partition = partition;
    return request;
  }
  FetchSessions::Opened open(FetchRequest& request, bool by_id = false) {
    return sessions.open(request, by_id, now, random);
  }
  FetchSessions::Opened open(FetchRequest&& request) { return open(request); }
  static FetchResponse telling(const FetchRequest& request, int64_t high_watermark) {
    FetchResponse response;
    for (const auto& topic : request.topics) {
      auto& answer = response.responses.emplace_back();
      answer.topic = topic.topic;
      for (const auto& partition : topic.partitions) {
        auto& result = answer.partitions.emplace_back();
        result.partition_index = partition.partition;
        result.high_watermark = high_watermark;
        result.log_start_offset = 0;
      }
    }
    return response;
  }
  static size_t told(const FetchResponse& response) {
    size_t count = 0;
    for (const auto& topic : response.responses) count += topic.partitions.size();
    return count;
  }

  FetchSessions sessions{
      {.sessions_max = 3, .partitions_max = 10, .idle_before_eviction = Milliseconds(1'000)}};
  Random random{1};
  Timestamp now{1'000'000};
};

TEST_F(SessionTable, AnIncrementalRequestReadsEverythingAndTellsWhatIsNew) {
  FetchRequest full = asking(0, 0, "a", {0, 1, 2});
  const auto first = open(full);
  ASSERT_TRUE(first.session);
  EXPECT_FALSE(first.incremental);
  FetchResponse answer = telling(full, 5);
  first.session->answered(answer, false);
  EXPECT_EQ(answer.session_id, first.session->id());
  EXPECT_EQ(told(answer), 3U);

  FetchRequest next = asking(first.session->id(), 1);
  const auto second = open(next);
  EXPECT_TRUE(second.incremental);
  ASSERT_EQ(next.topics.size(), 1U);
  EXPECT_EQ(next.topics[0].partitions.size(), 3U);
  answer = telling(next, 5);
  second.session->answered(answer, true);
  EXPECT_EQ(told(answer), 0U) << "nothing has changed";

  FetchRequest third = asking(first.session->id(), 2);
  open(third);
  answer = telling(third, 5);
  answer.responses[0].partitions[1].high_watermark = 6;
  answer.responses[0].partitions[2].error_code = 3;
  second.session->answered(answer, true);
  EXPECT_EQ(told(answer), 2U);
  FetchRequest fourth = asking(first.session->id(), 3);
  open(fourth);
  answer = telling(fourth, 5);
  answer.responses[0].partitions[1].high_watermark = 6;
  second.session->answered(answer, true);
  ASSERT_EQ(told(answer), 1U) << "the error is over, which is news";
  EXPECT_EQ(answer.responses[0].partitions[0].partition_index, 2);
}

TEST_F(SessionTable, PartitionsAreAddedChangedAndForgotten) {
  const auto opened = open(asking(0, 0, "a", {0, 1}));
  FetchRequest more = asking(opened.session->id(), 1, "b", {7});
  more.topics.push_back({Bytes::copy_of("a"), {}, {}});
  more.topics[1].partitions.emplace_back().partition = 1;
  more.topics[1].partitions[0].fetch_offset = 42;
  more.forgotten_topics_data.push_back({Bytes::copy_of("a"), {}, {0, 9}});
  open(more);
  ASSERT_EQ(more.topics.size(), 2U);
  EXPECT_EQ(more.topics[0].partitions.at(0).fetch_offset, 42);
  EXPECT_EQ(more.topics[1].topic.view(), "b");
  EXPECT_EQ(sessions.partitions(), 2U);

  FetchRequest none = asking(opened.session->id(), 2);
  none.forgotten_topics_data.push_back({Bytes::copy_of("a"), {}, {1}});
  none.forgotten_topics_data.push_back({Bytes::copy_of("b"), {}, {7}});
  EXPECT_FALSE(open(none).session) << "a session without partitions ends";
  EXPECT_EQ(sessions.size(), 0U);
  EXPECT_EQ(sessions.partitions(), 0U);
}

TEST_F(SessionTable, WhoeverGotRecordsStandsLast) {
  FetchRequest request = asking(0, 0, "a", {0, 1, 2});
  const auto opened = open(request);
  FetchResponse answer = telling(request, 5);
  answer.responses[0].partitions[0].records.emplace().append(Bytes::copy_of("batch"));
  opened.session->answered(answer, false);
  FetchRequest next = asking(opened.session->id(), 1);
  open(next);
  EXPECT_EQ(next.topics[0].partitions[0].partition, 1);
  EXPECT_EQ(next.topics[0].partitions[2].partition, 0);
}

TEST_F(SessionTable, MistakesAreNamed) {
  EXPECT_EQ(open(asking(77, 1)).error, KafkaError::kFetchSessionIdNotFound);
  EXPECT_EQ(open(asking(0, 5)).error, KafkaError::kFetchSessionIdNotFound);
  const auto opened = open(asking(0, 0, "a", {0}));
  const int32_t id = opened.session->id();
  EXPECT_EQ(open(asking(id, 2)).error, KafkaError::kInvalidFetchSessionEpoch);
  EXPECT_EQ(open(asking(id, 1)).error, KafkaError::kNone);
  EXPECT_EQ(open(asking(id, 1)).error, KafkaError::kInvalidFetchSessionEpoch);
  FetchRequest by_id = asking(id, 2);
  EXPECT_EQ(open(by_id, true).error, KafkaError::kFetchSessionTopicIdError);
}

TEST_F(SessionTable, AFullRequestEndsTheSessionThatItNames) {
  const int32_t id = open(asking(0, 0, "a", {0})).session->id();
  EXPECT_FALSE(open(asking(id, -1, "a", {0})).session);
  EXPECT_EQ(sessions.size(), 0U);
  const int32_t again = open(asking(0, 0, "a", {0})).session->id();
  EXPECT_NE(open(asking(again, 0, "a", {0})).session->id(), 0);
  EXPECT_EQ(sessions.size(), 1U);
}

TEST_F(SessionTable, MemoryIsBounded) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(open(asking(0, 0, "a", {0, 1})).session);
  EXPECT_FALSE(open(asking(0, 0, "a", {0})).session) << "too many, and none is idle";
  EXPECT_EQ(sessions.size(), 3U);
  now = now + Milliseconds(1'000);
  const auto fresh = open(asking(0, 0, "b", {0, 1, 2, 3, 4}));
  ASSERT_TRUE(fresh.session) << "the one that was idle for longest makes room";
  EXPECT_EQ(sessions.partitions(), 9U);
  EXPECT_EQ(open(asking(fresh.session->id(), 1, "b", {5, 6})).error,
            KafkaError::kFetchSessionIdNotFound)
      << "it has grown too large";
  EXPECT_EQ(sessions.partitions(), 4U);
  EXPECT_FALSE(open(asking(0, 0, "c", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})).session);
  EXPECT_EQ(sessions.size(), 2U) << "what cannot fit makes nobody go";
}

TEST_F(SessionTable, EpochsGoRound) {
  FetchSession session(1, false);
  for (int i = 0; i < 3; ++i) session.advance(now);
  EXPECT_EQ(session.next_epoch(), 4);
}

// ---- over a socket

class FetchSessionPort : public testing::Test {
 protected:
  void create(const std::string& name, int32_t partitions) {
    CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = Bytes::copy_of(name);
    topic.num_partitions = partitions;
    topic.replication_factor = -1;
    const auto made = client.call<CreateTopicsResponse>(7, request).topics.at(0);
    ASSERT_EQ(made.error_code, 0);
    topic_id = made.topic_id;
  }
  void produce(int32_t partition) {
    ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 1'000;
    auto& topic = request.topic_data.emplace_back();
    topic.name = wire::literal("events");
    auto& data = topic.partition_data.emplace_back();
    data.index = partition;
    data.records.emplace().append(batch_of({"one"}));
    ++produced;
    ASSERT_EQ(client.call<ProduceResponse>(9, request)
                  .responses.at(0)
                  .partition_responses.at(0)
                  .error_code,
              0);
  }
  FetchRequest full(int16_t version) const {
    FetchRequest request;
    request.max_wait_ms = 0;
    request.min_bytes = 1;
    request.session_epoch = 0;
    auto& topic = request.topics.emplace_back();
    if (version >= 13)
      topic.topic_id = topic_id;
    else
      topic.topic = wire::literal("events");
    for (const int32_t index : {0, 1}) {
      auto& partition = topic.partitions.emplace_back();
      partition.partition = index;
      partition.partition_max_bytes = 1 << 20;
      if (index == 1) partition.fetch_offset = produced;
    }
    return request;
  }

  Port port;
  Client client{port};
  wire::Uuid topic_id;
  int64_t produced = 0;  // to partition 1
};

TEST_F(FetchSessionPort, AClientSendsAndIsToldOnlyWhatChanged) {
  create("events", 2);
  for (const int16_t version : {int16_t{7}, int16_t{12}, int16_t{13}, int16_t{18}}) {
    SCOPED_TRACE(version);
    const auto first = client.call<FetchResponse>(version, full(version));
    ASSERT_EQ(first.error_code, 0);
    ASSERT_NE(first.session_id, 0);
    EXPECT_EQ(first.responses.at(0).partitions.size(), 2U);
    FetchRequest next;
    next.max_wait_ms = 0;
    next.min_bytes = 1;
    next.session_id = first.session_id;
    next.session_epoch = 1;
    const auto nothing = client.call<FetchResponse>(version, next);
    EXPECT_EQ(nothing.session_id, first.session_id);
    EXPECT_TRUE(nothing.responses.empty());

    produce(1);
    next.session_epoch = 2;
    next.max_wait_ms = 10'000;
    const auto news = client.call<FetchResponse>(version, next);
    ASSERT_EQ(news.responses.size(), 1U);
    ASSERT_EQ(news.responses[0].partitions.size(), 1U);
    EXPECT_EQ(news.responses[0].partitions[0].partition_index, 1);
    EXPECT_GT(news.responses[0].partitions[0].records->size(), 0U);

    EXPECT_EQ(client.call<FetchResponse>(version, next).error_code,
              wire_code(KafkaError::kInvalidFetchSessionEpoch));
    next.session_id = 0;
    next.session_epoch = -1;
    EXPECT_EQ(client.call<FetchResponse>(version, next).error_code, 0);
  }
}

TEST_F(FetchSessionPort, ATopicThatGoesIsNewsInASession) {
  create("events", 2);
  const auto first = client.call<FetchResponse>(13, full(13));
  DeleteTopicsRequest remove;
  remove.topics.emplace_back().name = wire::literal("events");
  client.call<DeleteTopicsResponse>(6, remove);
  FetchRequest next;
  next.session_id = first.session_id;
  for (next.session_epoch = 1; next.session_epoch <= 2; ++next.session_epoch) {
    const auto gone = client.call<FetchResponse>(13, next);
    EXPECT_EQ(gone.error_code, 0);
    EXPECT_EQ(gone.responses.at(0).partitions.at(0).error_code,
              wire_code(KafkaError::kUnknownTopicId));
  }
  next.session_epoch = 3;
  EXPECT_EQ(client.call<FetchResponse>(12, next).error_code,
            wire_code(KafkaError::kFetchSessionTopicIdError));
}

}  // namespace
}  // namespace weir::kafka
