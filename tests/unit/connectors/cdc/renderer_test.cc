// The readable profile, and what no recording shows.
#include "connectors/cdc/renderer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/cdc/config.h"

namespace weir::cdc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Column column(std::string name, TypeKind kind, bool optional = true) {
  Column made;
  made.name = std::move(name);
  made.type.kind = kind;
  made.type.scale = 2;
  made.optional = optional;
  return made;
}

std::shared_ptr<const Relation> orders(bool full = false) {
  Relation relation;
  relation.id = 7;
  relation.schema = "public";
  relation.table = "orders";
  relation.columns = {column("id", TypeKind::kInt32, false), column("total", TypeKind::kDecimal),
                      column("at", TypeKind::kTimestamp), column("note", TypeKind::kText),
                      column("doc", TypeKind::kJson)};
  relation.key = {0};
  relation.full_identity = full;
  return std::make_shared<const Relation>(std::move(relation));
}

Value text(std::string_view from) {
  return {.state = Value::State::kText, .text = from};
}
Value absent() {
  return {.state = Value::State::kAbsent, .text = {}};
}
Value unchanged() {
  return {.state = Value::State::kUnchanged, .text = {}};
}

class RendererTest : public ::testing::Test {
 protected:
  void configure(Properties properties) {
    properties.insert({{"topic.prefix", "cdc"}, {"database.dbname", "shop"}});
    std::vector<std::string> notes;
    const auto config = parse("orders", properties, notes);
    ASSERT_TRUE(config) << config.error().message;
    renderer_ = std::make_unique<Renderer>(std::make_shared<const Config>(*config), "orders");
  }

  std::vector<Output> render(const Change& change) {
    std::vector<Output> out;
    const Result<> rendered = renderer_->render(change, 1'000'000, out);
    EXPECT_TRUE(rendered) << rendered.error().message;
    return out;
  }

  static Change change(Operation operation,
                       std::optional<Row> before,
                       std::optional<Row> after,
                       bool full = false) {
    Change made;
    made.operation = operation;
    made.relation = orders(full);
    made.before = std::move(before);
    made.after = std::move(after);
    made.position = {.commit_lsn = 100, .index = 0};
    made.lsn = 90;
    made.transaction = 7;
    made.commit_us = 1'767'323'045'500'000;
    return made;
  }

  static Row row(std::string_view id) {
    return {text(id), text("12.50"), text("2026-01-02 03:04:05"), text("x"), text(R"({"a":1})")};
  }

  std::unique_ptr<Renderer> renderer_;
};

TEST_F(RendererTest, AReadableEventHasPlainValuesAndNoSchema) {
  configure({});
  const auto out = render(change(Operation::kCreate, std::nullopt, row("1")));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].name, "cdc.public.orders");
  EXPECT_EQ(out[0].key, R"({"id":1})");
  EXPECT_EQ(out[0].value,
            R"({"op":"c","before":null,"after":{"id":1,"total":"12.50","at":"2026-01-02T03:04:05",)"
            R"("note":"x","doc":{"a":1}},"source":{"name":"cdc","db":"shop","schema":"public",)"
            R"("table":"orders","snapshot":false,"tx":7,"lsn":90,"ts":"2026-01-02T03:04:05.5Z"}})");
  EXPECT_TRUE(out[0].headers.empty());
}

TEST_F(RendererTest, AReadableTransactionCountsItsEvents) {
  configure({{"provide.transaction.metadata", "true"}});
  std::vector<Output> out;
  renderer_->begin({}, out);
  ASSERT_TRUE(renderer_->render(change(Operation::kCreate, std::nullopt, row("1")), 0, out));
  renderer_->end({}, out);
  ASSERT_EQ(out.size(), 3u);
  EXPECT_THAT(*out[2].value, HasSubstr(R"("event_count":1,"data_collections":[{"data_collection":)"
                                       R"("public.orders","event_count":1}])"));
}

TEST_F(RendererTest, AReadableEventNamesWhatWasNotSent) {
  configure({});
  Row after = row("1");
  after[3] = unchanged();
  const auto out = render(change(Operation::kUpdate, std::nullopt, after));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_THAT(*out[0].value, HasSubstr(R"("unchanged":["note"])"));
  EXPECT_THAT(*out[0].value, Not(HasSubstr(R"("note":)")));
}

TEST_F(RendererTest, ABigValueThatWasNotSentComesFromTheWholeOldRow) {
  configure({});
  Row after = row("1");
  after[3] = unchanged();
  const auto out = render(change(Operation::kUpdate, row("1"), after, true));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_THAT(*out[0].value, HasSubstr(R"("note":"x","doc":{"a":1}},"source")"));
}

TEST_F(RendererTest, AReadableOldRowHasOnlyWhatWasSent) {
  configure({});
  const Row key = {text("1"), absent(), absent(), absent(), absent()};
  const auto out = render(change(Operation::kDelete, key, std::nullopt));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_THAT(*out[0].value, HasSubstr(R"("before":{"id":1},"after":null)"));
  EXPECT_EQ(out[1].value, std::nullopt) << "a tombstone";
  EXPECT_EQ(out[1].key, out[0].key);
}

TEST_F(RendererTest, AChangeOfTheKeyIsADeleteATombstoneAndAnInsert) {
  configure({});
  const Row key = {text("1"), absent(), absent(), absent(), absent()};
  const auto out = render(change(Operation::kUpdate, key, row("2")));
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[0].key, R"({"id":1})");
  EXPECT_THAT(out[0].headers, ElementsAre(Header{"__debezium.newkey", R"({"id":2})"}));
  EXPECT_EQ(out[1].value, std::nullopt);
  EXPECT_EQ(out[2].key, R"({"id":2})");
  EXPECT_THAT(out[2].headers, ElementsAre(Header{"__debezium.oldkey", R"({"id":1})"}));
}

TEST_F(RendererTest, TablesAndColumnsThatAreNotChosenAreLeftOut) {
  configure({{"table.include.list", "public.other"}});
  EXPECT_TRUE(render(change(Operation::kCreate, std::nullopt, row("1"))).empty());
  configure({{"column.include.list", R"(public\.orders\.(id|note))"}});
  const auto out = render(change(Operation::kCreate, std::nullopt, row("1")));
  EXPECT_THAT(*out.at(0).value, HasSubstr(R"("after":{"id":1,"note":"x"})"));
}

TEST_F(RendererTest, AnUpdateThatChangesNothingIsLeftOutWhereTheOldRowIsWhole) {
  configure({{"skip.messages.without.change", "true"},
             {"column.include.list", "public.orders.(id|note)"}});
  Row after = row("1");
  after[1] = text("99");
  EXPECT_TRUE(render(change(Operation::kUpdate, row("1"), after, true)).empty());
  after[3] = text("y");
  EXPECT_EQ(render(change(Operation::kUpdate, row("1"), after, true)).size(), 1u);
}

TEST_F(RendererTest, AValueThatIsNotOfItsTypeIsAnErrorThatNamesTheColumn) {
  configure({});
  Row after = row("1");
  after[1] = text("many");
  std::vector<Output> out;
  const Result<> rendered =
      renderer_->render(change(Operation::kCreate, std::nullopt, after), 0, out);
  ASSERT_FALSE(rendered);
  EXPECT_THAT(rendered.error().message, HasSubstr("public.orders.total"));
  EXPECT_TRUE(out.empty());
}

TEST_F(RendererTest, AMessageIsTextWhereItIsText) {
  configure({});
  Change said;
  said.operation = Operation::kMessage;
  said.message_prefix = "audit";
  said.message_content = "hello";
  EXPECT_THAT(*render(said).at(0).value, HasSubstr(R"("content":"hello")"));
  said.message_content = "\xFF";
  EXPECT_THAT(*render(said).at(0).value, HasSubstr(R"("base64":"/w==")"));
  EXPECT_EQ(render(said).at(0).name, "cdc.message");
}

TEST_F(RendererTest, ANewVersionOfATableIsSeen) {
  configure({});
  Change first = change(Operation::kCreate, std::nullopt, row("1"));
  EXPECT_EQ(render(first).size(), 1u);
  Relation changed = *first.relation;
  changed.columns[3].name = "remark";
  first.relation = std::make_shared<const Relation>(changed);
  EXPECT_THAT(*render(first).at(0).value, HasSubstr(R"("remark":"x")"));
}

TEST_F(RendererTest, HeartbeatsGoToTheirTopic) {
  configure({{"profile", "debezium"}});
  std::vector<Output> out;
  renderer_->heartbeat(5'000'000, out);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].name, "__debezium-heartbeat.cdc");
  EXPECT_THAT(*out[0].key, HasSubstr(R"("payload":{"serverName":"cdc"})"));
  EXPECT_THAT(*out[0].value, HasSubstr(R"("payload":{"ts_ms":5000})"));
}

}  // namespace
}  // namespace weir::cdc
