// Answers of the Query protocol to whoever accepts JSON: what the XML would say, in the same
// wrapping. Lists of queues and messages begin with a small letter, maps are lists of their parts,
// and what an action has not to say of a message is null. Source: answers that services print which
// integrate with SQS by this protocol (Amazon API Gateway).

#include "protocols/sqs/json.h"
#include "protocols/sqs/query.h"

namespace weir::sqs {
namespace {

using Type = Shape::Type;

std::string_view name_of(const Field& field) {
  if (field.name == "Messages") return "messages";
  if (field.name == "QueueUrls") return "queueUrls";
  return field.name;
}

Value structure(std::span<const Field> fields, const Value& value);

Value converted(const Shape& shape, const Value& value) {
  switch (shape.type) {
    case Type::kText:
    case Type::kInteger: return value;
    case Type::kStructure: return structure(shape.fields, value);
    case Type::kList: {
      Value list = Value::list();
      for (const Value& item : value.items) list.items.push_back(converted(*shape.item, item));
      return list;
    }
    case Type::kMap: {
      Value list = Value::list();
      for (const Member& member : value.members) {
        Value entry = Value::map();
        entry.set(shape.key, Value::of(member.name));
        entry.set(shape.value, converted(*shape.item, member.value));
        list.items.push_back(std::move(entry));
      }
      return list;
    }
  }
  return {};
}

Value structure(std::span<const Field> fields, const Value& value) {
  Value result = Value::map();
  for (const Field& field : fields) {
    const Value* member = value.find(field.name);
    result.set(name_of(field), member == nullptr ? Value{} : converted(*field.shape, *member));
  }
  return result;
}

}  // namespace

std::string to_wrapped_json(const Operation& operation,
                            std::string_view json,
                            std::string_view request_id) {
  Value response = Value::map();
  const std::string name(operation.name);
  if (!operation.output.empty()) {
    response.set(name + "Result", structure(operation.output, read_answer(json)));
  }
  Value metadata = Value::map();
  metadata.set("RequestId", Value::of(request_id));
  response.set("ResponseMetadata", std::move(metadata));
  JsonWriter out;
  out.begin_object();
  out.member(name + "Response", response);
  out.end_object();
  return out.take();
}

std::string to_wrapped_json(const Fault& fault, std::string_view request_id) {
  Value error = Value::map();
  error.set("Code", Value::of(fault.query_code));
  error.set("Message", Value::of(query_message(fault)));
  error.set("Type", Value::of(fault.senders() ? "Sender" : "Receiver"));
  JsonWriter out;
  out.begin_object();
  out.member("Error", error);
  out.member("RequestId", request_id);
  out.end_object();
  return out.take();
}

}  // namespace weir::sqs
