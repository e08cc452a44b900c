#include "admin/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/suggest.h"

namespace weir::admin {

Fields::Fields(const Json& object) : object_(object) {
  if (!object.is(Json::Kind::kObject)) mistake("a JSON object is wanted");
}

void Fields::mistake(std::string message) {
  if (mistake_.empty()) mistake_ = std::move(message);
}

const Json* Fields::take(std::string_view key, Json::Kind kind, std::string_view kind_name) {
  known_.push_back(key);
  const Json* value = object_.find(key);
  if (value == nullptr || value->is(Json::Kind::kNull)) return nullptr;
  if (!value->is(kind)) {
    mistake(fmt::format("{} must be {}", key, kind_name));
    return nullptr;
  }
  return value;
}

const std::string* Fields::text(std::string_view key) {
  const Json* value = take(key, Json::Kind::kText, "a string");
  return value == nullptr ? nullptr : &value->text();
}

std::string Fields::required_text(std::string_view key) {
  const std::string* value = text(key);
  if (value == nullptr) mistake(fmt::format("{} is missing", key));
  return value == nullptr ? std::string() : *value;
}

std::optional<int64_t> Fields::integer(std::string_view key, int64_t least, int64_t most) {
  const Json* value = take(key, Json::Kind::kInteger, "a whole number");
  if (value == nullptr) return std::nullopt;
  if (value->integer() < least || value->integer() > most) {
    mistake(fmt::format("{} must be from {} to {}", key, least, most));
    return std::nullopt;
  }
  return value->integer();
}

std::optional<bool> Fields::flag(std::string_view key) {
  const Json* value = take(key, Json::Kind::kFlag, "true or false");
  if (value == nullptr) return std::nullopt;
  return value->flag();
}

const std::vector<Json>* Fields::list(std::string_view key) {
  const Json* value = take(key, Json::Kind::kList, "a list");
  return value == nullptr ? nullptr : &value->list();
}

Result<> Fields::finish() const {
  if (!mistake_.empty()) return fail(ErrorCode::kInvalidArgument, mistake_);
  for (const auto& [key, value] : object_.members()) {
    if (std::ranges::find(known_, key) == known_.end()) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("unknown field {}{}", key, did_you_mean(key, known_)));
    }
  }
  return {};
}

}  // namespace weir::admin
