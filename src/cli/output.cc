#include "cli/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace weir::cli {
namespace {

// Names may hold anything; a terminal must not obey it.
std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

}  // namespace

Table::Table(std::vector<std::string> headings) {
  rows_.push_back(std::move(headings));
}

void Table::add(std::vector<std::string> cells) {
  cells.resize(rows_.front().size());
  for (std::string& cell : cells) cell = printable(std::move(cell));
  rows_.push_back(std::move(cells));
}

void Table::print() const {
  std::vector<size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows_) {
    std::string text;
    for (size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      text += last ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    fmt::print("{}\n", text);
  }
}

void Sheet::add(std::string name, std::string value) {
  lines_.emplace_back(std::move(name), printable(std::move(value)));
}

void Sheet::print() const {
  size_t width = 0;
  for (const auto& [name, value] : lines_) width = std::max(width, name.size());
  for (const auto& [name, value] : lines_) fmt::print("{:<{}}  {}\n", name, width, value);
}

std::string number(const admin::Json& value) {
  return fmt::format("{}", value.integer());
}

std::string or_dash(std::string text) {
  return text.empty() ? "-" : std::move(text);
}

void print_json(const admin::Json& value) {
  fmt::print("{}\n", value.to_text());
}

int show_change(const Line& line, const Result<admin::Json>& answer, std::string_view message) {
  if (!answer) return report(answer.error());
  if (line.json) {
    print_json(*answer);
  } else {
    fmt::print(stderr, "{}\n", message);
  }
  return kDone;
}

}  // namespace weir::cli
