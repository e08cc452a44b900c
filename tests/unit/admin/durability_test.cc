// What each answer waits for: a test a row of the table of docs/durability.md on the command line,
// the admin API and bridges. The journal keeps nothing until the test syncs it.

#include <gmock/gmock.h>

#include <thread>

#include "admin/health.h"
#include "admin/process.h"
#include "tests/unit/admin/api_server.h"

namespace weir::admin {
namespace {

using testing::HasSubstr;

constexpr auto kNotYet = std::future_status::timeout;

class AdminDurability : public testing::Test {
 protected:
  // A request that waits for a commit until everything is synced.
  net::HttpClientResponse waits(const std::string& method,
                                const std::string& target,
                                const std::string& body = {}) {
    const size_t before = server.parked();
    auto answer = server.ask_later(method, target, body);
    until_parked(before, answer);
    EXPECT_EQ(answer.wait_for(std::chrono::seconds(0)), kNotYet);
    server.sync();
    return answer.get();
  }
  // A change that is not durable; its answer is taken at the end.
  void change(const std::string& method, const std::string& target, const std::string& body) {
    const size_t before = server.parked();
    changes_.push_back(server.ask_later(method, target, body));
    until_parked(before, changes_.back());
  }
  // Until one more answer waits for a commit, or this one did not have to.
  void until_parked(size_t before, std::future<net::HttpClientResponse>& answer) {
    const auto at_once = std::chrono::seconds(0);
    while (server.parked() == before && answer.wait_for(at_once) == kNotYet) {
      std::this_thread::yield();
    }
  }
  ~AdminDurability() override {
    server.sync();
    for (auto& answer : changes_) EXPECT_LT(answer.get().status, 300);
  }

  ApiServer server;

 private:
  std::vector<std::future<net::HttpClientResponse>> changes_;
};

TEST_F(AdminDurability, AChangeWaitsForItsCommit) {
  EXPECT_EQ(waits("POST", "/api/v1/topics", R"({"name":"t"})").status, 201);
  EXPECT_EQ(waits("PATCH", "/api/v1/topics/t", R"({"retention_ms":60000})").status, 200);
  EXPECT_EQ(waits("POST", "/api/v1/queues", R"({"name":"q"})").status, 201);
  EXPECT_EQ(waits("POST", "/api/v1/queues/q/messages", R"({"value":"x"})").status, 201);
  EXPECT_EQ(waits("POST", "/api/v1/queues/q/purge").status, 200);
  EXPECT_EQ(
      waits("POST", "/api/v1/bridges", R"({"name":"b","from":"topic:t","to":"queue:q"})").status,
      201);
  EXPECT_EQ(waits("POST", "/api/v1/bridges/b/pause").status, 200);
  EXPECT_EQ(waits("DELETE", "/api/v1/bridges/b").status, 200);
  EXPECT_EQ(waits("DELETE", "/api/v1/queues/q").status, 200);
}

TEST_F(AdminDurability, ARecordWaitsAsItsTopicAsks) {
  server.json("POST", "/api/v1/topics", R"({"name":"synced"})", 201);
  server.json("POST", "/api/v1/topics", R"({"name":"written","durability":"os"})", 201);
  server.json("POST", "/api/v1/topics", R"({"name":"at-once","durability":"transient"})", 201);
  EXPECT_EQ(waits("POST", "/api/v1/topics/synced/records", R"({"value":"x"})").status, 201);
  EXPECT_EQ(
      server.ask_later("POST", "/api/v1/topics/at-once/records", R"({"value":"x"})").get().status,
      201);
  auto written = server.ask_later("POST", "/api/v1/topics/written/records", R"({"value":"x"})");
  while (server.parked() == 0) std::this_thread::yield();
  EXPECT_EQ(written.wait_for(std::chrono::seconds(0)), kNotYet);
  server.run([&](broker::Broker&) { server.journal.write(); });
  EXPECT_EQ(written.get().status, 201);
}

TEST_F(AdminDurability, AListingWaitsForWhatItTells) {
  change("POST", "/api/v1/topics", R"({"name":"t"})");
  EXPECT_THAT(waits("GET", "/api/v1/topics").body, HasSubstr(R"("name":"t")"));
  server.json("POST", "/api/v1/queues", R"({"name":"q"})", 201);
  change("POST", "/api/v1/queues/q/messages", R"({"value":"x"})");
  EXPECT_THAT(waits("GET", "/api/v1/queues/q").body, HasSubstr(R"("ready":1)"));
  // Of a topic's log the safe prefix is told, and that at once.
  change("POST", "/api/v1/topics/t/records", R"({"value":"x"})");
  EXPECT_THAT(server.ask_later("GET", "/api/v1/topics/t").get().body, HasSubstr(R"("records":0)"));
}

TEST_F(AdminDurability, BrowsingTellsTheSafePrefixAtOnceAndWaitsForTheCatalog) {
  server.json("POST", "/api/v1/topics", R"({"name":"t"})", 201);
  change("POST", "/api/v1/topics/t/records", R"({"value":"x"})");
  EXPECT_THAT(server.ask_later("GET", "/api/v1/topics/t/records").get().body,
              HasSubstr(R"("records":[])"));
  change("POST", "/api/v1/topics", R"({"name":"more"})");
  EXPECT_THAT(waits("GET", "/api/v1/topics/more/records").body, HasSubstr(R"("records":[])"));
}

TEST_F(AdminDurability, HealthAndMetricsAreAnsweredAtOnce) {
  Health health;
  Ports ports;
  add_process_endpoints(server.router, health, ports, "1.0");
  change("POST", "/api/v1/topics", R"({"name":"t"})");
  for (const char* target : {"/livez", "/readyz", "/metrics"}) {
    EXPECT_EQ(server.ask_later("GET", target).get().status, 200) << target;
  }
}

}  // namespace
}  // namespace weir::admin
