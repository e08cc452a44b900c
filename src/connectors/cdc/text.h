#pragma once
// Pieces of JSON and encodings of bytes, appended to a text.

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::cdc {

void append_json_string(std::string& out, std::string_view text);

// As Java prints them (1.0, 1.0E-7), which is JSON; what is no number comes as a string ("NaN").
void append_json_number(std::string& out, double value);
void append_json_number(std::string& out, float value);

void append_base64(std::string& out, std::string_view bytes, bool url_safe = false);
void append_hex(std::string& out, std::string_view bytes);

// The bytes of bytea's text form \x0102, or false when it is none.
bool read_bytea(std::string_view text, std::string& bytes);

}  // namespace weir::cdc
