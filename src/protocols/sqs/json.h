#pragma once
// The JSON codec: requests of the AWS JSON 1.0 protocol into Values (bounded in size and depth),
// and a writer for answers.
//
// Thread safety: decode_json keeps one parser per thread; a JsonWriter is confined to its thread.

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/sqs/errors.h"
#include "protocols/sqs/value.h"

namespace weir::sqs {

// SerializationException when it is no JSON object, nested deeper than kJsonDepthMax, or holds a
// number that is no integer.
Outcome<Value> decode_json(std::string_view text);
// An answer that a JsonWriter has written, of whatever size; for codecs that say it otherwise.
Value read_answer(std::string_view json);

class JsonWriter {
 public:
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_object(std::string_view name) { key(name), open('{'); }
  void begin_array(std::string_view name) { key(name), open('['); }
  void end_array() { close(']'); }

  void member(std::string_view name, std::string_view text) { key(name), string(text); }
  void member(std::string_view name, int64_t number);
  // Not for what merely converts to bool, as a string literal does.
  void member(std::string_view name, std::same_as<bool> auto truth) {
    key(name), word(truth ? "true" : "false");
  }
  void element(std::string_view text) { comma(), string(text), fresh_ = false; }
  // A whole tree: a member's value behind its name, or an element, or all there is.
  void member(std::string_view name, const Value& tree) { key(name), value(tree); }
  void value(const Value& tree);

  std::string take() { return std::move(out_); }

 private:
  void comma() {
    if (!fresh_) out_.push_back(',');
  }
  void open(char bracket);
  void close(char bracket) {
    out_.push_back(bracket);
    fresh_ = false;
  }
  // Escaped too: names of tags and of other protocols' headers are anybody's text.
  void key(std::string_view name);
  void word(std::string_view text) { after_key_ = false, out_.append(text); }
  // Invalid UTF-8 (a record of another protocol) becomes U+FFFD, as JSON must be UTF-8.
  void string(std::string_view text);

  std::string out_;
  bool fresh_ = true;  // nothing stands in the present container yet
  bool after_key_ = false;
};

// `text` itself when it is valid UTF-8, else `mended`: with U+FFFD for each byte that is not.
std::string_view valid_utf8(std::string_view text, std::string& mended);

}  // namespace weir::sqs
