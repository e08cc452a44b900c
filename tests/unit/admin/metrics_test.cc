#include "admin/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/process.h"
#include "tests/unit/admin/api_server.h"

namespace weir::admin {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, AreInThePrometheusFormat) {
  ApiServer server;
  register_process_metrics(server.metrics, "1.2.3");
  const auto response = server.ask("GET", "/metrics");
  EXPECT_EQ(response.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(response.body, HasSubstr("weir_build_info{version=\"1.2.3\"} 1\n"));
  EXPECT_THAT(response.body, HasSubstr("# TYPE weir_process_resident_memory_bytes gauge\n"));
  EXPECT_THAT(response.body, HasSubstr("# TYPE weir_queues gauge\nweir_queues 0\n"));
}

TEST(Metrics, TotalsAlwaysAndDetailsOnDemand) {
  ApiServer server;
  server.json("POST", "/api/v1/topics", R"({"name":"t","partitions":2})", 201);
  server.json("POST", "/api/v1/queues", R"({"name":"say \"q\""})", 201);
  server.json("POST", "/api/v1/topics/t/records", R"({"records":[{"value":"1"},{"value":"2"}]})",
              201);
  server.json("POST", "/api/v1/queues/say%20%22q%22/messages", R"({"value":"1"})", 201);
  const std::string totals = server.ask("GET", "/metrics").body;
  for (const char* line : {"\nweir_topics 1\n", "\nweir_topic_partitions 2\n", "\nweir_records 2\n",
                           "\nweir_queues 1\n", "\nweir_messages_ready 1\n"}) {
    EXPECT_THAT(totals, HasSubstr(line));
  }
  EXPECT_THAT(totals, Not(HasSubstr("weir_queue_ready")));
  const std::string details = server.ask("GET", "/metrics?detail=1").body;
  EXPECT_THAT(details, HasSubstr(R"(weir_queue_ready{namespace="",queue="say \"q\""} 1)"));
  EXPECT_THAT(details, HasSubstr(R"(weir_topic_records{namespace="",topic="t"} 2)"));
  EXPECT_THAT(details, HasSubstr("weir_detail_truncated 0\n"));
}

TEST(Census, GoesRoundInStepsAndShowsTheLastCompleteRound) {
  ApiServer server;
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    server.json("POST", "/api/v1/topics", std::string(R"({"name":")") + name + "\"}", 201);
  }
  server.run([&](broker::Broker& broker) {
    Census census;
    census.step(broker, server.clock.now(), 2);
    census.step(broker, server.clock.now(), 2);
    EXPECT_EQ(census.totals(), Census::Totals{});
    census.step(broker, server.clock.now(), 2);
    EXPECT_EQ(census.totals().topics, 5);
    census.step(broker, server.clock.now(), 2);
    EXPECT_EQ(census.totals().topics, 5);
    census.step(broker, server.clock.now());
    EXPECT_EQ(census.totals().topics, 5);
  });
}

}  // namespace
}  // namespace weir::admin
