#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/group_cell.h"
#include "tests/unit/admin/api_server.h"

namespace weir::admin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> names(const Json& page, std::string_view key) {
  std::vector<std::string> result;
  for (const Json& item : page[key].list()) result.push_back(item["name"].text());
  return result;
}

std::vector<std::string> values(const Json& page) {
  std::vector<std::string> result;
  for (const Json& record : page["records"].list()) result.push_back(record["value"].text());
  return result;
}

// ---- topics

TEST(TopicApi, CreatesDescribesAndRemoves) {
  ApiServer server;
  const Json made = server.json("POST", "/api/v1/topics",
                                R"({"name":"events","partitions":3,"retention_ms":60000})", 201);
  EXPECT_EQ(made["partition_count"].integer(), 3);
  EXPECT_EQ(made["retention_ms"].integer(), 60000);
  EXPECT_EQ(made["retention_bytes"].integer(), -1);
  EXPECT_EQ(made["origin"].text(), "admin");
  EXPECT_EQ(server.json("GET", "/api/v1/topics/events")["partitions"].list().size(), 3U);
  EXPECT_EQ(server.refusal("POST", "/api/v1/topics", R"({"name":"events"})", 409),
            "events exists already as a topic");
  EXPECT_EQ(server.refusal("DELETE", "/api/v1/queues/events", {}, 409),
            "events is a topic, not a queue");
  EXPECT_TRUE(server.json("DELETE", "/api/v1/topics/events")["removed"].flag());
  EXPECT_EQ(server.refusal("GET", "/api/v1/topics/events", {}, 404),
            "there is no topic or queue events");
}

TEST(TopicApi, ChangesRetentionAndAddsPartitions) {
  ApiServer server;
  server.json("POST", "/api/v1/topics", R"({"name":"t"})", 201);
  const Json changed =
      server.json("PATCH", "/api/v1/topics/t", R"({"retention_bytes":1000,"partitions":2})");
  EXPECT_EQ(changed["partition_count"].integer(), 2);
  EXPECT_EQ(changed["retention_bytes"].integer(), 1000);
  EXPECT_EQ(server.refusal("PATCH", "/api/v1/topics/t", R"({"partitions":1})", 400),
            "topic t has 2 partitions already");
}

TEST(TopicApi, RefusesWhatItDoesNotUnderstand) {
  ApiServer server;
  EXPECT_EQ(server.refusal("POST", "/api/v1/topics", R"({"name":"t","partition":2})", 400),
            "unknown field partition; did you mean partitions?");
  EXPECT_EQ(server.refusal("POST", "/api/v1/topics", R"({"partitions":2})", 400),
            "name is missing");
  EXPECT_EQ(server.refusal("POST", "/api/v1/topics", R"({"name":"t","durability":"maybe"})", 400),
            "durability must be fsync, os or transient");
  EXPECT_THAT(server.refusal("POST", "/api/v1/topics", "{", 400), HasSubstr("not JSON"));
  EXPECT_EQ(server.refusal("POST", "/api/v1/topics", "", 400), "a JSON object is wanted");
}

TEST(Listings, ComeInPagesAndByNamespace) {
  ApiServer server;
  for (const char* name : {"a", "b", "c", "d"}) {
    server.json("POST", "/api/v1/topics", std::string(R"({"name":")") + name + "\"}", 201);
  }
  server.json("POST", "/api/v1/queues", R"({"name":"bb"})", 201);
  server.json("POST", "/api/v1/topics?namespace=other", R"({"name":"z"})", 201);
  const Json first = server.json("GET", "/api/v1/topics?limit=3");
  EXPECT_THAT(names(first, "topics"), ElementsAre("a", "b", "c"));
  const Json second = server.json("GET", "/api/v1/topics?limit=3&from=" + first["next"].text());
  EXPECT_THAT(names(second, "topics"), ElementsAre("d"));
  EXPECT_EQ(second.find("next"), nullptr);
  EXPECT_THAT(names(server.json("GET", "/api/v1/topics?namespace=other"), "topics"),
              ElementsAre("z"));
  EXPECT_THAT(names(server.json("GET", "/api/v1/queues"), "queues"), ElementsAre("bb"));
  EXPECT_EQ(server.refusal("GET", "/api/v1/topics?limit=0", {}, 400),
            "limit must be a whole number from 1 to 1000");
}

TEST(Listings, APageEndsWhenTooMuchWasLookedAt) {
  ApiServer server;
  server.json("POST", "/api/v1/topics", R"({"name":"a","partitions":10000})", 201);
  server.json("POST", "/api/v1/topics", R"({"name":"b","partitions":10000})", 201);
  const Json first = server.json("GET", "/api/v1/topics");
  EXPECT_THAT(names(first, "topics"), ElementsAre("a"));
  EXPECT_EQ(first["topics"].list()[0]["partitions"].list().size(), 1000U);
  EXPECT_THAT(names(server.json("GET", "/api/v1/topics?from=" + first["next"].text()), "topics"),
              ElementsAre("b"));
}

// ---- queues

TEST(QueueApi, SetsThePolicy) {
  ApiServer server;
  server.json("POST", "/api/v1/queues", R"({"name":"dead"})", 201);
  server.json("POST", "/api/v1/queues", R"({"name":"jobs","lease_ms":5000})", 201);
  const Json changed = server.json(
      "PATCH", "/api/v1/queues/jobs",
      R"({"history_ms":3600000,"receives_max":5,"dead_letter":"dead","delay_ms":1000})");
  EXPECT_EQ(changed["history_ms"].integer(), 3'600'000);
  EXPECT_EQ(changed["receives_max"].integer(), 5);
  EXPECT_EQ(changed["dead_letter"].text(), "dead");
  EXPECT_EQ(changed["lease_ms"].integer(), 5000);
  const Json reset =
      server.json("PATCH", "/api/v1/queues/jobs", R"({"receives_max":0,"dead_letter":""})");
  EXPECT_EQ(reset["dead_letter"].text(), "");
  EXPECT_EQ(reset["history_ms"].integer(), 3'600'000);
}

TEST(QueueApi, ADeadLetterQueueMustExistAndFit) {
  ApiServer server;
  server.json("POST", "/api/v1/queues", R"({"name":"jobs"})", 201);
  server.json("POST", "/api/v1/queues", R"({"name":"order.fifo"})", 201);
  const auto refusal = [&](const std::string& body, int status) {
    return server.refusal("PATCH", "/api/v1/queues/jobs", body, status);
  };
  EXPECT_THAT(refusal(R"({"receives_max":5})", 400), HasSubstr("go together"));
  EXPECT_EQ(refusal(R"({"receives_max":5,"dead_letter":"x"})", 404), "there is no queue x");
  EXPECT_THAT(refusal(R"({"receives_max":5,"dead_letter":"jobs"})", 400), HasSubstr("its own"));
  EXPECT_THAT(refusal(R"({"receives_max":5,"dead_letter":"order.fifo"})", 400), HasSubstr("FIFO"));
}

TEST(QueueApi, AFifoQueueIsOneByItsName) {
  ApiServer server;
  EXPECT_TRUE(server.json("POST", "/api/v1/queues", R"({"name":"a.fifo"})", 201)["fifo"].flag());
  EXPECT_FALSE(server.json("POST", "/api/v1/queues", R"({"name":"a"})", 201)["fifo"].flag());
  server.refusal("POST", "/api/v1/queues", R"({"name":"b","fifo":true})", 400);
  server.refusal("POST", "/api/v1/queues", R"({"name":"b.fifo","fifo":false})", 400);
  EXPECT_EQ(server.refusal("POST", "/api/v1/queues/a.fifo/messages", R"({"value":"x"})", 400),
            "a message of a FIFO queue needs a key: its group");
}

TEST(QueueApi, AMessageIsSentOnceUnderOneDeduplicationId) {
  ApiServer server;
  server.json("POST", "/api/v1/queues", R"({"name":"a.fifo"})", 201);
  const std::string message = R"({"key":"g","value":"x","dedup_id":"1"})";
  server.json("POST", "/api/v1/queues/a.fifo/messages", message, 201);
  const Json again = server.json("POST", "/api/v1/queues/a.fifo/messages", message, 201);
  EXPECT_TRUE(again["records"].list()[0]["duplicate"].flag());
  EXPECT_EQ(again["records"].list()[0]["offset"].integer(), 0);
  const Json page = server.json("GET", "/api/v1/topics/a.fifo/records");
  EXPECT_EQ(page["records"].list().size(), 1U);
  EXPECT_EQ(page["records"].list()[0]["headers"].to_text(),
            R"([{"name":"weir.dedup-id","value":"1"}])");
}

TEST(QueueApi, MessagesHaveThePrioritiesOfTheirQueue) {
  ApiServer server;
  const Json made = server.json("POST", "/api/v1/queues", R"({"name":"a","priorities":3})", 201);
  EXPECT_EQ(made["priorities"].integer(), 3);
  server.json(
      "POST", "/api/v1/queues/a/messages",
      R"({"records":[{"value":"1"},{"value":"2","priority":2},{"value":"3","priority":2}]})", 201);
  EXPECT_EQ(server.json("GET", "/api/v1/queues/a")["ready_by_priority"].to_text(), "[1,0,2]");
  const auto refusal = [&](const char* queue, const char* record) {
    return server.refusal("POST", std::string("/api/v1/queues/") + queue + "/messages", record,
                          400);
  };
  EXPECT_EQ(refusal("a", R"({"value":"x","priority":3})"), "a has the priorities 0 to 2");
  server.json("POST", "/api/v1/queues", R"({"name":"b"})", 201);
  EXPECT_EQ(refusal("b", R"({"value":"x","priority":0})"), "b has no priorities");
  EXPECT_EQ(server.json("GET", "/api/v1/queues/b").find("ready_by_priority"), nullptr);
  EXPECT_THAT(server.refusal("PATCH", "/api/v1/queues/a", R"({"priorities":4})", 400),
              HasSubstr("only while it is empty"));
  EXPECT_THAT(server.refusal("POST", "/api/v1/queues", R"({"name":"c.fifo","priorities":2})", 400),
              HasSubstr("in order, not by priority"));
  server.refusal("POST", "/api/v1/queues", R"({"name":"c","priorities":11})", 400);
}

TEST(QueueApi, CountsAndPurges) {
  ApiServer server;
  server.json("POST", "/api/v1/queues", R"({"name":"jobs"})", 201);
  const Json sent = server.json(
      "POST", "/api/v1/queues/jobs/messages",
      R"({"records":[{"value":"1"},{"value":"2"},{"value":"3","delay_ms":60000}]})", 201);
  EXPECT_EQ(sent["records"].list().size(), 3U);
  EXPECT_EQ(sent["records"].list()[1]["offset"].integer(), 1);
  EXPECT_EQ(sent["records"].list()[1]["message_id"].text().size(), 36U);
  const Json queue = server.json("GET", "/api/v1/queues/jobs");
  EXPECT_EQ(queue["ready"].integer(), 2);
  EXPECT_EQ(queue["delayed"].integer(), 1);
  server.tick(60'000);
  EXPECT_EQ(server.json("GET", "/api/v1/queues/jobs")["ready"].integer(), 3);
  EXPECT_TRUE(server.json("POST", "/api/v1/queues/jobs/purge")["purged"].flag());
  EXPECT_EQ(server.json("GET", "/api/v1/queues/jobs")["ready"].integer(), 0);
}

TEST(QueueApi, DelaysAndSizesAreBoundedByTheSettings) {
  const auto answers = [](ApiServer& server, const std::string& method, const std::string& target,
                          const std::string& body) {
    return server.ask(method, "/api/v1/queues" + target, body).status;
  };
  const auto check = [&](ApiServer& server, int64_t delay_ms, int64_t bytes) {
    server.json("POST", "/api/v1/queues", R"({"name":"jobs"})", 201);
    const auto set = [&](const std::string& name, int64_t value) {
      return answers(server, "PATCH", "/jobs", "{\"" + name + "\":" + std::to_string(value) + "}");
    };
    const auto put = [&](int64_t delay) {
      return answers(server, "POST", "/jobs/messages",
                     R"({"value":"x","delay_ms":)" + std::to_string(delay) + "}");
    };
    EXPECT_EQ(set("delay_ms", delay_ms), 200);
    EXPECT_EQ(set("delay_ms", delay_ms + 1), 400);
    EXPECT_EQ(set("message_bytes_max", bytes), 200);
    EXPECT_EQ(set("message_bytes_max", bytes + 1), 400);
    EXPECT_EQ(put(delay_ms), 201);
    EXPECT_EQ(put(delay_ms + 1), 400);
  };
  ApiServer plain;
  check(plain, 900'000, 1 << 20);
  ApiServer wide(QueueBounds{.delay_ms = 86'400'000, .message_bytes = 8 << 20});
  check(wide, 86'400'000, 8 << 20);
}

// ---- bridges

TEST(BridgeApi, MovesAndTellsHowFar) {
  ApiServer server;
  server.json("POST", "/api/v1/topics", R"({"name":"payments"})", 201);
  server.json("POST", "/api/v1/queues", R"({"name":"work"})", 201);
  server.json("POST", "/api/v1/topics/payments/records",
              R"({"records":[{"key":"a","value":"1"},{"key":"b","value":"2"}]})", 201);
  const Json made = server.json(
      "POST", "/api/v1/bridges",
      R"({"name":"b","from":"topic:payments","to":"queue:work","filter":"key=a*"})", 201);
  EXPECT_EQ(made["on"].text(), "record");
  const Json bridge = server.json("GET", "/api/v1/bridges/b");
  EXPECT_EQ(bridge["moved"].integer(), 1);
  EXPECT_EQ(bridge["lag"].integer(), 0);
  EXPECT_EQ(bridge["state"].text(), "running");
  EXPECT_THAT(values(server.json("GET", "/api/v1/topics/work/records")), ElementsAre("1"));
  EXPECT_EQ(server.json("POST", "/api/v1/bridges/b/pause")["state"].text(), "paused");
  server.json("POST", "/api/v1/topics/payments/records", R"({"key":"a","value":"3"})", 201);
  EXPECT_EQ(server.json("GET", "/api/v1/bridges/b")["lag"].integer(), 1);
  server.json("POST", "/api/v1/bridges/b/resume");
  EXPECT_EQ(server.json("GET", "/api/v1/bridges/b")["lag"].integer(), 0);
  EXPECT_THAT(names(server.json("GET", "/api/v1/bridges"), "bridges"), ElementsAre("b"));
  server.json("DELETE", "/api/v1/bridges/b");
  EXPECT_EQ(server.refusal("GET", "/api/v1/bridges/b", {}, 404), "there is no bridge b");
}

TEST(BridgeApi, RefusesEndsThatDoNotFit) {
  ApiServer server;
  server.json("POST", "/api/v1/topics", R"({"name":"t"})", 201);
  server.json("POST", "/api/v1/queues", R"({"name":"q"})", 201);
  const auto refusal = [&](const std::string& ends, int status) {
    return server.refusal("POST", "/api/v1/bridges", R"({"name":"b",)" + ends + "}", status);
  };
  EXPECT_EQ(refusal(R"("from":"t","to":"queue:q")", 400),
            "t is not of the form topic:NAME or queue:NAME");
  EXPECT_EQ(refusal(R"("from":"queue:t","to":"queue:q")", 409), "t is a topic, not a queue");
  EXPECT_EQ(refusal(R"("from":"topic:x","to":"queue:q")", 404), "there is no topic x");
  EXPECT_THAT(refusal(R"("from":"queue:q","to":"topic:t")", 400), HasSubstr("--on ack"));
  EXPECT_THAT(refusal(R"("from":"queue:q","to":"topic:t","on":"nack")", 400),
              HasSubstr("record, ack, dead-letter, expiry or message"));
  EXPECT_THAT(refusal(R"("from":"topic:t","to":"queue:q","filter":"x")", 400),
              HasSubstr("filter x"));
}

// ---- records

TEST(RecordApi, BrowsesInPagesAndKeepsEveryByte) {
  ApiServer server;
  server.json("POST", "/api/v1/topics", R"({"name":"t"})", 201);
  server.json("POST", "/api/v1/topics/t/records",
              R"({"records":[{"value":"0"},{"value_base64":"/wA=","key":"k",)"
              R"("headers":[{"name":"h","value":"v"},{"name":"h"}]},{"value":"2"}]})",
              201);
  const Json first = server.json("GET", "/api/v1/topics/t/records?limit=2");
  EXPECT_EQ(first["end"].integer(), 3);
  EXPECT_EQ(first["next"].integer(), 2);
  const Json& record = first["records"].list()[1];
  EXPECT_EQ(record["value_base64"].text(), "/wA=");
  EXPECT_EQ(record["key"].text(), "k");
  EXPECT_EQ(record["headers"].to_text(), R"([{"name":"h","value":"v"},{"name":"h"}])");
  const Json rest = server.json("GET", "/api/v1/topics/t/records?offset=2");
  EXPECT_THAT(values(rest), ElementsAre("2"));
  EXPECT_EQ(rest["next"].integer(), 3);
  EXPECT_TRUE(values(server.json("GET", "/api/v1/topics/t/records?offset=3")).empty());
  EXPECT_EQ(server.ask("GET", "/api/v1/topics/t/records?offset=4").status, 400);
  EXPECT_EQ(server.refusal("GET", "/api/v1/topics/t/records?partition=1", {}, 400),
            "t has the partitions 0 to 0");
}

TEST(RecordApi, AKeyStaysInItsPartition) {
  ApiServer server;
  server.json("POST", "/api/v1/topics", R"({"name":"t","partitions":10})", 201);
  const Json placed =
      server.json("POST", "/api/v1/topics/t/records",
                  R"({"records":[{"key":"abc"},{"partition":3,"key":"abc"}]})", 201);
  EXPECT_EQ(placed["records"].list()[0]["partition"].integer(), 7);
  EXPECT_EQ(placed["records"].list()[1]["partition"].integer(), 3);
  EXPECT_EQ(server.refusal("POST", "/api/v1/topics/t/records", R"({"partition":10})", 400),
            "t has the partitions 0 to 9");
}

TEST(RecordApi, RefusesAllOfARequestWhenOneRecordIsWrong) {
  ApiServer server;
  server.json("POST", "/api/v1/topics", R"({"name":"t"})", 201);
  server.refusal("POST", "/api/v1/topics/t/records",
                 R"({"records":[{"value":"1"},{"value":"2","delay_ms":5}]})", 400);
  EXPECT_EQ(server.json("GET", "/api/v1/topics/t")["records"].integer(), 0);
}

TEST(RecordApi, AWaitingBrowserIsAnsweredByTheNextRecordOfAnyPartition) {
  ApiServer server;
  server.json("POST", "/api/v1/topics", R"({"name":"t","partitions":2})", 201);
  auto waiting =
      server.ask_later("GET", "/api/v1/topics/t/records?positions=0:0,1:0&wait_ms=30000");
  while (server.waiters() == 0) std::this_thread::yield();
  server.json("POST", "/api/v1/topics/t/records", R"({"value":"x","partition":1})", 201);
  const auto answer = waiting.get();
  const auto page = Json::parse(answer.body);
  ASSERT_TRUE(page) << answer.body;
  EXPECT_EQ((*page)["partition"].integer(), 1);
  EXPECT_THAT(values(*page), ElementsAre("x"));
}

TEST(RecordApi, AWaitingBrowserIsAnsweredAtItsDeadline) {
  ApiServer server;
  server.json("POST", "/api/v1/topics", R"({"name":"t"})", 201);
  auto waiting = server.ask_later("GET", "/api/v1/topics/t/records?wait_ms=1000");
  while (server.waiters() == 0) std::this_thread::yield();
  server.tick(1000);
  const auto answer = waiting.get();
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr(R"("records":[])"));
}

// ---- durability

TEST(AdminApi, AChangeIsAnsweredOnceItIsDurable) {
  ApiServer server;
  auto answer = server.ask_later("POST", "/api/v1/topics", R"({"name":"t"})");
  while (server.parked() == 0) std::this_thread::yield();
  // The topic is there already, and nobody may know it.
  auto listing = server.ask_later("GET", "/api/v1/topics");
  auto second = server.ask_later("POST", "/api/v1/topics", R"({"name":"t"})");
  while (server.parked() < 3) std::this_thread::yield();
  EXPECT_EQ(answer.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  server.sync();
  EXPECT_EQ(answer.get().status, 201);
  EXPECT_THAT(listing.get().body, HasSubstr(R"("name":"t")"));
  EXPECT_EQ(second.get().status, 409);
}

// ---- groups

TEST(GroupApi, TellsWhatAConsumerGroupHasCommittedAndItsLag) {
  ApiServer server;
  server.json("POST", "/api/v1/topics", R"({"name":"t"})", 201);
  server.json("POST", "/api/v1/topics/t/records",
              R"({"records":[{"value":"1"},{"value":"2"},{"value":"3"}]})", 201);
  server.run([&](broker::Broker& broker) {
    const broker::Broker::Turn turn(broker, server.clock.now());
    const CellId id = **broker.group_cell({"", "readers"}, true, server.clock.now());
    const catalog::Uuid uuid = broker.catalog().find(catalog::Name{"", "t"})->uuid;
    const group::OffsetsEvent event =
        group::OffsetsCommitted{{{{{uuid.high, uuid.low}, 0}, {1, -1, "", server.clock.now()}}}};
    broker.cell<broker::GroupCell>(id).offsets.apply(event);
    broker.journal_event(id, broker::GroupCell::encoded(event));
  });
  const Json group = server.json("GET", "/api/v1/groups/readers");
  EXPECT_EQ(group["kind"].text(), "consumer");
  EXPECT_EQ(group["lag"].integer(), 2);
  EXPECT_EQ(group["offsets"].to_text(),
            R"([{"topic":"t","partition":0,"offset":1,"end":3,"lag":2}])");
  EXPECT_EQ(server.ask("GET", "/api/v1/groups/nobody").status, 404);
}

TEST(GroupApi, ListsConsumerGroupsAndThenStreamGroupsInPages) {
  ApiServer server;
  server.json("POST", "/api/v1/topics", R"({"name":"s"})", 201);
  server.run([&](broker::Broker& broker) {
    for (const char* name : {"a", "b"}) {
      EXPECT_TRUE(broker.group_cell({"", name}, true, server.clock.now()));
    }
    queue::Policy policy;
    policy.tracking = queue::Tracking::kCursor;
    policy.lease_duration = queue::kNoDeadline;
    EXPECT_TRUE(
        broker.create_stream_group({"", "s"}, "workers", Offset(0), policy, server.clock.now()));
  });
  const Json first = server.json("GET", "/api/v1/groups?limit=1");
  EXPECT_THAT(names(first, "groups"), ElementsAre("a"));
  const Json second = server.json("GET", "/api/v1/groups?limit=1&from=" + first["next"].text());
  EXPECT_THAT(names(second, "groups"), ElementsAre("b"));
  const Json third = server.json("GET", "/api/v1/groups?limit=5&from=" + second["next"].text());
  EXPECT_THAT(names(third, "groups"), ElementsAre("workers"));
  EXPECT_EQ(third.find("next"), nullptr);
  EXPECT_EQ(server.json("GET", "/api/v1/groups/workers?topic=s")["kind"].text(), "stream");
}

}  // namespace
}  // namespace weir::admin
