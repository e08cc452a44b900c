// Which quota holds for whom, and how many buckets are kept.

#include "protocols/kafka/quota/quotas.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "core/catalog/catalog.h"

namespace weir::kafka {
namespace {

using catalog::QuotaEntity;
using catalog::QuotaKind;

constexpr Timestamp kNow{1'700'000'000'000};
constexpr std::string_view kRate = "producer_byte_rate";

QuotaEntity entity(std::optional<std::string> user, std::optional<std::string> client) {
  QuotaEntity made;
  if (user) made.push_back({QuotaKind::kUser, user->empty(), *user});
  if (client) made.push_back({QuotaKind::kClientId, client->empty(), *client});
  return made;
}

class QuotasOf : public testing::Test {
 protected:
  void set(const QuotaEntity& whose, double value, std::string_view key = kRate) {
    const auto event = catalog.access().decide_put_quota({whose, {{std::string(key), value}}});
    ASSERT_TRUE(event) << event.error().message;
    ASSERT_TRUE(catalog.apply(*event));
    quotas.refresh();
  }
  void remove(const QuotaEntity& whose) {
    ASSERT_TRUE(catalog.apply(catalog.access().decide_put_quota({whose, {}}).value()));
    quotas.refresh();
  }
  // What the client may move at once; 0: as much as it likes.
  size_t burst(std::string_view user, std::string_view client) {
    const auto allowance = quotas.allowance(Metered::kProduced, {user, client}, kNow);
    return allowance.burst == SIZE_MAX ? 0 : allowance.burst;
  }
  Milliseconds move(std::string_view user, std::string_view client, double bytes) {
    return quotas.charge(Metered::kProduced, {user, client}, bytes, kNow);
  }

  catalog::Catalog catalog;
  Quotas quotas{catalog.access(), 4};
};

TEST_F(QuotasOf, NobodyAreNotLookedFor) {
  EXPECT_EQ(move("alice", "app", 1e12), Milliseconds(0));
  EXPECT_EQ(quotas.allowance(Metered::kFetched, {"alice", "app"}, kNow).burst, SIZE_MAX);
  EXPECT_EQ(quotas.tracked(), 0U);
}

TEST_F(QuotasOf, TheMostSpecialQuotaHolds) {
  // In Kafka's order, from the last choice to the first.
  set(entity({}, ""), 1);
  EXPECT_EQ(burst("alice", "app"), 10U);
  set(entity({}, "app"), 2);
  EXPECT_EQ(burst("alice", "app"), 20U);
  EXPECT_EQ(burst("alice", "other"), 10U);
  set(entity("", {}), 3);
  EXPECT_EQ(burst("alice", "app"), 30U);
  set(entity("", ""), 4);
  EXPECT_EQ(burst("alice", "app"), 40U);
  set(entity("", "app"), 5);
  EXPECT_EQ(burst("alice", "app"), 50U);
  EXPECT_EQ(burst("alice", "other"), 40U);
  set(entity("alice", {}), 6);
  EXPECT_EQ(burst("alice", "app"), 60U);
  EXPECT_EQ(burst("bob", "app"), 50U);
  set(entity("alice", ""), 7);
  EXPECT_EQ(burst("alice", "app"), 70U);
  set(entity("alice", "app"), 8);
  EXPECT_EQ(burst("alice", "app"), 80U);
  EXPECT_EQ(burst("alice", "other"), 70U);
  remove(entity("alice", "app"));
  EXPECT_EQ(burst("alice", "app"), 70U);
}

TEST_F(QuotasOf, AQuotaOfAnotherKindDoesNotHideALessSpecialOne) {
  set(entity("alice", "app"), 5, "consumer_byte_rate");
  set(entity({}, ""), 1);
  EXPECT_EQ(burst("alice", "app"), 10U);
  EXPECT_EQ(quotas.allowance(Metered::kFetched, {"alice", "app"}, kNow).burst, 50U);
}

TEST_F(QuotasOf, AUserHasOneQuotaForAllThatHeDoesAndAPairHasItsOwn) {
  set(entity("", {}), 100);
  EXPECT_EQ(move("alice", "one", 1000), Milliseconds(0));
  EXPECT_EQ(move("alice", "two", 100), Milliseconds(1000)) << "the same user";
  EXPECT_EQ(move("bob", "one", 1000), Milliseconds(0)) << "each user has his own";
  set(entity("", ""), 100);
  EXPECT_EQ(move("alice", "one", 1000), Milliseconds(0));
  EXPECT_EQ(move("alice", "two", 1000), Milliseconds(0));
}

TEST_F(QuotasOf, AClientIdIsSharedByAllUsers) {
  set(entity({}, ""), 100);
  EXPECT_EQ(move("alice", "app", 1000), Milliseconds(0));
  EXPECT_EQ(move("bob", "app", 100), Milliseconds(1000));
  EXPECT_EQ(move("bob", "other", 1000), Milliseconds(0));
}

TEST_F(QuotasOf, AChangedRateHoldsAtOnce) {
  set(entity("alice", {}), 100);
  EXPECT_EQ(move("alice", "app", 2000), Milliseconds(10'000));
  set(entity("alice", {}), 1000);
  EXPECT_EQ(move("alice", "app", 0), Milliseconds(1000));
  remove(entity("alice", {}));
  EXPECT_EQ(move("alice", "app", 0), Milliseconds(0));
}

TEST_F(QuotasOf, APercentageIsOfOneThreadAndPausesAreShort) {
  set(entity("alice", {}), 50, "request_percentage");
  EXPECT_TRUE(*quotas.handles_metered());
  EXPECT_EQ(quotas.charge(Metered::kHandled, {"alice", "app"}, 5.0, kNow), Milliseconds(0));
  EXPECT_EQ(quotas.charge(Metered::kHandled, {"alice", "app"}, 0.25, kNow), Milliseconds(500));
  EXPECT_EQ(quotas.charge(Metered::kHandled, {"alice", "app"}, 25, kNow), Milliseconds(1000));
  remove(entity("alice", {}));
  EXPECT_FALSE(*quotas.handles_metered());
}

TEST_F(QuotasOf, ManyClientsAreTrackedWithinALimitAndNoneEscapes) {
  set(entity({}, ""), 100);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(move("alice", std::to_string(i), 500), Milliseconds(0));
  // No room, and all of them have used something: the others share.
  EXPECT_EQ(move("alice", "new", 600), Milliseconds(0));
  EXPECT_EQ(move("alice", "newer", 600), Milliseconds(2000));
  EXPECT_EQ(quotas.tracked(), 5U);
  // When the one that was not used for longest is full again, it makes room.
  const Timestamp later = kNow + Milliseconds(10'000);
  EXPECT_EQ(quotas.charge(Metered::kProduced, {"alice", "newer"}, 1000, later), Milliseconds(0));
  EXPECT_EQ(quotas.charge(Metered::kProduced, {"alice", "newer"}, 100, later), Milliseconds(1000));
  EXPECT_EQ(quotas.tracked(), 5U);
  remove(entity({}, ""));
}

TEST_F(QuotasOf, ALongClientIdIsKeptShort) {
  set(entity({}, ""), 100);
  const std::string name(30'000, 'x');
  EXPECT_EQ(move("alice", name, 1000), Milliseconds(0));
  EXPECT_EQ(move("alice", name + "y", 100), Milliseconds(1000)) << "told apart by their beginning";
}

TEST_F(QuotasOf, WhateverClientsCallThemselvesMemoryIsBounded) {
  constexpr uint64_t kSeed = 7;
  Random random(kSeed);
  set(entity({}, ""), 100);
  set(entity("", {}), 100, "consumer_byte_rate");
  Timestamp now = kNow;
  for (int i = 0; i < 5000; ++i) {
    const std::string name = std::to_string(random.below(1000));
    const auto what = random.one_in(2) ? Metered::kProduced : Metered::kFetched;
    quotas.charge(what, {name, name}, static_cast<double>(random.below(3000)), now);
    if (random.one_in(4)) now = now + Milliseconds(static_cast<int64_t>(random.below(20'000)));
    ASSERT_LE(quotas.tracked(), 4U + 3U * 2U + 1U) << "seed " << kSeed;
  }
}

}  // namespace
}  // namespace weir::kafka
