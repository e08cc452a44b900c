#include "core/bridge/field.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>

namespace weir::bridge {

struct Values::Document {
  enum class State : uint8_t { kUnread, kRead, kNoJson };

  simdjson::dom::parser parser{kJsonBytesMax};
  simdjson::dom::element root;
  State state = State::kUnread;
};

Values::Values() : document_(std::make_unique<Document>()) {}
Values::~Values() = default;

void Values::open(const log::ReadRecord& record) {
  record_ = &record;
  document_->state = Document::State::kUnread;
}

namespace {

constexpr ByteView kHeaderPrefix = "header:";

std::optional<std::string> text_of(const simdjson::dom::element& element) {
  using Type = simdjson::dom::element_type;
  switch (element.type()) {
    case Type::STRING: return std::string(std::string_view(element));
    case Type::INT64: return fmt::format("{}", int64_t(element));
    case Type::UINT64: return fmt::format("{}", uint64_t(element));
    case Type::DOUBLE: return fmt::format("{}", double(element));
    case Type::BOOL: return bool(element) ? "true" : "false";
    case Type::ARRAY:
    case Type::OBJECT:
    case Type::NULL_VALUE: return std::nullopt;
  }
  return std::nullopt;
}

std::unexpected<Error> bad_path(ByteView text) {
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} is not a path like $.order.lines[0].sku or $['a b'], with at most {} "
                          "steps",
                          text, kPathStepsMax));
}

// The step at the front of `rest`, without its dot or brackets.
struct Token {
  ByteView text;
  bool is_index = false;
};
std::optional<Token> take_step(ByteView& rest) {
  if (rest.front() == '.') {
    rest.remove_prefix(1);
    const Token token{rest.substr(0, rest.find_first_of(".["))};
    rest.remove_prefix(token.text.size());
    return token.text.empty() ? std::nullopt : std::optional(token);
  }
  if (rest.size() < 3 || rest.front() != '[') return std::nullopt;
  const char quote = rest[1];
  const bool quoted = quote == '\'' || quote == '"';
  const size_t begin = quoted ? 2 : 1;
  const size_t end = rest.find(quoted ? quote : ']', begin);
  if (end == ByteView::npos) return std::nullopt;
  const Token token{rest.substr(begin, end - begin), !quoted};
  const size_t closing = quoted ? end + 1 : end;
  if (closing >= rest.size() || rest[closing] != ']') return std::nullopt;
  rest.remove_prefix(closing + 1);
  return token;
}

}  // namespace

Result<Field::Path> Field::parse_path(ByteView text) {
  Path path;
  ByteView rest = text.substr(1);  // $
  while (!rest.empty()) {
    const auto token = take_step(rest);
    if (!token || path.size() == kPathStepsMax) return bad_path(text);
    if (!token->is_index) {
      path.emplace_back(std::string(token->text));
      continue;
    }
    size_t index = 0;
    const char* end = token->text.data() + token->text.size();
    const auto [stopped, error] = std::from_chars(token->text.data(), end, index);
    if (error != std::errc() || stopped != end) return bad_path(text);
    path.emplace_back(index);
  }
  return path;
}

Result<Field> Field::parse(ByteView text) {
  Field field;
  if (text == "key") {
    field.what_ = Key{};
  } else if (text.starts_with(kHeaderPrefix) && text.size() > kHeaderPrefix.size()) {
    field.what_ = Header{std::string(text.substr(kHeaderPrefix.size()))};
  } else if (text.starts_with('$')) {
    auto path = parse_path(text);
    if (!path) return std::unexpected(path.error());
    field.what_ = std::move(*path);
  } else {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is not key, header:NAME or a JSON path like $.customer.id", text));
  }
  return field;
}

std::optional<std::string> Field::find(const Path& path, Values& values) {
  using State = Values::Document::State;
  Values::Document& document = *values.document_;
  if (document.state == State::kUnread) {
    const ByteView value = values.record_->value.value_or(ByteView());
    const bool read =
        !value.empty() && value.size() <= kJsonBytesMax &&
        document.parser.parse(value.data(), value.size()).get(document.root) == simdjson::SUCCESS;
    document.state = read ? State::kRead : State::kNoJson;
  }
  if (document.state == State::kNoJson) return std::nullopt;
  simdjson::dom::element at = document.root;
  for (const Step& step : path) {
    const auto next = std::holds_alternative<size_t>(step) ? at.at(std::get<size_t>(step))
                                                           : at.at_key(std::get<std::string>(step));
    if (next.error() != simdjson::SUCCESS) return std::nullopt;
    at = next.value_unsafe();
  }
  return text_of(at);
}

std::optional<std::string> Field::of(Values& values) const {
  std::optional<ByteView> found;
  if (const auto* path = std::get_if<Path>(&what_)) return find(*path, values);
  if (const auto* header = std::get_if<Header>(&what_)) {
    found = values.record_->headers.find(header->name);
  } else {
    found = values.record_->key;
  }
  return found ? std::optional<std::string>(*found) : std::nullopt;
}

}  // namespace weir::bridge
