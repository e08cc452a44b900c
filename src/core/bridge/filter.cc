#include "core/bridge/filter.h"

#include <fmt/format.h>

#include <charconv>

namespace weir::bridge {
namespace {

constexpr ByteView kJoin = " && ";
constexpr size_t kConditionsMax = 16;

// Where the field ends; what stands in quotes belongs to it.
size_t operator_at(ByteView text) {
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '=' || c == '<' || c == '>' || (c == '!' && text.substr(i, 2) == "!=")) {
      return i;
    }
  }
  return ByteView::npos;
}

std::optional<double> number_of(ByteView text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

}  // namespace

Result<Filter::Condition> Filter::parse_condition(ByteView text) {
  const size_t at = operator_at(text);
  if (at == ByteView::npos) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("filter {} is not of the form FIELD=VALUE, where FIELD is key, "
                            "header:NAME or a JSON path like $.customer.id",
                            text));
  }
  auto field = Field::parse(text.substr(0, at));
  if (!field) return std::unexpected(field.error());
  Condition condition;
  condition.field = std::move(*field);
  const bool wide =
      text.substr(at, 2) == "!=" || text.substr(at, 2) == "<=" || text.substr(at, 2) == ">=";
  ByteView value = text.substr(at + (wide ? 2 : 1));
  switch (text[at]) {
    case '!': condition.op = Operator::kUnequal; break;
    case '<': condition.op = wide ? Operator::kAtMost : Operator::kLess; break;
    case '>': condition.op = wide ? Operator::kAtLeast : Operator::kGreater; break;
    default: condition.op = Operator::kEqual;
  }
  if (condition.op == Operator::kEqual || condition.op == Operator::kUnequal) {
    condition.prefix = value.ends_with('*');
    if (condition.prefix) value.remove_suffix(1);
    condition.value = value;
    return condition;
  }
  const auto number = number_of(value);
  if (!number) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("filter {} compares with {}, which is no number", text, value));
  }
  condition.number = *number;
  return condition;
}

Result<Filter> Filter::parse(ByteView text) {
  Filter filter;
  while (!text.empty()) {
    const size_t end = std::min(text.find(kJoin), text.size());
    if (filter.conditions_.size() == kConditionsMax) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("a filter has at most {} conditions", kConditionsMax));
    }
    auto condition = parse_condition(text.substr(0, end));
    if (!condition) return std::unexpected(condition.error());
    filter.conditions_.push_back(std::move(*condition));
    text.remove_prefix(std::min(end + kJoin.size(), text.size()));
  }
  return filter;
}

bool Filter::holds(const Condition& condition, const std::string& value) {
  const ByteView text = value;
  const bool equal = condition.prefix ? text.starts_with(condition.value) : text == condition.value;
  if (condition.op == Operator::kEqual) return equal;
  if (condition.op == Operator::kUnequal) return !equal;
  const auto number = number_of(text);
  if (!number) return false;
  switch (condition.op) {
    case Operator::kLess: return *number < condition.number;
    case Operator::kAtMost: return *number <= condition.number;
    case Operator::kGreater: return *number > condition.number;
    case Operator::kAtLeast: return *number >= condition.number;
    case Operator::kEqual:
    case Operator::kUnequal: break;
  }
  return false;
}

bool Filter::passes(Values& values) const {
  for (const Condition& condition : conditions_) {
    const auto value = condition.field.of(values);
    if (!value || !holds(condition, *value)) return false;
  }
  return true;
}

}  // namespace weir::bridge
