#pragma once
// How answers are shown: as a table for people, or one JSON value a line for programs.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "admin/json.h"
#include "cli/client.h"
#include "cli/command.h"

namespace weir::cli {

// Columns as wide as their widest cell, two spaces between them, headings in capitals.
class Table {
 public:
  explicit Table(std::vector<std::string> headings);

  void add(std::vector<std::string> cells);
  void print() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "name   value" lines.
class Sheet {
 public:
  void add(std::string name, std::string value);
  void print() const;

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

std::string number(const admin::Json& value);
// A dash for what is empty.
std::string or_dash(std::string text);

// One line on standard output.
void print_json(const admin::Json& value);

// Shows what a change gave: with --json the answer, else `message` on standard error.
int show_change(const Line& line, const Result<admin::Json>& answer, std::string_view message);

// Asks the broker of the line; reports an error and returns its exit code, else what `use` returns.
template <typename Use>
int with_client(const Line& line, Use use) {
  auto client = Client::to(line.url, line.trust);
  if (!client) return report(client.error());
  return use(*client);
}

}  // namespace weir::cli
