#pragma once
// The requests of RESP: arrays of bulk strings, and inline commands (a line of words, as typed into
// telnet). https://redis.io/docs/latest/develop/reference/protocol-spec/
//
// Incremental: a request that has not arrived whole is resumed where parsing stopped, so a large
// one costs no more than its bytes. Arguments are views into the input, or into the parser for
// inline commands that had quotes.
//
// Invariant: at most kArgumentsMax arguments of at most kBulkBytesMax bytes, or of far fewer while
// it is restricted; memory is taken for what has arrived only.

#include <cstddef>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace weir::redis {

class RequestParser {
 public:
  enum class Status : uint8_t {
    kRequest,  // arguments() holds one; `consumed` bytes are done with
    kEmpty,    // an empty line or array: nothing to answer; `consumed` bytes are done with
    kMore,     // not whole yet: call again with the same bytes and more behind them
    kError,    // error() is the reply, after which the connection closes
  };
  struct Outcome {
    Status status;
    size_t consumed = 0;
  };

  // `input` begins with the first byte that was not consumed before.
  Outcome parse(ByteView input);

  // Whether who sends this has to log in first.
  void restrict(bool on) { restricted_ = on; }

  // Valid while the input of the last parse() is, until the next parse().
  const std::vector<ByteView>& arguments() const { return arguments_; }
  // They are views into this parser (an inline command), not into the input.
  bool arguments_are_own() const { return arguments_are_own_; }
  // "Protocol error: ..."
  const std::string& error() const { return error_; }
  // How many bytes the request has at least, as far as its announced lengths tell; 0 when nothing
  // is known.
  size_t expected_bytes() const { return expected_bytes_; }

 private:
  struct Piece {
    size_t position;
    size_t length;
  };

  Outcome parse_array(ByteView input);
  Outcome parse_inline(ByteView input);
  // A line that ends in CR LF, from position_ on; nothing when it is not whole.
  enum class Line : uint8_t { kWhole, kMore, kTooLong };
  Line take_line(ByteView input, ByteView& line);
  bool take_short_count(ByteView input, size_t& count);
  bool take_whole(ByteView input);
  Outcome begin_array(ByteView input);
  Outcome begin_bulk(ByteView input);
  Outcome protocol_error(std::string text);
  bool split_words(ByteView line);
  void reset();

  size_t position_ = 0;
  size_t arguments_left_ = 0;
  bool in_array_ = false;
  bool in_bulk_ = false;
  bool arguments_are_own_ = false;
  bool restricted_ = false;
  size_t bulk_length_ = 0;
  size_t expected_bytes_ = 0;
  std::vector<Piece> pieces_;
  std::vector<ByteView> arguments_;
  std::vector<std::string> words_;
  std::string error_;
};

}  // namespace weir::redis
