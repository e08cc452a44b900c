#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/clock.h"
#include "runtime/file_work.h"
#include "runtime/gate.h"
#include "runtime/owned.h"
#include "runtime/shard.h"
#include "runtime/timer.h"

namespace weir::runtime {
namespace {

constexpr auto kDeadline = std::chrono::seconds(10);

TEST(Shard, RunsTheTasksOfOneSenderInOrderOnItsThread) {
  Shard shard(3, "test");
  shard.start();
  std::vector<int> seen;
  for (int i = 0; i < 1000; ++i) {
    shard.post([&, i] {
      EXPECT_EQ(Shard::current(), &shard);
      seen.push_back(i);
    });
  }
  shard.run_and_wait([] {});
  ASSERT_EQ(seen.size(), 1000U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[i], i);
  EXPECT_EQ(Shard::current(), nullptr);
}

TEST(Shard, RunsDeferredTasksAfterTheHandlersThatAreReady) {
  Shard shard(0, "test");
  std::vector<int> seen;
  std::promise<void> done;
  shard.post([&] {
    shard.defer([&] {
      seen.push_back(3);
      done.set_value();
    });
    seen.push_back(1);
  });
  shard.post([&] { seen.push_back(2); });
  shard.start();
  ASSERT_EQ(done.get_future().wait_for(kDeadline), std::future_status::ready);
  EXPECT_EQ(seen, (std::vector{1, 2, 3}));
}

TEST(Shard, FreesTasksThatItNeverRan) {
  const auto token = std::make_shared<int>(1);
  Shard other(1, "other");
  {
    Shard shard(0, "test");
    shard.post([token] { FAIL() << "this shard never runs"; });
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_EQ(token.use_count(), 1);
  other.start();
  other.stop();
  other.post([token] { FAIL() << "this shard has stopped"; });
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Owned, CallsInlineOnItsShardAndThroughTheMailboxFromElsewhere) {
  Shard shard(0, "test");
  shard.start();
  Owned<int> number(shard, std::make_unique<int>(1));
  EXPECT_FALSE(number.is_here());
  number.call([](int& value) { value += 1; });
  int seen = 0;
  shard.run_and_wait([&] {
    number.call([&](int& value) { seen = value; });
    EXPECT_EQ(seen, 2);
    EXPECT_EQ(number.here(), 2);
  });
  shard.stop();
}

TEST(Timer, ExpiresOnItsShardAndOnlyOnce) {
  Shard shard(0, "test");
  shard.start();
  std::promise<void> expired;
  std::unique_ptr<Timer> timer;
  shard.run_and_wait([&] {
    timer = std::make_unique<Timer>(shard, [&] {
      EXPECT_EQ(Shard::current(), &shard);
      EXPECT_FALSE(timer->armed());
      expired.set_value();
    });
    timer->arm(Milliseconds(1000'000));
    timer->arm(Milliseconds(1));
    EXPECT_TRUE(timer->armed());
  });
  ASSERT_EQ(expired.get_future().wait_for(kDeadline), std::future_status::ready);
  shard.run_and_wait([&] { timer.reset(); });
}

TEST(Timer, ACancelledTimerDoesNotCallBackEvenWhenItHasExpired) {
  Shard shard(0, "test");
  shard.start();
  shard.run_and_wait([&] {
    Timer cancelled(shard, [] { FAIL() << "was cancelled"; });
    Timer destroyed(shard, [] { FAIL() << "was destroyed"; });
    cancelled.arm(Milliseconds(0));
    destroyed.arm(Milliseconds(0));
    cancelled.cancel();
  });
  std::promise<void> later;
  std::unique_ptr<Timer> timer;
  shard.run_and_wait([&] {
    timer = std::make_unique<Timer>(shard, [&] { later.set_value(); });
    timer->arm(Milliseconds(2));
  });
  ASSERT_EQ(later.get_future().wait_for(kDeadline), std::future_status::ready);
  shard.run_and_wait([&] { timer.reset(); });
}

TEST(Timer, MayBeFreedByItsOwnCallback) {
  Shard shard(0, "test");
  shard.start();
  std::promise<void> expired;
  std::unique_ptr<Timer> timer;
  shard.run_and_wait([&] {
    timer = std::make_unique<Timer>(shard, [&] {
      timer.reset();
      expired.set_value();
    });
    timer->arm(Milliseconds(0));
  });
  EXPECT_EQ(expired.get_future().wait_for(kDeadline), std::future_status::ready);
}

TEST(Gate, TellsItsOwnerWhenTheLastOperationHasLeft) {
  Gate gate;
  auto first = gate.enter();
  auto second = gate.enter();
  ASSERT_TRUE(first && second);
  bool empty = false;
  gate.close([&] { empty = true; });
  EXPECT_FALSE(gate.enter().has_value());
  first.reset();
  EXPECT_FALSE(empty);
  const Gate::Pass moved = std::move(*second);
  second.reset();
  EXPECT_FALSE(empty);
  EXPECT_EQ(gate.count(), 1U);
  {
    const Gate::Pass last = std::move(const_cast<Gate::Pass&>(moved));
  }
  EXPECT_TRUE(empty);
}

TEST(Gate, ClosesAtOnceWhenNothingIsUnderWay) {
  Gate gate;
  bool empty = false;
  gate.close([&] { empty = true; });
  EXPECT_TRUE(empty);
}

TEST(Gate, CloseAndWaitReturnsAfterTheLastOperation) {
  Gate gate;
  std::atomic<bool> left{false};
  std::thread operation([&left, pass = gate.enter()]() mutable {
    left = true;
    pass.reset();
  });
  gate.close_and_wait();
  EXPECT_TRUE(left.load());
  operation.join();
}

TEST(FileWork, CompletesOnTheShardThatAsked) {
  Shard shard(0, "test");
  shard.start();
  FileWork work(2, 100);
  std::promise<int> answer;
  const auto submitted = work.submit(
      shard,
      [] {
        EXPECT_EQ(Shard::current(), nullptr);
        return std::make_unique<int>(42);
      },
      [&](std::unique_ptr<int> result) {
        EXPECT_EQ(Shard::current(), &shard);
        answer.set_value(*result);
      });
  ASSERT_TRUE(submitted.has_value());
  EXPECT_EQ(answer.get_future().get(), 42);
}

TEST(FileWork, RefusesBeyondItsQueue) {
  Shard shard(0, "test");
  shard.start();
  std::promise<void> release;
  const std::shared_future<void> released(release.get_future());
  std::promise<void> begun;
  {
    FileWork work(1, 1);
    const auto nothing = [](int) {};
    ASSERT_TRUE(work.submit(
        shard,
        [&] {
          begun.set_value();
          released.wait();
          return 0;
        },
        nothing));
    begun.get_future().wait();
    ASSERT_TRUE(work.submit(shard, [] { return 0; }, nothing));
    const auto refused = work.submit(shard, [] { return 0; }, nothing);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::kOverloaded);
    release.set_value();
  }
  shard.stop();
}

TEST(WallClock, NeverRunsBackwards) {
  WallClock clock(Timestamp(1));
  const Timestamp first = clock.now();
  EXPECT_GT(first.ms(), 1'600'000'000'000);
  const Timestamp future = first + std::chrono::hours(1);
  clock.raise_floor(future);
  EXPECT_GE(clock.now(), future);
  clock.raise_floor(first);
  EXPECT_GE(clock.now(), future);
}

}  // namespace
}  // namespace weir::runtime
