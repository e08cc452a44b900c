#include "protocols/redis/reply_writer.h"

#include <charconv>

#include "protocols/redis/numbers.h"

namespace weir::redis {
namespace {

void put_number(std::string& out, char type, int64_t value) {
  char buffer[24];
  buffer[0] = type;
  char* end = std::to_chars(buffer + 1, buffer + 22, value).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(buffer, end);
}

}  // namespace

void ReplyWriter::header(char type, size_t count) {
  put_number(*out_, type, static_cast<int64_t>(count));
}

void ReplyWriter::simple(ByteView text) {
  out_->push_back('+');
  out_->append(text);
  out_->append("\r\n");
}

void ReplyWriter::error(ByteView text) {
  out_->push_back('-');
  const size_t begin = out_->size();
  out_->append(text);
  for (size_t i = begin; i < out_->size(); ++i) {
    char& c = (*out_)[i];
    if (c == '\r' || c == '\n') c = ' ';
  }
  out_->append("\r\n");
}

void ReplyWriter::integer(int64_t value) {
  put_number(*out_, ':', value);
}

void ReplyWriter::bulk(ByteView value) {
  header('$', value.size());
  out_->append(value);
  out_->append("\r\n");
}

void ReplyWriter::bulk_integer(int64_t value) {
  char buffer[24];
  const char* end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  bulk(ByteView(buffer, static_cast<size_t>(end - buffer)));
}

void ReplyWriter::null() {
  out_->append(resp3() ? "_\r\n" : "$-1\r\n");
}

void ReplyWriter::null_array() {
  out_->append(resp3() ? "_\r\n" : "*-1\r\n");
}

void ReplyWriter::boolean(bool value) {
  if (resp3()) {
    out_->append(value ? "#t\r\n" : "#f\r\n");
  } else {
    integer(value ? 1 : 0);
  }
}

void ReplyWriter::real(double value) {
  const std::string text = format_double(value);
  if (!resp3()) return bulk(text);
  out_->push_back(',');
  out_->append(text);
  out_->append("\r\n");
}

void ReplyWriter::verbatim(ByteView text) {
  if (!resp3()) return bulk(text);
  header('=', text.size() + 4);
  out_->append("txt:");
  out_->append(text);
  out_->append("\r\n");
}

size_t ReplyWriter::begin_array() {
  return out_->size();
}

void ReplyWriter::end_array(size_t mark, size_t count) {
  std::string head;
  put_number(head, '*', static_cast<int64_t>(count));
  out_->insert(mark, head);
}

}  // namespace weir::redis
