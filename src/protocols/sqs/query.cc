#include "protocols/sqs/query.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>

#include "net/http.h"
#include "protocols/sqs/json.h"
#include "protocols/sqs/limits.h"

namespace weir::sqs {
namespace {

using Type = Shape::Type;

constexpr std::string_view kNamespace = "http://queue.amazonaws.com/doc/2012-11-05/";

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "Attribute.1.Name" is the path of a node; bounded in depth and number by add().
struct Node {
  std::optional<std::string> text;
  std::map<std::string, Node, std::less<>> children;

  const Node* find(std::string_view name) const {
    const auto found = children.find(name);
    return found == children.end() ? nullptr : &found->second;
  }
};

Outcome<void> add(Node& root, std::string_view name, std::string value) {
  Node* node = &root;
  size_t depth = 0;
  for (size_t begin = 0; begin <= name.size();) {
    if (++depth > kQueryDepthMax) {
      return invalid_parameter("A parameter's name has too many parts.");
    }
    const size_t end = std::min(name.find('.', begin), name.size());
    node = &node->children[std::string(name.substr(begin, end - begin))];
    begin = end + 1;
  }
  node->text = std::move(value);
  return {};
}

Outcome<Node> parse_form(std::string_view form) {
  Node root;
  size_t count = 0;
  while (!form.empty()) {
    const size_t end = std::min(form.find('&'), form.size());
    const std::string_view pair = form.substr(0, end);
    form.remove_prefix(std::min(end + 1, form.size()));
    if (pair.empty()) continue;
    if (++count > kQueryPairsMax) {
      return invalid_parameter(fmt::format("A request has at most {} parameters.", kQueryPairsMax));
    }
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string name = net::percent_decode(pair.substr(0, equals), true);
    std::string value = net::percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!simdjson::validate_utf8(name.data(), name.size()) ||
        !simdjson::validate_utf8(value.data(), value.size())) {
      return invalid_message_contents("The request holds bytes that are no UTF-8.");
    }
    if (const auto added = add(root, name, std::move(value)); !added)
      return std::unexpected(added.error());
  }
  return root;
}

// Walks the shapes of an action's parameters over the nodes that were sent.
class FormReader {
 public:
  Outcome<Value> structure(std::span<const Field> fields, const Node& node) {
    Value result;
    result.kind = Value::Kind::kMap;
    for (const Field& field : fields) {
      const Node* given = node.find(field.query_name());
      if (given == nullptr) continue;
      auto value = read(*field.shape, *given, field.name);
      if (!value) return value;
      result.members.push_back({std::string(field.name), std::move(*value)});
    }
    return result;
  }

 private:
  Outcome<Value> read(const Shape& shape, const Node& node, std::string_view name) {
    switch (shape.type) {
      case Type::kText: return text(node);
      case Type::kInteger: return integer(node, name);
      case Type::kStructure: return structure(shape.fields, node);
      case Type::kList: return list(shape, node, name);
      case Type::kMap: return map(shape, node, name);
    }
    return Value{};
  }

  static Value text(const Node& node) {
    Value value;
    if (!node.text) return value;
    value.kind = Value::Kind::kText;
    value.text = *node.text;
    return value;
  }

  static Outcome<Value> integer(const Node& node, std::string_view name) {
    Value value;
    if (!node.text) return value;
    const auto number = parse_integer(*node.text);
    if (!number) {
      return invalid_parameter(fmt::format(
          "Value {} for parameter {} is invalid. Reason: Must be an integer.", *node.text, name));
    }
    value.kind = Value::Kind::kInteger;
    value.integer = *number;
    return value;
  }

  // In the order of their numbers. Without a number there is one, "AttributeName=All", or, when it
  // says nothing, none.
  static std::vector<const Node*> items(const Node& node) {
    std::vector<std::pair<int64_t, const Node*>> numbered;
    for (const auto& [name, child] : node.children) {
      if (const auto number = parse_integer(name)) numbered.emplace_back(*number, &child);
    }
    std::ranges::sort(numbered);
    std::vector<const Node*> result;
    result.reserve(numbered.size() + 1);
    for (const auto& [number, child] : numbered) result.push_back(child);
    const bool none = node.children.empty() && node.text.value_or("").empty();
    if (result.empty() && !none) result.push_back(&node);
    return result;
  }

  Outcome<Value> list(const Shape& shape, const Node& node, std::string_view name) {
    Value result;
    result.kind = Value::Kind::kList;
    for (const Node* item : items(node)) {
      auto value = read(*shape.item, *item, name);
      if (!value) return value;
      result.items.push_back(std::move(*value));
    }
    return result;
  }

  Outcome<Value> map(const Shape& shape, const Node& node, std::string_view name) {
    Value result;
    result.kind = Value::Kind::kMap;
    for (const Node* item : items(node)) {
      const Node* key = item->find(shape.key);
      const Node* value = item->find(shape.value);
      if (key == nullptr || !key->text) {
        return missing_parameter(fmt::format("{}.{}", name, shape.key));
      }
      const Node nothing{.text = "", .children = {}};
      auto read_value = read(*shape.item, value == nullptr ? nothing : *value, name);
      if (!read_value) return read_value;
      result.members.push_back({*key->text, std::move(*read_value)});
    }
    return result;
  }
};

// ---- answers

class XmlWriter {
 public:
  void open(std::string_view name) { fmt::format_to(std::back_inserter(out_), "<{}>", name); }
  void close(std::string_view name) { fmt::format_to(std::back_inserter(out_), "</{}>", name); }
  void element(std::string_view name, std::string_view text) {
    open(name);
    append_xml(text, out_);
    close(name);
  }

  void structure(std::span<const Field> fields, const Value& value) {
    for (const Field& field : fields) {
      const Value* member = value.find(field.name);
      if (member != nullptr) write(*field.shape, field.query_name(), *member);
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void write(const Shape& shape, std::string_view name, const Value& value) {
    switch (shape.type) {
      case Type::kText:
      case Type::kInteger: return element(name, scalar(value));
      case Type::kStructure:
        open(name);
        structure(shape.fields, value);
        return close(name);
      case Type::kList:
        for (const Value& item : value.items) write(*shape.item, name, item);
        return;
      case Type::kMap:
        for (const Member& member : value.members) {
          open(name);
          element(shape.key, member.name);
          write(*shape.item, shape.value, member.value);
          close(name);
        }
        return;
    }
  }

  static std::string scalar(const Value& value) {
    if (value.is(Value::Kind::kInteger)) return fmt::format("{}", value.integer);
    if (value.is(Value::Kind::kBoolean)) return value.integer != 0 ? "true" : "false";
    return value.text;
  }

  std::string out_ = "<?xml version=\"1.0\"?>";
};

void append_metadata(std::string& out, std::string_view request_id) {
  fmt::format_to(std::back_inserter(out),
                 "<ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata>", request_id);
}

}  // namespace

Outcome<QueryRequest> decode_query(std::string_view form, std::string_view path) {
  const auto root = parse_form(form);
  if (!root) return std::unexpected(root.error());
  const Node* action = root->find("Action");
  if (action == nullptr || !action->text) return unknown_operation();
  const Operation* operation = find_operation(*action->text);
  while (path.ends_with('/')) path.remove_suffix(1);
  // What makes or lists queues is no action on a queue.
  if (operation == nullptr || (!operation->on_queue && !path.empty())) {
    return invalid_action(*action->text);
  }
  auto input = FormReader().structure(operation->input, *root);
  if (!input) return std::unexpected(input.error());
  if (operation->on_queue && !path.empty() && input->find("QueueUrl") == nullptr) {
    Value url;
    url.kind = Value::Kind::kText;
    url.text = net::percent_decode(path);
    input->members.push_back({"QueueUrl", std::move(url)});
  }
  return QueryRequest{operation, std::move(*input)};
}

void append_xml(std::string_view text, std::string& out) {
  std::string mended;
  text = valid_utf8(text, mended);
  size_t plain = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    std::string_view escaped;
    switch (const auto c = static_cast<unsigned char>(text[i])) {
      case '&': escaped = "&amp;"; break;
      case '<': escaped = "&lt;"; break;
      case '>': escaped = "&gt;"; break;
      case '"': escaped = "&quot;"; break;
      case '\r': escaped = "&#xD;"; break;  // a parser would take it for a line's end
      case '\t':
      case '\n': continue;
      default:
        if (c >= 0x20) continue;
        escaped = "\xef\xbf\xbd";
        break;
    }
    out.append(text.substr(plain, i - plain));
    out.append(escaped);
    plain = i + 1;
  }
  out.append(text.substr(plain));
}

std::string to_xml(const Operation& operation, std::string_view json, std::string_view request_id) {
  XmlWriter xml;
  const std::string response = fmt::format("{}Response", operation.name);
  xml.open(fmt::format("{} xmlns=\"{}\"", response, kNamespace));
  if (!operation.output.empty()) {
    const std::string result = fmt::format("{}Result", operation.name);
    xml.open(result);
    xml.structure(operation.output, read_answer(json));
    xml.close(result);
  }
  std::string out = xml.take();
  append_metadata(out, request_id);
  fmt::format_to(std::back_inserter(out), "</{}>", response);
  return out;
}

std::string_view query_message(const Fault& fault) {
  if (fault.shape != "QueueDoesNotExist") return fault.message;
  return "The specified queue does not exist for this wsdl version.";
}

std::string to_xml(const Fault& fault, std::string_view request_id) {
  if (fault.shape == kUnknownOperation) return "<UnknownOperationException/>\n";
  XmlWriter xml;
  xml.open(fmt::format("ErrorResponse xmlns=\"{}\"", kNamespace));
  xml.open("Error");
  xml.element("Type", fault.senders() ? "Sender" : "Receiver");
  xml.element("Code", fault.query_code);
  xml.element("Message", query_message(fault));
  std::string out = xml.take();
  out += "<Detail/></Error>";
  fmt::format_to(std::back_inserter(out), "<RequestId>{}</RequestId></ErrorResponse>", request_id);
  return out;
}

}  // namespace weir::sqs
