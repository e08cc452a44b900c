#include "connectors/pgoutput/message.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/wire.h"
#include "connectors/pgoutput/frame.h"
#include "fmt/format.h"

namespace weir::pgoutput {

namespace {

// Reads one message; every failure leaves `reader` failed or names itself in `wrong`.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : reader_(bytes), bytes_(bytes) {}

  Result<Message> read() {
    const auto kind = static_cast<char>(reader_.u8());
    std::optional<Message> message = body(kind);
    if (message && reader_.done() && wrong_.empty()) return std::move(*message);
    return error(kind, message.has_value());
  }

 private:
  std::optional<Message> body(char kind) {
    switch (kind) {
      case 'B': return begin();
      case 'C': return commit();
      case 'O': return origin();
      case 'R': return relation();
      case 'Y': return type();
      case 'I': return insert();
      case 'U': return update();
      case 'D': return remove();
      case 'T': return truncate();
      case 'M': return logical();
      default: return std::nullopt;
    }
  }

  Result<Message> error(char kind, bool known) {
    if (!known) {
      return fail(ErrorCode::kUnsupported,
                  fmt::format("pgoutput sent a message of the unknown kind 0x{:02x}",
                              static_cast<unsigned char>(kind)));
    }
    if (wrong_.empty()) wrong_ = reader_.failed() ? "it ends too early" : "bytes are left over";
    return fail(ErrorCode::kCorruptBatch,
                fmt::format("pgoutput's message {} of {} bytes cannot be read: {}", kind,
                            bytes_.size(), wrong_));
  }

  void refuse(std::string_view why) {
    if (wrong_.empty()) wrong_ = why;
    reader_.fail();
  }

  uint32_t u32() { return reader_.fixed_be<uint32_t>(); }
  uint64_t u64() { return reader_.fixed_be<uint64_t>(); }
  int64_t time_us() { return since_1970(reader_.fixed_be<int64_t>()); }

  std::string_view text() {
    const std::string_view rest =
        bytes_.substr(reader_.failed() ? bytes_.size() : reader_.position());
    const size_t end = rest.find('\0');
    if (end == std::string_view::npos) {
      refuse("a name without an end");
      return {};
    }
    const std::string_view found = reader_.raw(end);
    reader_.u8();
    return found;
  }

  std::string_view schema() {
    const std::string_view name = text();
    return name.empty() ? std::string_view("pg_catalog") : name;
  }

  Message begin() {
    Begin begin;
    begin.commit_lsn = u64();
    begin.commit_us = time_us();
    begin.transaction = u32();
    return begin;
  }

  Message commit() {
    Commit commit;
    reader_.u8();  // flags, of which there are none yet
    commit.commit_lsn = u64();
    commit.end_lsn = u64();
    commit.commit_us = time_us();
    return commit;
  }

  Message origin() {
    Origin origin;
    origin.lsn = u64();
    origin.name = text();
    return origin;
  }

  // A count of columns, of which each takes at least `bytes_each`.
  uint32_t columns(size_t bytes_each) {
    const auto count = static_cast<uint16_t>(reader_.fixed_be<uint16_t>());
    if (count > kColumnsMax || count * bytes_each > reader_.remaining()) {
      refuse("more columns than it can hold");
      return 0;
    }
    return count;
  }

  Message relation() {
    Relation relation;
    relation.id = u32();
    relation.schema = schema();
    relation.table = text();
    relation.identity = static_cast<char>(reader_.u8());
    const uint32_t count = columns(10);
    relation.columns.reserve(count);
    for (uint32_t i = 0; i < count && !reader_.failed(); ++i) {
      RelationColumn column;
      column.key = (reader_.u8() & 1) != 0;
      column.name = text();
      column.type = u32();
      column.typmod = reader_.fixed_be<int32_t>();
      relation.columns.push_back(column);
    }
    return relation;
  }

  Message type() {
    TypeName type;
    type.id = u32();
    type.schema = schema();
    type.name = text();
    return type;
  }

  Tuple tuple() {
    Tuple tuple;
    const uint32_t count = columns(1);
    tuple.reserve(count);
    for (uint32_t i = 0; i < count && !reader_.failed(); ++i) {
      Field field;
      field.kind = static_cast<char>(reader_.u8());
      if (field.kind == 't' || field.kind == 'b') {
        field.bytes = reader_.raw(u32());
      } else if (field.kind != 'n' && field.kind != 'u') {
        refuse("a field of an unknown kind");
      }
      tuple.push_back(field);
    }
    return tuple;
  }

  Message insert() {
    Insert insert;
    insert.relation = u32();
    if (reader_.u8() != 'N') refuse("an insert without a new row");
    insert.row = tuple();
    return insert;
  }

  Message update() {
    Update update;
    update.relation = u32();
    auto kind = static_cast<char>(reader_.u8());
    if (kind == 'K' || kind == 'O') {
      update.old_kind = kind;
      update.old_row = tuple();
      kind = static_cast<char>(reader_.u8());
    }
    if (kind != 'N') refuse("an update without a new row");
    update.row = tuple();
    return update;
  }

  Message remove() {
    Delete remove;
    remove.relation = u32();
    remove.old_kind = static_cast<char>(reader_.u8());
    if (remove.old_kind != 'K' && remove.old_kind != 'O') refuse("a delete without an old row");
    remove.old_row = tuple();
    return remove;
  }

  Message truncate() {
    Truncate truncate;
    const uint32_t count = u32();
    const uint8_t options = reader_.u8();
    truncate.cascade = (options & 1) != 0;
    truncate.restart_identity = (options & 2) != 0;
    if (count > kTruncatedMax || size_t{count} * sizeof(uint32_t) > reader_.remaining()) {
      refuse("more relations than it can hold");
      return truncate;
    }
    truncate.relations.reserve(count);
    for (uint32_t i = 0; i < count; ++i) truncate.relations.push_back(u32());
    return truncate;
  }

  Message logical() {
    LogicalMessage message;
    message.transactional = (reader_.u8() & 1) != 0;
    message.lsn = u64();
    message.prefix = text();
    message.content = reader_.raw(u32());
    return message;
  }

  Reader reader_;
  std::string_view bytes_;
  std::string_view wrong_;
};

}  // namespace

Result<Message> read_message(std::string_view bytes) {
  return Decoder(bytes).read();
}

}  // namespace weir::pgoutput
