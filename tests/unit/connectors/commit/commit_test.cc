// Records of a capture and the position behind them: one commit, and no record twice when a topic
// refuses one in its midst.
#include "connectors/commit/commit.h"

#include "base/partition.h"
#include "broker/connector_cell.h"
#include "tests/unit/broker/fixture.h"

namespace weir::cdc {
namespace {

class CommitTest : public broker::BrokerTest {
 protected:
  CommitTest() {
    catalog::Connector connector;
    connector.name = "db";
    connector.kind = "postgres";
    EXPECT_TRUE(broker->create_connector(connector, now));
  }

  static Output record(const std::string& topic, const std::string& value) {
    Output output;
    output.name = topic;
    output.key = value;
    output.value = value;
    return output;
  }
  // A record that the topic refuses: nothing has this version of the key.
  static Output refused(const std::string& topic) {
    Output output = record(topic, "refused");
    output.headers.push_back({"weir-expected-version", "41"});
    return output;
  }
  static Commit commit_of(std::vector<Output> outputs, uint64_t position) {
    Commit work;
    work.outputs = std::move(outputs);
    work.progress.next = {position, 0};
    return work;
  }
  uint64_t position() {
    const auto& cell = broker->cell<broker::ConnectorCell>(place());
    const auto progress = Progress::decode(cell.note(kProgressNote));
    return progress ? progress->next.commit_lsn : 0;
  }
  CellId place() { return broker->catalog().find_connector("db")->cell; }
  int64_t records(const std::string& topic) {
    return broker->find_log(thing(topic).logs.front())->end().value();
  }
};

TEST_F(CommitTest, RecordsAndPositionAreThereTogether) {
  ASSERT_TRUE(commit(*broker, "db", commit_of({record("a", "1"), record("b", "2")}, 7), now));
  EXPECT_EQ(position(), 7U);
  EXPECT_EQ(records("a"), 1);
  EXPECT_EQ(records("b"), 1);
}

TEST_F(CommitTest, WhatIsRefusedBeforeTheFirstRecordLeavesNothing) {
  make_topic("a");
  Output lost = record("nowhere", "2");
  lost.target = Output::Target::kQueue;
  const auto refusal = commit(*broker, "db", commit_of({record("a", "1"), lost}, 7), now);
  ASSERT_FALSE(refusal);
  EXPECT_EQ(refusal.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(records("a"), 0);
  EXPECT_EQ(position(), 0U);
}

// A refusal in the midst of a commit left the records before it, and each attempt wrote them again.
TEST_F(CommitTest, WhatWasWrittenBeforeARefusalIsNotWrittenAgain) {
  make_topic("a");
  make_queue("q");
  ASSERT_TRUE(broker->create_topic(
      {.name = {"", "b"}, .partitions = 1, .log = {}, .properties = {{"weir.events", "true"}}},
      now));
  Output message = record("q", "m");
  message.target = Output::Target::kQueue;
  const auto first = commit_of({message, record("a", "1"), refused("b"), record("a", "2")}, 7);
  for (int attempt = 0; attempt < 3; ++attempt) {
    EXPECT_FALSE(commit(*broker, "db", first, now));
    EXPECT_EQ(records("q"), 1);
    EXPECT_EQ(position(), 0U);
  }
  journal.sync();
  crash();
  // The same outputs without what was refused, in commits of another size.
  ASSERT_TRUE(commit(*broker, "db", commit_of({message}, 3), now));
  ASSERT_TRUE(commit(*broker, "db",
                     commit_of({record("a", "1"), record("b", "x"), record("a", "2")}, 7), now));
  EXPECT_EQ(records("q"), 1);
  EXPECT_EQ(records("a"), 2);
  EXPECT_EQ(records("b"), 1);
  EXPECT_EQ(position(), 7U);
  // And nothing of what follows is left out.
  ASSERT_TRUE(commit(*broker, "db", commit_of({message, record("a", "3")}, 8), now));
  EXPECT_EQ(records("q"), 2);
  EXPECT_EQ(records("a"), 3);
}

TEST_F(CommitTest, AKeysPartitionIsTheOneThatKafkasPartitionerChooses) {
  const auto logs = make_topic("many", 5).logs;
  for (int i = 0; i < 50; ++i) {
    const std::string key = std::to_string(i);
    const CellId log = logs[partition_of(key, 5)];
    const int64_t before = broker->find_log(log)->end().value();
    ASSERT_TRUE(commit(*broker, "db", commit_of({record("many", key)}, 1), now));
    EXPECT_EQ(broker->find_log(log)->end().value(), before + 1) << key;
  }
}

TEST(Interrupted, IsReadAsItWasWritten) {
  const Interrupted written{.records = {{CellId(7), 3}, {CellId(9), 1}}, .snapshot = true};
  const auto read = Interrupted::decode(written.encode());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->records, written.records);
  EXPECT_TRUE(read->snapshot);
  EXPECT_FALSE(Interrupted::decode(written.encode().substr(1)));
  EXPECT_FALSE(Interrupted::decode("\1\1\xff"));
}

}  // namespace
}  // namespace weir::cdc
