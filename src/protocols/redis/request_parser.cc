#include "protocols/redis/request_parser.h"

#include <cctype>
#include <optional>
#include <utility>

#include "protocols/redis/limits.h"
#include "protocols/redis/numbers.h"

namespace weir::redis {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_space(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

char unescaped(char c) {
  switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
  }
}

// Reads a quoted part that begins after its opening quote; false when it never closes or goes on
// behind its close.
bool take_quoted(ByteView line, size_t& i, char quote, std::string& word) {
  for (; i < line.size(); ++i) {
    const char c = line[i];
    if (c == quote) {
      ++i;
      return i == line.size() || is_space(line[i]);
    }
    if (c != '\\' || i + 1 >= line.size()) {
      word.push_back(c);
      continue;
    }
    if (quote == '\'') {
      if (line[i + 1] == '\'') ++i;
      word.push_back(line[i]);
      continue;
    }
    if (line[i + 1] == 'x' && i + 3 < line.size() && hex_value(line[i + 2]) >= 0 &&
        hex_value(line[i + 3]) >= 0) {
      word.push_back(static_cast<char>(hex_value(line[i + 2]) * 16 + hex_value(line[i + 3])));
      i += 3;
      continue;
    }
    word.push_back(unescaped(line[++i]));
  }
  return false;
}

}  // namespace

void RequestParser::reset() {
  position_ = 0;
  arguments_left_ = 0;
  in_array_ = false;
  in_bulk_ = false;
  expected_bytes_ = 0;
  pieces_.clear();
}

RequestParser::Outcome RequestParser::protocol_error(std::string text) {
  reset();
  error_ = "Protocol error: " + std::move(text);
  return {Status::kError, 0};
}

RequestParser::Outcome RequestParser::parse(ByteView input) {
  if (input.empty()) return {Status::kMore};
  return in_array_ || input.front() == '*' ? parse_array(input) : parse_inline(input);
}

// The usual form of such a line, a few digits that are all there: nearly every line of a request.
// False, and nothing taken, when it is another.
bool RequestParser::take_short_count(ByteView input, size_t& count) {
  constexpr size_t kDigitsMax = 6;
  const char* const begin = input.data() + position_ + 1;
  const char* const end = input.data() + input.size();
  const char* at = begin;
  size_t value = 0;
  while (at < end && at < begin + kDigitsMax && *at >= '0' && *at <= '9') {
    value = value * 10 + static_cast<size_t>(*at++ - '0');
  }
  const bool whole = at > begin && end - at >= 2 && at[0] == '\r';
  if (!whole || (*begin == '0' && at - begin > 1)) return false;
  count = value;
  position_ = static_cast<size_t>(at - input.data()) + 2;
  return true;
}

RequestParser::Line RequestParser::take_line(ByteView input, ByteView& line) {
  const size_t end = input.find('\r', position_);
  if (end == ByteView::npos || end + 1 >= input.size()) {
    return input.size() - position_ > kLineBytesMax ? Line::kTooLong : Line::kMore;
  }
  line = input.substr(position_, end - position_);
  position_ = end + 2;
  return Line::kWhole;
}

// The count of arguments; kRequest when it was taken.
RequestParser::Outcome RequestParser::begin_array(ByteView input) {
  size_t count = 0;
  if (!take_short_count(input, count)) {
    ByteView line;
    switch (take_line(input, line)) {
      case Line::kMore: return {Status::kMore};
      case Line::kTooLong: return protocol_error("too big mbulk count string");
      case Line::kWhole: break;
    }
    const auto number = parse_integer(line.substr(1));
    if (!number || *number > static_cast<int64_t>(kArgumentsMax)) {
      return protocol_error("invalid multibulk length");
    }
    count = *number < 0 ? 0 : static_cast<size_t>(*number);
  }
  if (restricted_ && count > kRestrictedArgumentsMax)
    return protocol_error("unauthenticated multibulk length");
  if (count == 0) {
    const size_t consumed = position_;
    reset();
    return {Status::kEmpty, consumed};
  }
  in_array_ = true;
  arguments_left_ = count;
  return {Status::kRequest};
}

// The length of the next argument; kRequest when it was taken.
RequestParser::Outcome RequestParser::begin_bulk(ByteView input) {
  if (position_ >= input.size()) return {Status::kMore};
  const char first = input[position_];
  if (first != '$' || !take_short_count(input, bulk_length_)) {
    ByteView line;
    switch (take_line(input, line)) {
      case Line::kMore: return {Status::kMore};
      case Line::kTooLong: return protocol_error("too big bulk count string");
      case Line::kWhole: break;
    }
    if (first != '$') return protocol_error(std::string("expected '$', got '") + first + "'");
    const auto length = parse_integer(line.substr(1));
    if (!length || *length < 0 || *length > static_cast<int64_t>(kBulkBytesMax)) {
      return protocol_error("invalid bulk length");
    }
    bulk_length_ = static_cast<size_t>(*length);
  }
  if (restricted_ && bulk_length_ > kRestrictedBulkBytesMax)
    return protocol_error("unauthenticated bulk length");
  in_bulk_ = true;
  return {Status::kRequest};
}

// The usual request: all of it is there, and its lines have their usual form. False, and nothing
// taken, when it is another.
bool RequestParser::take_whole(ByteView input) {
  arguments_.clear();
  size_t left = 0;
  if (!take_short_count(input, left) || left == 0) {
    position_ = 0;
    return false;
  }
  for (; left > 0; --left) {
    size_t length = 0;
    if (position_ >= input.size() || input[position_] != '$' || !take_short_count(input, length) ||
        input.size() - position_ < length + 2) {
      position_ = 0;
      return false;
    }
    arguments_.push_back(input.substr(position_, length));
    position_ += length + 2;
  }
  arguments_are_own_ = false;
  return true;
}

RequestParser::Outcome RequestParser::parse_array(ByteView input) {
  if (!in_array_ && !restricted_ && take_whole(input)) {
    return {Status::kRequest, std::exchange(position_, 0)};
  }
  if (!in_array_) {
    const Outcome begun = begin_array(input);
    if (begun.status != Status::kRequest) return begun;
  }
  while (arguments_left_ > 0) {
    if (!in_bulk_) {
      const Outcome begun = begin_bulk(input);
      if (begun.status != Status::kRequest) return begun;
    }
    expected_bytes_ = position_ + bulk_length_ + 2;
    if (input.size() < expected_bytes_) return {Status::kMore};
    pieces_.push_back({position_, bulk_length_});
    position_ = expected_bytes_;
    in_bulk_ = false;
    --arguments_left_;
  }
  arguments_.clear();
  arguments_are_own_ = false;
  for (const Piece& piece : pieces_)
    arguments_.push_back(input.substr(piece.position, piece.length));
  const size_t consumed = position_;
  reset();
  return {Status::kRequest, consumed};
}

RequestParser::Outcome RequestParser::parse_inline(ByteView input) {
  const size_t end = input.find('\n');
  if (end == ByteView::npos || end > kLineBytesMax) {
    return input.size() > kLineBytesMax ? protocol_error("too big inline request")
                                        : Outcome{Status::kMore};
  }
  ByteView line = input.substr(0, end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (!split_words(line)) return protocol_error("unbalanced quotes in request");
  arguments_.assign(words_.begin(), words_.end());
  arguments_are_own_ = true;
  return {arguments_.empty() ? Status::kEmpty : Status::kRequest, end + 1};
}

bool RequestParser::split_words(ByteView line) {
  words_.clear();
  size_t i = 0;
  while (true) {
    while (i < line.size() && is_space(line[i])) ++i;
    if (i == line.size()) return true;
    std::string& word = words_.emplace_back();
    while (i < line.size() && !is_space(line[i])) {
      const char c = line[i++];
      if (c != '"' && c != '\'') {
        word.push_back(c);
      } else if (!take_quoted(line, i, c, word)) {
        return false;
      }
    }
  }
}

}  // namespace weir::redis
