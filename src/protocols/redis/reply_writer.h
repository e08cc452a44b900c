#pragma once
// Writes replies in RESP2 or RESP3, straight behind what a string already holds: one string gathers
// the answers of a whole pipeline. Where the two protocols differ, the caller says what it means (a
// map, a set, a double, a push) and the writer picks the form.
// https://redis.io/docs/latest/develop/reference/protocol-spec/

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace weir::redis {

class ReplyWriter {
 public:
  ReplyWriter(std::string& out, int protocol) : out_(&out), protocol_(protocol) {}

  int protocol() const { return protocol_; }
  void set_protocol(int protocol) { protocol_ = protocol; }
  bool resp3() const { return protocol_ == 3; }
  std::string& out() { return *out_; }

  void simple(ByteView text);  // +text
  void ok() { out_->append("+OK\r\n"); }
  // -text; the text begins with its code word ("ERR ..."). Line ends inside become blanks.
  void error(ByteView text);
  void integer(int64_t value);
  void bulk(ByteView value);
  void bulk_integer(int64_t value);
  void null();               // $-1 or _
  void null_array();         // *-1 or _
  void boolean(bool value);  // :0 / :1 or #t / #f
  void real(double value);   // a bulk or a double
  // Text for people: a bulk or a verbatim string.
  void verbatim(ByteView text);

  // Headers; the elements follow. Maps count pairs.
  void array(size_t count) { header('*', count); }
  void map(size_t pairs) { resp3() ? header('%', pairs) : header('*', pairs * 2); }
  void set(size_t count) { header(resp3() ? '~' : '*', count); }
  void push(size_t count) { header(resp3() ? '>' : '*', count); }

  // Array headers whose count is known only at the end: where to put it, then the count.
  size_t begin_array();
  void end_array(size_t mark, size_t count);

 private:
  void header(char type, size_t count);

  std::string* out_;
  int protocol_;
};

}  // namespace weir::redis
