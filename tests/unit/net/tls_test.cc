// Connections of a listener with TLS: they keep every rule of plain ones, and some of their own.
#include "net/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <filesystem>
#include <future>
#include <thread>

#include "tests/unit/net/line_server.h"
#include "tests/unit/net/tls_peer.h"

namespace weir::net {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

void echo(Connection& connection, std::string line) {
  connection.send(line + "\n");
}

ConnectionLimits with_handshake_deadline(Milliseconds deadline) {
  ConnectionLimits limits;
  limits.handshake_deadline = deadline;
  return limits;
}

class Tls : public testing::Test {
 protected:
  std::shared_ptr<TlsServer> serve_with(const TlsOptions& options, std::string refusal = {}) {
    return std::make_shared<TlsServer>("test", std::move(refusal), load(options), logger_);
  }
  std::shared_ptr<TlsServer> serve() {
    return serve_with({.certificate = own_.certificate, .key = own_.key});
  }
  // The trust of an ordinary client.
  TlsTrust trust() const { return {.ca = certificates_.authority()}; }

  RememberingLogger logger_;
  Certificates certificates_;
  Certificates::Made own_ = certificates_.make("server");
};

TEST_F(Tls, RequestsAreAnsweredInOrder) {
  LineServer server(echo, {}, 100, serve());
  TestClient socket(server.port());
  auto client = TlsClient::connect(socket.descriptor(), "127.0.0.1", trust());
  ASSERT_TRUE(client.has_value()) << client.error().message;
  ASSERT_TRUE((*client)->send("one\ntwo\nthree\n"));
  char out[64];
  std::string all;
  while (all.size() < 14) {
    const ssize_t got = (*client)->receive(out, sizeof out);
    ASSERT_GT(got, 0);
    all.append(out, static_cast<size_t>(got));
  }
  EXPECT_EQ(all, "one\ntwo\nthree\n");
  EXPECT_EQ(server.metrics().tls_handshakes.value(), 1U);
  EXPECT_EQ(server.metrics().tls_failures.value(), 0U);
}

TEST_F(Tls, OnlyVersions12And13AreSpoken) {
  LineServer server(echo, {}, 100, serve());
  for (const auto& [version, spoken] :
       {std::pair{TLS1_1_VERSION, false}, std::pair{TLS1_2_VERSION, true},
        std::pair{TLS1_3_VERSION, true}}) {
    TestClient socket(server.port());
    RawTls client(socket, version);
    ASSERT_EQ(client.connected(), spoken) << version;
    if (!spoken) continue;
    ASSERT_TRUE(client.send("hello\n"));
    EXPECT_EQ(client.receive(6), "hello\n");
    EXPECT_EQ(SSL_version(client.ssl()), version);
  }
  EXPECT_EQ(server.metrics().tls_failures.value(), 1U);
}

TEST_F(Tls, TheOldestVersionCanBeRaised) {
  LineServer server(
      echo, {}, 100,
      serve_with(
          {.certificate = own_.certificate, .key = own_.key, .version_min = TlsVersion::k13}));
  TestClient old_socket(server.port());
  EXPECT_FALSE(RawTls(old_socket, TLS1_2_VERSION).connected());
  TestClient socket(server.port());
  EXPECT_TRUE(RawTls(socket).connected());
}

TEST_F(Tls, TheApplicationProtocolIsAgreedOn) {
  LineServer server(
      echo, {}, 100,
      serve_with({.certificate = own_.certificate, .key = own_.key, .application = "http/1.1"}));
  TestClient socket(server.port());
  RawTls client(socket, 0, "\x02h2\x08http/1.1");
  ASSERT_TRUE(client.connected());
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(client.ssl(), &chosen, &size);
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(chosen), size), "http/1.1");
  TestClient other_socket(server.port());
  EXPECT_FALSE(RawTls(other_socket, 0, "\x02h2").connected());
}

TEST_F(Tls, ALargeRequestAndALargeReplyArriveWhole) {
  ConnectionLimits limits;
  limits.request_bytes_max = size_t{4} << 20;
  LineServer server(
      [](Connection& connection, const std::string& line) {
        // Many pieces of many sizes: records hold several, and several records hold one.
        std::vector<Bytes> parts;
        for (size_t size = 1; size < 300'000; size = size * 3 + 1) {
          parts.push_back(Bytes::copy_of(std::string(size, static_cast<char>('a' + size % 26))));
        }
        connection.send(Reply(line + "\n", std::move(parts)));
      },
      limits, 100, serve());
  std::string expected;
  for (size_t size = 1; size < 300'000; size = size * 3 + 1) {
    expected += std::string(size, static_cast<char>('a' + size % 26));
  }
  TestClient socket(server.port(), false, 64 << 10);
  RawTls client(socket);
  ASSERT_TRUE(client.connected());
  const std::string line(3'000'000, 'x');
  ASSERT_TRUE(client.send(line + "\n"));
  EXPECT_EQ(client.receive(line.size() + 1), line + "\n");
  EXPECT_EQ(client.receive(expected.size()), expected);
}

TEST_F(Tls, AReplyWaitsForTheWatermark) {
  LineServer server(
      [](Connection& connection, const std::string& line) { connection.send(line, Lsn(5)); }, {},
      100, serve());
  TestClient socket(server.port());
  RawTls client(socket, TLS1_2_VERSION);
  ASSERT_TRUE(client.connected());
  ASSERT_TRUE(client.send("kept\n"));
  server.settle();
  EXPECT_EQ(socket.peek(), "");
  server.advance(5, 5);
  EXPECT_EQ(client.receive(4), "kept");
}

TEST_F(Tls, StopsReadingWhileTooMuchOutputIsUnsentAndGoesOnAfterwards) {
  std::atomic<int> handled{0};
  const Bytes big = Bytes::take(std::string(64 << 10, 'z'));
  ConnectionLimits limits;
  limits.output_bytes_max = 256 << 10;
  LineServer server(
      [&](Connection& connection, const std::string&) {
        ++handled;
        connection.send(Reply("", {big}));
      },
      limits, 100, serve());
  TestClient socket(server.port(), false, 64 << 10);
  RawTls client(socket);
  ASSERT_TRUE(client.connected());
  std::string lines;
  for (int i = 0; i < 200; ++i) lines += "x\n";
  ASSERT_TRUE(client.send(lines));
  server.settle();
  // Socket buffers take a few megabytes at most; the rest may not have been parsed.
  EXPECT_LT(handled.load(), 150);
  EXPECT_EQ(client.receive(size_t{200} * big.size()).size(), size_t{200} * big.size());
  EXPECT_EQ(handled.load(), 200);
}

TEST_F(Tls, OnlyProducersStopBeingReadWhileTheShardIsOverloaded) {
  LineServer server(
      [&](Connection& connection, const std::string& line) {
        if (line == "produce") connection.set_producing();
        connection.send(line + "\n");
      },
      {}, 100, serve());
  TestClient producer_socket(server.port());
  RawTls producer(producer_socket);
  ASSERT_TRUE(producer.send("produce\n"));
  EXPECT_EQ(producer.receive(8), "produce\n");
  server.shard().run_and_wait([&] { server.connections().set_overloaded(true); });
  ASSERT_TRUE(producer.send("x\n"));
  TestClient consumer_socket(server.port());
  RawTls consumer(consumer_socket);
  ASSERT_TRUE(consumer.send("ack\n"));
  EXPECT_EQ(consumer.receive(4), "ack\n");
  server.settle();
  EXPECT_EQ(producer_socket.peek(), "");
  server.shard().run_and_wait([&] { server.connections().set_overloaded(false); });
  EXPECT_EQ(producer.receive(2), "x\n");
}

TEST_F(Tls, APeerThatTakesNothingIsClosed) {
  ConnectionLimits limits;
  limits.stall_deadline = Milliseconds(100);
  LineServer server([](Connection& connection,
                       const std::string&) { connection.send(std::string(16'000'000, 'z')); },
                    limits, 100, serve());
  std::promise<void> closed;
  server.on_closed = [&] { closed.set_value(); };
  TestClient socket(server.port(), false, 4096);
  RawTls client(socket);
  ASSERT_TRUE(client.connected());
  ASSERT_TRUE(client.send("give\n"));
  EXPECT_EQ(closed.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  server.settle();
  EXPECT_EQ(server.metrics().closed[static_cast<size_t>(CloseReason::kTimeout)].value(), 1U);
}

TEST_F(Tls, AHandshakeThatDoesNotEndInTimeIsClosed) {
  LineServer server(echo, with_handshake_deadline(Milliseconds(100)), 100, serve());
  TestClient silent(server.port());
  TestClient slow(server.port());
  // The beginning of a record of 512 bytes.
  slow.send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  EXPECT_TRUE(silent.wait_closed());
  EXPECT_TRUE(slow.wait_closed());
  server.settle();
  EXPECT_EQ(server.metrics().closed[static_cast<size_t>(CloseReason::kTimeout)].value(), 2U);
}

TEST_F(Tls, TheHandshakeDeadlineEndsWithTheHandshake) {
  LineServer server(echo, with_handshake_deadline(Milliseconds(300)), 100, serve());
  TestClient socket(server.port());
  RawTls client(socket);
  ASSERT_TRUE(client.connected());
  TestClient silent(server.port());
  ASSERT_TRUE(silent.wait_closed());  // by then the deadline has passed for both
  ASSERT_TRUE(client.send("still here\n"));
  EXPECT_EQ(client.receive(11), "still here\n");
}

TEST_F(Tls, PlainBytesEndTheConnectionAndAreLogged) {
  LineServer server(echo, {}, 100, serve());
  TestClient client(server.port());
  client.send("*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(client.receive_all(), "");
  server.settle();
  EXPECT_EQ(server.metrics().tls_failures.value(), 1U);
  EXPECT_THAT(logger_.lines(), ElementsAre(HasSubstr("protocol=test")));
  EXPECT_THAT(logger_.lines(), ElementsAre(HasSubstr("reason=the client speaks without TLS")));
}

TEST_F(Tls, PlainBytesAreAnsweredWhereThereIsAnAnswer) {
  LineServer server(echo, {}, 100,
                    serve_with({.certificate = own_.certificate, .key = own_.key}, "go away\n"));
  TestClient client(server.port());
  client.send("GET / HTTP/1.1\r\n" + std::string(100'000, 'a'));
  client.end_output();
  EXPECT_EQ(client.receive_all(), "go away\n");
}

TEST_F(Tls, BrokenHandshakesGetAnAlert) {
  LineServer server(echo, {}, 100, serve());
  TestClient client(server.port());
  client.send("\x16\x03\x01" + std::string(60, '\xff'));
  const std::string alert = client.receive_all();
  ASSERT_GE(alert.size(), 7U);
  EXPECT_EQ(alert[0], 0x15);  // RFC 8446, section 5.1: an alert record
  EXPECT_EQ(server.metrics().tls_failures.value(), 1U);
}

TEST_F(Tls, WhoOnlyLooksWhetherThePortIsOpenIsNoFailure) {
  LineServer server(echo, {}, 100, serve());
  std::promise<void> closed;
  server.on_closed = [&] { closed.set_value(); };
  TestClient(server.port()).close();
  ASSERT_EQ(closed.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_EQ(server.metrics().tls_failures.value(), 0U);
  EXPECT_THAT(logger_.lines(), IsEmpty());
}

// TLS 1.2 and 1.3 alike: a peer that says that it sends no more still gets its replies, and then
// learns by a close_notify, not only by the end of the stream, that they were all.
TEST_F(Tls, AnOrderlyEndIsSaidByBothSides) {
  LineServer server(echo, {}, 100, serve());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TestClient socket(server.port());
    RawTls client(socket, version);
    ASSERT_TRUE(client.connected());
    ASSERT_TRUE(client.send("last\n"));
    SSL_shutdown(client.ssl());
    EXPECT_EQ(client.receive(6), "last\n");
    EXPECT_EQ(client.last_error(), SSL_ERROR_ZERO_RETURN);
  }
}

TEST_F(Tls, RepliesLeaveAlthoughTheClientEndsWithoutSayingSo) {
  LineServer server(echo, {}, 100, serve());
  TestClient socket(server.port());
  RawTls client(socket);
  ASSERT_TRUE(client.connected());
  ASSERT_TRUE(client.send("last\n"));
  socket.end_output();
  EXPECT_EQ(client.receive(6), "last\n");
  EXPECT_EQ(client.last_error(), SSL_ERROR_ZERO_RETURN);
}

TEST_F(Tls, RenegotiationIsRefused) {
  LineServer server(echo, {}, 100, serve());
  TestClient socket(server.port());
  RawTls client(socket, TLS1_2_VERSION);
  ASSERT_TRUE(client.connected());
  SSL_renegotiate(client.ssl());
  EXPECT_NE(SSL_do_handshake(client.ssl()), 1);
}

TEST_F(Tls, ClientsShowACertificateWhereOneIsAskedFor) {
  LineServer server(echo, {}, 100,
                    serve_with({.certificate = own_.certificate,
                                .key = own_.key,
                                .client_ca = certificates_.authority()}));
  const auto answered = [&](const TlsTrust& trust) {
    TestClient socket(server.port());
    const auto client = TlsClient::connect(socket.descriptor(), "127.0.0.1", trust);
    // In TLS 1.3 a client learns of the refusal with the first read.
    char out[16];
    return client && (*client)->send("hello\n") && (*client)->receive(out, sizeof out) == 6;
  };
  const Certificates::Made known = certificates_.make("client");
  const Certificates::Made stranger = certificates_.self_signed("stranger");
  TlsTrust with = trust();
  EXPECT_FALSE(answered(with));
  with.certificate = known.certificate;
  with.key = known.key;
  EXPECT_TRUE(answered(with));
  with.certificate = stranger.certificate;
  with.key = stranger.key;
  EXPECT_FALSE(answered(with));
  server.settle();
  EXPECT_EQ(server.metrics().tls_failures.value(), 2U);
  EXPECT_THAT(logger_.lines(), Contains(HasSubstr("peer did not return a certificate")));
}

TEST_F(Tls, WhoeverShowsACertificateIsKnownByItsName) {
  const auto tell = [](Connection& connection, const std::string&) {
    connection.send(connection.certificate_subject() + "\n");
  };
  LineServer server(tell, {}, 100,
                    serve_with({.certificate = own_.certificate,
                                .key = own_.key,
                                .client_ca = certificates_.authority()}));
  TestClient socket(server.port());
  const Certificates::Made known = certificates_.make("client");
  TlsTrust with = trust();
  with.certificate = known.certificate;
  with.key = known.key;
  const auto client = TlsClient::connect(socket.descriptor(), "127.0.0.1", with);
  ASSERT_TRUE(client.has_value());
  ASSERT_TRUE((*client)->send("who\n"));
  char out[32];
  const ssize_t got = (*client)->receive(out, sizeof out);
  ASSERT_GT(got, 0);
  EXPECT_EQ(std::string_view(out, static_cast<size_t>(got)), "CN=client\n");

  LineServer open_to_all(tell, {}, 100, serve());
  TestClient stranger(open_to_all.port());
  RawTls nobody(stranger);
  ASSERT_TRUE(nobody.send("who\n"));
  EXPECT_EQ(nobody.receive(1), "\n");
}

TEST_F(Tls, AReplacedCertificateIsForNewConnections) {
  const auto served_by = serve();
  LineServer server(echo, {}, 100, served_by);
  TestClient old_socket(server.port());
  RawTls old(old_socket);
  EXPECT_EQ(old.server_name(), "server");
  const Certificates::Made next = certificates_.make("renewed");
  served_by->replace(load({.certificate = next.certificate, .key = next.key}));
  TestClient socket(server.port());
  RawTls client(socket);
  EXPECT_EQ(client.server_name(), "renewed");
  ASSERT_TRUE(old.send("still here\n"));
  EXPECT_EQ(old.receive(11), "still here\n");
}

TEST_F(Tls, ClientsRefuseWhomTheyDoNotTrust) {
  LineServer server(echo, {}, 100, serve());
  const auto error_of = [&](const std::string& host, const TlsTrust& trust) {
    TestClient socket(server.port());
    const auto client = TlsClient::connect(socket.descriptor(), host, trust);
    return client ? ErrorCode::kUnsupported : client.error().code;
  };
  EXPECT_EQ(error_of("127.0.0.1", {}), ErrorCode::kRefused);
  EXPECT_EQ(error_of("example.com", trust()), ErrorCode::kRefused);
  EXPECT_EQ(error_of("127.0.0.9", trust()), ErrorCode::kRefused);
  EXPECT_EQ(error_of("localhost", trust()), ErrorCode::kUnsupported);
  EXPECT_EQ(error_of("example.com", {.verify = false}), ErrorCode::kUnsupported);
  EXPECT_EQ(error_of("localhost", {.ca = certificates_.path("nowhere")}),
            ErrorCode::kInvalidArgument);
}

// --- what is wrong with the files

class TlsFiles : public Tls {
 protected:
  std::string refused(const TlsOptions& options) {
    const auto context = TlsContext::load(options, now());
    return context ? "loaded" : context.error().message;
  }
};

TEST_F(TlsFiles, AreRefusedByNameAndReason) {
  const Certificates::Made other = certificates_.make("other");
  const std::string missing = certificates_.path("missing.pem");
  EXPECT_EQ(refused({.certificate = missing}),
            missing + ": cannot read the certificate: No such file or directory");
  EXPECT_EQ(refused({.certificate = own_.certificate, .key = missing}),
            missing + ": cannot read the key: No such file or directory");
  EXPECT_THAT(refused({.certificate = own_.certificate, .key = other.key}),
              HasSubstr("does not belong to the certificate in " + own_.certificate));
  EXPECT_THAT(refused({.certificate = own_.key, .key = own_.key}), HasSubstr("no certificate"));
  EXPECT_THAT(refused({.certificate = own_.certificate}), HasSubstr("no private key in it"));
  EXPECT_THAT(refused({.certificate = own_.certificate, .key = own_.key, .client_ca = missing}),
              HasSubstr("clients' CA"));
  std::string damaged = text_of(own_.certificate);
  damaged[damaged.size() / 2] = '!';
  EXPECT_THAT(refused({.certificate = certificates_.file("damaged.pem", damaged)}),
              HasSubstr("damaged certificate"));
  EXPECT_THAT(refused({.certificate = certificates_.file("empty.pem", "")}),
              HasSubstr("no certificate in it"));
  EXPECT_THAT(refused({.certificate = certificates_.path("")}), HasSubstr("Is a directory"));
}

TEST_F(TlsFiles, AnEncryptedKeyIsRefusedWithTheWayOut) {
  const std::string text = text_of(own_.key);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> in(BIO_new_mem_buf(text.data(), -1),
                                                         BIO_free_all);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> out(BIO_new(BIO_s_mem()), BIO_free_all);
  char passphrase[] = "secret";
  ASSERT_EQ(PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), EVP_aes_256_cbc(), passphrase,
                                          sizeof passphrase - 1, nullptr, nullptr),
            1);
  char* data = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(out.get(), &data));
  const std::string file = certificates_.file("encrypted.key", std::string(data, size));
  EXPECT_THAT(refused({.certificate = own_.certificate, .key = file}),
              HasSubstr("openssl pkey -in"));
}

TEST_F(TlsFiles, AKeyMayStandInTheFileOfItsCertificate) {
  const std::string both =
      certificates_.file("both.pem", text_of(own_.certificate) + text_of(own_.key));
  EXPECT_EQ(refused({.certificate = both}), "loaded");
}

TEST_F(TlsFiles, DatesAndOpenKeysAreWarnings) {
  const auto warnings = [&](const Certificates::Made& made) {
    return load({.certificate = made.certificate, .key = made.key})->warnings();
  };
  EXPECT_THAT(warnings(own_), IsEmpty());
  EXPECT_THAT(warnings(certificates_.make("old", -7200, -3600)),
              ElementsAre(HasSubstr("old.pem: the certificate expired on ")));
  EXPECT_THAT(warnings(certificates_.make("young", 3600, 864'000)),
              ElementsAre(HasSubstr("is valid from ")));
  EXPECT_THAT(warnings(certificates_.make("ending", -60, 86'400)),
              ElementsAre(HasSubstr("expires on ")));
  std::filesystem::permissions(own_.key, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  EXPECT_THAT(warnings(own_), ElementsAre(HasSubstr("everybody on this host can read the key")));
}

}  // namespace
}  // namespace weir::net
