#pragma once
// A column's value as JSON, in the form that the configuration asks for.

#include <cstdint>
#include <string>
#include <string_view>

#include "connectors/cdc/change.h"
#include "connectors/cdc/config.h"

namespace weir::cdc {

struct Style {
  DecimalMode decimal = DecimalMode::kPrecise;
  TimeMode time = TimeMode::kAdaptive;
  BinaryMode binary = BinaryMode::kBytes;
  bool interval_text = false;
  bool hstore_map = false;
  bool unknown_types = false;
  // Our own profile: ISO 8601 without a zone where there is none, JSON as JSON, whole arrays.
  bool readable = false;
  int32_t money_digits = 2;
  std::string unavailable;

  static Style of(const Config& config);
};

// Whether columns of the type are part of events at all.
bool is_shown(const Type& type, const Style& style);

// Digits of a fraction: what the type says, else PostgreSQL's six.
int fraction_digits(const Type& type);

// Appends the value; false when the text is none of its type.
bool append_value(std::string& out, const Type& type, std::string_view text, const Style& style);

// Bytes as a JSON string in one of their forms.
void append_binary(std::string& out, std::string_view bytes, BinaryMode mode);

// In place of a big value that the source did not send.
void append_unavailable(std::string& out, const Type& type, const Style& style);

// In place of null where a column takes none: the zero of its type.
void append_zero(std::string& out, const Type& type, const Style& style);

}  // namespace weir::cdc
