#include "admin/message_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "admin/json.h"

namespace weir::admin {
namespace {

constexpr std::string_view kHeader = "header:";
constexpr std::string_view kJson = "json:";
constexpr std::string_view kAnd = " and ";

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> steps;
  while (true) {
    const size_t dot = path.find('.');
    steps.emplace_back(path.substr(0, dot));
    if (dot == std::string_view::npos) return steps;
    path.remove_prefix(dot + 1);
  }
}

// A member of an object, or an item of a list by its number from 0 on.
const Json* step_into(const Json& value, const std::string& step) {
  if (!value.is(Json::Kind::kList)) return value.find(step);
  size_t index = 0;
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  const bool number = error == std::errc() && end == step.data() + step.size();
  return number && index < value.list().size() ? &value.list()[index] : nullptr;
}

std::optional<std::string> json_part(std::string_view body, const std::vector<std::string>& path) {
  const auto parsed = Json::parse(body);
  if (!parsed) return std::nullopt;
  const Json* value = &*parsed;
  for (const std::string& step : path) {
    value = step_into(*value, step);
    if (value == nullptr) return std::nullopt;
  }
  return value->is(Json::Kind::kText) ? value->text() : value->to_text();
}

}  // namespace

Result<MessagePart> MessagePart::parse(std::string_view text) {
  MessagePart part;
  if (text == "key") {
    part.kind_ = Kind::kKey;
  } else if (text == "body") {
    part.kind_ = Kind::kBody;
  } else if (text.starts_with(kHeader) && text.size() > kHeader.size()) {
    part.kind_ = Kind::kHeader;
    part.name_ = text.substr(kHeader.size());
  } else if (text.starts_with(kJson) && text.size() > kJson.size()) {
    part.kind_ = Kind::kJson;
    part.path_ = split(text.substr(kJson.size()));
  } else {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("{} is no part of a message: key, body, header:NAME or json:PATH", text));
  }
  return part;
}

std::optional<std::string> MessagePart::of(const log::ReadRecord& record) const {
  const auto owned = [](std::optional<ByteView> bytes) {
    return bytes ? std::optional<std::string>(*bytes) : std::nullopt;
  };
  switch (kind_) {
    case Kind::kKey: return owned(record.key);
    case Kind::kBody: return owned(record.value);
    case Kind::kHeader: return owned(record.headers.find(name_));
    case Kind::kJson: return record.value ? json_part(*record.value, path_) : std::nullopt;
  }
  return std::nullopt;
}

Result<MessageFilter::Condition> MessageFilter::parse_condition(std::string_view text) {
  const size_t sign = text.find_first_of("=~");
  if (sign == std::string_view::npos || sign == 0) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is no condition: PART=TEXT, PART!=TEXT or PART~TEXT", text));
  }
  Condition condition;
  std::string_view name = text.substr(0, sign);
  condition.test = text[sign] == '~' ? Test::kContains : Test::kEqual;
  if (condition.test == Test::kEqual && name.ends_with('!')) {
    condition.test = Test::kNotEqual;
    name.remove_suffix(1);
  }
  auto part = MessagePart::parse(name);
  if (!part) return std::unexpected(part.error());
  condition.part = std::move(*part);
  condition.wanted = text.substr(sign + 1);
  if (condition.test != Test::kContains && condition.wanted.ends_with('*')) {
    condition.prefix = true;
    condition.wanted.pop_back();
  }
  return condition;
}

Result<MessageFilter> MessageFilter::parse(std::string_view text) {
  if (text.size() > kFilterBytesMax) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("a filter has at most {} bytes", kFilterBytesMax));
  }
  MessageFilter filter;
  while (!text.empty()) {
    const size_t end = text.find(kAnd);
    auto condition = parse_condition(text.substr(0, end));
    if (!condition) return std::unexpected(condition.error());
    filter.conditions_.push_back(std::move(*condition));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + kAnd.size());
    if (text.empty()) return fail(ErrorCode::kInvalidArgument, "a condition must follow \"and\"");
  }
  if (filter.conditions_.size() > kConditionsMax) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("a filter has at most {} conditions", kConditionsMax));
  }
  return filter;
}

bool MessageFilter::Condition::holds(const log::ReadRecord& record) const {
  const auto value = part.of(record);
  if (test == Test::kContains) return value && value->contains(wanted);
  const bool equal = value && (prefix ? value->starts_with(wanted) : *value == wanted);
  return equal == (test == Test::kEqual);
}

bool MessageFilter::passes(const log::ReadRecord& record) const {
  return std::ranges::all_of(conditions_,
                             [&](const Condition& condition) { return condition.holds(record); });
}

}  // namespace weir::admin
