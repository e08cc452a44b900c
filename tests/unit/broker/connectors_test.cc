// A connector's notes become durable together with the records that they speak of.
#include "broker/connector_cell.h"
#include "tests/unit/broker/fixture.h"

namespace weir::broker {
namespace {

class Connectors : public BrokerTest {
 protected:
  catalog::Connector make(const std::string& name) {
    catalog::Connector connector;
    connector.name = name;
    connector.kind = "postgres";
    connector.properties["topic.prefix"] = "cdc";
    const auto made = broker->create_connector(connector, now);
    EXPECT_TRUE(made) << made.error().message;
    return *broker->catalog().find_connector(name);
  }
  ConnectorCell& notes(const catalog::Connector& of) {
    return broker->cell<ConnectorCell>(of.cell);
  }
  // A record and the position behind it, in one turn.
  void take(const catalog::Connector& of, CellId log, int number) {
    const Broker::Turn turn(*broker, now);
    append(log, std::to_string(number));
    broker->journal_event(of.cell, notes(of).put("position", std::to_string(number)));
  }
};

TEST_F(Connectors, TheNoteAndTheRecordAreOneCommit) {
  const CellId log = make_topic("orders").logs.front();
  const catalog::Connector connector = make("db");
  journal.sync();
  for (int number = 1; number <= 20; ++number) {
    take(connector, log, number);
    if (number % 3 == 0) journal.sync();
    if (number % 7 != 0) continue;
    crash();
    const std::string position(notes(connector).note("position"));
    EXPECT_EQ(position, std::to_string(broker->find_log(log)->end().value()));
    number = std::stoi(position);
    take(connector, log, ++number);
    journal.sync();
  }
}

TEST_F(Connectors, ErasedNotesAndChangedPropertiesSurvive) {
  catalog::Connector connector = make("db");
  {
    const Broker::Turn turn(*broker, now);
    broker->journal_event(connector.cell, notes(connector).put("a", "1"));
    broker->journal_event(connector.cell, notes(connector).put("b", "2"));
    broker->journal_event(connector.cell, notes(connector).erase("a"));
  }
  connector.paused = true;
  connector.cell = CellId(99);  // not for the caller to choose
  ASSERT_TRUE(broker->alter_connector(connector, now));
  journal.sync();
  crash();
  const catalog::Connector* found = broker->catalog().find_connector("db");
  ASSERT_NE(found, nullptr);
  EXPECT_TRUE(found->paused);
  EXPECT_NE(found->cell, CellId(99));
  EXPECT_EQ(notes(*found).notes(), (ConnectorCell::Notes{{"b", "2"}}));
}

TEST_F(Connectors, ARemovedConnectorLeavesNothing) {
  const catalog::Connector connector = make("db");
  ASSERT_TRUE(broker->remove_connector("db", now));
  journal.sync();
  crash();
  EXPECT_EQ(broker->catalog().find_connector("db"), nullptr);
  EXPECT_EQ(broker->remove_connector("db", now).error().code, ErrorCode::kNotFound);
  const catalog::Connector again = make("db");
  EXPECT_NE(again.cell, connector.cell);
  EXPECT_TRUE(notes(again).notes().empty());
}

TEST(ConnectorCell, AnImageIsTheNotesAndTruncatedOnesAreRefused) {
  ConnectorCell cell;
  cell.put("position", std::string("\0\1", 2));
  cell.put("table/public.orders", "done");
  CellImage image;
  cell.save(image);
  std::vector<Extent> held;
  ConnectorCell loaded;
  ASSERT_TRUE(loaded.load(image.head, held));
  EXPECT_EQ(loaded.notes(), cell.notes());
  for (size_t length = 0; length < image.head.size(); ++length) {
    EXPECT_FALSE(loaded.load(ByteView(image.head).substr(0, length), held)) << length;
  }
  const std::string event = cell.put("a", "b");
  for (size_t length = 1; length < event.size(); ++length) {
    std::vector<Extent> released;
    const Replayed entry{{}, {}, ByteView(event).substr(1, length - 1), {}, {}};
    EXPECT_FALSE(loaded.replay(entry, released, held)) << length;
  }
}

}  // namespace
}  // namespace weir::broker
