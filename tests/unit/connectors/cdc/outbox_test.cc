#include "connectors/cdc/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/cdc/config.h"
#include "connectors/cdc/renderer.h"

namespace weir::cdc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<const Relation> outbox_table() {
  Relation relation;
  relation.id = 7;
  relation.schema = "public";
  relation.table = "outbox";
  const auto add = [&](std::string name, TypeKind kind) {
    Column column;
    column.name = std::move(name);
    column.type.kind = kind;
    relation.columns.push_back(std::move(column));
  };
  add("id", TypeKind::kUuid);
  add("aggregatetype", TypeKind::kText);
  add("aggregateid", TypeKind::kText);
  add("type", TypeKind::kText);
  add("payload", TypeKind::kJson);
  add("shard", TypeKind::kInt32);
  relation.key = {0};
  return std::make_shared<const Relation>(std::move(relation));
}

Row row_of(std::initializer_list<std::optional<std::string_view>> texts) {
  Row row;
  for (const auto& text : texts) {
    row.push_back(text ? Value{.state = Value::State::kText, .text = *text} : Value{});
  }
  return row;
}

class OutboxTest : public ::testing::Test {
 protected:
  void configure(const Properties& options) {
    Properties properties = {{"topic.prefix", "cdc"}, {"database.dbname", "orders"}};
    for (const auto& [key, value] : options) properties["outbox.0." + key] = value;
    std::vector<std::string> notes;
    const auto config = parse("orders", properties, notes);
    ASSERT_TRUE(config) << config.error().message;
    renderer_ = std::make_unique<Renderer>(std::make_shared<const Config>(*config), "orders");
  }

  Result<std::vector<Output>> render(Operation operation, std::optional<Row> after) {
    Change change;
    change.operation = operation;
    change.relation = outbox_table();
    change.after = std::move(after);
    change.commit_us = 5'000'000;
    if (operation == Operation::kDelete) change.before = row_of({"1", {}, {}, {}, {}, {}});
    std::vector<Output> out;
    const Result<> rendered = renderer_->render(change, 0, out);
    if (!rendered) return std::unexpected(rendered.error());
    return out;
  }

  Output one(Row row) {
    const auto out = render(Operation::kCreate, std::move(row));
    EXPECT_TRUE(out) << out.error().message;
    EXPECT_EQ(out->size(), 1u);
    return out && out->size() == 1 ? out->front() : Output();
  }

  std::unique_ptr<Renderer> renderer_;
};

TEST_F(OutboxTest, ARowGoesWhereItsTypeSays) {
  configure({{"table", "public.outbox"}});
  const Output output = one(row_of({"u-1", "Order", "42", "Created", R"({"a": 1})", "3"}));
  EXPECT_EQ(output.target, Output::Target::kTopic);
  EXPECT_EQ(output.name, "outbox.event.Order");
  EXPECT_EQ(output.key, "42");
  EXPECT_EQ(output.value, R"({"a": 1})");
  EXPECT_EQ(output.event_id, "u-1");
  EXPECT_EQ(output.timestamp_ms, 5000);
  EXPECT_THAT(output.headers, ElementsAre(Header{"id", "u-1"}));
}

TEST_F(OutboxTest, ARouteMayEndInAQueue) {
  configure({{"table", "public.outbox"}, {"queue", "${routedByValue}-events"}});
  const Output output = one(row_of({"u-1", "Order", "42", "Created", "{}", "3"}));
  EXPECT_EQ(output.target, Output::Target::kQueue);
  EXPECT_EQ(output.name, "Order-events");
}

TEST_F(OutboxTest, OtherColumnsBecomeHeadersFieldsOrThePartition) {
  configure({{"table", "public.outbox"},
             {"additional",
              "type:header:eventType, type:envelope:kind,shard:partition,"
              "shard:envelope,shard:header"}});
  const Output output = one(row_of({"u-1", "Order", "42", "Created", R"({"a": 1})", "3"}));
  EXPECT_THAT(output.headers, ElementsAre(Header{"id", "u-1"}, Header{"eventType", "Created"},
                                          Header{"shard", "3"}));
  EXPECT_EQ(output.value, R"({"payload":{"a": 1},"kind":"Created","shard":3})");
  EXPECT_EQ(output.partition, 3);
}

TEST_F(OutboxTest, OnlyInsertedRowsAreEvents) {
  configure({{"table", "public.outbox"}});
  EXPECT_TRUE(render(Operation::kDelete, std::nullopt)->empty());
  EXPECT_TRUE(render(Operation::kTruncate, std::nullopt)->empty());
  const Row row = row_of({"u-1", "Order", "42", "Created", "{}", "3"});
  EXPECT_EQ(render(Operation::kRead, row)->size(), 1u);
  EXPECT_TRUE(render(Operation::kUpdate, row)->empty());
  configure({{"table", "public.outbox"}, {"on_update", "error"}});
  EXPECT_FALSE(render(Operation::kUpdate, row));
}

TEST_F(OutboxTest, APayloadOfNullIsATombstone) {
  configure({{"table", "public.outbox"}});
  EXPECT_EQ(one(row_of({"u-1", "Order", "42", "Gone", {}, "3"})).value, std::nullopt);
}

TEST_F(OutboxTest, AnUnexpandedPayloadIsAJsonString) {
  configure({{"table", "public.outbox"}, {"expand", "false"}});
  EXPECT_EQ(one(row_of({"u-1", "Order", "42", "x", R"({"a": 1})", "3"})).value, R"("{\"a\": 1}")");
}

TEST_F(OutboxTest, WhatIsMissingIsNamed) {
  configure({{"table", "public.outbox"}, {"key", "customer"}});
  const auto out = render(Operation::kCreate, row_of({"u-1", "Order", "42", "x", "{}", "3"}));
  ASSERT_FALSE(out);
  EXPECT_THAT(out.error().message, HasSubstr("customer"));
  configure({{"table", "public.outbox"}, {"regex", "Invoice"}});
  EXPECT_FALSE(render(Operation::kCreate, row_of({"u-1", "Order", "42", "x", "{}", "3"})));
}

TEST_F(OutboxTest, ALogicalMessageIsAnOutboxWithoutATable) {
  configure({{"prefix", "outbox"}});
  Change change;
  change.operation = Operation::kMessage;
  change.message_prefix = "outbox";
  change.message_content =
      R"({"id": "u-1", "aggregatetype": "Order", "aggregateid": 42, "payload": {"a": [1, "x"]}})";
  std::vector<Output> out;
  ASSERT_TRUE(renderer_->render(change, 0, out));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].name, "outbox.event.Order");
  EXPECT_EQ(out[0].key, "42");
  EXPECT_EQ(out[0].value, R"({"a":[1,"x"]})");
  EXPECT_EQ(out[0].event_id, "u-1");
  change.message_content = "no JSON";
  EXPECT_FALSE(renderer_->render(change, 0, out));
}

}  // namespace
}  // namespace weir::cdc
