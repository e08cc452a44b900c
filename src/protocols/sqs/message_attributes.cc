#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "protocols/sqs/attributes.h"
#include "protocols/sqs/json.h"
#include "protocols/sqs/limits.h"

namespace weir::sqs {
namespace {

// Headers of that prefix are not the client's, but for the one that every sender may write.
bool is_reserved(std::string_view name) {
  return name.starts_with(kReservedPrefix) && name != broker::kHeaderPriority;
}

bool is_valid_attribute_name(std::string_view name) {
  if (name.empty() || name.size() > kAttributeNameBytesMax) return false;
  if (name.front() == '.' || name.back() == '.' || name.find("..") != std::string_view::npos)
    return false;
  if (name.starts_with("AWS.") || name.starts_with("Amazon.") || is_reserved(name)) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

bool is_valid_type(std::string_view type) {
  const std::string_view base = type.substr(0, type.find('.'));
  return base == "String" || base == "Number" || base == "Binary";
}

bool is_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
}

bool has_list(const Value& given) {
  for (const std::string_view name : {"StringListValues", "BinaryListValues"}) {
    const Value* list = given.find(name);
    if (list != nullptr && !list->items.empty()) return true;
  }
  return false;
}

Outcome<MessageAttribute> message_attribute(const std::string& name, const Value& given) {
  const auto invalid = [&](std::string_view reason) {
    return invalid_parameter(fmt::format("Message (user) attribute '{}' {}", name, reason));
  };
  if (!is_valid_attribute_name(name)) {
    return invalid_parameter(fmt::format("Message (user) attribute name '{}' is invalid.", name));
  }
  if (has_list(given)) {
    return unsupported_operation(
        "Message attribute list values in SendMessage operation are not supported.");
  }
  const Value* type = given.find("DataType");
  if (type == nullptr || type->text.empty())
    return invalid("must contain a non-empty message attribute type.");
  if (!is_valid_type(type->text)) {
    return invalid_parameter(
        fmt::format("The type of message (user) attribute '{}' is invalid. You must use only the "
                    "following supported type prefixes: Binary, Number, String.",
                    name));
  }
  MessageAttribute attribute{name, type->text, {}};
  const Value* value = given.find(attribute.binary() ? "BinaryValue" : "StringValue");
  if (value == nullptr || value->text.empty()) {
    return invalid(fmt::format("must contain a non-empty value of type '{}'.",
                               attribute.binary() ? "Binary" : "String"));
  }
  if (attribute.binary()) {
    auto raw = from_base64(value->text);
    if (!raw) return invalid("must contain a base64 value of type 'Binary'.");
    attribute.value = std::move(*raw);
    return attribute;
  }
  if (!has_valid_characters(value->text)) {
    return invalid_message_contents("Invalid characters found in a message attribute.");
  }
  if (type->text.starts_with("Number") && !is_number(value->text)) {
    return invalid_parameter(
        fmt::format("Can't cast the value of message (user) attribute '{}' to a number.", name));
  }
  attribute.value = value->text;
  return attribute;
}

bool passes(std::string_view name, std::span<const std::string> filter) {
  return std::any_of(filter.begin(), filter.end(), [&](std::string_view wanted) {
    if (wanted == "All" || wanted == ".*") return true;
    if (wanted.ends_with(".*")) return name.starts_with(wanted.substr(0, wanted.size() - 2));
    return name == wanted;
  });
}

}  // namespace

bool is_valid_id(std::string_view id) {
  return !id.empty() && id.size() <= kIdBytesMax &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF; surrogates are no
// valid UTF-8 anyway.
bool has_valid_characters(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') return false;
    const bool noncharacter = c == 0xef && i + 2 < text.size() &&
                              static_cast<unsigned char>(text[i + 1]) == 0xbf &&
                              static_cast<unsigned char>(text[i + 2]) >= 0xbe;
    if (noncharacter) return false;  // U+FFFE, U+FFFF
  }
  return true;
}

Outcome<std::vector<MessageAttribute>> message_attributes(const Value* given) {
  std::vector<MessageAttribute> attributes;
  if (given == nullptr) return attributes;
  if (!given->is(Value::Kind::kMap)) {
    return serialization_exception("MessageAttributes must be a map");
  }
  if (given->members.size() > kAttributesMax) {
    return invalid_parameter(
        fmt::format("Number of message attributes [{}] exceeds the allowed maximum [{}].",
                    given->members.size(), kAttributesMax));
  }
  for (const auto& [name, value] : given->members) {
    if (given->find(name) != &value) {
      return invalid_parameter(
          fmt::format("Message (user) attribute name '{}' already exists.", name));
    }
    auto attribute = message_attribute(name, value);
    if (!attribute) return std::unexpected(attribute.error());
    attributes.push_back(std::move(*attribute));
  }
  return attributes;
}

std::vector<MessageAttribute> stored_attributes(const log::ReadRecord& record,
                                                std::span<const std::string> filter) {
  std::vector<MessageAttribute> attributes;
  if (filter.empty()) return attributes;
  for (const log::RecordHeader& header : record.headers) {
    if (is_reserved(header.key) || !header.value || !passes(header.key, filter)) continue;
    // Other protocols may repeat a header; an attribute stands once, the first.
    const bool repeated = std::any_of(attributes.begin(), attributes.end(),
                                      [&](const auto& one) { return one.name == header.key; });
    if (repeated) continue;
    const auto type = record.headers.find(std::string(kTypeHeader) + std::string(header.key));
    const bool text = simdjson::validate_utf8(header.value->data(), header.value->size());
    attributes.push_back({std::string(header.key),
                          std::string(type.value_or(text ? "String" : "Binary")),
                          std::string(*header.value)});
  }
  return attributes;
}

}  // namespace weir::sqs
