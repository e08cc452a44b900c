#include "connectors/cdc/outbox.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "connectors/cdc/change.h"
#include "connectors/cdc/config.h"
#include "connectors/cdc/renderer.h"
#include "connectors/cdc/temporal.h"
#include "connectors/cdc/text.h"
#include "connectors/cdc/values.h"
#include "fmt/format.h"

namespace weir::cdc {

namespace {

constexpr size_t kShownBytesMax = 100;

struct Cell {
  std::optional<std::string> text;  // none: null
  bool json = false;                // the text is JSON of its own
  std::string field;                // as a field of an event; empty: the text as it is
  std::string header;               // likewise, as a header
};

using Cells = std::map<std::string, Cell, std::less<>>;

Error wrong(const Outbox& outbox, std::string_view what) {
  return {.code = ErrorCode::kInvalidArgument,
          .message = fmt::format("outbox {}: {}",
                                 outbox.table.empty() ? outbox.prefix : outbox.table, what)};
}

const Cell* find(const Cells& cells, const std::string& name) {
  const auto found = cells.find(name);
  return found == cells.end() ? nullptr : &found->second;
}

Result<const Cell*> needed(const Outbox& outbox, const Cells& cells, const std::string& name) {
  if (const Cell* cell = find(cells, name)) return cell;
  return std::unexpected(wrong(outbox, fmt::format("there is no column {}", name)));
}

// A cell as it stands inside a JSON object.
void append_cell(std::string& out, const Cell& cell) {
  if (!cell.text) {
    out += "null";
  } else if (!cell.field.empty()) {
    out += cell.field;
  } else if (cell.json) {
    out += *cell.text;
  } else {
    append_json_string(out, *cell.text);
  }
}

// As Kafka Connect writes a header: what is a text in JSON stands without its quotes.
std::string header_of(const Type& type,
                      std::string_view text,
                      const std::string& field,
                      const Style& style) {
  const bool decimal = type.kind == TypeKind::kDecimal || type.kind == TypeKind::kVariableDecimal ||
                       type.kind == TypeKind::kMoney;
  if (decimal && style.decimal == DecimalMode::kPrecise && !style.readable) {
    return std::string(text);
  }
  if (!field.starts_with('"')) return field;
  if (field.find('\\') != std::string::npos) return std::string(text);
  return field.substr(1, field.size() - 2);
}

// A column that goes along has the form that events give it.
Result<> set_form(const Outbox& outbox,
                  const Column& column,
                  std::string_view text,
                  const Style& style,
                  Cell& cell) {
  const bool goes_along = std::ranges::find(outbox.additional, column.name,
                                            &Outbox::Placement::column) != outbox.additional.end();
  if (!goes_along) return {};
  if (!append_value(cell.field, column.type, text, style)) {
    return std::unexpected(
        wrong(outbox, fmt::format("{} holds \"{}\", which the chosen form of {} cannot express",
                                  column.name, text.substr(0, kShownBytesMax), column.type.name)));
  }
  cell.header = header_of(column.type, text, cell.field, style);
  return {};
}

// Milliseconds since 1970 from a number of them or from a timestamp.
std::optional<int64_t> milliseconds(const std::string& text) {
  int64_t ms = 0;
  const char* end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data(), end, ms);
  if (error == std::errc() && next == end) return ms;
  const std::optional<Instant> instant = read_timestamp(text);
  if (!instant || instant->infinite != Infinite::kNo) return std::nullopt;
  const std::optional<int64_t> us = microseconds(*instant);
  return us ? std::optional(*us / 1000) : std::nullopt;
}

std::optional<std::string> payload_of(const Outbox& outbox, const Cell& cell) {
  if (!cell.text || (outbox.tombstone_on_empty && cell.text->empty())) return std::nullopt;
  if (!outbox.quote_payload) return cell.text;
  std::string quoted;
  append_json_string(quoted, *cell.text);
  return quoted;
}

std::optional<std::string> key_of(const Outbox& outbox, const Cell& cell) {
  if (!cell.text || !outbox.quote_key) return cell.text;
  std::string quoted;
  append_json_string(quoted, *cell.text);
  return quoted;
}

Result<> add_more(const Outbox& outbox, const Cells& cells, const Cell& payload, Output& output) {
  std::string envelope = R"({"payload":)";
  if (outbox.quote_payload && output.value) {
    envelope += *output.value;
  } else {
    append_cell(envelope, payload);
  }
  bool enveloped = false;
  for (const Outbox::Placement& more : outbox.additional) {
    const Cell* cell = find(cells, more.column);
    if (cell == nullptr) {
      if (!outbox.additional_missing_is_error) continue;
      return std::unexpected(wrong(outbox, fmt::format("there is no column {}", more.column)));
    }
    if (more.where == Outbox::Placement::Where::kHeader) {
      const bool formed = cell->text && !cell->field.empty();
      output.headers.push_back({more.alias, formed ? cell->header : cell->text});
    } else if (more.where == Outbox::Placement::Where::kEnvelope) {
      envelope += ',';
      append_json_string(envelope, more.alias);
      envelope += ':';
      append_cell(envelope, *cell);
      enveloped = true;
    } else if (cell->text) {
      int32_t partition = 0;
      const char* end = cell->text->data() + cell->text->size();
      const auto [next, error] = std::from_chars(cell->text->data(), end, partition);
      if (error != std::errc() || next != end || partition < 0) {
        return std::unexpected(wrong(outbox, fmt::format("{} is no partition", *cell->text)));
      }
      output.partition = partition;
    }
  }
  if (enveloped) output.value = envelope + '}';
  return {};
}

Result<> set_times(const Outbox& outbox, const Cells& cells, const Change& change, Output& output) {
  output.timestamp_ms = change.commit_us / 1000;
  if (outbox.timestamp.empty()) return {};
  const Result<const Cell*> cell = needed(outbox, cells, outbox.timestamp);
  if (!cell) return std::unexpected(cell.error());
  if (!(*cell)->text) return {};
  const std::optional<int64_t> ms = milliseconds(*(*cell)->text);
  if (!ms) {
    return std::unexpected(
        wrong(outbox, fmt::format("{} holds \"{}\", which is neither milliseconds nor a timestamp",
                                  outbox.timestamp, *(*cell)->text)));
  }
  output.timestamp_ms = *ms;
  return {};
}

Result<> route(const Outbox& outbox,
               const Cells& cells,
               const Change& change,
               std::vector<Output>& out) {
  const Cell* found[4] = {};
  const std::string* names[4] = {&outbox.id, &outbox.key, &outbox.payload, &outbox.route};
  for (size_t i = 0; i < 4; ++i) {
    const Result<const Cell*> cell = needed(outbox, cells, *names[i]);
    if (!cell) return std::unexpected(cell.error());
    found[i] = *cell;
  }
  const auto& [id, key, payload, routed_by] = found;
  Output output;
  output.target = outbox.to_queue ? Output::Target::kQueue : Output::Target::kTopic;
  if (!routed_by->text) {
    return std::unexpected(wrong(outbox, fmt::format("{} is null", outbox.route)));
  }
  const std::optional<std::string> name =
      outbox.route_regex.replace(*routed_by->text, outbox.route_replacement);
  if (!name || name->empty()) {
    return std::unexpected(
        wrong(outbox, fmt::format("\"{}\" leads nowhere by {} -> {}", *routed_by->text,
                                  outbox.route_regex.text(), outbox.route_replacement)));
  }
  output.name = *name;
  output.key = key_of(outbox, *key);
  output.value = payload_of(outbox, *payload);
  output.event_id = id->text.value_or("");
  output.headers.push_back({"id", id->text});
  if (!outbox.schema_version.empty()) {
    const Result<const Cell*> version = needed(outbox, cells, outbox.schema_version);
    if (!version) return std::unexpected(version.error());
    output.headers.push_back({"schemaVersion", (*version)->text});
  }
  if (const Result<> timed = set_times(outbox, cells, change, output); !timed) return timed;
  if (const Result<> more = add_more(outbox, cells, *payload, output); !more) return more;
  out.push_back(std::move(output));
  return {};
}

// JSON's values as texts: strings without their quotes, null as null, all else as it is written.
Result<Cells> cells_of_json(const Outbox& outbox, std::string_view content) {
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(content);
  simdjson::dom::object object;
  if (parser.parse(padded).get(object) != simdjson::SUCCESS) {
    return std::unexpected(wrong(outbox, "the message is no JSON object"));
  }
  Cells cells;
  for (const auto& [name, value] : object) {
    Cell cell;
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) {
      cell.text = text;
    } else if (!value.is_null()) {
      cell.text = simdjson::minify(value);
      cell.json = true;
    }
    cells.insert_or_assign(std::string(name), std::move(cell));
  }
  return cells;
}

}  // namespace

Result<> route_row(const Outbox& outbox,
                   const Change& change,
                   const Style& style,
                   std::vector<Output>& out) {
  if (change.operation == Operation::kUpdate) {
    if (outbox.on_update == Outbox::Invalid::kWarn) return {};
    return std::unexpected(wrong(outbox, "a row was updated; rows of an outbox are only inserted"));
  }
  if (!change.after) return {};
  Cells cells;
  const std::vector<Column>& columns = change.relation->columns;
  for (size_t i = 0; i < columns.size(); ++i) {
    Cell cell;
    const Value& value = (*change.after)[i];
    if (value.state == Value::State::kText) {
      std::string bytes;
      const bool binary = columns[i].type.kind == TypeKind::kBytes && read_bytea(value.text, bytes);
      cell.text = binary ? bytes : std::string(value.text);
      cell.json = columns[i].type.kind == TypeKind::kJson;
      const Result<> formed = set_form(outbox, columns[i], value.text, style, cell);
      if (!formed) return formed;
    }
    cells.emplace(columns[i].name, std::move(cell));
  }
  return route(outbox, cells, change, out);
}

Result<> route_message(const Outbox& outbox, const Change& change, std::vector<Output>& out) {
  const Result<Cells> cells = cells_of_json(outbox, change.message_content);
  if (!cells) return std::unexpected(cells.error());
  return route(outbox, *cells, change, out);
}

}  // namespace weir::cdc
