#include "connectors/cdc/composite.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/wire.h"
#include "connectors/cdc/text.h"

namespace weir::cdc {

namespace {

constexpr uint8_t kLittleEndian = 1;
constexpr uint32_t kWkbPoint = 1;
constexpr uint32_t kWkbLine = 2;
constexpr uint32_t kWkbPolygon = 3;
constexpr uint32_t kHasSrid = 0x2000'0000;

// A quoted text whose opening quote is taken; a backslash makes the next character plain.
bool quoted(std::string_view text, size_t& at, std::string& out) {
  while (at < text.size() && text[at] != '"') {
    if (text[at] == '\\') ++at;
    if (at >= text.size()) return false;
    out += text[at++];
  }
  if (at >= text.size()) return false;
  ++at;
  return true;
}

// NULL, or a text up to the next comma or brace.
void unquoted(std::string_view text, size_t& at, Element& element) {
  while (at < text.size() && text[at] != ',' && text[at] != '}') {
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    element.text += text[at++];
  }
  if (element.text == "NULL") element.kind = Element::Kind::kNull;
}

bool elements(std::string_view text, size_t& at, int depth, std::vector<Element>& out);

// Levels are few, so they may call each other.
bool element(std::string_view text,
             size_t& at,
             int depth,  // NOLINT(misc-no-recursion)
             Element& out) {
  if (text[at] == '{') {
    out.kind = Element::Kind::kArray;
    return elements(text, at, depth + 1, out.elements);
  }
  if (text[at] == '"') {
    ++at;
    return quoted(text, at, out.text);
  }
  unquoted(text, at, out);
  return true;
}

bool elements(std::string_view text,
              size_t& at,
              int depth,  // NOLINT(misc-no-recursion)
              std::vector<Element>& out) {
  if (depth > kArrayDimensionsMax || at >= text.size() || text[at] != '{') return false;
  ++at;
  if (at < text.size() && text[at] == '}') {
    ++at;
    return true;
  }
  while (at < text.size()) {
    if (!element(text, at, depth, out.emplace_back()) || at >= text.size()) return false;
    const char next = text[at++];
    if (next == '}') return true;
    if (next != ',') return false;
  }
  return false;
}

// Takes a text in quotes.
bool hstore_text(std::string_view text, size_t& at, std::string& out) {
  if (at >= text.size() || text[at] != '"') return false;
  ++at;
  return quoted(text, at, out);
}

void begin(Writer& writer, uint32_t kind) {
  writer.u8(kLittleEndian);
  writer.fixed(kind);
}

void add(Writer& writer, const Points& points) {
  writer.fixed(static_cast<uint32_t>(points.size()));
  for (const auto& [x, y] : points) {
    writer.fixed(x);
    writer.fixed(y);
  }
}

}  // namespace

std::optional<std::vector<Element>> read_array(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    text.remove_prefix(equals + 1);
  }
  std::vector<Element> found;
  size_t at = 0;
  if (!elements(text, at, 1, found) || at != text.size()) return std::nullopt;
  return found;
}

std::optional<Pairs> read_hstore(std::string_view text) {
  Pairs pairs;
  size_t at = 0;
  while (at < text.size()) {
    std::string key;
    if (!hstore_text(text, at, key)) return std::nullopt;
    if (text.substr(at, 2) != "=>") return std::nullopt;
    at += 2;
    std::optional<std::string> value;
    if (text.substr(at, 4) == "NULL") {
      at += 4;
    } else {
      value.emplace();
      if (!hstore_text(text, at, *value)) return std::nullopt;
    }
    pairs.emplace_back(std::move(key), std::move(value));
    if (at == text.size()) break;
    if (text.substr(at, 2) != ", ") return std::nullopt;
    at += 2;
    if (at == text.size()) return std::nullopt;
  }
  return pairs;
}

std::optional<std::vector<double>> read_numbers(std::string_view text) {
  constexpr std::string_view kBetween = "()[]{}<>,";
  std::vector<double> numbers;
  size_t at = 0;
  while (at < text.size()) {
    if (kBetween.find(text[at]) != std::string_view::npos) {
      ++at;
      continue;
    }
    double value = 0;
    const char* end = text.data() + text.size();
    const auto [next, error] = std::from_chars(text.data() + at, end, value);
    if (error != std::errc()) return std::nullopt;
    at = static_cast<size_t>(next - text.data());
    numbers.push_back(value);
  }
  return numbers;
}

std::string wkb_point(double x, double y) {
  Writer writer;
  begin(writer, kWkbPoint);
  writer.fixed(x);
  writer.fixed(y);
  return writer.out();
}

std::string wkb_line(const Points& points) {
  Writer writer;
  begin(writer, kWkbLine);
  add(writer, points);
  return writer.out();
}

std::string wkb_polygon(const Points& ring) {
  Writer writer;
  begin(writer, kWkbPolygon);
  writer.fixed(uint32_t{1});
  add(writer, ring);
  return writer.out();
}

std::optional<Ewkb> read_ewkb(std::string_view hexadecimal) {
  std::string bytes;
  if (!read_bytea("\\x" + std::string(hexadecimal), bytes)) return std::nullopt;
  Reader reader(bytes);
  const bool little = reader.u8() == kLittleEndian;
  const uint32_t kind = little ? reader.fixed<uint32_t>() : reader.fixed_be<uint32_t>();
  if (reader.failed()) return std::nullopt;
  Ewkb found;
  if ((kind & kHasSrid) != 0) {
    found.srid = little ? reader.fixed<int32_t>() : reader.fixed_be<int32_t>();
    if (reader.failed()) return std::nullopt;
  }
  // The bytes stay as they are, flag and number included, as Debezium passes them on.
  found.wkb = std::move(bytes);
  return found;
}

}  // namespace weir::cdc
