#include "connectors/pgoutput/statements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "connectors/pgoutput/catalog_query.h"
#include "connectors/pgoutput/copy_text.h"

namespace weir::pgoutput {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

cdc::Config config(const cdc::Properties& more = {}) {
  cdc::Properties properties = {{"topic.prefix", "cdc"}, {"database.dbname", "d"}};
  properties.insert(more.begin(), more.end());
  std::vector<std::string> notes;
  const auto parsed = cdc::parse("orders", properties, notes);
  EXPECT_TRUE(parsed) << parsed.error().message;
  return *parsed;
}

RelationFacts table(std::string schema, std::string name) {
  RelationFacts facts;
  facts.schema = std::move(schema);
  facts.table = std::move(name);
  ColumnFacts column;
  column.name = "id";
  facts.columns.push_back(column);
  column.name = "a b";
  facts.columns.push_back(column);
  column.name = "made";
  column.generated = true;
  facts.columns.push_back(column);
  facts.key = {"id", "a b"};
  return facts;
}

TEST(Statements, NamesAndValuesAreQuoted) {
  EXPECT_EQ(quote_identifier(R"(a "b")"), R"("a ""b""")");
  EXPECT_EQ(quote_literal("it's"), "'it''s'");
  EXPECT_EQ(quote_literal(R"(a\'b)"), R"(E'a\\''b')");
  EXPECT_EQ(quote_table("s", "t"), R"("s"."t")");
}

TEST(Statements, ASlotIsMadeWithItsSnapshotAndReadFromAPosition) {
  EXPECT_EQ(create_slot("weir_orders", {}),
            R"(CREATE_REPLICATION_SLOT "weir_orders" LOGICAL pgoutput EXPORT_SNAPSHOT)");
  EXPECT_EQ(create_slot("s", {.temporary = true, .snapshot = false}),
            R"(CREATE_REPLICATION_SLOT "s" TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT)");
  EXPECT_EQ(create_slot("s", {.failover = true}),
            R"(CREATE_REPLICATION_SLOT "s" LOGICAL pgoutput (SNAPSHOT 'export', FAILOVER true))");
  EXPECT_EQ(start_replication(config({{"slot.stream.params", "origin=any"}}), 0x16B374D848),
            R"(START_REPLICATION SLOT "weir_orders" LOGICAL 16/B374D848 (proto_version '1', )"
            R"(publication_names '"weir_orders"', messages 'true', "origin" 'any'))");
}

TEST(Statements, APublicationHasTheCapturedTables) {
  const std::vector<RelationFacts> tables = {table("public", "a"), table("public", "b"),
                                             table("other", "c")};
  const cdc::Config some = config({{"schema.include.list", "public"}, {"skipped.operations", "t"}});
  EXPECT_EQ(create_publication(some, tables),
            R"(CREATE PUBLICATION "weir_orders" FOR TABLE "public"."a", "public"."b" )"
            R"(WITH (publish = 'insert, update, delete'))");
  EXPECT_EQ(alter_publication(some, tables),
            R"(ALTER PUBLICATION "weir_orders" SET TABLE "public"."a", "public"."b")");
  const cdc::Config all = config(
      {{"publication.autocreate.mode", "all_tables"}, {"publish.via.partition.root", "true"}});
  EXPECT_EQ(create_publication(all, tables),
            R"(CREATE PUBLICATION "weir_orders" FOR ALL TABLES WITH (publish = 'insert, update, )"
            R"(delete, truncate', publish_via_partition_root = true))");
  EXPECT_EQ(alter_publication(all, tables), "");
  EXPECT_EQ(create_publication(config({{"publication.autocreate.mode", "disabled"}}), tables), "");
}

TEST(Statements, WhatIsSkippedIsNotPublishedButToAnOutbox) {
  EXPECT_EQ(publication_options(config({{"skipped.operations", "c,d,t"}})),
            " WITH (publish = 'update')");
  EXPECT_EQ(publication_options(
                config({{"skipped.operations", "c,u,d,t"}, {"outbox.0.table", "public.outbox"}})),
            " WITH (publish = 'insert')");
}

TEST(Statements, RowsAreReadInTheOrderOfTheirKeyBetweenTwoKeys) {
  RelationFacts facts = table("public", "t");
  EXPECT_EQ(copy_rows(facts, "", {}, {}),
            R"(COPY (SELECT "id", "a b" FROM "public"."t" ORDER BY "id", "a b") TO STDOUT)");
  const std::vector<std::string> after = {"7", "it's"};
  const std::vector<std::string> until = {"9", "z"};
  EXPECT_THAT(copy_rows(facts, "", after, {}),
              HasSubstr(R"( WHERE ("id", "a b") > ('7', 'it''s') ORDER BY "id", "a b")"));
  EXPECT_THAT(
      copy_rows(facts, "", after, until),
      HasSubstr(
          R"( WHERE ("id", "a b") > ('7', 'it''s') AND ("id", "a b") <= ('9', 'z') ORDER BY)"));
  EXPECT_THAT(copy_rows(facts, "SELECT * FROM t", {}, until),
              HasSubstr(R"( FROM (SELECT * FROM t) AS chosen WHERE ("id", "a b") <= ('9', 'z'))"));
  facts.key.clear();
  EXPECT_EQ(copy_rows(facts, "", {}, {}),
            R"(COPY (SELECT "id", "a b" FROM "public"."t") TO STDOUT)");
}

TEST(Statements, ATableIsDividedByKeysOfASample) {
  EXPECT_EQ(
      divide_rows(table("public", "t"), 4, 0.5),
      R"(SELECT DISTINCT ON (weir_part) "id"::text, "a b"::text FROM (SELECT "id", "a b", ntile(4) )"
      R"(OVER (ORDER BY "id", "a b") AS weir_part FROM "public"."t" TABLESAMPLE SYSTEM (0.500000)) )"
      R"(AS sample WHERE weir_part < 4 ORDER BY weir_part, sample."id" DESC, )"
      R"(sample."a b" DESC)");
}

TEST(CopyText, ALineIsTakenApart) {
  std::string storage;
  cdc::Row row;
  ASSERT_TRUE(read_copy_row("1\t\\N\t\ta\\tb\\\\c\\nd\t\\\\N\n", 5, storage, row));
  EXPECT_EQ(row[0].text, "1");
  EXPECT_EQ(row[1].state, cdc::Value::State::kNull);
  EXPECT_EQ(row[2].state, cdc::Value::State::kText);
  EXPECT_EQ(row[2].text, "");
  EXPECT_EQ(row[3].text, "a\tb\\c\nd");
  EXPECT_EQ(row[4].text, "\\N");
  EXPECT_FALSE(read_copy_row("1\t2", 1, storage, row));
  EXPECT_FALSE(read_copy_row("1", 2, storage, row));
  EXPECT_TRUE(read_copy_row("", 1, storage, row)) << "one empty text";
  EXPECT_TRUE(read_copy_row("", 0, storage, row));
}

TEST(CatalogQuery, AnAnswerIsRead) {
  const auto facts = read_facts(
      R"({"relations":[{"id":16400,"schema":"public","table":"t","identity":"d","columns":[)"
      R"({"name":"id","type":23,"typmod":-1,"not_null":true,"generated":false,"default":"7"}],)"
      R"("key":["id"]}],"types":[{"oid":16390,"name":"mood","kind":"e","category":"E","element":0,)"
      R"("base":0,"base_typmod":-1,"labels":["sad","ok"]}]})");
  ASSERT_TRUE(facts) << facts.error().message;
  ASSERT_EQ(facts->size(), 1u);
  EXPECT_EQ(facts->front().columns[0].default_expression, "7");
  EXPECT_THAT(facts->front().key, ElementsAre("id"));
  EXPECT_THAT(facts->front().types[0].labels, ElementsAre("sad", "ok"));
}

TEST(CatalogQuery, WhatIsNoAnswerIsRefused) {
  for (
      const std::string_view wrong :
      {"", "[]", "{}", R"({"relations":1,"types":[]})", R"({"relations":[1],"types":[]})",
       R"({"relations":[{}],"types":[]})",
       R"({"relations":[{"id":1,"schema":"s","table":"t","identity":"d","key":[],"columns":[{}]}],"types":[]})"}) {
    EXPECT_FALSE(read_facts(wrong)) << wrong;
  }
}

TEST(CatalogQuery, AsksForOneTableOrForAll) {
  EXPECT_THAT(facts_query(42), HasSubstr("WHERE c.oid = 42"));
  EXPECT_THAT(facts_query(), HasSubstr("information_schema"));
}

}  // namespace
}  // namespace weir::pgoutput
