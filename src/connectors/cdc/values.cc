#include "connectors/cdc/values.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/cdc/change.h"
#include "connectors/cdc/composite.h"
#include "connectors/cdc/config.h"
#include "connectors/cdc/decimal.h"
#include "connectors/cdc/shapes.h"
#include "connectors/cdc/text.h"
#include "connectors/cdc/values_time.h"

namespace weir::cdc {

namespace {

constexpr int kFractionDigits = 6;

struct Zero {
  TypeKind kind;
  std::string_view text;
};

// Of the types whose zero is not the empty text.
constexpr Zero kZeros[] = {
    {TypeKind::kBool, "f"},
    {TypeKind::kInt16, "0"},
    {TypeKind::kInt32, "0"},
    {TypeKind::kInt64, "0"},
    {TypeKind::kFloat32, "0"},
    {TypeKind::kFloat64, "0"},
    {TypeKind::kDecimal, "0"},
    {TypeKind::kVariableDecimal, "0"},
    {TypeKind::kMoney, "0"},
    {TypeKind::kBytes, "\\x"},
    {TypeKind::kDate, "1970-01-01"},
    {TypeKind::kTime, "00:00:00"},
    {TypeKind::kTimeTz, "00:00:00+00"},
    {TypeKind::kTimestamp, "1970-01-01 00:00:00"},
    {TypeKind::kTimestampTz, "1970-01-01 00:00:00+00"},
    {TypeKind::kPoint, "(0,0)"},
    {TypeKind::kBox, "(0,0),(0,0)"},
    {TypeKind::kSegment, "[(0,0),(0,0)]"},
    {TypeKind::kPath, "((0,0))"},
    {TypeKind::kPolygon, "((0,0))"},
    {TypeKind::kCircle, "<(0,0),0>"},
    {TypeKind::kLine, "{0,1,0}"},
    {TypeKind::kVector, "[]"},
    {TypeKind::kHalfVector, "[]"},
    {TypeKind::kSparseVector, "{}/0"},
};

void append_integer(std::string& out, int64_t value) {
  out += std::to_string(value);
}

template <typename T>
bool whole(std::string_view text, T& value) {
  const char* end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && next == end;
}

bool append_int(std::string& out, std::string_view text) {
  int64_t value = 0;
  if (!whole(text, value)) return false;
  append_integer(out, value);
  return true;
}

template <typename T>
bool append_float(std::string& out, std::string_view text) {
  T value = 0;
  if (!whole(text, value)) {  // also when it is out of range: "NaN" and "Infinity" are read
    return false;
  }
  append_json_number(out, value);
  return true;
}

bool is_special(std::string_view text) {
  return text == "NaN" || text == "Infinity" || text == "-Infinity";
}

bool append_special_decimal(std::string& out, std::string_view text, const Style& style) {
  if (style.decimal == DecimalMode::kPrecise) return false;
  if (style.decimal == DecimalMode::kDouble || style.readable) {
    append_json_string(out, text);
  } else {
    out += text == "NaN"        ? "\"NAN\""
           : text == "Infinity" ? "\"POSITIVE_INFINITY\""
                                : "\"NEGATIVE_INFINITY\"";
  }
  return true;
}

bool append_decimal(std::string& out, const Type& type, std::string_view text, const Style& style) {
  if (is_special(text)) return append_special_decimal(out, text, style);
  std::optional<Decimal> decimal = read_decimal(text);
  if (!decimal) return false;
  const bool variable = type.kind == TypeKind::kVariableDecimal;
  if (!variable) {
    set_scale(*decimal, type.kind == TypeKind::kMoney ? style.money_digits : type.scale);
  }
  if (style.decimal == DecimalMode::kString) {
    append_json_string(out, plain_text(*decimal));
  } else if (style.decimal == DecimalMode::kDouble) {
    return append_float<double>(out, plain_text(*decimal));
  } else if (variable) {
    strip_zeros(*decimal);
    out += R"({"scale":)" + std::to_string(decimal->scale) + R"(,"value":)";
    append_binary(out, twos_complement(*decimal), BinaryMode::kBytes);
    out += '}';
  } else {
    append_binary(out, twos_complement(*decimal), BinaryMode::kBytes);
  }
  return true;
}

// $1,234.50 or -$0.01: the sign, digits and point of whatever the locale adds.
bool append_money(std::string& out, const Type& type, std::string_view text, const Style& style) {
  std::string plain;
  if (text.starts_with('-') || text.starts_with('(')) plain = "-";
  for (const char c : text) {
    if ((c >= '0' && c <= '9') || c == '.') plain += c;
  }
  return append_decimal(out, type, plain, style);
}

// The bits from the last to the first, eight a byte, as many bytes as the highest 1 needs.
bool append_bits(std::string& out, const Type& type, std::string_view text, const Style& style) {
  if (text.find_first_not_of("01") != std::string_view::npos) return false;
  if (style.readable && type.length != 1) {
    append_json_string(out, text);
    return true;
  }
  if (type.length == 1) {
    out += text == "1" ? "true" : "false";
    return true;
  }
  std::string bytes((text.size() + 7) / 8, '\0');
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[text.size() - 1 - i] == '1') bytes[i / 8] |= static_cast<char>(1 << i % 8);
  }
  bytes.resize(bytes.find_last_not_of('\0') + 1);
  append_binary(out, bytes, BinaryMode::kBytes);
  return true;
}

void append_pairs(std::string& out, const Pairs& pairs) {
  out += '{';
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, pairs[i].first);
    out += ':';
    if (pairs[i].second) {
      append_json_string(out, *pairs[i].second);
    } else {
      out += "null";
    }
  }
  out += '}';
}

bool append_map(std::string& out, std::string_view text, const Style& style) {
  const std::optional<Pairs> pairs = read_hstore(text);
  if (!pairs) return false;
  if (style.hstore_map) {
    append_pairs(out, *pairs);
    return true;
  }
  std::string json;
  append_pairs(json, *pairs);
  append_json_string(out, json);
  return true;
}

// A source's JSON inside of ours: as it is, or as a text.
bool append_json(std::string& out, std::string_view text, const Style& style) {
  if (style.readable && !text.empty()) {
    out += text;
  } else {
    append_json_string(out, text);
  }
  return true;
}

bool append_one(std::string& out, const Type& type, std::string_view text, const Style& style) {
  std::string bytes;
  switch (type.kind) {
    case TypeKind::kUnknown: append_binary(out, text, style.binary); return true;
    case TypeKind::kBool: out += text == "t" || text == "true" ? "true" : "false"; return true;
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64: return append_int(out, text);
    case TypeKind::kFloat32: return append_float<float>(out, text);
    case TypeKind::kFloat64: return append_float<double>(out, text);
    case TypeKind::kDecimal:
    case TypeKind::kVariableDecimal: return append_decimal(out, type, text, style);
    case TypeKind::kMoney: return append_money(out, type, text, style);
    case TypeKind::kBytes:
      if (!read_bytea(text, bytes)) return false;
      append_binary(out, bytes, style.binary);
      return true;
    case TypeKind::kBits: return append_bits(out, type, text, style);
    case TypeKind::kDate: return append_date_value(out, text, style);
    case TypeKind::kTime: return append_time_value(out, type, text, style);
    case TypeKind::kTimeTz: return append_time_tz(out, text);
    case TypeKind::kTimestamp: return append_timestamp(out, type, text, style);
    case TypeKind::kTimestampTz: return append_timestamp_tz(out, type, text, style);
    case TypeKind::kInterval: return append_interval_value(out, text, style);
    case TypeKind::kJson: return append_json(out, text, style);
    case TypeKind::kMap: return append_map(out, text, style);
    case TypeKind::kText:
    case TypeKind::kChar:
    case TypeKind::kUuid:
    case TypeKind::kXml:
    case TypeKind::kEnum:
    case TypeKind::kTsVector:
    case TypeKind::kLtree: append_json_string(out, text); return true;
    case TypeKind::kPoint:
    case TypeKind::kBox:
    case TypeKind::kSegment:
    case TypeKind::kPath:
    case TypeKind::kPolygon:
    case TypeKind::kCircle:
    case TypeKind::kLine:
    case TypeKind::kGeometry:
    case TypeKind::kGeography:
    case TypeKind::kVector:
    case TypeKind::kHalfVector:
    case TypeKind::kSparseVector: return append_shape(out, type.kind, text);
  }
  return false;
}

// Levels are few: read_array has counted them.
bool append_elements(std::string& out,
                     const Type& type,  // NOLINT(misc-no-recursion)
                     const std::vector<Element>& elements,
                     const Style& style) {
  out += '[';
  for (size_t i = 0; i < elements.size(); ++i) {
    if (i > 0) out += ',';
    const Element& element = elements[i];
    if (element.kind == Element::Kind::kText) {
      if (!append_one(out, type, element.text, style)) return false;
    } else if (element.kind == Element::Kind::kArray && style.readable) {
      if (!append_elements(out, type, element.elements, style)) return false;
    } else {
      out += "null";  // also an inner array: the schema has room for one dimension only
    }
  }
  out += ']';
  return true;
}

}  // namespace

void append_binary(std::string& out, std::string_view bytes, BinaryMode mode) {
  out += '"';
  if (mode == BinaryMode::kHex) {
    append_hex(out, bytes);
  } else {
    append_base64(out, bytes, mode == BinaryMode::kBase64UrlSafe);
  }
  out += '"';
}

Style Style::of(const Config& config) {
  Style style;
  style.decimal = config.decimal;
  style.time = config.time;
  style.binary = config.binary;
  style.interval_text = config.interval_text;
  style.hstore_map = config.hstore_map;
  style.unknown_types = config.unknown_types;
  style.readable = !config.debezium_profile;
  style.money_digits = config.money_digits;
  style.unavailable = config.unavailable_value;
  return style;
}

bool is_shown(const Type& type, const Style& style) {
  if (type.kind == TypeKind::kUnknown) return style.unknown_types;
  if (!type.array || style.readable) return true;
  // Arrays that Debezium has no form for.
  constexpr TypeKind kWithout[] = {TypeKind::kMoney, TypeKind::kInterval, TypeKind::kXml,
                                   TypeKind::kPoint};
  return std::ranges::find(kWithout, type.kind) == std::end(kWithout) && type.name != "name" &&
         type.name != "varbit";
}

int fraction_digits(const Type& type) {
  return type.length < 0 ? kFractionDigits : type.length;
}

bool append_value(std::string& out, const Type& type, std::string_view text, const Style& style) {
  if (!type.array) return append_one(out, type, text, style);
  const std::optional<std::vector<Element>> elements = read_array(text);
  return elements && append_elements(out, type, *elements, style);
}

void append_unavailable(std::string& out, const Type& type, const Style& style) {
  const std::string& word = style.unavailable;
  if (type.kind == TypeKind::kBytes) {
    if (type.array) out += '[';
    if (style.binary == BinaryMode::kHex) {
      append_json_string(out, word);
    } else {
      append_binary(out, word, style.binary);
    }
    if (type.array) out += ']';
  } else if (type.kind == TypeKind::kMap) {
    Pairs pairs = {{word, word}};
    std::string json;
    append_pairs(json, pairs);
    if (style.hstore_map) {
      out += json;
    } else {
      append_json_string(out, json);
    }
  } else if (!type.array) {
    append_json_string(out, word);
  } else if (type.kind == TypeKind::kInt16 || type.kind == TypeKind::kInt32 ||
             type.kind == TypeKind::kInt64) {
    out += '[';
    for (size_t i = 0; i < word.size(); ++i) {
      if (i > 0) out += ',';
      append_integer(out, word[i]);
    }
    out += ']';
  } else {
    out += '[';
    append_json_string(out, type.kind == TypeKind::kUuid ? name_uuid(word) : word);
    out += ']';
  }
}

void append_zero(std::string& out, const Type& type, const Style& style) {
  if (type.array) {
    out += "[]";
    return;
  }
  if (type.kind == TypeKind::kJson) {
    out += "\"\"";
    return;
  }
  const auto* found = std::ranges::find(kZeros, type.kind, &Zero::kind);
  const size_t before = out.size();
  if (append_one(out, type, found == std::end(kZeros) ? "" : found->text, style)) return;
  out.resize(before);
  out += "null";
}

}  // namespace weir::cdc
