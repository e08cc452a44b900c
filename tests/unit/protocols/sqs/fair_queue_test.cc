#include "tests/unit/protocols/sqs/fixture.h"

namespace weir::sqs {
namespace {

class FairQueue : public SqsTest {
 protected:
  void SetUp() override { make("q"); }
  void send_of(const std::string& tenant, int count) {
    for (int i = 0; i < count; ++i) {
      send("q", tenant, fmt::format(R"(,"MessageGroupId":"{}")", tenant));
    }
  }
};

TEST_F(FairQueue, ATenantWithMuchInFlightGoesBehindTheOthers) {
  send_of("noisy", 100);
  send_of("quiet", 2);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bodies(receive("q")), Strings(10, "noisy"));
  const auto next = bodies(receive("q"));
  EXPECT_EQ(Strings(next.begin(), next.begin() + 3), (Strings{"quiet", "quiet", "noisy"}));
}

TEST_F(FairQueue, AfterARestartItIsFairAgainWithTheNextGroup) {
  send_of("noisy", 100);
  for (int i = 0; i < 3; ++i) receive("q");
  journal.sync();
  crash();
  send_of("quiet", 1);
  EXPECT_EQ(bodies(receive("q")).front(), "quiet");
}

TEST_F(FairQueue, AMessageWithoutAGroupIsATenantOfItsOwn) {
  send_of("noisy", 100);
  for (int i = 0; i < 40; ++i) send("q", "plain");
  for (int i = 0; i < 3; ++i) receive("q");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(bodies(receive("q")), Strings(10, "plain"));
}

}  // namespace
}  // namespace weir::sqs
