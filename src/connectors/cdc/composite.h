#pragma once
// Texts of values that have parts: arrays, hstore, geometric shapes.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::cdc {

inline constexpr int kArrayDimensionsMax = 6;  // PostgreSQL's own limit

// One element of an array: a text, null, or an array again.
struct Element {
  enum class Kind : uint8_t { kText, kNull, kArray };
  Kind kind = Kind::kText;
  std::string text;
  std::vector<Element> elements;
};

// {1,NULL,"a b"} or {{1,2},{3,4}}, with bounds ([0:1]=) or without.
std::optional<std::vector<Element>> read_array(std::string_view text);

// "a"=>"1", "b"=>NULL
using Pairs = std::vector<std::pair<std::string, std::optional<std::string>>>;
std::optional<Pairs> read_hstore(std::string_view text);

// The numbers of a shape's text, whatever stands between them: ((0,0),(1,2)).
std::optional<std::vector<double>> read_numbers(std::string_view text);

using Points = std::vector<std::pair<double, double>>;

// Well-known binary, little-endian.
std::string wkb_point(double x, double y);
std::string wkb_line(const Points& points);
std::string wkb_polygon(const Points& ring);

// PostGIS's hexadecimal EWKB, taken apart.
struct Ewkb {
  std::string wkb;
  std::optional<int32_t> srid;
};
std::optional<Ewkb> read_ewkb(std::string_view hexadecimal);

}  // namespace weir::cdc
