#include "cli/advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "cli/advice_snippets.h"

namespace weir::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// What was said yes to; everything else was said no to.
Answers yes_to(const std::set<Question>& yes) {
  Answers answers;
  for (const QuestionText& one : questions()) answers.set(one.question, yes.contains(one.question));
  return answers;
}

Advice advice_for(const std::set<Question>& yes, const std::string& client = {}) {
  Wishes wishes;
  wishes.client = client;
  return advise(yes_to(yes), wishes);
}

// Every combination of answers.
std::vector<std::set<Question>> all_answers() {
  std::vector<std::set<Question>> all;
  for (size_t bits = 0; bits < (size_t{1} << kQuestionCount); ++bits) {
    std::set<Question> yes;
    for (size_t i = 0; i < kQuestionCount; ++i) {
      if ((bits >> i & 1) != 0) yes.insert(static_cast<Question>(i));
    }
    all.push_back(yes);
  }
  return all;
}

TEST(Advice, QuestionsAreAskedInOrderUntilTheyMatterNoMore) {
  Answers answers;
  std::vector<Question> asked;
  while (const auto open = next_question(answers)) {
    asked.push_back(*open);
    answers.set(*open, false);
  }
  EXPECT_THAT(asked, ElementsAre(Question::kOnlyACall, Question::kBackgroundJob,
                                 Question::kDoneWhenProcessed, Question::kSeveralServices,
                                 Question::kReplay, Question::kOrderPerKey));
  Answers call;
  call.set(Question::kOnlyACall, true);
  EXPECT_EQ(next_question(call), std::nullopt);
  Answers job;
  job.set(Question::kOnlyACall, false);
  job.set(Question::kBackgroundJob, true);
  EXPECT_EQ(next_question(job), Question::kSeveralServices);
}

TEST(Advice, EachAnswerLeadsToItsChoice) {
  using enum Question;
  EXPECT_EQ(advice_for({kOnlyACall, kReplay}).choice, Choice::kNeither);
  EXPECT_EQ(advice_for({}).choice, Choice::kQueue);
  EXPECT_EQ(advice_for({kBackgroundJob}).choice, Choice::kQueue);
  EXPECT_EQ(advice_for({kDoneWhenProcessed, kOrderPerKey}).choice, Choice::kQueue);
  EXPECT_EQ(advice_for({kBackgroundJob, kReplay}).choice, Choice::kQueue);
  EXPECT_EQ(advice_for({kReplay}).choice, Choice::kStream);
  EXPECT_EQ(advice_for({kSeveralServices}).choice, Choice::kStream);
  EXPECT_EQ(advice_for({kSeveralServices, kReplay, kOrderPerKey}).choice, Choice::kStream);
  EXPECT_EQ(advice_for({kSeveralServices, kBackgroundJob}).choice, Choice::kStreamToQueues);
  EXPECT_EQ(advice_for({kSeveralServices, kDoneWhenProcessed}).choice, Choice::kStreamToQueues);
}

TEST(Advice, ACallCreatesNothing) {
  const Advice advice = advice_for({Question::kOnlyACall});
  EXPECT_THAT(advice.commands, IsEmpty());
  EXPECT_THAT(advice.snippets, IsEmpty());
  EXPECT_THAT(advice.reasons, Not(IsEmpty()));
}

TEST(Advice, AQueueIsCreatedAfterTheOneOfItsDeadLetters) {
  EXPECT_THAT(
      advice_for({Question::kBackgroundJob}).commands,
      ElementsAre(
          "weir queue create orders-dead",
          "weir queue create orders --lease 1m --max-receives 5 --dead-letter orders-dead"));
  EXPECT_THAT(
      advice_for({Question::kBackgroundJob, Question::kReplay, Question::kOrderPerKey}).commands,
      ElementsAre("weir queue create orders-dead.fifo",
                  "weir queue create orders.fifo --lease 1m --max-receives 5 --dead-letter "
                  "orders-dead.fifo --history 7d"));
}

TEST(Advice, AStreamIsKeptAsLongAsItIsReadAgain) {
  EXPECT_THAT(advice_for({Question::kSeveralServices}).commands,
              ElementsAre("weir topic create orders --partitions 4 --retention 7d"));
  EXPECT_THAT(advice_for({Question::kReplay}).commands,
              ElementsAre("weir topic create orders --partitions 4 --retention 90d"));
}

TEST(Advice, ForARedisClientTheStreamIsOneLog) {
  EXPECT_THAT(advice_for({Question::kReplay}, "ioredis").commands,
              ElementsAre(HasSubstr("--partitions 1 ")));
}

TEST(Advice, EachWorkingServiceGetsAQueueByABridge) {
  const Advice advice = advice_for({Question::kSeveralServices, Question::kDoneWhenProcessed});
  EXPECT_THAT(advice.commands,
              Contains("weir bridge create orders-to-mail --from topic:orders --to "
                       "queue:orders-mail"));
  EXPECT_THAT(advice.commands,
              Contains("weir bridge create orders-to-billing --from topic:orders --to "
                       "queue:orders-billing"));
}

TEST(Advice, AClientThatCannotIsReplacedByOneThatCanAndTheNotesSaySo) {
  const Advice advice = advice_for({Question::kBackgroundJob}, "kafkajs");
  ASSERT_EQ(advice.snippets.size(), 2U);
  EXPECT_EQ(advice.snippets[0].client, "kafkajs");
  EXPECT_EQ(advice.snippets[1].client, "aws-js");
  EXPECT_THAT(advice.notes, Contains(EndsWith("so worker.mjs is for aws-js.")));
  EXPECT_THAT(advice_for({Question::kBackgroundJob}, "boto3").notes,
              Not(Contains(HasSubstr(" is for "))));
}

TEST(Advice, EveryAnswerWithEveryClientIsWhole) {
  for (const auto& yes : all_answers()) {
    for (const std::string_view client : clients()) {
      const Advice advice = advice_for(yes, std::string(client));
      EXPECT_THAT(advice.headline, Not(IsEmpty()));
      EXPECT_THAT(advice.reasons, Not(IsEmpty()));
      EXPECT_EQ(advice.snippets.size(), advice.choice == Choice::kNeither ? 0U : 2U);
      for (const Snippet& snippet : advice.snippets) {
        EXPECT_THAT(snippet.code, HasSubstr("orders"));
        EXPECT_THAT(snippet.code, Not(HasSubstr("@LOG@")));
        EXPECT_THAT(snippet.code, Not(HasSubstr("@GROUP@")));
      }
    }
  }
}

TEST(Advice, RedisGroupsReadWithoutAnOrderBetweenTheirMembers) {
  EXPECT_TRUE(can_do(Role::kRead, "ioredis"));
  EXPECT_FALSE(can_do(Role::kReadInOrder, "ioredis"));
}

TEST(Advice, YesAndNoAreUnderstoodInAnyCase) {
  EXPECT_EQ(yes_or_no("Yes"), true);
  EXPECT_EQ(yes_or_no("y"), true);
  EXPECT_EQ(yes_or_no("NO"), false);
  EXPECT_EQ(yes_or_no("n"), false);
  for (const char* text : {"", "maybe", "yess", "0"}) EXPECT_EQ(yes_or_no(text), std::nullopt);
}

TEST(Advice, NamesMeanNothingToAShell) {
  for (const char* name : {"orders", "Order-2_b", "a"}) EXPECT_TRUE(is_plain_name(name)) << name;
  const std::string long_name(kNameBytesMax + 1, 'x');
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("$(ls)"), std::string("-rf"),
        std::string("7up"), std::string("a'b"), std::string("a.b"), long_name}) {
    EXPECT_FALSE(is_plain_name(name)) << name;
  }
}

}  // namespace
}  // namespace weir::cli
