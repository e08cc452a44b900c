#include "admin/json.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>

#include "admin/router.h"

namespace weir::admin {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

// Turns simdjson's document into values of our own, which outlive it.
class JsonReader {
 public:
  static Json value(simdjson::dom::element element) {
    using Type = simdjson::dom::element_type;
    Json json;
    switch (element.type()) {
      case Type::NULL_VALUE: break;
      case Type::BOOL:
        json.kind_ = Json::Kind::kFlag;
        json.flag_ = element.get_bool().value_unsafe();
        break;
      case Type::INT64:
        json.kind_ = Json::Kind::kInteger;
        json.integer_ = element.get_int64().value_unsafe();
        break;
      case Type::UINT64:  // beyond INT64_MAX
        json.kind_ = Json::Kind::kNumber;
        json.number_ = static_cast<double>(element.get_uint64().value_unsafe());
        break;
      case Type::DOUBLE:
        json.kind_ = Json::Kind::kNumber;
        json.number_ = element.get_double().value_unsafe();
        break;
      case Type::STRING:
        json.kind_ = Json::Kind::kText;
        json.text_ = element.get_string().value_unsafe();
        break;
      case Type::ARRAY:
        json.kind_ = Json::Kind::kList;
        for (const auto item : element.get_array().value_unsafe()) {
          json.list_.push_back(value(item));
        }
        break;
      case Type::OBJECT:
        json.kind_ = Json::Kind::kObject;
        for (const auto field : element.get_object().value_unsafe()) {
          json.members_.emplace_back(std::string(field.key), value(field.value));
        }
        break;
    }
    return json;
  }
};

Result<Json> Json::parse(std::string_view text) {
  simdjson::dom::parser parser;
  if (parser.allocate(text.size() + 1, kJsonDepthMax) != simdjson::SUCCESS) {
    return fail(ErrorCode::kTooLarge, "too much JSON");
  }
  simdjson::dom::element root;
  if (const auto error = parser.parse(text.data(), text.size()).get(root);
      error != simdjson::SUCCESS) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("not JSON: {}", simdjson::error_message(error)));
  }
  return JsonReader::value(root);
}

const Json* Json::find(std::string_view key) const {
  const auto found =
      std::ranges::find_if(members_, [&](const Member& member) { return member.first == key; });
  return found == members_.end() ? nullptr : &found->second;
}

const Json& Json::operator[](std::string_view key) const {
  static const Json nothing;
  const Json* found = find(key);
  return found == nullptr ? nothing : *found;
}

void Json::write(std::string& out) const {
  switch (kind_) {
    case Kind::kNull: out += "null"; return;
    case Kind::kFlag: out += flag_ ? "true" : "false"; return;
    case Kind::kInteger: fmt::format_to(std::back_inserter(out), "{}", integer_); return;
    case Kind::kNumber: fmt::format_to(std::back_inserter(out), "{}", number_); return;
    case Kind::kText: out += json_string(text_); return;
    case Kind::kList: {
      char separator = '[';
      for (const Json& item : list_) {
        out += separator;
        item.write(out);
        separator = ',';
      }
      out += list_.empty() ? "[]" : "]";
      return;
    }
    case Kind::kObject: {
      char separator = '{';
      for (const auto& [key, value] : members_) {
        out += separator;
        out += json_string(key) + ":";
        value.write(out);
        separator = ',';
      }
      out += members_.empty() ? "{}" : "}";
      return;
    }
  }
}

std::string Json::to_text() const {
  std::string out;
  write(out);
  return out;
}

JsonObject& JsonObject::raw(std::string_view key, std::string_view json) {
  if (out_.size() > 1) out_ += ',';
  out_ += json_string(key);
  out_ += ':';
  out_ += json;
  return *this;
}

JsonObject& JsonObject::text(std::string_view key, std::string_view value) {
  return raw(key, json_string(value));
}

JsonObject& JsonObject::integer(std::string_view key, int64_t value) {
  return raw(key, fmt::format("{}", value));
}

JsonObject& JsonObject::flag(std::string_view key, bool value) {
  return raw(key, value ? "true" : "false");
}

JsonList& JsonList::raw(std::string_view json) {
  if (out_.size() > 1) out_ += ',';
  out_ += json;
  return *this;
}

bool is_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

std::string to_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view part = bytes.substr(i, 3);
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (k < part.size() ? static_cast<uint8_t>(part[k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += k <= part.size() ? kAlphabet[bits >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

Result<std::string> from_base64(std::string_view text) {
  const auto malformed = [] { return fail(ErrorCode::kInvalidArgument, "malformed base64"); };
  if (text.size() % 4 != 0) return malformed();
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    uint32_t bits = 0;
    size_t padding = 0;
    for (const char c : text.substr(i, 4)) {
      const size_t value = kAlphabet.find(c);
      const bool pads = c == '=' && last;
      if ((value == std::string_view::npos && !pads) || (padding > 0 && !pads)) return malformed();
      if (pads) ++padding;
      bits = bits << 6 | (pads ? 0U : static_cast<uint32_t>(value));
    }
    if (padding > 2) return malformed();
    for (size_t k = 0; k < 3 - padding; ++k) out += static_cast<char>(bits >> (16 - 8 * k) & 255);
  }
  return out;
}

}  // namespace weir::admin
