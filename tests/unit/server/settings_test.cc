#include "server/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "server/kafka_listeners.h"
#include "server/tls.h"

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

TEST(Settings, FurtherKafkaListenersComeFromFlagsAndFilesAlike) {
  Settings flags;
  ASSERT_TRUE(assign(flags, option("kafka.listeners"),
                     "name=outside, address=0.0.0.0:9094, advertised=broker.example:19094, "
                     "sasl=required; name=six,address=[::1]:0,advertised=9095",
                     Source::kFlag));
  Settings file;
  ASSERT_TRUE(apply_file(file,
                         "[[kafka.listeners]]\nname = 'outside'\naddress = '0.0.0.0:9094'\n"
                         "advertised = 'broker.example:19094'\nsasl = 'required'\n"
                         "[[kafka.listeners]]\nname = 'six'\naddress = '[::1]:0'\n"
                         "advertised = 9095\n",
                         "weir.toml"));
  for (const Settings* settings : {&flags, &file}) {
    ASSERT_TRUE(check(*settings)) << check(*settings).error().message;
    const auto listeners = kafka_listeners(*settings);
    ASSERT_TRUE(listeners);
    ASSERT_EQ(listeners->size(), 2U);
    EXPECT_EQ(listeners->at(0).port_name(), "kafka-outside");
    EXPECT_EQ(listeners->at(0).address, "0.0.0.0");
    EXPECT_EQ(listeners->at(0).port, 9094);
    EXPECT_EQ(listeners->at(0).advertised_host, "broker.example");
    EXPECT_EQ(listeners->at(0).advertised_port, 19094);
    EXPECT_EQ(listeners->at(0).sasl, "required");
    EXPECT_EQ(listeners->at(1).address, "::1");
    EXPECT_EQ(listeners->at(1).port, 0);
    EXPECT_EQ(listeners->at(1).advertised_host, "");
    EXPECT_EQ(listeners->at(1).advertised_port, 9095);
    EXPECT_EQ(listeners->at(1).sasl, "optional");
  }
}

TEST(Settings, BadKafkaListenersAreRefusedWithTheReason) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"address=9094", "a listener has no name"},
      {"name=Outside,address=9094", "is no name"},
      {"name=a", "a: it has no address"},
      {"name=a,address=localhost", "it must be ADDRESS:PORT or PORT"},
      {"name=a,address=127.0.0.1:70000", "it must be ADDRESS:PORT or PORT"},
      {"name=a,address=9094,advertised=0.0.0.0:9094", "clients cannot connect to 0.0.0.0"},
      {"name=a,address=9094,advertised=http://x", "it must be HOST, HOST:PORT or PORT"},
      {"name=a,address=9094,sasl=maybe", "one of off, optional, required"},
      {"name=a,address=9094,adress=1", "unknown key adress; did you mean address?"},
      {"name=a,address=9094,address=9095", "address is given twice"},
      {"name=a,address=9094;name=a,address=9095", "there are two of that name"},
      {"name=a,address=9094,outside", "is not KEY=VALUE"},
      {"name=a,address=9094,tls_key=k.pem", "tls_key is of no use without a certificate"},
      {"name=a,address=9094,tls_client_ca=c.pem", "tls_client_ca is of no use without"},
      {"name=a,address=0.0.0.0:9094", "kafka-a (give it sasl=required, or tls_certificate and"},
  };
  for (const auto& [text, message] : cases) {
    Settings settings;
    ASSERT_TRUE(assign(settings, option("kafka.listeners"), text, Source::kFlag));
    const auto checked = check(settings);
    ASSERT_FALSE(checked) << text;
    EXPECT_THAT(checked.error().message, HasSubstr(message)) << text;
  }
  Settings file;
  const auto applied =
      apply_file(file, "[[kafka.listeners]]\nname = 'a'\naddress = '9094;name=b'\n", "weir.toml");
  ASSERT_FALSE(applied);
  EXPECT_THAT(applied.error().message, HasSubstr("weir.toml:3"));
}

TEST(Settings, AFurtherKafkaListenerHasTlsAsThePortUnlessItSaysOtherwise) {
  Settings settings;
  settings.tls_certificate = "all.pem";
  settings.tls_key = "all.key";
  settings.kafka_tls_client_ca = "ca.pem";
  settings.kafka_listeners =
      "name=same,address=1;name=plain,address=2,tls_certificate=off;"
      "name=own,address=3,tls_certificate=own.pem,tls_client_ca=off";
  ASSERT_TRUE(check(settings)) << check(settings).error().message;
  const auto listeners = kafka_listeners(settings).value();
  const auto same = tls_of(settings, listeners.at(0));
  ASSERT_TRUE(same);
  EXPECT_EQ(same->certificate, "all.pem");
  EXPECT_EQ(same->key, "all.key");
  EXPECT_EQ(same->client_ca, "ca.pem");
  EXPECT_FALSE(tls_of(settings, listeners.at(1)));
  const auto own = tls_of(settings, listeners.at(2));
  ASSERT_TRUE(own);
  EXPECT_EQ(own->certificate, "own.pem");
  EXPECT_EQ(own->key, "");
  EXPECT_EQ(own->client_ca, "");
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

std::string refused(const Settings& settings) {
  const auto checked = check(settings);
  return checked ? "" : checked.error().message;
}

TEST(Settings, BeyondThisHostEveryOpenPortAsksWhoComes) {
  Settings settings;
  EXPECT_EQ(refused(settings), "");
  settings.address = "0.0.0.0";
  EXPECT_EQ(refused(settings),
            "others can reach 0.0.0.0 and nobody is asked who he is by: kafka (give --kafka-sasl "
            "required, or --tls-certificate and --tls-client-ca, or --kafka-port off), aws (give "
            "--aws-credentials), redis (give --redis-auth required, or --tls-certificate and "
            "--tls-client-ca, or --redis-port off), http (give --tls-certificate and "
            "--tls-client-ca, or --http-port off); or listen on 127.0.0.1, or say --insecure");
  settings.tls_certificate = "own.pem";
  EXPECT_THAT(refused(settings),
              HasSubstr("kafka (give --kafka-sasl required, or --tls-client-ca"));
  settings.tls_client_ca = "ca.pem";
  // A certificate does not take the place of a signature.
  EXPECT_THAT(refused(settings), HasSubstr("by: aws (give --aws-credentials);"));
  settings.aws_credentials = "keys";
  EXPECT_EQ(refused(settings), "");
  settings.redis_tls_client_ca = "off";
  EXPECT_THAT(refused(settings), HasSubstr("by: redis (give --redis-auth required, or --tls"));
  settings.redis_auth = "required";
  EXPECT_EQ(refused(settings), "");
  settings.redis_port.off = true;
  EXPECT_EQ(refused(settings), "");
  settings.kafka_tls_certificate = "off";
  EXPECT_THAT(refused(settings), HasSubstr("by: kafka (give --kafka-sasl required, or"));
  settings.kafka_sasl = "required";
  EXPECT_EQ(refused(settings), "");
  settings.kafka_sasl = "optional";
  EXPECT_NE(refused(settings), "");
  settings.insecure = true;
  EXPECT_EQ(refused(settings), "");
}

TEST(Settings, MechanismsOfLoginsAreKnownOnes) {
  Settings settings;
  settings.kafka_sasl_mechanisms = "SCRAM-SHA-512, PLAIN,";
  EXPECT_EQ(refused(settings), "");
  EXPECT_THAT(words_of(settings.kafka_sasl_mechanisms), ElementsAre("SCRAM-SHA-512", "PLAIN"));
  settings.kafka_sasl_mechanisms = "PLAIN,GSSAPI";
  EXPECT_THAT(refused(settings), HasSubstr("\"GSSAPI\"; there are PLAIN, SCRAM-SHA-256"));
  settings.kafka_sasl_mechanisms = " ";
  EXPECT_THAT(refused(settings), HasSubstr("--kafka-sasl off"));
}

TEST(Settings, NamesWithCommasAreSeparatedBySemicolons) {
  EXPECT_THAT(words_of("alice, bob"), ElementsAre("alice", "bob"));
  EXPECT_THAT(words_of("CN=a,O=x; bob"), ElementsAre("CN=a,O=x", "bob"));
  EXPECT_THAT(words_of("CN=a,O=x;"), ElementsAre("CN=a,O=x"));
}

TEST(Settings, TheFirstUserIsOneLine) {
  const std::string file = testing::TempDir() + "first-user";
  const auto read = [&](const std::string& text) {
    std::ofstream(file) << text;
    const auto user = read_first_user(file);
    return user ? user->name + " " + user->password : user.error().message;
  };
  EXPECT_EQ(read("admin:sec:ret\nmore\n"), "admin sec:ret");
  for (const std::string text : {"", "admin", "admin:", ":secret", "\nadmin:secret"}) {
    EXPECT_THAT(read(text), HasSubstr("must be NAME:PASSWORD")) << text;
  }
  EXPECT_FALSE(read_first_user(file + "-that-is-not-there"));
}

TEST(Settings, SqsAloneMayBeOpenToOthersWithSignatures) {
  Settings settings;
  settings.address = "::";
  settings.kafka_port.off = settings.redis_port.off = settings.http_port.off = true;
  EXPECT_THAT(refused(settings), HasSubstr("by: aws (give --aws-credentials);"));
  settings.aws_credentials = "keys";
  EXPECT_EQ(refused(settings), "");
}

TEST(Settings, AKeyOrAClientCaNeedsACertificate) {
  Settings settings;
  settings.tls_key = "key";
  EXPECT_THAT(refused(settings), HasSubstr("--tls-key is of no use without a certificate"));
  settings.tls_certificate = "own.pem";
  EXPECT_EQ(refused(settings), "");
  settings.kafka_tls_key = "other";
  EXPECT_THAT(refused(settings), HasSubstr("give --kafka-tls-certificate"));
  settings.kafka_tls_certificate = "off";
  EXPECT_THAT(refused(settings), HasSubstr("give --kafka-tls-certificate"));
  settings.kafka_tls_key = "";
  settings.kafka_tls_client_ca = "ca.pem";
  EXPECT_THAT(refused(settings), HasSubstr("--kafka-tls-client-ca is of no use"));
  settings = {};
  settings.tls_client_ca = "ca.pem";
  EXPECT_THAT(refused(settings), HasSubstr("--tls-client-ca is of no use"));
  settings.http_tls_certificate = "http.pem";
  EXPECT_EQ(refused(settings), "");
}

const ListenerSettings& listener(std::string_view name) {
  for (const ListenerSettings& one : listeners()) {
    if (one.name == name) return one;
  }
  ADD_FAILURE() << "no listener " << name;
  return listeners().front();
}

TEST(Settings, AListenersOwnCertificateTakesThePlaceOfTheCommonOne) {
  Settings settings;
  EXPECT_FALSE(tls_of(settings, listener("aws")).has_value());
  settings.tls_certificate = "all.pem";
  settings.tls_key = "all.key";
  settings.tls_client_ca = "ca.pem";
  settings.tls_min_version = "1.3";
  settings.aws_tls_certificate = "aws.pem";
  settings.http_tls_client_ca = "off";
  settings.redis_tls_certificate = "off";
  const auto kafka = tls_of(settings, listener("kafka"));
  ASSERT_TRUE(kafka.has_value());
  EXPECT_EQ(kafka->certificate, "all.pem");
  EXPECT_EQ(kafka->key, "all.key");
  EXPECT_EQ(kafka->client_ca, "ca.pem");
  EXPECT_EQ(kafka->version_min, net::TlsVersion::k13);
  EXPECT_EQ(kafka->application, "");
  const auto aws = tls_of(settings, listener("aws"));
  ASSERT_TRUE(aws.has_value());
  EXPECT_EQ(aws->certificate, "aws.pem");
  EXPECT_EQ(aws->key, "");  // the common key is that of the common certificate
  EXPECT_EQ(aws->application, "http/1.1");
  EXPECT_EQ(tls_of(settings, listener("http"))->client_ca, "");
  EXPECT_FALSE(tls_of(settings, listener("redis")).has_value());
}

}  // namespace
}  // namespace weir::server
