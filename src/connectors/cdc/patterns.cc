#include "connectors/cdc/patterns.h"

#include <re2/re2.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "fmt/format.h"

namespace weir::cdc {

namespace {

constexpr size_t kPatternBytesMax = 4096;
constexpr size_t kPatternsMax = 10'000;
constexpr size_t kProgramBytesMax = 1 << 20;
constexpr int kGroupsMax = 20;

// Java writes (?<name>…) where RE2 wants (?P<name>…); lookbehind stays as it is, to be refused.
std::string for_re2(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      out += text[i++];
      out += text[i];
      continue;
    }
    out += text[i];
    const bool group = text.substr(i).starts_with("(?<") && i + 3 < text.size() &&
                       text[i + 3] != '=' && text[i + 3] != '!';
    if (group) {
      out += "?P";
      ++i;
    }
  }
  return out;
}

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

struct Pattern::Compiled {
  Compiled(std::string_view text, const re2::RE2::Options& options)
      : expression(piece(text), options) {}
  re2::RE2 expression;
};

Result<Pattern> Pattern::compile(std::string_view text, bool ignore_case) {
  if (text.size() > kPatternBytesMax) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("an expression is longer than {} bytes", kPatternBytesMax));
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(!ignore_case);
  options.set_max_mem(kProgramBytesMax);
  Pattern pattern;
  pattern.text_ = text;
  const auto compiled = std::make_shared<const Compiled>(for_re2(text), options);
  if (!compiled->expression.ok()) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("\"{}\" is no regular expression that Weir can use: {} (look-around and "
                    "back-references are not supported)",
                    text, compiled->expression.error()));
  }
  pattern.compiled_ = compiled;
  return pattern;
}

bool Pattern::matches(std::string_view name) const {
  return compiled_ && re2::RE2::FullMatch(piece(name), compiled_->expression);
}

std::optional<std::string> Pattern::replace(std::string_view name,
                                            std::string_view replacement) const {
  if (!compiled_) return std::nullopt;
  re2::StringPiece groups[kGroupsMax];
  const int count = std::min(kGroupsMax, compiled_->expression.NumberOfCapturingGroups() + 1);
  if (!compiled_->expression.Match(piece(name), 0, name.size(), re2::RE2::ANCHOR_BOTH, groups,
                                   count)) {
    return std::nullopt;
  }
  const auto& names = compiled_->expression.NamedCapturingGroups();
  std::string out;
  for (size_t i = 0; i < replacement.size(); ++i) {
    if (replacement[i] != '$' || i + 1 == replacement.size()) {
      out += replacement[i];
      continue;
    }
    int group = -1;
    if (replacement[i + 1] == '{') {
      const size_t end = replacement.find('}', i);
      if (end == std::string_view::npos) return std::nullopt;
      const auto found = names.find(std::string(replacement.substr(i + 2, end - i - 2)));
      if (found != names.end()) group = found->second;
      i = end;
    } else if (replacement[i + 1] >= '0' && replacement[i + 1] <= '9') {
      group = replacement[++i] - '0';
    }
    if (group < 0 || group >= count) return std::nullopt;
    out.append(groups[group].data(), groups[group].size());
  }
  return out;
}

Result<Patterns> Patterns::compile(std::string_view list, bool ignore_case) {
  Patterns patterns;
  const auto add = [&](std::string_view one) -> Result<> {
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    if (one.empty()) return {};
    if (patterns.patterns_.size() >= kPatternsMax) {
      return fail(ErrorCode::kLimitReached,
                  fmt::format("a list has more than {} expressions", kPatternsMax));
    }
    Result<Pattern> pattern = Pattern::compile(one, ignore_case);
    if (!pattern) return std::unexpected(std::move(pattern.error()));
    patterns.patterns_.push_back(std::move(*pattern));
    return {};
  };
  size_t start = 0;
  int depth = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    const char c = list[i];
    if (c == '\\') {
      ++i;
    } else if (c == '(' || c == '[' || c == '{') {
      ++depth;
    } else if (c == ')' || c == ']' || c == '}') {
      --depth;
    } else if (c == ',' && depth <= 0) {
      if (const Result<> added = add(list.substr(start, i - start)); !added) {
        return std::unexpected(added.error());
      }
      start = i + 1;
    }
  }
  if (const Result<> added = add(list.substr(std::min(start, list.size()))); !added) {
    return std::unexpected(added.error());
  }
  return patterns;
}

bool Patterns::matches(std::string_view name) const {
  for (const Pattern& pattern : patterns_) {
    if (pattern.matches(name)) return true;
  }
  return false;
}

}  // namespace weir::cdc
