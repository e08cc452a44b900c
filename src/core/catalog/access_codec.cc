#include "core/catalog/access_codec.h"

#include <bit>

namespace weir::catalog {
namespace {

template <typename Enum>
Enum decode_code(Reader& reader, Enum first, Enum last) {
  const uint8_t code = reader.u8();
  if (code < static_cast<uint8_t>(first) || code > static_cast<uint8_t>(last)) {
    reader.fail();
    return first;
  }
  return static_cast<Enum>(code);
}

}  // namespace

// name | u8 enabled | credentials: u8 hash, varint iterations, salt, stored key, server key |
// properties: key, value
void encode(Writer& writer, const User& user) {
  writer.bytes(user.name);
  writer.boolean(user.enabled);
  writer.varint(user.credentials.size());
  for (const auto& [hash, credential] : user.credentials) {
    writer.u8(static_cast<uint8_t>(hash));
    writer.varint(credential.iterations);
    writer.bytes(credential.salt);
    writer.bytes(credential.stored_key);
    writer.bytes(credential.server_key);
  }
  writer.varint(user.properties.size());
  for (const auto& [key, value] : user.properties) {
    writer.bytes(key);
    writer.bytes(value);
  }
}

User decode_user(Reader& reader) {
  User user;
  user.name = reader.bytes();
  user.enabled = reader.boolean();
  for (uint64_t left = reader.count(5); left > 0 && !reader.failed(); --left) {
    const auto hash = decode_code(reader, ScramHash::kSha256, ScramHash::kSha512);
    ScramCredential credential;
    credential.iterations = static_cast<uint32_t>(reader.varint());
    credential.salt = reader.bytes();
    credential.stored_key = reader.bytes();
    credential.server_key = reader.bytes();
    user.credentials[hash] = std::move(credential);
  }
  for (uint64_t left = reader.count(2); left > 0 && !reader.failed(); --left) {
    const ByteView key = reader.bytes();
    const ByteView value = reader.bytes();
    user.properties.emplace(key, value);
  }
  return user;
}

// u8 type | u8 pattern | name | principal | host | u8 operation | u8 permission
void encode(Writer& writer, const AccessRule& rule) {
  writer.u8(static_cast<uint8_t>(rule.type));
  writer.u8(static_cast<uint8_t>(rule.pattern));
  writer.bytes(rule.name);
  writer.bytes(rule.principal);
  writer.bytes(rule.host);
  writer.u8(static_cast<uint8_t>(rule.operation));
  writer.u8(static_cast<uint8_t>(rule.permission));
}

AccessRule decode_rule(Reader& reader) {
  AccessRule rule;
  rule.type = decode_code(reader, ResourceType::kTopic, ResourceType::kUser);
  rule.pattern = decode_code(reader, Pattern::kLiteral, Pattern::kPrefixed);
  rule.name = reader.bytes();
  rule.principal = reader.bytes();
  rule.host = reader.bytes();
  rule.operation = decode_code(reader, Operation::kAll, Operation::kTwoPhaseCommit);
  rule.permission = decode_code(reader, Permission::kDeny, Permission::kAllow);
  return rule;
}

// entity: u8 kind, u8 default, name | values: key, the bits of a double
void encode(Writer& writer, const Quota& quota) {
  writer.varint(quota.entity.size());
  for (const QuotaPart& part : quota.entity) {
    writer.u8(static_cast<uint8_t>(part.kind));
    writer.boolean(part.is_default);
    writer.bytes(part.name);
  }
  writer.varint(quota.values.size());
  for (const auto& [key, value] : quota.values) {
    writer.bytes(key);
    writer.fixed(std::bit_cast<uint64_t>(value));
  }
}

Quota decode_quota(Reader& reader) {
  Quota quota;
  for (uint64_t left = reader.count(3); left > 0 && !reader.failed(); --left) {
    QuotaPart part;
    part.kind = decode_code(reader, QuotaKind::kUser, QuotaKind::kIp);
    part.is_default = reader.boolean();
    part.name = reader.bytes();
    quota.entity.push_back(std::move(part));
  }
  for (uint64_t left = reader.count(9); left > 0 && !reader.failed(); --left) {
    const ByteView key = reader.bytes();
    const auto bits = reader.fixed<uint64_t>();
    quota.values.emplace(key, std::bit_cast<double>(bits));
  }
  return quota;
}

}  // namespace weir::catalog
