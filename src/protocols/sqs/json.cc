#include "protocols/sqs/json.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "base/assert.h"
#include "protocols/sqs/limits.h"

namespace weir::sqs {
namespace {

bool copy(const simdjson::dom::element& element, Value& value) {
  switch (element.type()) {
    case simdjson::dom::element_type::NULL_VALUE: return true;
    case simdjson::dom::element_type::BOOL:
      value.kind = Value::Kind::kBoolean;
      value.integer = bool(element) ? 1 : 0;
      return true;
    case simdjson::dom::element_type::INT64:
      value.kind = Value::Kind::kInteger;
      value.integer = int64_t(element);
      return true;
    case simdjson::dom::element_type::STRING:
      value.kind = Value::Kind::kText;
      value.text = std::string_view(element);
      return true;
    case simdjson::dom::element_type::ARRAY:
      value.kind = Value::Kind::kList;
      for (const simdjson::dom::element item : simdjson::dom::array(element)) {
        if (!copy(item, value.items.emplace_back())) return false;
      }
      return true;
    case simdjson::dom::element_type::OBJECT:
      value.kind = Value::Kind::kMap;
      for (const auto [key, item] : simdjson::dom::object(element)) {
        Member& member = value.members.emplace_back();
        member.name = key;
        if (!copy(item, member.value)) return false;
      }
      return true;
    case simdjson::dom::element_type::UINT64:
    case simdjson::dom::element_type::DOUBLE: return false;
  }
  return false;
}

}  // namespace

Outcome<Value> decode_json(std::string_view text) {
  thread_local simdjson::dom::parser parser(kRequestBytesMost);
  static_cast<void>(parser.allocate(std::max(text.size(), size_t{64} << 10), kJsonDepthMax));
  const auto parsed = parser.parse(text.data(), text.size());
  if (parsed.error() != simdjson::SUCCESS) {
    return serialization_exception(fmt::format("The request body is not valid JSON: {}",
                                               simdjson::error_message(parsed.error())));
  }
  Value value;
  if (!copy(parsed.value_unsafe(), value) || !value.is(Value::Kind::kMap)) {
    return serialization_exception("The request body must be a JSON object of texts and integers");
  }
  return value;
}

Value read_answer(std::string_view json) {
  simdjson::dom::parser parser;
  const auto parsed = parser.parse(json.data(), json.size());
  Value value;
  const bool understood = parsed.error() == simdjson::SUCCESS && copy(parsed.value_unsafe(), value);
  WEIR_ASSERT(understood, "an answer of {} bytes is no JSON", json.size());
  return value;
}

void JsonWriter::open(char bracket) {
  if (!after_key_) comma();
  after_key_ = false;
  out_.push_back(bracket);
  fresh_ = true;
}

void JsonWriter::key(std::string_view name) {
  comma();
  string(name);
  out_.push_back(':');
  fresh_ = false;
  after_key_ = true;
}

void JsonWriter::member(std::string_view name, int64_t number) {
  key(name);
  after_key_ = false;
  fmt::format_to(std::back_inserter(out_), "{}", number);
}

void JsonWriter::value(const Value& tree) {
  switch (tree.kind) {
    case Value::Kind::kList:
      open('[');
      for (const Value& item : tree.items) value(item);
      return close(']');
    case Value::Kind::kMap:
      open('{');
      for (const Member& one : tree.members) member(one.name, one.value);
      return close('}');
    case Value::Kind::kText:
    case Value::Kind::kInteger:
    case Value::Kind::kBoolean:
    case Value::Kind::kNull: break;
  }
  if (!after_key_) comma();
  if (tree.is(Value::Kind::kText)) {
    string(tree.text);
  } else if (tree.is(Value::Kind::kInteger)) {
    word(fmt::format("{}", tree.integer));
  } else {
    word(tree.is(Value::Kind::kNull) ? "null" : tree.integer != 0 ? "true" : "false");
  }
  fresh_ = false;
}

std::string_view valid_utf8(std::string_view text, std::string& mended) {
  if (simdjson::validate_utf8(text.data(), text.size())) return text;
  mended.clear();
  while (!text.empty()) {
    // The longest valid sequence of at most four bytes, else one replacement.
    size_t length = 0;
    for (size_t n = 1; n <= 4 && n <= text.size() && length == 0; ++n) {
      if (simdjson::validate_utf8(text.data(), n)) length = n;
    }
    mended.append(length == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(0, length));
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return mended;
}

void JsonWriter::string(std::string_view text) {
  after_key_ = false;
  std::string mended;
  text = valid_utf8(text, mended);
  out_.push_back('"');
  size_t plain = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out_.append(text.substr(plain, i - plain));
    plain = i + 1;
    if (c == '"' || c == '\\') {
      out_.push_back('\\');
      out_.push_back(static_cast<char>(c));
    } else {
      fmt::format_to(std::back_inserter(out_), "\\u{:04x}", c);
    }
  }
  out_.append(text.substr(plain));
  out_.push_back('"');
}

}  // namespace weir::sqs
