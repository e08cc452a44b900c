#pragma once
// Digests that SQS answers with and that clients check, and base64. Source: SQS developer guide,
// "Calculating the MD5 message digest for message attributes".

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::sqs {

// A message attribute as it was sent; `value` is raw, also of binary ones.
struct MessageAttribute {
  std::string name;
  std::string type;  // String, Number or Binary, with an optional label behind a dot
  std::string value;

  bool binary() const { return type.starts_with("Binary"); }
};

std::string md5_hex(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);
// Of the attributes in the order of their names, whatever order they are given in.
std::string md5_of_attributes(std::span<const MessageAttribute> attributes);

std::string base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

}  // namespace weir::sqs
