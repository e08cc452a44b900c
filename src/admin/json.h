#pragma once
// Json: what the admin API and the command line say to each other (RFC 8259). A parsed value, and
// two builders for the way out.
//
// Pure; bounded: parse() refuses text deeper than kJsonDepthMax.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace weir::admin {

inline constexpr size_t kJsonDepthMax = 16;

class Json {
 public:
  enum class Kind : uint8_t { kNull, kFlag, kInteger, kNumber, kText, kList, kObject };
  using Member = std::pair<std::string, Json>;

  // kInvalidArgument, with the reason.
  static Result<Json> parse(std::string_view text);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }

  // Of the kind that they name; otherwise false, 0 or empty.
  bool flag() const { return flag_; }
  int64_t integer() const { return integer_; }
  const std::string& text() const { return text_; }
  const std::vector<Json>& list() const { return list_; }
  const std::vector<Member>& members() const { return members_; }

  // A member of an object; null when there is none.
  const Json* find(std::string_view key) const;
  // The same, as what at() is for the kinds above: a value without content when there is none.
  const Json& operator[](std::string_view key) const;

  // As compact text.
  void write(std::string& out) const;
  std::string to_text() const;

 private:
  friend class JsonReader;

  Kind kind_ = Kind::kNull;
  bool flag_ = false;
  int64_t integer_ = 0;
  double number_ = 0;
  std::string text_;
  std::vector<Json> list_;
  std::vector<Member> members_;
};

// {"name":"jobs","ready":3}
class JsonObject {
 public:
  JsonObject& text(std::string_view key, std::string_view value);
  JsonObject& integer(std::string_view key, int64_t value);
  JsonObject& flag(std::string_view key, bool value);
  // `json` is inserted as it stands.
  JsonObject& raw(std::string_view key, std::string_view json);

  size_t bytes() const { return out_.size(); }
  std::string done() { return std::move(out_) + "}"; }

 private:
  std::string out_ = "{";
};

class JsonList {
 public:
  JsonList& raw(std::string_view json);

  bool empty() const { return out_.size() == 1; }
  size_t bytes() const { return out_.size(); }
  std::string done() { return std::move(out_) + "]"; }

 private:
  std::string out_ = "[";
};

// RFC 4648, section 4, with padding.
std::string to_base64(std::string_view bytes);
Result<std::string> from_base64(std::string_view text);

// Whether all of it is well-formed UTF-8 (RFC 3629).
bool is_utf8(std::string_view text);

}  // namespace weir::admin
