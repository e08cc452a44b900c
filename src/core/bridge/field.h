#pragma once
// A part of a record, by name: `key`, `header:NAME`, or a JSON path into the value.
//
// A path is a part of RFC 9535: `$`, then `.name`, `['name']` or `[0]`, 16 steps at most. It names
// a string, a number, true or false; anything else, and null, has no value. A number is read as it
// is written shortest (1.50 is "1.5"). Values above 1 MiB are not looked into.
//
// Thread safety: a Values is confined to its thread.

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "core/log/reader.h"

namespace weir::bridge {

constexpr size_t kPathStepsMax = 16;
constexpr size_t kJsonBytesMax = size_t{1} << 20;

// The fields of one record after the other. The value is parsed when a path first asks for it.
class Values {
 public:
  Values();
  ~Values();
  // Views of the record must live until the next one is given.
  void open(const log::ReadRecord& record);

 private:
  friend class Field;
  struct Document;
  const log::ReadRecord* record_ = nullptr;
  std::unique_ptr<Document> document_;
};

class Field {
 public:
  // kInvalidArgument, with what it may be.
  static Result<Field> parse(ByteView text);

  std::optional<std::string> of(Values& values) const;

 private:
  struct Key {};
  struct Header {
    std::string name;
  };
  using Step = std::variant<std::string, size_t>;  // a member's name, an element's place
  using Path = std::vector<Step>;

  static Result<Path> parse_path(ByteView text);
  static std::optional<std::string> find(const Path& path, Values& values);

  std::variant<Key, Header, Path> what_;
};

}  // namespace weir::bridge
