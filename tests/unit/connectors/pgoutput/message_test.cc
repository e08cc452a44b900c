#include "connectors/pgoutput/message.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <variant>

#include "base/random.h"
#include "connectors/pgoutput/frame.h"
#include "tests/unit/connectors/pgoutput/builder.h"

namespace weir::pgoutput {
namespace {

using testing::begin;
using testing::Builder;
using testing::commit;
using testing::relation;

template <typename T>
T read(const std::string& bytes) {
  const auto message = read_message(bytes);
  EXPECT_TRUE(message) << message.error().message;
  return std::get<T>(*message);
}

TEST(Frame, DataAndKeepalivesAreTold) {
  const std::string data = Builder('w').u64(10).u64(20).u64(0).raw("payload").done();
  const auto frame = read_frame(data);
  ASSERT_TRUE(frame);
  const auto& log = std::get<XLogData>(*frame);
  EXPECT_EQ(log.start, 10u);
  EXPECT_EQ(log.end, 20u);
  EXPECT_EQ(log.clock_us, kEpochUs);
  EXPECT_EQ(log.message, "payload");

  const std::string keepalive = Builder('k').u64(30).u64(5).u8(1).done();
  const auto alive = read_frame(keepalive);
  ASSERT_TRUE(alive);
  EXPECT_EQ(std::get<Keepalive>(*alive).end, 30u);
  EXPECT_TRUE(std::get<Keepalive>(*alive).reply_now);
}

TEST(Frame, AnythingElseIsRefused) {
  EXPECT_FALSE(read_frame(""));
  EXPECT_FALSE(read_frame("w"));
  EXPECT_FALSE(read_frame("kshort"));
  EXPECT_FALSE(read_frame(Builder('k').u64(30).u64(5).u8(1).u8(0).done()));
  EXPECT_FALSE(read_frame(Builder('x').u64(30).u64(5).u8(1).done()));
}

TEST(Frame, AReplyIs34BytesWithTheServersClock) {
  const std::string reply = status_reply(1, 2, 3, kEpochUs + 4, true);
  EXPECT_EQ(reply, Builder('r').u64(1).u64(2).u64(3).u64(4).u8(1).done());
  EXPECT_EQ(reply.size(), 34u);
}

TEST(Frame, SequenceNumbersAreReadAndWritten) {
  EXPECT_EQ(parse_lsn("16/B374D848").value(), 0x16B374D848u);
  EXPECT_EQ(format_lsn(0x16B374D848u), "16/B374D848");
  EXPECT_EQ(format_lsn(0), "0/0");
  for (const std::string_view wrong : {"", "/", "1/", "/1", "1-2", "100000000/0", "1/2x"}) {
    EXPECT_FALSE(parse_lsn(wrong)) << wrong;
  }
}

TEST(Message, EveryKindIsRead) {
  EXPECT_EQ(read<Begin>(begin(7, 42, 1000)).transaction, 42u);
  EXPECT_EQ(read<Begin>(begin(7, 42, 1000)).commit_us, 1000);
  EXPECT_EQ(read<Commit>(commit(7, 9)).end_lsn, 9u);
  EXPECT_EQ(read<Origin>(Builder('O').u64(1).name("o").done()).name, "o");
  EXPECT_EQ(read<TypeName>(Builder('Y').u32(5).name("").name("mood").done()).schema, "pg_catalog");

  const std::string announced =
      relation(3, "public", "t", 'd', {{true, "id", 23}, {false, "n", 1700, 524294}});
  const auto known = read<Relation>(announced);
  EXPECT_EQ(known.table, "t");
  ASSERT_EQ(known.columns.size(), 2u);
  EXPECT_TRUE(known.columns[0].key);
  EXPECT_EQ(known.columns[1].typmod, 524294);

  const std::string inserted = Builder('I').u32(3).u8('N').tuple({"t1", "n", "u", "b\1"}).done();
  const auto insert = read<Insert>(inserted);
  ASSERT_EQ(insert.row.size(), 4u);
  EXPECT_EQ(insert.row[0].bytes, "1");
  EXPECT_EQ(insert.row[2].kind, 'u');

  const std::string updated =
      Builder('U').u32(3).u8('K').tuple({"t1"}).u8('N').tuple({"t2"}).done();
  EXPECT_EQ(read<Update>(updated).old_kind, 'K');
  EXPECT_EQ(read<Update>(updated).old_row[0].bytes, "1");
  EXPECT_EQ(read<Update>(Builder('U').u32(3).u8('N').tuple({"t2"}).done()).old_kind, 0);

  EXPECT_EQ(read<Delete>(Builder('D').u32(3).u8('O').tuple({"t1"}).done()).old_kind, 'O');

  const auto truncate = read<Truncate>(Builder('T').u32(2).u8(3).u32(3).u32(4).done());
  EXPECT_TRUE(truncate.cascade && truncate.restart_identity);
  EXPECT_EQ(truncate.relations, (std::vector<uint32_t>{3, 4}));

  const std::string said = Builder('M').u8(1).u64(8).name("p").u32(2).raw("hi").done();
  EXPECT_EQ(read<LogicalMessage>(said).content, "hi");
  EXPECT_TRUE(read<LogicalMessage>(said).transactional);
}

TEST(Message, AnUnknownKindIsNamed) {
  const auto message = read_message("S1234");
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(message.error().message.find("0x53"), std::string::npos);
}

TEST(Message, CountsAreCheckedBeforeMemoryIsTaken) {
  EXPECT_FALSE(read_message(Builder('T').u32(0xFFFFFFFF).u8(0).u32(1).done()));
  EXPECT_FALSE(read_message(Builder('I').u32(1).u8('N').u16(0xFFFF).done()));
  EXPECT_FALSE(read_message(Builder('I').u32(1).u8('N').u16(1).u8('t').u32(0xFFFFFFFF).done()));
  EXPECT_FALSE(read_message(Builder('M').u8(0).u64(1).raw("no end").done()));
}

TEST(Message, TruncatedOrWithBytesLeftOverIsRefused) {
  const std::string whole[] = {
      begin(7, 42), commit(7, 9), relation(3, "s", "t", 'd', {{true, "id", 23}}),
      Builder('U').u32(3).u8('K').tuple({"t1"}).u8('N').tuple({"t2"}).done(),
      Builder('T').u32(1).u8(0).u32(3).done()};
  for (const std::string& message : whole) {
    for (size_t length = 0; length < message.size(); ++length) {
      EXPECT_FALSE(read_message(std::string_view(message).substr(0, length)))
          << message[0] << length;
    }
    EXPECT_FALSE(read_message(message + 'x'));
  }
}

TEST(Message, ChangedBytesAreReadOrRefused) {
  constexpr uint64_t kSeed = 20261123;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  Random random(kSeed);
  const std::string whole =
      Builder('U').u32(3).u8('O').tuple({"t1", "n", "tabc"}).u8('N').tuple({"t2", "u", "n"}).done();
  for (int round = 0; round < 20'000; ++round) {
    std::string changed = whole;
    for (int i = 0; i < 3; ++i)
      changed[random.below(changed.size())] = static_cast<char>(random.below(256));
    (void)read_message(changed);
  }
}

}  // namespace
}  // namespace weir::pgoutput
