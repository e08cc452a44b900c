#include "net/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <thread>
#include <vector>

#include "base/canary.h"
#include "tests/unit/net/line_server.h"
#include "tests/unit/net/test_client.h"

namespace weir::net {
namespace {

void echo(Connection& connection, std::string line) {
  connection.send(line + "\n");
}

// Collects the slots of requests, for tests that complete them in an order of their own.
class SlotKeeper {
 public:
  void keep(Connection& connection) {
    const std::lock_guard lock(mutex_);
    slots_.push_back(connection.reserve());
    arrived_.notify_all();
  }
  std::vector<ReplySlot> take(size_t count) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, std::chrono::seconds(10), [&] { return slots_.size() >= count; });
    return std::exchange(slots_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<ReplySlot> slots_;
};

TEST(Connection, AnswersRequestsInOrder) {
  LineServer server(echo);
  TestClient client(server.port());
  client.send("one\ntwo\nthree\n");
  EXPECT_EQ(client.receive(14), "one\ntwo\nthree\n");
}

TEST(Connection, ListensOnBothLoopbackAddresses) {
  LineServer server(echo);
  if (!server.listener().note().empty()) GTEST_SKIP() << server.listener().note();
  TestClient client(server.port(), true);
  client.send("hello\n");
  EXPECT_EQ(client.receive(6), "hello\n");
}

TEST(Connection, KeepsAPartialRequestUntilItsRestArrives) {
  LineServer server(echo);
  TestClient client(server.port());
  client.send("first\nsec");
  EXPECT_EQ(client.receive(6), "first\n");
  client.send("ond\n");
  EXPECT_EQ(client.receive(7), "second\n");
}

TEST(Connection, RepliesCompletedInAnyOrderLeaveInTheOrderOfTheirRequests) {
  SlotKeeper keeper;
  LineServer server([&](Connection& connection, const std::string&) { keeper.keep(connection); });
  TestClient client(server.port());
  client.send("a\nb\nc\n");
  std::vector<ReplySlot> slots = keeper.take(3);
  ASSERT_EQ(slots.size(), 3U);
  slots[2].complete("C");
  slots[1].complete("B");
  server.settle();
  EXPECT_EQ(client.peek(), "");
  slots[0].complete("A");
  EXPECT_EQ(client.receive(3), "ABC");
}

TEST(Connection, RepliesMayBeCompletedOnAnotherThread) {
  SlotKeeper keeper;
  LineServer server([&](Connection& connection, const std::string&) { keeper.keep(connection); });
  TestClient client(server.port());
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "x\n";
  client.send(lines);
  std::thread completer([&] {
    size_t completed = 0;
    while (completed < 100) {
      for (ReplySlot& slot : keeper.take(1)) {
        slot.complete(std::string(1, static_cast<char>('0' + completed % 10)));
        ++completed;
      }
    }
  });
  std::string expected;
  for (int i = 0; i < 100; ++i) expected += static_cast<char>('0' + i % 10);
  EXPECT_EQ(client.receive(100), expected);
  completer.join();
}

// Sends "<n> <class>" requests whose reply waits for LSN n.
void reply_at_lsn(Connection& connection, const std::string& line) {
  const uint64_t lsn = std::stoull(line);
  const Durability durability = line.ends_with("os")          ? Durability::kOs
                                : line.ends_with("transient") ? Durability::kTransient
                                                              : Durability::kFsync;
  connection.send("[" + line + "]", Lsn(lsn), durability);
}

TEST(Connection, AReplyWaitsForTheWatermarkOfItsDurability) {
  LineServer server(reply_at_lsn);
  TestClient durable(server.port());
  TestClient written(server.port());
  TestClient at_once(server.port());
  durable.send("5\n");
  written.send("5 os\n");
  at_once.send("5 transient\n");
  EXPECT_EQ(at_once.receive(13), "[5 transient]");
  server.settle();
  EXPECT_EQ(durable.peek(), "");
  EXPECT_EQ(written.peek(), "");
  server.advance(5, 4);
  EXPECT_EQ(written.receive(6), "[5 os]");
  EXPECT_EQ(durable.peek(), "");
  server.advance(5, 5);
  EXPECT_EQ(durable.receive(3), "[5]");
}

TEST(Connection, ALaterReplyNeverOvertakesAParkedOne) {
  LineServer server(reply_at_lsn);
  TestClient client(server.port());
  client.send("7\n0\n9\n3\n");
  server.settle();
  EXPECT_EQ(client.peek(), "");
  server.advance(8, 8);
  EXPECT_EQ(client.receive(6), "[7][0]");
  server.settle();
  EXPECT_EQ(client.peek(), "");
  server.advance(9, 9);
  EXPECT_EQ(client.receive(6), "[9][3]");
}

#ifdef WEIR_CANARIES
TEST(Connection, TheGatingTestSeesTheCanaryThatIgnoresTheWatermark) {
  LineServer server(reply_at_lsn);
  set_canary("reply-before-watermark");
  TestClient client(server.port());
  client.send("5\n");
  EXPECT_EQ(client.receive(3), "[5]")
      << "with the canary on, a reply must leave too early, or the test above is blind";
  set_canary("");
}
#endif

TEST(Connection, AReplySharesTheMemoryOfItsParts) {
  const Bytes body = Bytes::take(std::string(300'000, 'b'));
  LineServer server([&](Connection& connection, const std::string&) {
    connection.send(Reply("head ", {body, Bytes::copy_of(" middle "), body.slice(0, 10)}));
  });
  TestClient client(server.port());
  client.send("x\n");
  EXPECT_EQ(client.receive(300'023),
            "head " + std::string(300'000, 'b') + " middle " + std::string(10, 'b'));
}

TEST(Connection, AnEmptyReplySendsNothingAndHoldsNothingUp) {
  LineServer server([](Connection& connection, const std::string& line) {
    connection.send(line == "quiet" ? std::string() : line + "\n");
  });
  TestClient client(server.port());
  client.send("quiet\na\nquiet\nquiet\nb\nquiet\n");
  EXPECT_EQ(client.receive(4), "a\nb\n");
}

TEST(Connection, ARequestAboveTheLimitEndsTheConnection) {
  LineServer server(echo, {.request_bytes_max = 1000});
  TestClient client(server.port());
  client.send(std::string(900, 'x') + "\n");
  EXPECT_EQ(client.receive(901).size(), 901U);
  client.send(std::string(2000, 'y'));
  EXPECT_TRUE(client.wait_closed());
  server.settle();
  EXPECT_EQ(server.metrics().closed[static_cast<size_t>(CloseReason::kOverflow)].value(), 1U);
}

TEST(Connection, AnUnfinishedRequestEndsAtItsDeadline) {
  LineServer server(echo, {.request_deadline = Milliseconds(30)});
  TestClient client(server.port());
  client.send("whole\npart");
  EXPECT_EQ(client.receive(6), "whole\n");
  EXPECT_TRUE(client.wait_closed());
}

TEST(Connection, AQuietConnectionOutlivesTheRequestDeadlineAndEndsAtTheIdleDeadline) {
  LineServer server(echo, {.request_deadline = Milliseconds(5), .idle_deadline = Milliseconds(60)});
  const auto begin = std::chrono::steady_clock::now();
  TestClient client(server.port());
  client.send("whole\n");
  EXPECT_EQ(client.receive(6), "whole\n");
  EXPECT_TRUE(client.wait_closed());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, Milliseconds(50));
}

TEST(Connection, AWaitingReplyIsNotIdle) {
  SlotKeeper keeper;
  LineServer server([&](Connection& connection, const std::string&) { keeper.keep(connection); },
                    {.idle_deadline = Milliseconds(20)});
  TestClient client(server.port());
  client.send("wait\n");
  std::vector<ReplySlot> slots = keeper.take(1);
  ASSERT_EQ(slots.size(), 1U);
  // Another connection that is idle shows that the deadline has passed.
  TestClient idle(server.port());
  EXPECT_TRUE(idle.wait_closed());
  slots[0].complete("late");
  EXPECT_EQ(client.receive(4), "late");
}

TEST(Connection, StopsReadingWhileTooMuchOutputIsUnsentAndGoesOnAfterwards) {
  std::atomic<int> handled{0};
  const Bytes big = Bytes::take(std::string(64 << 10, 'z'));
  LineServer server(
      [&](Connection& connection, const std::string&) {
        ++handled;
        connection.send(Reply("", {big}));
      },
      {.output_bytes_max = 256 << 10});
  TestClient client(server.port(), false, 4096);
  std::string lines;
  for (int i = 0; i < 400; ++i) lines += "x\n";
  client.send(lines);
  server.settle();
  // Socket buffers take a few megabytes at most; the rest may not have been parsed.
  EXPECT_LT(handled.load(), 300);
  EXPECT_EQ(client.receive(size_t{400} * big.size()).size(), size_t{400} * big.size());
  EXPECT_EQ(handled.load(), 400);
}

TEST(Connection, ParsesAtMostTheLimitOfRequestsUnderWay) {
  SlotKeeper keeper;
  std::atomic<int> handled{0};
  LineServer server(
      [&](Connection& connection, const std::string&) {
        ++handled;
        keeper.keep(connection);
      },
      {.replies_max = 4});
  TestClient client(server.port());
  client.send("1\n2\n3\n4\n5\n6\n7\n8\n");
  std::vector<ReplySlot> slots = keeper.take(4);
  server.settle();
  EXPECT_EQ(handled.load(), 4);
  for (ReplySlot& slot : slots) slot.complete("a");
  slots = keeper.take(4);
  for (ReplySlot& slot : slots) slot.complete("b");
  EXPECT_EQ(client.receive(8), "aaaabbbb");
}

TEST(Connection, AStalledPeerIsClosedAndDoesNotDisturbOthers) {
  const Bytes big = Bytes::take(std::string(8 << 20, 'z'));
  LineServer server(
      [&](Connection& connection, const std::string& line) {
        if (line == "big") return connection.send(Reply("", {big}));
        connection.send(line + "\n");
      },
      {.output_bytes_max = 1 << 20, .stall_deadline = Milliseconds(50)});
  std::promise<void> closed;
  server.on_closed = [&, told = false]() mutable {
    if (!std::exchange(told, true)) closed.set_value();
  };
  TestClient stalled(server.port(), false, 4096);
  stalled.send("big\n");
  TestClient other(server.port());
  other.send("hello\n");
  EXPECT_EQ(other.receive(6), "hello\n");
  EXPECT_EQ(closed.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

TEST(Connection, PausedReadingGoesOnAfterTheLastResume) {
  std::shared_ptr<Connection> seen;
  LineServer server([&](Connection& connection, const std::string& line) {
    connection.send(line + "\n");
    if (line == "pause") {
      connection.pause_reading();
      connection.pause_reading();
      seen = connection.shared_from_this();
    }
  });
  TestClient client(server.port());
  client.send("pause\nnext\n");
  EXPECT_EQ(client.receive(6), "pause\n");
  server.shard().run_and_wait([&] { seen->resume_reading(); });
  server.settle();
  EXPECT_EQ(client.peek(), "");
  server.shard().run_and_wait([&] { seen->resume_reading(); });
  EXPECT_EQ(client.receive(5), "next\n");
  seen.reset();
}

TEST(Connection, OnlyProducersStopBeingReadWhileTheShardIsOverloaded) {
  LineServer server([&](Connection& connection, const std::string& line) {
    if (line == "produce") connection.set_producing();
    connection.send(line + "\n");
  });
  TestClient producer(server.port());
  producer.send("produce\n");
  EXPECT_EQ(producer.receive(8), "produce\n");
  server.shard().run_and_wait([&] { server.connections().set_overloaded(true); });
  // The read that was under way already takes the first of them, but it is not parsed.
  producer.send("x\n");
  TestClient consumer(server.port());
  consumer.send("ack\n");
  EXPECT_EQ(consumer.receive(4), "ack\n");
  server.settle();
  EXPECT_EQ(producer.peek(), "");
  server.shard().run_and_wait([&] { server.connections().set_overloaded(false); });
  EXPECT_EQ(producer.receive(2), "x\n");
}

TEST(Connection, CloseAfterRepliesSendsWhatWasReservedAndReadsNoMore) {
  LineServer server([](Connection& connection, const std::string& line) {
    connection.send(line + "\n", Lsn(line == "quit" ? 1 : 0));
    if (line == "quit") connection.close_after_replies();
  });
  TestClient client(server.port());
  client.send("a\nquit\nb\n");
  EXPECT_EQ(client.receive(2), "a\n");
  server.advance(1, 1);
  EXPECT_EQ(client.receive_all(), "quit\n");
}

TEST(Connection, ALastReplyReachesAPeerThatStillSends) {
  LineServer server([](Connection& connection, const std::string&) {
    connection.send("error\n");
    connection.close_after_replies();
  });
  TestClient client(server.port());
  client.send("bad\n" + std::string(200'000, 'x'));
  EXPECT_EQ(client.receive_all(), "error\n");
}

TEST(Connection, APeerThatEndsItsOutputStillGetsItsReplies) {
  SlotKeeper keeper;
  LineServer server([&](Connection& connection, const std::string&) { keeper.keep(connection); });
  TestClient client(server.port());
  client.send("ask\n");
  client.end_output();
  std::vector<ReplySlot> slots = keeper.take(1);
  ASSERT_EQ(slots.size(), 1U);
  server.settle();
  slots[0].complete("answer");
  EXPECT_EQ(client.receive_all(), "answer");
}

TEST(Connection, TheEndOfThePeerCancelsWhatWaitsForIt) {
  std::promise<void> cancelled;
  ReplySlot kept;
  LineServer server([&](Connection& connection, const std::string&) {
    kept = connection.reserve();
    kept.on_abandoned([&] {
      cancelled.set_value();
      kept.complete("nothing");
    });
  });
  TestClient client(server.port());
  client.send("wait\n");
  client.end_output();
  EXPECT_EQ(cancelled.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_EQ(client.receive_all(), "nothing");
}

TEST(Connection, ADroppedReplyEndsTheConnection) {
  LineServer server([](Connection& connection, const std::string&) {
    const ReplySlot dropped = connection.reserve();
  });
  TestClient client(server.port());
  client.send("x\n");
  EXPECT_TRUE(client.wait_closed());
  server.settle();
  EXPECT_EQ(server.metrics().closed[static_cast<size_t>(CloseReason::kAbandoned)].value(), 1U);
}

TEST(Connection, CompletingAReplyOfAClosedConnectionDoesNothing) {
  SlotKeeper keeper;
  LineServer server([&](Connection& connection, const std::string&) { keeper.keep(connection); });
  std::promise<void> closed;
  server.on_closed = [&] { closed.set_value(); };
  TestClient client(server.port());
  client.send("x\n");
  std::vector<ReplySlot> slots = keeper.take(1);
  ASSERT_EQ(slots.size(), 1U);
  server.shard().run_and_wait([&] { server.connections().close_all(Milliseconds(0), [] {}); });
  closed.get_future().wait();
  EXPECT_FALSE(slots[0].open());
  slots[0].complete("too late");
  server.settle();
  EXPECT_EQ(client.receive_all(), "");
}

TEST(Connection, CloseAllLetsRepliesLeaveAndTellsWhenNoneIsLeft) {
  LineServer server(reply_at_lsn);
  TestClient client(server.port());
  client.send("0\n4\n");
  EXPECT_EQ(client.receive(3), "[0]");
  std::promise<void> done;
  server.shard().run_and_wait(
      [&] { server.connections().close_all(std::chrono::seconds(10), [&] { done.set_value(); }); });
  server.advance(4, 4);
  EXPECT_EQ(client.receive_all(), "[4]");
  client.close();
  EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_EQ(server.closed_sessions.load(), 1);
}

TEST(Connection, RunsOnTheSessionOnlyWhileItLives) {
  std::shared_ptr<Connection> seen;
  LineServer server([&](Connection& connection, const std::string& line) {
    seen = connection.shared_from_this();
    connection.send(line + "\n");
  });
  std::promise<void> closed;
  server.on_closed = [&] { closed.set_value(); };
  TestClient client(server.port());
  client.send("x\n");
  EXPECT_EQ(client.receive(2), "x\n");
  seen->run([](Connection& connection) { connection.send("pushed"); });
  EXPECT_EQ(client.receive(6), "pushed");
  client.close();
  closed.get_future().wait();
  bool ran = false;
  seen->run([&](Connection&) { ran = true; });
  server.settle();
  EXPECT_FALSE(ran);
  seen.reset();
}

TEST(Connection, KeptBytesOutliveTheReadBuffer) {
  struct KeepingSession final : Session {
    explicit KeepingSession(Connection& connection_, std::vector<Bytes>& kept_)
        : connection(connection_), kept(kept_) {}
    size_t on_data(ByteView data) override {
      size_t position = 0;
      while (data.size() - position >= 50'000) {
        kept.push_back(connection.keep(data.substr(position, 50'000)));
        position += 50'000;
        connection.send("+");
      }
      if (data.size() > position) connection.expect(50'000);
      return position;
    }
    Connection& connection;
    std::vector<Bytes>& kept;
  };
  std::vector<Bytes> kept;
  runtime::Shard shard(0, "test");
  ConnectionShard connections(shard);
  shard.start();
  auto listener = Listener::open(
      {.name = "test", .option = "--test"}, {&connections},
      [&](Connection& connection) { return std::make_unique<KeepingSession>(connection, kept); });
  ASSERT_TRUE(listener.has_value());
  (*listener)->start();
  TestClient client((*listener)->port());
  std::string sent;
  for (int i = 0; i < 20; ++i) {
    const std::string part(50'000, static_cast<char>('a' + i));
    sent += part;
    client.send(part);
  }
  EXPECT_EQ(client.receive(20).size(), 20U);
  std::string got;
  shard.run_and_wait([&] {
    for (const Bytes& part : kept) got += part.view();
  });
  EXPECT_EQ(got, sent);
  (*listener)->close();
  shard.stop();
}

}  // namespace
}  // namespace weir::net
