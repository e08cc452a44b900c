#include "connectors/cdc/config_outbox.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "connectors/cdc/config.h"
#include "connectors/cdc/config_values.h"
#include "connectors/cdc/patterns.h"
#include "fmt/format.h"

namespace weir::cdc {

namespace {

using Where = Outbox::Placement::Where;

struct Text {
  std::string_view theirs;
  std::string_view ours;
  std::string Outbox::* member;
};

constexpr Text kTexts[] = {
    {"table", "table", &Outbox::table},
    {"prefix", "prefix", &Outbox::prefix},
    {"table.field.event.id", "id", &Outbox::id},
    {"table.field.event.key", "key", &Outbox::key},
    {"table.field.event.payload", "payload", &Outbox::payload},
    {"table.field.event.timestamp", "timestamp", &Outbox::timestamp},
    {"table.field.event.schema.version", "schema_version", &Outbox::schema_version},
    {"route.by.field", "route", &Outbox::route},
    {"route.topic.replacement", "topic", &Outbox::route_replacement},
};

Result<> placements(Outbox& outbox, std::string_view full, const std::string& value) {
  constexpr Choice<Where> kPlaces[] = {
      {"header", Where::kHeader}, {"envelope", Where::kEnvelope}, {"partition", Where::kPartition}};
  std::string_view rest = value;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    std::string_view one = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    while (one.starts_with(' ')) one.remove_prefix(1);
    const size_t colon = one.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      return std::unexpected(bad_value(full, value, "give column:header or column:envelope:alias"));
    }
    Outbox::Placement placement;
    placement.column = one.substr(0, colon);
    const std::string_view place = one.substr(colon + 1);
    const size_t second = place.find(':');
    const Result<> read =
        read_one_of(full, std::string(place.substr(0, second)), kPlaces, placement.where);
    if (!read) return read;
    placement.alias =
        second == std::string_view::npos ? placement.column : std::string(place.substr(second + 1));
    outbox.additional.push_back(std::move(placement));
  }
  return {};
}

Result<> special(Outbox& outbox,
                 std::string_view full,
                 std::string_view option,
                 const std::string& value,
                 bool& known) {
  if (option == "queue") {
    outbox.to_queue = true;
    outbox.route_replacement = value;
    return {};
  }
  if (option == "route.topic.regex" || option == "regex") {
    Result<Pattern> pattern = Pattern::compile(value, false);
    if (!pattern) return std::unexpected(bad_value(full, value, pattern.error().message));
    outbox.route_regex = std::move(*pattern);
    return {};
  }
  if (option == "table.fields.additional.placement" || option == "additional") {
    return placements(outbox, full, value);
  }
  if (option == "route.tombstone.on.empty.payload" || option == "tombstone") {
    return read_bool(full, value, outbox.tombstone_on_empty);
  }
  if (option == "table.fields.additional.error.on.missing") {
    return read_bool(full, value, outbox.additional_missing_is_error);
  }
  if (option == "table.expand.json.payload" || option == "expand") {
    bool expand = false;
    const Result<> read = read_bool(full, value, expand);
    outbox.quote_payload = !expand;
    return read;
  }
  if (option == "table.op.invalid.behavior" || option == "on_update") {
    constexpr Choice<Outbox::Invalid> kWords[] = {{"warn", Outbox::Invalid::kWarn},
                                                  {"error", Outbox::Invalid::kError},
                                                  {"fatal", Outbox::Invalid::kFatal}};
    return read_one_of(full, value, kWords, outbox.on_update);
  }
  known = option.starts_with("tracing.") || option == "table.json.payload.null.behavior";
  return {};
}

}  // namespace

Result<> set_outbox_option(Outbox& outbox,
                           std::string_view full,
                           std::string_view option,
                           const std::string& value,
                           bool& known) {
  known = true;
  for (const Text& text : kTexts) {
    if (option != text.theirs && option != text.ours) continue;
    outbox.*text.member = value;
    return {};
  }
  return special(outbox, full, option, value, known);
}

Result<> finish_outbox(Outbox& outbox, std::string_view full) {
  if (outbox.table.empty() == outbox.prefix.empty() && outbox.tables.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} needs a table or a prefix of logical messages, one of them", full));
  }
  if (outbox.route_regex.text().empty()) {
    Result<Pattern> pattern = Pattern::compile("(?<routedByValue>.*)", false);
    if (!pattern) return std::unexpected(pattern.error());
    outbox.route_regex = std::move(*pattern);
  }
  if (outbox.table.empty()) return {};
  return read_patterns(full, outbox.table, true, outbox.tables);
}

}  // namespace weir::cdc
