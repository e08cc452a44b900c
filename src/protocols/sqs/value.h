#pragma once
// Value: a request's parameters as a tree, whatever codec they came through. It owns its texts, so
// that it can go to another shard.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::sqs {

struct Member;

struct Value {
  enum class Kind : uint8_t { kNull, kBoolean, kInteger, kText, kList, kMap };

  Kind kind = Kind::kNull;
  int64_t integer = 0;  // also 0 and 1 of a boolean
  std::string text;
  std::vector<Value> items;
  std::vector<Member> members;  // in the order of the request

  static Value of(std::string_view text);
  static Value list();
  static Value map();
  // Of a map: instead of what had the name.
  void set(std::string_view name, Value value);

  bool is(Kind wanted) const { return kind == wanted; }
  // Null when absent or JSON null.
  const Value* find(std::string_view name) const;
};

struct Member {
  std::string name;
  Value value;
};

inline Value Value::of(std::string_view text) {
  Value value;
  value.kind = Kind::kText;
  value.text = text;
  return value;
}

inline Value Value::list() {
  Value value;
  value.kind = Kind::kList;
  return value;
}

inline Value Value::map() {
  Value value;
  value.kind = Kind::kMap;
  return value;
}

inline void Value::set(std::string_view name, Value value) {
  for (Member& member : members) {
    if (member.name != name) continue;
    member.value = std::move(value);
    return;
  }
  members.push_back({std::string(name), std::move(value)});
}

inline const Value* Value::find(std::string_view name) const {
  for (const Member& member : members) {
    if (member.name == name) return member.value.is(Kind::kNull) ? nullptr : &member.value;
  }
  return nullptr;
}

}  // namespace weir::sqs
