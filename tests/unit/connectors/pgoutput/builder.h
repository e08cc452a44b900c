#pragma once
// Builds the messages of pgoutput, for tests.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/wire.h"
#include "connectors/pgoutput/frame.h"

namespace weir::pgoutput::testing {

struct ColumnText {
  bool key;
  std::string_view name;
  uint32_t type;
  int32_t typmod = -1;
};

class Builder {
 public:
  explicit Builder(char kind) { writer_.u8(static_cast<uint8_t>(kind)); }

  Builder& u8(uint8_t value) {
    writer_.u8(value);
    return *this;
  }
  Builder& u16(uint16_t value) {
    writer_.fixed_be(value);
    return *this;
  }
  Builder& u32(uint32_t value) {
    writer_.fixed_be(value);
    return *this;
  }
  Builder& u64(uint64_t value) {
    writer_.fixed_be(value);
    return *this;
  }
  Builder& name(std::string_view text) {
    writer_.raw(text);
    writer_.u8(0);
    return *this;
  }
  Builder& raw(std::string_view bytes) {
    writer_.raw(bytes);
    return *this;
  }
  // "n" and "u" stand for themselves, any other text for a value behind its first letter.
  Builder& tuple(std::initializer_list<std::string_view> fields) {
    u16(static_cast<uint16_t>(fields.size()));
    for (const std::string_view field : fields) {
      u8(static_cast<uint8_t>(field[0]));
      if (field[0] == 't' || field[0] == 'b') {
        u32(static_cast<uint32_t>(field.size() - 1)).raw(field.substr(1));
      }
    }
    return *this;
  }
  std::string done() const { return writer_.out(); }

 private:
  Writer writer_;
};

inline std::string begin(uint64_t lsn, uint32_t transaction, int64_t us = 0) {
  return Builder('B').u64(lsn).u64(static_cast<uint64_t>(us - kEpochUs)).u32(transaction).done();
}

inline std::string commit(uint64_t lsn, uint64_t end, int64_t us = 0) {
  return Builder('C').u8(0).u64(lsn).u64(end).u64(static_cast<uint64_t>(us - kEpochUs)).done();
}

inline std::string relation(uint32_t id,
                            std::string_view schema,
                            std::string_view table,
                            char identity,
                            std::initializer_list<ColumnText> columns) {
  Builder builder('R');
  builder.u32(id).name(schema).name(table).u8(static_cast<uint8_t>(identity));
  builder.u16(static_cast<uint16_t>(columns.size()));
  for (const ColumnText& column : columns) {
    builder.u8(column.key ? 1 : 0).name(column.name).u32(column.type);
    builder.u32(static_cast<uint32_t>(column.typmod));
  }
  return builder.done();
}

}  // namespace weir::pgoutput::testing
