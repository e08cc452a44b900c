#pragma once
// Fields: reads the members of a JSON object that a client sent. Every reader names what it knows;
// finish() tells the first mistake: a wrong type, a value out of range, or a field that nobody
// asked for, with the nearest name that was.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/json.h"
#include "base/error.h"

namespace weir::admin {

class Fields {
 public:
  // `object` must outlive it and everything that it hands out.
  explicit Fields(const Json& object);

  // Absent when the object has no such member; null counts as absent.
  const std::string* text(std::string_view key);
  std::optional<int64_t> integer(std::string_view key, int64_t least, int64_t most);
  std::optional<bool> flag(std::string_view key);
  const std::vector<Json>* list(std::string_view key);
  // Like text(), and a missing one is a mistake.
  std::string required_text(std::string_view key);

  void mistake(std::string message);
  // kInvalidArgument.
  Result<> finish() const;

 private:
  const Json* take(std::string_view key, Json::Kind kind, std::string_view kind_name);

  const Json& object_;
  std::vector<std::string_view> known_;
  std::string mistake_;
};

}  // namespace weir::admin
