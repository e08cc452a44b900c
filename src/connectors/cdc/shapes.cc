#include "connectors/cdc/shapes.h"

#include <openssl/evp.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/cdc/change.h"
#include "connectors/cdc/composite.h"
#include "connectors/cdc/text.h"

namespace weir::cdc {

namespace {

using Numbers = std::vector<double>;

constexpr double kDimensionsMax = 1'000'000'000;  // of a sparse vector, as pgvector has it

void append_wkb(std::string& out, std::string_view wkb) {
  out += R"("wkb":")";
  append_base64(out, wkb);
  out += '"';
}

void append_point(std::string& out, double x, double y) {
  out += R"({"x":)";
  append_json_number(out, x);
  out += R"(,"y":)";
  append_json_number(out, y);
  out += ',';
  append_wkb(out, wkb_point(x, y));
  out += R"(,"srid":null})";
}

void append_geometry(std::string& out, std::string_view wkb, std::string_view extensions) {
  out += '{';
  append_wkb(out, wkb);
  out += R"(,"srid":null,"extensions":{"type":)";
  out += extensions;
  out += "}}";
}

Points points_of(const Numbers& numbers) {
  Points points;
  for (size_t i = 0; i + 1 < numbers.size(); i += 2) {
    points.emplace_back(numbers[i], numbers[i + 1]);
  }
  return points;
}

bool append_box(std::string& out, const Numbers& n) {
  if (n.size() != 4) return false;
  const Points ring = {{n[0], n[1]}, {n[0], n[3]}, {n[2], n[3]}, {n[2], n[1]}, {n[0], n[1]}};
  append_geometry(out, wkb_polygon(ring), "\"box\"");
  return true;
}

bool append_polygon(std::string& out, const Numbers& numbers) {
  Points ring = points_of(numbers);
  if (ring.empty() || numbers.size() % 2 != 0) return false;
  if (ring.front() != ring.back()) ring.push_back(ring.front());
  append_geometry(out, wkb_polygon(ring), "\"polygon\"");
  return true;
}

bool append_path(std::string& out, const Numbers& numbers, bool closed) {
  if (numbers.empty() || numbers.size() % 2 != 0) return false;
  append_geometry(out, wkb_line(points_of(numbers)),
                  closed ? R"("path","closed":"true")" : R"("path","closed":"false")");
  return true;
}

bool append_circle(std::string& out, const Numbers& n) {
  if (n.size() != 3) return false;
  out += R"({"center":)";
  append_point(out, n[0], n[1]);
  out += R"(,"radius":)";
  append_json_number(out, n[2]);
  out += '}';
  return true;
}

bool append_line(std::string& out, const Numbers& n) {
  if (n.size() != 3) return false;
  out += R"({"a":)";
  append_json_number(out, n[0]);
  out += R"(,"b":)";
  append_json_number(out, n[1]);
  out += R"(,"c":)";
  append_json_number(out, n[2]);
  out += '}';
  return true;
}

bool append_ewkb(std::string& out, std::string_view text) {
  const std::optional<Ewkb> found = read_ewkb(text);
  if (!found) return false;
  out += '{';
  append_wkb(out, found->wkb);
  out += R"(,"srid":)";
  out += found->srid ? std::to_string(*found->srid) : "null";
  out += R"(,"extensions":null})";
  return true;
}

bool append_vector(std::string& out, std::string_view text, bool single) {
  const std::optional<Numbers> numbers = read_numbers(text);
  if (!numbers) return false;
  out += '[';
  for (size_t i = 0; i < numbers->size(); ++i) {
    if (i > 0) out += ',';
    if (single) {
      append_json_number(out, static_cast<float>((*numbers)[i]));
    } else {
      append_json_number(out, (*numbers)[i]);
    }
  }
  out += ']';
  return true;
}

// {1:0.5,3:2}/5
bool append_sparse(std::string& out, std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || !text.starts_with('{')) return false;
  std::string pairs(text.substr(0, slash));
  for (char& c : pairs) {
    if (c == ':') c = ',';
  }
  const std::optional<Numbers> numbers = read_numbers(pairs);
  const std::optional<Numbers> size = read_numbers(text.substr(slash + 1));
  if (!numbers || !size || size->size() != 1 || numbers->size() % 2 != 0) return false;
  const auto is_index = [](double value) { return value >= 0 && value <= kDimensionsMax; };
  if (!is_index(size->front())) return false;
  for (size_t i = 0; i < numbers->size(); i += 2) {
    if (!is_index((*numbers)[i])) return false;
  }
  out += R"({"dimensions":)" + std::to_string(static_cast<int>(size->front())) + R"(,"vector":{)";
  for (size_t i = 0; i < numbers->size(); i += 2) {
    if (i > 0) out += ',';
    append_json_string(out, std::to_string(static_cast<int>((*numbers)[i])));
    out += ':';
    append_json_number(out, (*numbers)[i + 1]);
  }
  out += "}}";
  return true;
}

}  // namespace

bool append_shape(std::string& out, TypeKind kind, std::string_view text) {
  if (kind == TypeKind::kGeometry || kind == TypeKind::kGeography) return append_ewkb(out, text);
  if (kind == TypeKind::kVector) return append_vector(out, text, false);
  if (kind == TypeKind::kHalfVector) return append_vector(out, text, true);
  if (kind == TypeKind::kSparseVector) return append_sparse(out, text);
  const std::optional<Numbers> numbers = read_numbers(text);
  if (!numbers) return false;
  if (kind == TypeKind::kBox) return append_box(out, *numbers);
  if (kind == TypeKind::kPolygon) return append_polygon(out, *numbers);
  if (kind == TypeKind::kPath) return append_path(out, *numbers, text.starts_with('('));
  if (kind == TypeKind::kCircle) return append_circle(out, *numbers);
  if (kind == TypeKind::kLine) return append_line(out, *numbers);
  if (kind == TypeKind::kSegment && numbers->size() == 4) {
    append_geometry(out, wkb_line(points_of(*numbers)), "\"lseg\"");
    return true;
  }
  if (kind == TypeKind::kPoint && numbers->size() == 2) {
    append_point(out, (*numbers)[0], (*numbers)[1]);
    return true;
  }
  return false;
}

std::string name_uuid(std::string_view name) {
  unsigned char digest[EVP_MAX_MD_SIZE] = {};
  EVP_Digest(name.data(), name.size(), digest, nullptr, EVP_md5(), nullptr);
  digest[6] = static_cast<unsigned char>((digest[6] & 0x0F) | 0x30);
  digest[8] = static_cast<unsigned char>((digest[8] & 0x3F) | 0x80);
  std::string hexadecimal;
  append_hex(hexadecimal, {reinterpret_cast<const char*>(digest), 16});
  for (const size_t dash : {8, 13, 18, 23}) hexadecimal.insert(dash, 1, '-');
  return hexadecimal;
}

}  // namespace weir::cdc
