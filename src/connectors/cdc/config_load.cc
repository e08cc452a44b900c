// Files that describe captures: Kafka Connect's JSON and our TOML, both flattened into properties.

#include <simdjson.h>
#include <toml++/toml.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "connectors/cdc/config.h"
#include "fmt/format.h"

namespace weir::cdc {

namespace {

constexpr size_t kFileBytesMax = 1 << 20;
constexpr int kDepthMax = 16;

Error refuse(std::string message) {
  return {.code = ErrorCode::kInvalidArgument, .message = std::move(message)};
}

Result<> add(Properties& properties, std::string key, std::string value) {
  const auto [at, fresh] = properties.emplace(std::move(key), std::move(value));
  if (fresh) return {};
  return std::unexpected(refuse(fmt::format("{} stands there twice", at->first)));
}

Result<> json_value(Properties& properties,
                    std::string_view key,
                    const simdjson::dom::element& value) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS)
    return add(properties, std::string(key), std::string(text));
  if (value.is_null()) return {};
  if (value.is_object() || value.is_array()) {
    return std::unexpected(
        refuse(fmt::format("{} must be a text, a number or a truth value", key)));
  }
  return add(properties, std::string(key), simdjson::minify(value));
}

// Levels are counted.
class TomlReader {
 public:
  explicit TomlReader(Properties& properties) : properties_(properties) {}

  Result<> table(const std::string& prefix,
                 const toml::table& entries,  // NOLINT(misc-no-recursion)
                 int depth) {
    if (depth > kDepthMax) return std::unexpected(refuse("tables are nested too deep"));
    for (const auto& [key, node] : entries) {
      const Result<> taken = value(prefix + std::string(key.str()), node, depth);
      if (!taken) return taken;
    }
    return {};
  }

 private:
  Result<> value(const std::string& key,
                 const toml::node& node,  // NOLINT(misc-no-recursion)
                 int depth) {
    if (const toml::table* inner = node.as_table()) return table(key + ".", *inner, depth + 1);
    if (const toml::array* list = node.as_array()) return array(key, *list, depth);
    const std::optional<std::string> text = scalar(node);
    if (!text) {
      return std::unexpected(
          refuse(fmt::format("{} must be a text, a number or a truth value", key)));
    }
    return add(properties_, key, *text);
  }

  // A list of texts is joined by commas; a list of tables is numbered.
  Result<> array(const std::string& key,
                 const toml::array& list,  // NOLINT(misc-no-recursion)
                 int depth) {
    std::string joined;
    size_t number = 0;
    for (const toml::node& node : list) {
      if (const toml::table* inner = node.as_table()) {
        const Result<> taken = table(fmt::format("{}.{}.", key, number++), *inner, depth + 1);
        if (!taken) return taken;
        continue;
      }
      const std::optional<std::string> text = scalar(node);
      if (!text) return std::unexpected(refuse(fmt::format("{} must be a list of texts", key)));
      if (!joined.empty()) joined += ',';
      joined += *text;
    }
    return number > 0 ? Result<>() : add(properties_, key, joined);
  }

  static std::optional<std::string> scalar(const toml::node& node) {
    if (const auto text = node.value_exact<std::string>()) return text;
    if (const auto number = node.value_exact<int64_t>()) return std::to_string(*number);
    if (const auto truth = node.value_exact<bool>()) return *truth ? "true" : "false";
    return std::nullopt;
  }

  Properties& properties_;
};

Result<Loaded> loaded_of(const toml::table& entries) {
  Loaded loaded;
  if (const Result<> read = TomlReader(loaded.properties).table("", entries, 0); !read) {
    return std::unexpected(read.error());
  }
  const auto name = loaded.properties.find("name");
  if (name != loaded.properties.end()) {
    loaded.name = name->second;
    loaded.properties.erase(name);
  }
  return loaded;
}

}  // namespace

Result<Loaded> load_json(std::string_view text) {
  if (text.size() > kFileBytesMax) return std::unexpected(refuse("the file is larger than 1 MiB"));
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(text);
  simdjson::dom::object top;
  if (const auto error = parser.parse(padded).get(top); error != simdjson::SUCCESS) {
    return std::unexpected(
        refuse(fmt::format("the file is no JSON object: {}", simdjson::error_message(error))));
  }
  Loaded loaded;
  std::string_view name;
  if (top["name"].get(name) == simdjson::SUCCESS) loaded.name = name;
  simdjson::dom::object config;
  const bool nested = top["config"].get(config) == simdjson::SUCCESS;
  const simdjson::dom::object& from = nested ? config : top;
  for (const auto& [key, value] : from) {
    if (key == "name") {
      if (loaded.name.empty() && value.get(name) == simdjson::SUCCESS) loaded.name = name;
      continue;
    }
    const Result<> added = json_value(loaded.properties, key, value);
    if (!added) return std::unexpected(added.error());
  }
  return loaded;
}

Result<std::vector<Loaded>> load_toml(std::string_view text) {
  if (text.size() > kFileBytesMax) return std::unexpected(refuse("the file is larger than 1 MiB"));
  toml::table parsed;
  try {
    parsed = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return std::unexpected(
        refuse(fmt::format("line {}: {}", error.source().begin.line, error.description())));
  }
  std::vector<Loaded> all;
  const toml::node* captures = parsed.get("cdc");
  if (captures == nullptr) return std::unexpected(refuse("the file has no table [[cdc]]"));
  const auto take = [&all](const toml::table& entries) -> Result<> {
    Result<Loaded> loaded = loaded_of(entries);
    if (!loaded) return std::unexpected(loaded.error());
    all.push_back(std::move(*loaded));
    return {};
  };
  if (const toml::table* one = captures->as_table()) {
    if (const Result<> taken = take(*one); !taken) return std::unexpected(taken.error());
    return all;
  }
  const toml::array* list = captures->as_array();
  if (list == nullptr) return std::unexpected(refuse("cdc must be a table"));
  for (const toml::node& node : *list) {
    const toml::table* entries = node.as_table();
    if (entries == nullptr) return std::unexpected(refuse("cdc must be a list of tables"));
    if (const Result<> taken = take(*entries); !taken) return std::unexpected(taken.error());
  }
  return all;
}

}  // namespace weir::cdc
