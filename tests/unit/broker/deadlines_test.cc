// When the broker wants to be called again.

#include "tests/unit/broker/fixture.h"

namespace weir::broker {
namespace {

using DeadlinesTest = BrokerTest;

// Maintenance ends a turn while its own deadline still lies behind; the announcement of that one
// once swallowed all later ones, so that every wait lasted until the next maintenance.
TEST_F(DeadlinesTest, AWaitThatEndsBeforeTheNextMaintenanceIsAnnounced) {
  Timestamp armed = Timestamp::never();
  broker->on_deadline([&](Timestamp due) { armed = due; });
  for (int round = 0; round < 3; ++round) {
    now = broker->next_deadline();
    broker->tick(now);
    armed = broker->next_deadline();
    const Timestamp due = now + Milliseconds(100);
    ASSERT_LT(due, armed) << "maintenance would come first";
    bool woken = false;
    broker->wait({}, due, WaitMode::kAll, [&](WakeReason reason) {
      EXPECT_EQ(reason, WakeReason::kDeadline);
      return woken = true;
    });
    EXPECT_EQ(armed, due);
    broker->tick(due);
    EXPECT_TRUE(woken);
  }
}

}  // namespace
}  // namespace weir::broker
