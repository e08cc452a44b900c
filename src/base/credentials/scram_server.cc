#include "base/credentials/scram_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/credentials/base64.h"

namespace weir {
namespace {

constexpr size_t kMessageBytesMax = 4096;
constexpr size_t kDecoySaltBytes = 16;

std::unexpected<Error> not_understood(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, std::string(what));
}

// Cuts the next attribute off: "r=abc,..." Nothing unless it has this key.
std::optional<ByteView> take_attribute(ByteView& rest, char key) {
  if (rest.size() < 2 || rest[0] != key || rest[1] != '=') return std::nullopt;
  const size_t comma = rest.find(',');
  const ByteView value = rest.substr(2, comma == ByteView::npos ? comma : comma - 2);
  rest = comma == ByteView::npos ? ByteView() : rest.substr(comma + 1);
  return value;
}

// In names, "=2C" is a comma and "=3D" an equals sign.
std::optional<std::string> decoded_name(ByteView text) {
  std::string name;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      name.push_back(text[i]);
      continue;
    }
    const ByteView code = text.substr(i + 1, 2);
    if (code != "2C" && code != "3D") return std::nullopt;
    name.push_back(code == "2C" ? ',' : '=');
    i += 2;
  }
  if (name.empty()) return std::nullopt;
  return name;
}

bool is_nonce(ByteView text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

Result<std::string> ScramServer::begin(ByteView client_first) {
  if (client_first.size() > kMessageBytesMax)
    return not_understood("the first message is too long");
  // "n,a=identity,n=name,r=nonce": no channel binding (n), or not known that we have none (y).
  if (!client_first.starts_with("n,") && !client_first.starts_with("y,")) {
    return not_understood("channel binding is not there");
  }
  const size_t identity_end = client_first.find(',', 2);
  if (identity_end == ByteView::npos) return not_understood("the first message is cut off");
  gs2_header_ = client_first.substr(0, identity_end + 1);
  ByteView identity = client_first.substr(2, identity_end - 2);
  client_first_bare_ = client_first.substr(identity_end + 1);

  ByteView rest = client_first_bare_;
  const auto text = take_attribute(rest, 'n');
  const auto nonce = take_attribute(rest, 'r');
  if (!text || !nonce || !is_nonce(*nonce)) return not_understood("no name and nonce came first");
  auto name = decoded_name(*text);
  if (!name) return not_understood("the user's name is not encoded well");
  if (!identity.empty()) {
    const auto wanted = take_attribute(identity, 'a');
    if (!wanted || decoded_name(*wanted) != name) {
      return not_understood("nobody may log in as somebody else");
    }
  }
  client_nonce_ = *nonce;
  extensions_ = rest;
  return std::move(*name);
}

std::string ScramServer::challenge(ScramCredential credential, ByteView nonce) {
  credential_ = std::move(credential);
  server_first_ = fmt::format("r={}{},s={},i={}", client_nonce_, nonce, to_base64(credential_.salt),
                              credential_.iterations);
  return server_first_;
}

Result<std::string> ScramServer::finish(ByteView client_final) const {
  if (client_final.size() > kMessageBytesMax) return not_understood("the last message is too long");
  const size_t proof_at = client_final.rfind(",p=");
  if (proof_at == ByteView::npos) return not_understood("there is no proof");
  const ByteView without_proof = client_final.substr(0, proof_at);
  const auto proof = from_base64(client_final.substr(proof_at + 3));

  ByteView rest = without_proof;
  const auto binding = take_attribute(rest, 'c');
  const auto nonce = take_attribute(rest, 'r');
  ByteView asked = server_first_;
  if (!binding || from_base64(*binding) != gs2_header_ || !rest.empty()) {
    return not_understood("the last message does not go with the first");
  }
  // librdkafka before 2.6.1 puts the client's part before the whole, and Apache Kafka takes it.
  const auto whole = take_attribute(asked, 'r');
  if (!nonce || !nonce->ends_with(*whole)) return not_understood("the nonce is another one");
  if (!proof || proof->size() != key_bytes(hash_)) return not_understood("the proof is not whole");

  const std::string message =
      fmt::format("{},{},{}", client_first_bare_, server_first_, std::string_view(without_proof));
  std::string client_key = hmac(hash_, credential_.stored_key, message);
  for (size_t i = 0; i < client_key.size(); ++i) {
    client_key[i] = static_cast<char>(client_key[i] ^ (*proof)[i]);
  }
  if (!equal_secrets(digest(hash_, client_key), credential_.stored_key)) {
    return fail(ErrorCode::kRefused, "the proof is wrong");
  }
  return "v=" + to_base64(hmac(hash_, credential_.server_key, message));
}

ScramCredential decoy_credential(ScramHash hash, ByteView name, ByteView secret) {
  return {.iterations = kScramIterationsMin,
          .salt = hmac(hash, secret, name).substr(0, kDecoySaltBytes),
          .stored_key = random_bytes(key_bytes(hash)),
          .server_key = random_bytes(key_bytes(hash))};
}

}  // namespace weir
