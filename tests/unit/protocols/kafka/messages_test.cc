#include "protocols/kafka/messages.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/random.h"
#include "protocols/wire/codec.h"
#include "protocols/wire/inspect.h"

namespace weir::kafka {
namespace {

constexpr uint64_t kSeed = 20;

using Value = std::unique_ptr<void, void (*)(void*)>;

Value make(const wire::Message& message) {
  return {message.create(), message.destroy};
}

Bytes encoded(const wire::Message& message, int16_t version, const void* value) {
  wire::Pieces pieces;
  wire::encode(message, version, value, {}, pieces);
  std::string text;
  for (const Bytes& piece : pieces) text.append(piece.view());
  return Bytes::take(std::move(text));
}

template <typename Body>
void for_every_version(Body body) {
  for (const wire::Message* message : all_messages()) {
    for (int16_t version = message->versions.first; version <= message->versions.last; ++version) {
      SCOPED_TRACE(std::string(message->name) +
                   (message->is_request ? " request v" : " response v") + std::to_string(version));
      body(*message, version);
    }
  }
}

TEST(Messages, AnyValueSurvivesEncodingInEveryVersion) {
  Random random(kSeed);
  for_every_version([&](const wire::Message& message, int16_t version) {
    for (int round = 0; round < 20; ++round) {
      const Value value = make(message);
      wire::fill_with_anything(message, version, random, value.get());
      const Bytes bytes = encoded(message, version, value.get());
      EXPECT_EQ(wire::encoded_size(message, version, value.get()), bytes.size());
      const Value back = make(message);
      const auto done = wire::decode(message, version, bytes, back.get());
      ASSERT_TRUE(done) << done.error().message;
      ASSERT_TRUE(message.equal(value.get(), back.get()))
          << wire::dump(message, version, value.get()) << "\n"
          << wire::dump(message, version, back.get());
    }
  });
}

TEST(Messages, NoTruncationOrFlippedByteIsEverReadBeyondItsEnd) {
  Random random(kSeed + 1);
  for_every_version([&](const wire::Message& message, int16_t version) {
    const Value value = make(message);
    wire::fill_with_anything(message, version, random, value.get());
    const Bytes bytes = encoded(message, version, value.get());
    for (int round = 0; round < 50 && !bytes.empty(); ++round) {
      std::string broken(
          bytes.view().substr(0, random.one_in(2) ? bytes.size() : random.below(bytes.size())));
      if (!broken.empty() && random.one_in(2))
        broken[random.below(broken.size())] ^= static_cast<char>(random.next());
      const Value back = make(message);
      const Bytes input = Bytes::take(std::move(broken));
      const auto done = wire::decode(message, version, input, back.get());
      // What is accepted must be encodable again; the sanitizers judge the rest.
      if (done) encoded(message, version, back.get());
    }
  });
}

TEST(Messages, RequestAndResponseCoverTheSameVersions) {
  for (const wire::Message* message : all_messages()) {
    const wire::Message* other = find_message(message->key, !message->is_request);
    ASSERT_NE(other, nullptr) << message->name;
    EXPECT_EQ(other->name, message->name);
    EXPECT_EQ(other->versions.first, message->versions.first) << message->name;
    EXPECT_EQ(other->versions.last, message->versions.last) << message->name;
    EXPECT_EQ(other->flexible.first, message->flexible.first) << message->name;
  }
}

}  // namespace
}  // namespace weir::kafka
