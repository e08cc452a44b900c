#include "server/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace weir::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Option& option(std::string_view key) {
  for (const Option& candidate : options()) {
    if (candidate.key == key) return candidate;
  }
  ADD_FAILURE() << "no option " << key;
  return options().front();
}

TEST(Settings, OneKeyGivesAllSpellings) {
  EXPECT_EQ(flag_of(option("kafka.advertised_host")), "--kafka-advertised-host");
  EXPECT_EQ(environment_of(option("kafka.advertised_host")), "WEIR_KAFKA_ADVERTISED_HOST");
  EXPECT_EQ(value_of(Settings(), option("kafka.port")), "9092");
}

TEST(Settings, SpellingsAreUnique) {
  std::set<std::string> flags;
  std::set<std::string> variables;
  for (const Option& one : options()) {
    EXPECT_TRUE(flags.insert(flag_of(one)).second) << one.key;
    EXPECT_TRUE(variables.insert(environment_of(one)).second) << one.key;
    EXPECT_FALSE(one.help.empty()) << one.key;
  }
}

TEST(Settings, FlagsPrecedeTheEnvironmentThatPrecedesTheFile) {
  Settings settings;
  ASSERT_TRUE(apply_file(
      settings, "data = '/from/file'\n[kafka]\nport = 1\n[redis]\nport = 'off'\n[aws]\nport = 3\n",
      "weir.toml"));
  const char* const environment[] = {"WEIR_KAFKA_PORT=11", "WEIR_AWS_PORT=13", "PATH=/bin"};
  const auto notes = apply_environment(settings, environment);
  ASSERT_TRUE(notes.has_value());
  EXPECT_TRUE(notes->empty());
  ASSERT_TRUE(assign(settings, option("aws.port"), "23", Source::kFlag));
  EXPECT_EQ(settings.data, "/from/file");
  EXPECT_TRUE(settings.redis_port.off);
  EXPECT_EQ(settings.kafka_port.number, 11);
  EXPECT_EQ(settings.aws_port.number, 23);
  EXPECT_EQ(settings.http_port.number, 8080);
  EXPECT_TRUE(settings.configured("aws.port"));
  EXPECT_FALSE(settings.configured("http.port"));
}

struct BadFile {
  std::string text;
  std::string message;
};

class SettingsBadFile : public testing::TestWithParam<BadFile> {};

TEST_P(SettingsBadFile, IsRefusedWithPlaceAndReason) {
  Settings settings;
  const auto applied = apply_file(settings, GetParam().text, "weir.toml");
  ASSERT_FALSE(applied.has_value());
  EXPECT_EQ(applied.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(applied.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Settings,
    SettingsBadFile,
    testing::Values(
        BadFile{"[kafka]\nprot = 1\n",
                "weir.toml:2: unknown key kafka.prot; did you mean kafka.port?"},
        BadFile{"kafka = 1\n", "unknown key kafka"},
        BadFile{"[kafka.port]\nx = 1\n", "kafka.port must be a text, a whole number or true/false"},
        BadFile{"[kafka]\nport = 70000\n",
                "kafka.port is \"70000\"; it must be a port from 1 to 65535"},
        BadFile{"[kafka]\nport = -1\n", "kafka.port is \"-1\""},
        BadFile{"insecure = 'maybe'\n", "it must be true or false"},
        BadFile{"[log]\nlevel = 'loud'\n", "it must be one of debug, info, warning, error"},
        BadFile{"shards = 1.5\n", "whole number"},
        BadFile{"shards = 100000\n", "it must be a number from 0 to 256"},
        BadFile{"data = [1]\n", "data must be a text"},
        BadFile{"data = \n", "weir.toml:1: "},
        BadFile{"data = 'a'\ndata = 'b'\n", "weir.toml:2: "}));

TEST(Settings, UnknownVariablesAreNotesAndBadValuesAreErrors) {
  Settings settings;
  const char* const environment[] = {"WEIR_KAFKA_PROT=1", "WEIR_URL=http://x", "WEIR_CANARY=x"};
  const auto notes = apply_environment(settings, environment);
  ASSERT_TRUE(notes.has_value());
  EXPECT_THAT(
      *notes,
      ElementsAre("unknown environment variable WEIR_KAFKA_PROT; did you mean WEIR_KAFKA_PORT?"));
  const char* const bad[] = {"WEIR_KAFKA_PORT=many"};
  const auto refused = apply_environment(settings, bad);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("WEIR_KAFKA_PORT is \"many\""));
}

TEST(Settings, DelaysAndSizesOfMessagesHaveBoundsOfTheirOwn) {
  const auto assigned = [](std::string_view key, std::string_view value) {
    Settings settings;
    for (const Option& option : options()) {
      if (option.key == key) return assign(settings, option, value, Source::kFlag).has_value();
    }
    return false;
  };
  EXPECT_TRUE(assigned("queue.delay_max_s", "31536000"));
  EXPECT_FALSE(assigned("queue.delay_max_s", "31536001"));
  EXPECT_FALSE(assigned("queue.delay_max_s", "899"));
  EXPECT_TRUE(assigned("queue.message_bytes_max", "16777216"));
  EXPECT_FALSE(assigned("queue.message_bytes_max", "16777217"));
}

TEST(Settings, AnAddressThatOthersReachNeedsInsecure) {
  Settings settings;
  EXPECT_TRUE(check(settings).has_value());
  settings.address = "0.0.0.0";
  ASSERT_FALSE(check(settings).has_value());
  EXPECT_THAT(check(settings).error().message, HasSubstr("--insecure"));
  settings.insecure = true;
  EXPECT_TRUE(check(settings).has_value());
}

}  // namespace
}  // namespace weir::server
