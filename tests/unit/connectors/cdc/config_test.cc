#include "connectors/cdc/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::cdc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Properties kLeast = {{"topic.prefix", "cdc"}, {"database.dbname", "orders"}};

Properties with(Properties more) {
  more.insert(kLeast.begin(), kLeast.end());
  return more;
}

Config parsed(const Properties& properties, std::string_view name = "orders") {
  std::vector<std::string> notes;
  const auto config = parse(name, properties, notes);
  EXPECT_TRUE(config) << config.error().message;
  return config.value_or(Config());
}

std::string refusal(const Properties& properties) {
  std::vector<std::string> notes;
  const auto config = parse("orders", properties, notes);
  EXPECT_FALSE(config);
  return config ? "" : config.error().message;
}

TEST(CdcConfig, WithoutAProfileEventsAreReadable) {
  const Config config = parsed(kLeast, "My-Orders");
  EXPECT_FALSE(config.debezium_profile);
  EXPECT_EQ(config.decimal, DecimalMode::kString);
  EXPECT_EQ(config.time, TimeMode::kIsoString);
  EXPECT_FALSE(config.value_schemas);
  EXPECT_EQ(config.slot_name, "weir_my_orders");
  EXPECT_EQ(config.publication_name, "weir_my_orders");
}

TEST(CdcConfig, AConnectorOfDebeziumHasDebeziumsDefaults) {
  const Config config =
      parsed(with({{"connector.class", "io.debezium.connector.postgresql.PostgresConnector"}}));
  EXPECT_TRUE(config.debezium_profile);
  EXPECT_EQ(config.decimal, DecimalMode::kPrecise);
  EXPECT_EQ(config.time, TimeMode::kAdaptive);
  EXPECT_TRUE(config.value_schemas && config.key_schemas && config.tombstones);
  EXPECT_EQ(config.skipped_operations, "t");
  EXPECT_EQ(config.slot_name, "debezium");
  EXPECT_EQ(config.publication_name, "dbz_publication");
  EXPECT_EQ(config.publication_autocreate, Autocreate::kAllTables);
  EXPECT_EQ(config.heartbeat_interval_ms, 0);
}

TEST(CdcConfig, IncludeAndExcludeListsChooseTables) {
  const Config some = parsed(with({{"table.include.list", R"(public\.orders,public\.t\d+)"}}));
  EXPECT_TRUE(some.captures("public", "orders"));
  EXPECT_TRUE(some.captures("public", "t12"));
  EXPECT_FALSE(some.captures("public", "other"));
  const Config most = parsed(with({{"schema.exclude.list", "audit"}}));
  EXPECT_TRUE(most.captures("public", "orders"));
  EXPECT_FALSE(most.captures("audit", "log"));
  EXPECT_FALSE(most.captures("pg_catalog", "pg_class"));
  EXPECT_THAT(refusal(with({{"table.include.list", "a"}, {"table.exclude.list", "b"}})),
              HasSubstr("exclude each other"));
}

TEST(CdcConfig, WhatMeansNothingHereIsNoted) {
  std::vector<std::string> notes;
  ASSERT_TRUE(
      parse("orders", with({{"tasks.max", "1"}, {"producer.override.acks", "all"}}), notes));
  EXPECT_THAT(notes, ElementsAre(HasSubstr("producer.override.acks has no effect"),
                                 HasSubstr("tasks.max has no effect")));
}

TEST(CdcConfig, WhatIsNotSupportedIsRefusedByNameWithAWayOut) {
  EXPECT_THAT(refusal(with({{"column.mask.hash.SHA-256.with.salt.x", "public.t.c"}})),
              HasSubstr("column.exclude.list"));
  EXPECT_THAT(refusal(with({{"signal.data.collection", "public.s"}})),
              HasSubstr("weir cdc resnapshot"));
  EXPECT_THAT(refusal(with({{"database.password", "secret"}})),
              HasSubstr("database.password.file"));
  EXPECT_THAT(refusal(with({{"snapshot.mode", "custom"}})), HasSubstr("no_data"));
  EXPECT_THAT(refusal(with({{"snapshot.mode", "configuration_based"}})), HasSubstr("no_data"));
  EXPECT_THAT(refusal(with({{"slot.drop.on.stop", "true"}})), HasSubstr("when_needed"));
  EXPECT_THAT(refusal(with({{"snapshot.mode", "custom"}})), HasSubstr("when_needed"));
  EXPECT_THAT(refusal(with({{"time.precision.mode", "structured"}})), HasSubstr("isostring"));
  EXPECT_THAT(refusal(with({{"value.converter", "io.confluent.connect.avro.AvroConverter"}})),
              HasSubstr("JsonConverter"));
  EXPECT_THAT(
      refusal(with({{"transforms", "unwrap"},
                    {"transforms.unwrap.type", "io.debezium.transforms.ExtractNewRecordState"}})),
      HasSubstr("outbox event router"));
  EXPECT_THAT(refusal(with({{"connector.class", "io.debezium.connector.mysql.MySqlConnector"}})),
              HasSubstr("PostgreSQL"));
  EXPECT_THAT(refusal(with({{"tombstone.on.delete", "true"}})),
              HasSubstr("did you mean tombstones.on.delete?"));
  EXPECT_THAT(refusal(with({{"slot.name", "Has-Capitals"}})), HasSubstr("a to z"));
  EXPECT_THAT(refusal(with({{"database.port", "0"}})), HasSubstr("1 to 65535"));
  EXPECT_THAT(refusal({{"database.dbname", "x"}}), HasSubstr("topic.prefix"));
}

TEST(CdcConfig, ARefusalNeverShowsAPassword) {
  EXPECT_EQ(refusal(with({{"database.password", "secret"}})).find("secret"), std::string::npos);
  Properties properties = with({{"database.password", "secret"}});
  EXPECT_EQ(take_password(properties), "secret");
  EXPECT_EQ(take_password(properties), std::nullopt);
}

TEST(CdcConfig, KafkaConnectsJsonIsRead) {
  const auto nested = load_json(
      R"({"name": "inventory", "config": {"tasks.max": 1, "snapshot.mode": "no_data", "tombstones.on.delete": false}})");
  ASSERT_TRUE(nested) << nested.error().message;
  EXPECT_EQ(nested->name, "inventory");
  EXPECT_EQ(nested->properties.at("tasks.max"), "1");
  EXPECT_EQ(nested->properties.at("tombstones.on.delete"), "false");
  const auto flat = load_json(R"({"name": "n", "topic.prefix": "p"})");
  ASSERT_TRUE(flat);
  EXPECT_EQ(flat->name, "n");
  EXPECT_EQ(flat->properties.size(), 1u);
  EXPECT_FALSE(load_json("[]"));
  EXPECT_FALSE(load_json("{"));
  EXPECT_FALSE(load_json(R"({"config": {"a": {"b": 1}}})"));
  EXPECT_FALSE(load_json(R"({"config": {"a": "1", "a": "2"}})"));
}

TEST(CdcConfig, TomlIsRead) {
  const auto all = load_toml(R"(
[[cdc]]
name = "orders"
topic.prefix = "cdc"
database.dbname = "orders"
database.port = 5433
table.include.list = ["public.orders", "public.outbox"]

[[cdc.outbox]]
table = "public.outbox"
queue = "${routedByValue}-events"

[[cdc.outbox]]
prefix = "outbox"
)");
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ((*all)[0].name, "orders");
  const Config config = parsed((*all)[0].properties);
  EXPECT_EQ(config.connection.port, 5433);
  EXPECT_TRUE(config.captures("public", "orders"));
  ASSERT_EQ(config.outboxes.size(), 2u);
  EXPECT_TRUE(config.outboxes[0].to_queue);
  EXPECT_EQ(config.outboxes[1].prefix, "outbox");
  EXPECT_FALSE(load_toml("x = 1"));
  EXPECT_FALSE(load_toml("[[cdc]"));
}

TEST(CdcConfig, DebeziumsEventRouterIsAnOutbox) {
  const Config config = parsed(with({
      {"connector.class", "io.debezium.connector.postgresql.PostgresConnector"},
      {"table.include.list", "public.outbox"},
      {"transforms", "outbox"},
      {"transforms.outbox.type", "io.debezium.transforms.outbox.EventRouter"},
      {"transforms.outbox.table.field.event.key", "agg"},
      {"transforms.outbox.route.topic.replacement", "events.${routedByValue}"},
      {"transforms.outbox.table.expand.json.payload", "true"},
      {"transforms.outbox.table.fields.additional.placement", "type:header:eventType,n:partition"},
  }));
  ASSERT_EQ(config.outboxes.size(), 1u);
  const Outbox& outbox = config.outboxes[0];
  EXPECT_TRUE(outbox.tables.matches("public.outbox"));
  EXPECT_EQ(outbox.key, "agg");
  EXPECT_FALSE(outbox.quote_payload || outbox.quote_key);
  ASSERT_EQ(outbox.additional.size(), 2u);
  EXPECT_EQ(outbox.additional[0].alias, "eventType");
  EXPECT_EQ(outbox.additional[1].where, Outbox::Placement::Where::kPartition);
  Properties router = {{"transforms", "o"},
                       {"transforms.o.type", "io.debezium.transforms.outbox.EventRouter"}};
  EXPECT_THAT(refusal(with(router)), HasSubstr("table.include.list"));
  router.insert({{"table.include.list", "public.outbox"},
                 {"key.converter", "org.apache.kafka.connect.json.JsonConverter"},
                 {"key.converter.schemas.enable", "false"},
                 {"value.converter", "org.apache.kafka.connect.storage.StringConverter"}});
  EXPECT_TRUE(parsed(with(router)).outboxes.at(0).quote_key);
  EXPECT_FALSE(parsed(with(router)).outboxes.at(0).quote_payload) << "a text stays as it is";
  router["key.converter.schemas.enable"] = "true";
  EXPECT_THAT(refusal(with(router)), HasSubstr("schemas.enable"));
}

TEST(CdcConfig, KeysMayBeChosen) {
  const Config config = parsed(with({{"message.key.columns", "public.a:x,y;(.*).b:z"}}));
  ASSERT_EQ(config.key_columns.size(), 2u);
  EXPECT_THAT(config.key_columns[0].columns, ElementsAre("x", "y"));
  EXPECT_TRUE(config.key_columns[1].table.matches("any.b"));
  EXPECT_THAT(refusal(with({{"message.key.columns", "public.a"}})), HasSubstr("column"));
}

}  // namespace
}  // namespace weir::cdc
