// Reading the TOML file: the only place that knows toml++.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/suggest.h"
#include "server/kafka_listeners.h"
#include "server/settings.h"

namespace weir::server {
namespace {

struct FileReader {
  Settings& settings;
  std::string_view name;
  std::vector<std::string_view> keys;

  std::unexpected<Error> refuse(const toml::source_region& where, std::string_view text) const {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}:{}: {}", name, where.begin.line, text));
  }

  // [[kafka.listeners]] as the text that flags give.
  Result<> kafka_listeners(const toml::array& tables) const {
    std::string text;
    for (const toml::node& node : tables) {
      const auto* table = node.as_table();
      if (table == nullptr) {
        return refuse(node.source(), fmt::format("{} has tables", kKafkaListenersKey));
      }
      for (const auto& [key, entry] : *table) {
        const auto string = entry.value<std::string>();
        const auto number = entry.value<int64_t>();
        const std::string shown = string ? *string : number ? std::to_string(*number) : "";
        if (shown.empty() || shown.find_first_of(",;") != std::string::npos) {
          return refuse(entry.source(),
                        fmt::format("{} of {} must be a text without comma and semicolon",
                                    std::string(key.str()), kKafkaListenersKey));
        }
        text += fmt::format("{}={},", std::string(key.str()), shown);
      }
      text += ';';
    }
    settings.kafka_listeners = std::move(text);
    if (const auto parsed = server::kafka_listeners(settings); !parsed) {
      return refuse(tables.source(), parsed.error().message);
    }
    settings.sources[std::string(kKafkaListenersKey)] = Source::kFile;
    return {};
  }

  Result<> value(const std::string& key, const toml::node& node) const {
    if (const auto* tables = node.as_array(); tables != nullptr && key == kKafkaListenersKey) {
      return kafka_listeners(*tables);
    }
    const auto place = std::ranges::find(keys, std::string_view(key));
    if (place == keys.end()) {
      return refuse(node.source(), fmt::format("unknown key {}{}", key, did_you_mean(key, keys)));
    }
    std::string text;
    if (const auto* string = node.as_string()) {
      text = string->get();
    } else if (const auto* number = node.as_integer()) {
      text = std::to_string(number->get());
    } else if (const auto* boolean = node.as_boolean()) {
      text = boolean->get() ? "true" : "false";
    } else {
      return refuse(node.source(),
                    fmt::format("{} must be a text, a whole number or true/false", key));
    }
    const Option& option = options()[static_cast<size_t>(place - keys.begin())];
    if (auto assigned = assign(settings, option, text, Source::kFile); !assigned) {
      return refuse(node.source(), assigned.error().message);
    }
    return {};
  }

  // Sections are one level deep: a key is "name" or "section.name".
  Result<> table(const std::string& prefix, const toml::table& entries) const {
    for (const auto& [name_, node] : entries) {
      const std::string key = prefix + std::string(name_.str());
      const auto* section = node.as_table();
      const auto done =
          section != nullptr && prefix.empty() ? table(key + ".", *section) : value(key, node);
      if (!done) return done;
    }
    return {};
  }
};

}  // namespace

Result<> apply_file(Settings& settings, std::string_view text, std::string_view name) {
  toml::table parsed;
  try {
    parsed = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}:{}: {}", name, error.source().begin.line, error.description()));
  }
  FileReader reader{settings, name, {}};
  for (const Option& option : options()) reader.keys.push_back(option.key);
  return reader.table("", parsed);
}

}  // namespace weir::server
