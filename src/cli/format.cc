#include "cli/format.h"

#include <fmt/format.h>

namespace weir::cli {
namespace {

constexpr std::string_view kTokens = "tpoTkvh%";
constexpr std::string_view kEscapes = "nt\\";

std::string headers_text(const admin::Json& record) {
  std::string text;
  for (const admin::Json& header : record["headers"].list()) {
    if (!text.empty()) text += ',';
    text += header["name"].text() + "=" + bytes_of(header, "value");
  }
  return text;
}

std::string part(char token, std::string_view topic, const admin::Json& record) {
  switch (token) {
    case 't': return std::string(topic);
    case 'p': return fmt::format("{}", record["partition"].integer());
    case 'o': return fmt::format("{}", record["offset"].integer());
    case 'T': return fmt::format("{}", record["timestamp_ms"].integer());
    case 'k': return bytes_of(record, "key");
    case 'v': return bytes_of(record, "value");
    case 'h': return headers_text(record);
    default: return "%";
  }
}

}  // namespace

Result<> check_format(std::string_view format) {
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' && format[i] != '\\') continue;
    const std::string_view known = format[i] == '%' ? kTokens : kEscapes;
    if (i + 1 == format.size() || known.find(format[i + 1]) == std::string_view::npos) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{} is unknown; there are %t %p %o %T %k %v %h %% \\n \\t \\\\",
                              format.substr(i, 2)));
    }
    ++i;
  }
  return {};
}

std::string formatted(std::string_view format, std::string_view topic, const admin::Json& record) {
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] == '%') {
      out += part(format[++i], topic, record);
    } else if (format[i] == '\\') {
      const char escape = format[++i];
      out += escape == 'n' ? '\n' : escape == 't' ? '\t' : '\\';
    } else {
      out += format[i];
    }
  }
  return out;
}

std::string bytes_of(const admin::Json& object, std::string_view name) {
  if (const admin::Json* plain = object.find(name)) return plain->text();
  const auto decoded = admin::from_base64(object[fmt::format("{}_base64", name)].text());
  return decoded.value_or(std::string());
}

}  // namespace weir::cli
