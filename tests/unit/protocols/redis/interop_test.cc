// How an entry stands in a record, in both directions: the Redis table of docs/interop.md.

#include <gtest/gtest.h>

#include "base/checksum.h"
#include "base/wire.h"
#include "core/log/record_batch.h"
#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

using Strings = std::vector<std::string>;

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

class RedisInterop : public testing::Test {
 protected:
  Timestamp now() const { return Timestamp(server.now_ms); }
  CellId topic(const std::string& name) {
    broker::TopicSpec spec;
    spec.name = {"", name};
    const auto made = server.broker->create_topic(spec, now());
    EXPECT_TRUE(made);
    return made->thing->logs.at(0);
  }
  CellId log(const std::string& name) {
    return server.broker->catalog().find(catalog::Name{"", name})->logs.at(0);
  }
  // The record at an offset, as any other protocol sees it; nothing if it is not there.
  std::optional<broker::Delivery> record(const std::string& name, int64_t offset = 0) {
    std::optional<broker::Delivery> result;
    server.broker->read_records(log(name), {Offset(offset)},
                                [&](Result<std::vector<broker::Delivery>> read) {
                                  ASSERT_TRUE(read);
                                  if (!read->empty()) result = std::move(read->front());
                                });
    server.journal.poll();
    return result;
  }
  static Strings headers(const broker::Delivery& delivery) {
    Strings all;
    for (const auto& header : delivery.record.headers) {
      all.emplace_back(std::string(header.key) + "=" +
                       std::string(header.value.value_or("(null)")));
    }
    return all;
  }
  // The reply of XRANGE for one entry with these fields, whatever its ID.
  std::string fields_of_only_entry(const std::string& name) {
    const std::string reply = client.send({"XRANGE", name, "-", "+"});
    const std::string head = "*1\r\n*2\r\n";
    EXPECT_TRUE(reply.starts_with(head)) << reply;
    const size_t id = reply.find("\r\n", head.size());
    const size_t fields = reply.find("\r\n", id + 2);
    return reply.substr(fields + 2);
  }
  static std::string fields(const Strings& texts) {
    std::string reply = "*" + std::to_string(texts.size()) + "\r\n";
    for (const std::string& text : texts) reply += bulk(text);
    return reply;
  }

  TestServer server;
  TestClient client{server};
};

TEST_F(RedisInterop, KeyValueAndHeaderFieldsAreThoseOfTheRecord) {
  client.send({"XADD", "s", "*", "key", "k", "value", "v", "h:a", "1", "h:a", "2"});
  const auto stored = record("s");
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->record.key, "k");
  EXPECT_EQ(stored->record.value, "v");
  EXPECT_EQ(headers(*stored), (Strings{"a=1", "a=2"}));
  const std::vector<log::RecordHeader> given{{"b", ByteView("x")}, {"b", std::nullopt}};
  const CellId other = topic("other");
  ASSERT_TRUE(server.broker->append_record(other, {"k", "v", given, now()}, now()));
  EXPECT_EQ(fields_of_only_entry("other"),
            fields({"key", "k", "value", "v", "h:b", "x", "h:b", ""}));
}

TEST_F(RedisInterop, AnyOtherFieldsAreHeadersOfARecordWithoutKeyAndValue) {
  client.send({"XADD", "s", "*", "item", "book", "item", "pen", "key", "k"});
  const auto stored = record("s");
  ASSERT_TRUE(stored);
  EXPECT_FALSE(stored->record.key);
  EXPECT_FALSE(stored->record.value);
  EXPECT_EQ(headers(*stored), (Strings{"item=book", "item=pen", "key=k"}));
  EXPECT_EQ(fields_of_only_entry("s"), fields({"item", "book", "item", "pen", "key", "k"}));
}

TEST_F(RedisInterop, TheIdIsTheTimeOfTheAppendWhateverTheRecordsTimestamp) {
  const CellId log = topic("t");
  ASSERT_TRUE(server.broker->append_record(log, {{}, "v", {}, Timestamp(5)}, now()));
  const std::string reply = client.send({"XRANGE", "t", "-", "+"});
  EXPECT_NE(reply.find(bulk(std::to_string(server.now_ms) + "-0")), std::string::npos) << reply;
}

TEST_F(RedisInterop, AnEntrysTimestampIsWhenXaddCame) {
  client.send({"XADD", "s", "5-1", "value", "v"});
  const auto stored = record("s");
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->record.timestamp, now());
  EXPECT_EQ(stored->record.id, (log::StreamId{5, 1}));
}

TEST_F(RedisInterop, ACompressedBatchThatCannotBeOpenedShowsADamagedEntry) {
  const CellId log = topic("t");
  std::string bytes;
  log::BatchBuilder builder(bytes);
  builder.add({.key = "k", .value = "v", .headers = {}, .timestamp = now()});
  builder.finish();
  // Says that it is compressed with zstd (attribute 4), which its bytes are not; the checksum fits.
  constexpr size_t kChecksumAt = 17;
  constexpr size_t kAttributesAt = 21;
  bytes[kAttributesAt + 1] = 4;
  store_be(bytes.data() + kChecksumAt, crc32c(ByteView(bytes).substr(kAttributesAt)));
  const auto prepared = broker::Broker::prepare_batch(Bytes::take(std::move(bytes)), {});
  ASSERT_TRUE(prepared) << prepared.error().message;
  ASSERT_TRUE(server.broker->append(log, *prepared, now()));
  EXPECT_EQ(fields_of_only_entry("t"), fields({"damaged", ""}));
}

TEST_F(RedisInterop, ADeletedEntryIsLeftOutByAllReadersAndItsOffsetStaysUnused) {
  client.send({"XADD", "s", "1-0", "value", "a"});
  client.send({"XADD", "s", "2-0", "value", "b"});
  EXPECT_EQ(client.send({"XDEL", "s", "1-0"}), ":1\r\n");
  EXPECT_FALSE(record("s", 0));
  EXPECT_TRUE(record("s", 1));
  client.send({"XADD", "s", "3-0", "value", "c"});
  EXPECT_EQ(server.broker->find_log(log("s"))->end(), Offset(3));
}

TEST_F(RedisInterop, AStreamGroupIsNoConsumerGroupAndLeavesTheQueueAlone) {
  ASSERT_TRUE(server.broker->create_queue(
      {.name = {"", "jobs"}, .log = {}, .queue = {}, .properties = {}}, now()));
  client.send({"XADD", "jobs", "*", "value", "a"});
  client.send({"XGROUP", "CREATE", "jobs", "g", "0"});
  client.send({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "jobs", ">"});
  client.send({"XACK", "jobs", "g", std::to_string(server.now_ms) + "-0"});
  const auto& broker = *server.broker;
  EXPECT_FALSE(broker.catalog().find_group({"", "g"}));
  const CellId queue = broker.catalog().find(catalog::Name{"", "jobs"})->queue;
  EXPECT_EQ(server.broker->find_queue(queue, now())->counts().ready, 1U);
}

TEST_F(RedisInterop, APartitionIsAStreamOfItsOwn) {
  broker::TopicSpec spec;
  spec.name = {"", "t"};
  spec.partitions = 2;
  const auto made = server.broker->create_topic(spec, now());
  ASSERT_TRUE(made);
  ASSERT_TRUE(server.broker->append_record(made->thing->logs[1], {{}, "v", {}, now()}, now()));
  EXPECT_EQ(client.send({"XLEN", "t:{0}"}), ":0\r\n");
  EXPECT_EQ(client.send({"XLEN", "t:{1}"}), ":1\r\n");
}

}  // namespace
}  // namespace weir::redis
