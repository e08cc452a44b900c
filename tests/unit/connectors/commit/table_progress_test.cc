#include "connectors/commit/table_progress.h"

#include <gtest/gtest.h>

namespace weir::cdc {
namespace {

TableProgress half_read() {
  TableProgress table;
  table.id = 16400;
  table.schema = "public";
  table.table = "orders";
  table.begun = true;
  table.rows = 70'000;
  table.key = {"region", "id"};
  table.pieces = {{.after = {"eu", "7"}, .until = {"us", "1"}, .done = true},
                  {.after = {"us", ""}, .until = {}, .done = false}};
  return table;
}

TEST(TableProgress, IsReadAsItWasWritten) {
  const TableProgress table = half_read();
  const auto read = TableProgress::decode(table.encode());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, table);
  EXPECT_EQ(read->note(), "table/public.orders");
}

TEST(TableProgress, IsDoneWithItsLastPiece) {
  TableProgress table = half_read();
  EXPECT_FALSE(table.done());
  table.pieces.back().done = true;
  EXPECT_TRUE(table.done());
  table.pieces.clear();
  EXPECT_FALSE(table.done()) << "not divided yet";
}

TEST(TableProgress, WhatIsCutOffIsRefused) {
  const std::string whole = half_read().encode();
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(TableProgress::decode(std::string_view(whole).substr(0, length))) << length;
  }
  EXPECT_FALSE(TableProgress::decode(whole + "x"));
}

}  // namespace
}  // namespace weir::cdc
