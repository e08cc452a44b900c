#include "connectors/pgoutput/copy_text.h"

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "connectors/cdc/change.h"
#include "fmt/format.h"

namespace weir::pgoutput {

namespace {

// The character that stands behind a backslash, as it is meant. COPY writes no numbers.
char unescaped(char letter) {
  constexpr std::string_view kLetters = "bfnrtv";
  constexpr std::string_view kMeant = "\b\f\n\r\t\v";
  const size_t at = kLetters.find(letter);
  return at == std::string_view::npos ? letter : kMeant[at];
}

// Appends a field to `storage`; false when it is null.
bool read_field(std::string_view field, std::string& storage) {
  if (field == "\\N") return false;
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 1 < field.size()) {
      storage += unescaped(field[++i]);
    } else {
      storage += field[i];
    }
  }
  return true;
}

}  // namespace

Result<> read_copy_row(std::string_view line, size_t columns, std::string& storage, cdc::Row& row) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  storage.clear();
  storage.reserve(line.size());  // so that it never moves: a field is at most as long as its text
  row.clear();
  row.reserve(columns);
  std::string_view rest = line;
  for (bool more = columns > 0 || !line.empty(); more;) {
    if (row.size() == columns) {
      return fail(ErrorCode::kCorruptBatch,
                  fmt::format("a copied row has more than {} columns", columns));
    }
    const size_t tab = rest.find('\t');
    more = tab != std::string_view::npos;
    const size_t start = storage.size();
    cdc::Value& value = row.emplace_back();
    if (read_field(rest.substr(0, tab), storage)) {
      value.state = cdc::Value::State::kText;
      value.text = std::string_view(storage).substr(start);
    }
    rest.remove_prefix(more ? tab + 1 : rest.size());
  }
  if (row.size() == columns) return {};
  return fail(ErrorCode::kCorruptBatch,
              fmt::format("a copied row has {} columns instead of {}", row.size(), columns));
}

}  // namespace weir::pgoutput
