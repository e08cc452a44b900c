// Looking into a queue, counting what is in it, and sending messages on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/message_filter.h"
#include "tests/unit/admin/api_server.h"

namespace weir::admin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// ---- the filter

class Filter : public testing::Test {
 protected:
  bool passes(std::string_view text) const {
    const auto filter = MessageFilter::parse(text);
    EXPECT_TRUE(filter) << text << ": " << filter.error().message;
    return filter && filter->passes(record);
  }
  static std::string refused(std::string_view text) {
    const auto filter = MessageFilter::parse(text);
    return filter ? "understood" : filter.error().message;
  }

  const std::string raw{"\x08type\x08paid", 10};
  static log::ReadRecord make_record(std::string_view headers) {
    log::ReadRecord made;
    made.key = "g-1";
    made.value = R"({"order":{"id":7,"total":1.5,"items":[{"sku":"a b"}],"paid":true}})";
    made.headers = log::HeaderList(headers, 1);
    return made;
  }
  const log::ReadRecord record = make_record(raw);
};

TEST_F(Filter, EveryPartCanBeAskedFor) {
  EXPECT_TRUE(passes(""));
  EXPECT_TRUE(passes("key=g-1"));
  EXPECT_TRUE(passes("header:type=paid"));
  EXPECT_TRUE(passes("json:order.id=7"));
  EXPECT_TRUE(passes("json:order.paid=true"));
  EXPECT_TRUE(passes("json:order.items.0.sku=a b"));
  EXPECT_TRUE(passes("body~\"total\""));
  EXPECT_FALSE(passes("key=g-2"));
  EXPECT_FALSE(passes("header:kind=paid"));
  EXPECT_FALSE(passes("json:order.items.1.sku=a b"));
  EXPECT_FALSE(passes("body~missing"));
}

TEST_F(Filter, ATrailingStarIsAPrefixAndNotEqualPassesWhatHasNoSuchPart) {
  EXPECT_TRUE(passes("key=g-*"));
  EXPECT_FALSE(passes("key!=g-*"));
  EXPECT_TRUE(passes("key!=h*"));
  EXPECT_TRUE(passes("header:kind!=x"));
  EXPECT_TRUE(passes("header:type=*"));
  EXPECT_FALSE(passes("header:kind=*"));
}

TEST_F(Filter, AllConditionsMustHold) {
  EXPECT_TRUE(passes("key=g-1 and header:type=paid and json:order.id=7"));
  EXPECT_FALSE(passes("key=g-1 and header:type=open"));
}

TEST_F(Filter, WhatIsNotUnderstoodIsRefused) {
  EXPECT_THAT(refused("id"), HasSubstr("is no condition"));
  EXPECT_THAT(refused("=x"), HasSubstr("is no condition"));
  EXPECT_THAT(refused("type=x"), HasSubstr("is no part of a message"));
  EXPECT_THAT(refused("json:=x"), HasSubstr("is no part of a message"));
  EXPECT_THAT(refused("key=a and "), HasSubstr("must follow"));
  EXPECT_THAT(refused(std::string(kFilterBytesMax + 1, 'x')), HasSubstr("at most"));
  std::string many = "key=a";
  for (size_t i = 0; i < kConditionsMax; ++i) many += " and key=a";
  EXPECT_THAT(refused(many), HasSubstr("at most"));
}

// ---- the endpoints

class Messages : public testing::Test {
 protected:
  void SetUp() override { server.json("POST", "/api/v1/queues", R"({"name":"jobs"})", 201); }

  void send(const std::string& messages, const std::string& queue = "jobs") {
    server.json("POST", "/api/v1/queues/" + queue + "/messages",
                R"({"records":[)" + messages + "]}", 201);
  }
  Json look(const std::string& query = {}) {
    return server.json("GET", "/api/v1/queues/jobs/messages" + query);
  }
  static std::vector<std::string> bodies(const Json& page) {
    std::vector<std::string> result;
    for (const Json& message : page["messages"].list()) {
      result.push_back(message["record"]["value"].text());
    }
    return result;
  }
  std::vector<std::string> held(const std::string& queue) {
    std::vector<std::string> result;
    for (const Json& record :
         server.json("GET", "/api/v1/queues/" + queue + "/messages")["messages"].list()) {
      result.push_back(record["record"]["value"].text());
    }
    return result;
  }
  // Receives so many of `queue`; settles them when `settle`.
  void receive(const std::string& queue, uint32_t count, bool settle = false) {
    server.run([&](broker::Broker& broker) {
      const CellId cell = broker.catalog().find({"", queue})->queue;
      broker.receive(cell, {.count = count, .lease = {}, .wait_until = {}}, server.clock.now(),
                     [&](Result<broker::Received> received) {
                       for (const auto& one : received->deliveries) {
                         const queue::Handle handle{one.lease.offset, one.lease.generation};
                         if (!settle) continue;
                         EXPECT_TRUE(broker.settle(cell, {&handle, 1}, queue::Check::kAnyLease,
                                                   server.clock.now()));
                       }
                     });
      server.journal.poll();
    });
    server.sync();
  }

  ApiServer server;
};

TEST_F(Messages, AreShownWithTheirStateAndTakenByNobody) {
  send(R"({"value":"done"},{"value":"held"},{"value":"later","delay_ms":60000},{"value":"next"})");
  receive("jobs", 1, true);
  receive("jobs", 1);
  const Json page = look();
  EXPECT_THAT(bodies(page), ElementsAre("held", "later", "next"));
  const auto& messages = page["messages"].list();
  EXPECT_EQ(messages[0]["state"].text(), "in-flight");
  EXPECT_EQ(messages[0]["receives"].integer(), 1);
  EXPECT_EQ(messages[0]["due_ms"].integer(), server.clock.ms.load() + 30'000);
  EXPECT_EQ(messages[1]["state"].text(), "delayed");
  EXPECT_EQ(messages[2]["state"].text(), "ready");
  EXPECT_EQ(messages[2]["offset"].integer(), 3);
  EXPECT_EQ(messages[2]["receives"].integer(), 0);
  EXPECT_EQ(messages[2]["sent_ms"].integer(), server.clock.ms.load());
  EXPECT_EQ(messages[2]["message_id"].text().size(), 36U);
  EXPECT_EQ(page.find("next"), nullptr);
  const Json queue = server.json("GET", "/api/v1/queues/jobs");
  EXPECT_EQ(queue["ready"].integer(), 1);
  EXPECT_EQ(queue["leased"].integer(), 1);
}

TEST_F(Messages, AreChosenByStateAndFilter) {
  send(R"({"value":"a","key":"x"},{"value":"b","delay_ms":60000},{"value":"c","key":"y"})");
  receive("jobs", 1);
  EXPECT_THAT(bodies(look("?state=in-flight")), ElementsAre("a"));
  EXPECT_THAT(bodies(look("?state=delayed")), ElementsAre("b"));
  EXPECT_THAT(bodies(look("?state=ready")), ElementsAre("c"));
  EXPECT_THAT(bodies(look("?state=all&filter=key%3Dy")), ElementsAre("c"));
  EXPECT_THAT(bodies(look("?state=ready&filter=key%3Dx")), IsEmpty());
}

TEST_F(Messages, ComeInPages) {
  send(R"({"value":"1"},{"value":"2"},{"value":"3"},{"value":"4"},{"value":"5"})");
  std::vector<std::string> seen;
  int pages = 0;
  for (std::string from = "0"; !from.empty(); ++pages) {
    const Json page = look("?limit=2&from=" + from);
    for (std::string& body : bodies(page)) seen.push_back(std::move(body));
    const Json* next = page.find("next");
    from = next == nullptr ? std::string() : std::to_string(next->integer());
  }
  EXPECT_THAT(seen, ElementsAre("1", "2", "3", "4", "5"));
  EXPECT_EQ(pages, 3);
}

TEST_F(Messages, ARequestReadsOneStretchOfTheLog) {
  const std::string body(100'000, 'x');
  for (int i = 0; i < 8; ++i) send(R"({"value":")" + body + R"("})");
  size_t seen = 0;
  int pages = 0;
  for (std::string from = "0"; !from.empty(); ++pages) {
    const Json page = look("?from=" + from);
    seen += page["messages"].list().size();
    const Json* next = page.find("next");
    from = next == nullptr ? std::string() : std::to_string(next->integer());
  }
  EXPECT_EQ(seen, 8U);
  EXPECT_GT(pages, 2);
}

TEST_F(Messages, AreCountedByAPart) {
  send(
      R"({"value":"{\"c\":\"de\"}","key":"a"},{"value":"{\"c\":\"at\"}"},{"value":"{\"c\":\"de\"}"},)"
      R"({"value":"no JSON"})");
  const Json counts = server.json("GET", "/api/v1/queues/jobs/counts?by=json:c");
  EXPECT_EQ(counts["counts"].to_text(), R"([{"value":"at","count":1},{"value":"de","count":2}])");
  EXPECT_EQ(counts["without"].integer(), 1);
  EXPECT_EQ(
      server.json("GET", "/api/v1/queues/jobs/counts?by=key&filter=body~de")["without"].integer(),
      1);
}

TEST_F(Messages, WhatCannotBeAskedIsRefused) {
  const auto refusal = [&](const std::string& target, int status = 400) {
    return server.refusal("GET", "/api/v1/queues/" + target, {}, status);
  };
  EXPECT_THAT(refusal("jobs/messages?state=lost"), HasSubstr("state must be"));
  EXPECT_THAT(refusal("jobs/messages?filter=x"), HasSubstr("is no condition"));
  EXPECT_THAT(refusal("jobs/messages?limit=1001"), HasSubstr("limit"));
  EXPECT_THAT(refusal("jobs/counts"), HasSubstr("is no part"));
  EXPECT_THAT(refusal("none/messages", 404), HasSubstr("there is no queue none"));
  EXPECT_THAT(bodies(look("?from=100")), IsEmpty());
}

TEST_F(Messages, ALookWaitsForTheLeasesThatItTellsOf) {
  send(R"({"value":"a"})");
  server.run([&](broker::Broker& broker) {
    broker.receive(broker.catalog().find({"", "jobs"})->queue,
                   {.count = 1, .lease = {}, .wait_until = {}}, server.clock.now(), [](auto) {});
  });
  auto answer = server.ask_later("GET", "/api/v1/queues/jobs/messages");
  while (server.parked() == 0) std::this_thread::yield();
  server.sync();
  EXPECT_THAT(answer.get().body, HasSubstr("in-flight"));
}

TEST_F(Messages, WhatIsNotDurableIsNotShown) {
  auto sent = server.ask_later("POST", "/api/v1/queues/jobs/messages", R"({"value":"a"})");
  while (server.parked() == 0) std::this_thread::yield();
  auto seen = server.ask_later("GET", "/api/v1/queues/jobs/messages");
  // It has nothing to wait for, or waits beside the send.
  const auto answered = [&] {
    return seen.wait_for(std::chrono::milliseconds(1)) == std::future_status::ready;
  };
  while (!answered() && server.parked() < 2) std::this_thread::yield();
  server.sync();
  EXPECT_THAT(seen.get().body, Not(HasSubstr("offset")));
  EXPECT_EQ(sent.get().status, 201);
  EXPECT_THAT(held("jobs"), ElementsAre("a"));
}

// ---- sending on

class RedriveApi : public Messages {
 protected:
  void SetUp() override {
    Messages::SetUp();
    server.json("POST", "/api/v1/queues", R"({"name":"again"})", 201);
  }
  Json redrive(const std::string& body, int status = 200) {
    return server.json("POST", "/api/v1/queues/jobs/redrive", body, status);
  }
};

TEST_F(RedriveApi, AStepMovesWhatItNamesInOneCommit) {
  send(
      R"({"value":"1","key":"k","headers":[{"name":"h","value":"v"}]},{"value":"2"},{"value":"3"})");
  Lsn before;
  server.run([&](broker::Broker& broker) { before = broker.next_lsn(); });
  const Json answer = redrive(R"({"to":"again","messages":[{"offset":2},{"offset":0}]})");
  server.run(
      [&](broker::Broker& broker) { EXPECT_EQ(broker.next_lsn().value(), before.value() + 1); });
  EXPECT_EQ(answer["moved"].to_text(), "[0,2]");
  EXPECT_THAT(held("jobs"), ElementsAre("2"));
  EXPECT_THAT(held("again"), ElementsAre("1", "3"));
  const Json first =
      server.json("GET", "/api/v1/queues/again/messages")["messages"].list()[0]["record"];
  EXPECT_EQ(first["key"].text(), "k");
  EXPECT_EQ(first["headers"].to_text(), R"([{"name":"h","value":"v"}])");
}

TEST_F(RedriveApi, ABodyMayBeReplaced) {
  send(R"({"value":"old"})");
  redrive(R"({"to":"again","messages":[{"offset":0,"value":"new"}]})");
  EXPECT_THAT(held("again"), ElementsAre("new"));
}

TEST_F(RedriveApi, WhatIsNotReadyAnyMoreStaysWhereItIs) {
  send(R"({"value":"held"},{"value":"later","delay_ms":60000},{"value":"ready"})");
  receive("jobs", 1);
  const Json answer =
      redrive(R"({"to":"again","messages":[{"offset":0},{"offset":1},{"offset":2},{"offset":9}]})");
  EXPECT_EQ(answer["moved"].to_text(), "[2]");
  EXPECT_EQ(redrive(R"({"to":"again","messages":[{"offset":2}]})")["moved"].to_text(), "[]");
  EXPECT_THAT(held("again"), ElementsAre("ready"));
}

TEST_F(RedriveApi, ADeadLetterGoesBackToWhereItCameFrom) {
  server.json("POST", "/api/v1/queues",
              R"({"name":"work","receives_max":1,"dead_letter":"jobs","lease_ms":1000})", 201);
  send(R"({"value":"bad"})", "work");
  receive("work", 1);
  server.tick(1000);
  receive("work", 1);
  EXPECT_THAT(held("jobs"), ElementsAre("bad"));
  EXPECT_EQ(redrive(R"({"messages":[{"offset":0}]})")["moved"].to_text(), "[0]");
  EXPECT_THAT(held("work"), ElementsAre("bad"));
  send(R"({"value":"by hand"})");
  EXPECT_THAT(redrive(R"({"messages":[{"offset":1}]})", 400)["error"]["message"].text(),
              HasSubstr("name a queue to move to"));
  EXPECT_THAT(held("jobs"), ElementsAre("by hand"));
}

TEST_F(RedriveApi, RefusalsMoveNothing) {
  server.json("POST", "/api/v1/queues", R"({"name":"small","message_bytes_max":4})", 201);
  server.json("POST", "/api/v1/queues", R"({"name":"a.fifo"})", 201);
  send(R"({"value":"a"},{"value":"b"})");
  const auto refusal = [&](const std::string& body, int status = 400) {
    return redrive(body, status)["error"]["message"].text();
  };
  EXPECT_THAT(refusal(R"({"to":"none","messages":[{"offset":0}]})", 404),
              HasSubstr("there is no queue none"));
  EXPECT_THAT(refusal(R"({"to":"jobs","messages":[{"offset":0}]})"), HasSubstr("to itself"));
  EXPECT_THAT(refusal(R"({"to":"a.fifo","messages":[{"offset":0}]})"), HasSubstr("FIFO"));
  EXPECT_THAT(refusal(R"({"to":"again","messages":[{"offset":0},{"offset":0}]})"),
              HasSubstr("twice"));
  EXPECT_THAT(refusal(R"({"to":"again"})"), HasSubstr("messages is missing"));
  EXPECT_THAT(
      refusal(R"({"to":"small","messages":[{"offset":0},{"offset":1,"value":"12345"}]})", 413),
      HasSubstr("at most 4 bytes"));
  EXPECT_THAT(held("jobs"), ElementsAre("a", "b"));
  EXPECT_THAT(held("small"), IsEmpty());
}

TEST_F(RedriveApi, AnAnswerWaitsForItsCommit) {
  send(R"({"value":"a"})");
  auto answer = server.ask_later("POST", "/api/v1/queues/jobs/redrive",
                                 R"({"to":"again","messages":[{"offset":0}]})");
  while (server.parked() == 0) std::this_thread::yield();
  server.sync();
  EXPECT_EQ(answer.get().status, 200);
}

}  // namespace
}  // namespace weir::admin
