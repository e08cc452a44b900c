#pragma once
// Shapes: the parameters and answers of all actions, as one table. A codec that is not JSON walks
// it: the Query protocol needs to know what is a number, a list or a map, and how each is called
// there. Source: the SQS API reference; the names of the Query protocol as in the API of
// 2012-11-05.
//
// Handlers know names of the JSON protocol only.

#include <cstdint>
#include <span>
#include <string_view>

namespace weir::sqs {

struct Field;

struct Shape {
  enum class Type : uint8_t { kText, kInteger, kStructure, kList, kMap };

  Type type = Type::kText;
  std::span<const Field> fields = {};  // of a structure
  const Shape* item = nullptr;         // of a list, and the values of a map
  std::string_view key = {};           // how an entry of a map names its two parts
  std::string_view value = {};
};

struct Field {
  std::string_view name;
  const Shape* shape;
  // In the Query protocol; lists and maps are flattened: "Attribute.1.Name". Empty: as `name`.
  std::string_view query = {};

  std::string_view query_name() const { return query.empty() ? name : query; }
};

struct Operation {
  std::string_view name;
  std::span<const Field> input;
  std::span<const Field> output;  // empty: the answer says nothing
  bool on_queue = true;           // has the parameter QueueUrl, which a path may stand for
};

std::span<const Operation> operations();
// Null when there is no such action.
const Operation* find_operation(std::string_view name);

}  // namespace weir::sqs
