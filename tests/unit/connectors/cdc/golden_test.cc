// Weir's events against Debezium's: the stream, the snapshot's rows and the catalog of a recorded
// run of Debezium (tests/conformance/debezium) are rendered here and compared field by field with
// what Debezium wrote. Left out: wall clocks, versions, and what the recording's snapshot had of
// its own (positions, marks). Where Weir differs on purpose, kDifferences says so.

#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/cdc/config.h"
#include "connectors/cdc/renderer.h"
#include "connectors/cdc/text.h"
#include "connectors/pgoutput/assembler.h"
#include "fmt/format.h"

namespace weir::cdc {
namespace {

using simdjson::dom::element;

constexpr int64_t kNowUs = 1'700'000'000'000'000;

// The source folder: where the test runs, or above that (a build folder lies inside of it).
std::filesystem::path source_folder() {
  std::filesystem::path folder = std::filesystem::current_path();
  while (!std::filesystem::exists(folder / "tests/golden/debezium") && folder.has_relative_path()) {
    folder = folder.parent_path();
  }
  return folder;
}

std::string read_file(const std::string& path) {
  std::ifstream file(source_folder() / path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(file) << path << " is not below " << std::filesystem::current_path();
  return text.str();
}

const std::string kFolder = "tests/golden/debezium/";

// Where Weir differs from Debezium on purpose; docs/cdc.md lists the same.
bool differs_on_purpose(const std::string& topic, std::string_view path, const element& wanted) {
  if (path.starts_with(".payload")) path.remove_prefix(8);
  // A column of the type "name": null in Debezium's stream, though its snapshot has it.
  if (topic.ends_with(".texts") && path == ".after.n") return wanted.is_null();
  // A big bytea that was not sent: null with the base64 modes, in which Weir says so.
  if (topic.ends_with(".big") && path == ".after.raw") return wanted.is_null();
  // Times in an array lose what is below a millisecond.
  return topic.ends_with(".arrays") && path.starts_with(".after.tm[");
}

// The position of the transaction before hangs on what the publication leaves out: the recording's
// stream is of all tables and all operations, as three of the profiles have it.
bool is_of_publication(const std::string& topic, std::string_view path) {
  const std::string_view profile = std::string_view(topic).substr(0, topic.find('.'));
  const bool all = profile == "plain" || profile == "schemas" || profile == "texts";
  return !all && path.ends_with(".source.sequence");
}

bool is_left_out(const std::string& path) {
  static const std::set<std::string> kPaths = {"ts_ms", "ts_us", "ts_ns", "source.version"};
  std::string_view rest = path;
  if (rest.starts_with(".payload")) rest.remove_prefix(8);
  if (!rest.empty()) rest.remove_prefix(1);
  return kPaths.contains(std::string(rest));
}

// Of snapshots: what hangs on the moment that they were taken.
bool is_of_snapshot(const std::string& path) {
  for (const std::string_view name :
       {"ts_ms", "ts_us", "ts_ns", "lsn", "txId", "sequence", "snapshot"}) {
    if (path.ends_with(fmt::format(".source.{}", name))) return true;
  }
  return false;
}

class Comparison {
 public:
  Comparison(std::string topic, bool snapshot) : topic_(std::move(topic)), snapshot_(snapshot) {}

  void compare(const element& wanted, const element& found, const std::string& path) {
    if (is_left_out(path) || (snapshot_ && is_of_snapshot(path))) return;
    if (differs_on_purpose(topic_, path, wanted) || is_of_publication(topic_, path)) return;
    if (path.ends_with(".data_collections") && wanted.is_array()) return counts(wanted, found);
    if (wanted.is_object() && found.is_object()) {
      objects(wanted.get_object(), found.get_object(), path);
    } else if (wanted.is_array() && found.is_array()) {
      arrays(wanted.get_array(), found.get_array(), path);
    } else if (wanted.is_number() && found.is_number()) {
      if (same_number(wanted, found)) return;
      differ(wanted, found, path);
    } else if (wanted.is_string() && found.is_string()) {
      texts(wanted, found, path);
    } else if (wanted.type() != found.type() || (wanted.is_bool() && bool(wanted) != bool(found))) {
      differ(wanted, found, path);
    }
  }

 private:
  static bool same_number(const element& wanted, const element& found) {
    if (wanted.is_double() || found.is_double()) return double(wanted) == double(found);
    return simdjson::minify(wanted) == simdjson::minify(found);
  }

  void differ(const element& wanted, const element& found, const std::string& path) {
    ADD_FAILURE() << topic_ << path << ": Debezium " << simdjson::minify(wanted).substr(0, 300)
                  << " Weir " << simdjson::minify(found).substr(0, 300);
  }

  void objects(simdjson::dom::object wanted, simdjson::dom::object found, const std::string& path) {
    for (const auto& [key, value] : wanted) {
      element other;
      const std::string inner = path + "." + std::string(key);
      if (found.at_key(key).get(other) != simdjson::SUCCESS) {
        if (!is_left_out(inner)) ADD_FAILURE() << topic_ << inner << " is missing";
        continue;
      }
      compare(value, other, inner);
    }
    for (const auto& [key, value] : found) {
      element other;
      const std::string inner = path + "." + std::string(key);
      if (wanted.at_key(key).get(other) == simdjson::SUCCESS || is_left_out(inner)) continue;
      // What is null in an expanded payload.
      if (topic_ == "outbox.event.Order" && value.is_null()) continue;
      ADD_FAILURE() << topic_ << inner << " is not Debezium's: " << simdjson::minify(value);
    }
  }

  void arrays(simdjson::dom::array wanted, simdjson::dom::array found, const std::string& path) {
    ASSERT_EQ(wanted.size(), found.size())
        << topic_ << path << simdjson::minify(wanted) << " " << simdjson::minify(found);
    auto other = found.begin();
    size_t i = 0;
    for (const element& value : wanted) {
      compare(value, *other, fmt::format("{}[{}]", path, i++));
      ++other;
    }
  }

  // Tables of a transaction in any order. Debezium counts logical messages below the address of a
  // Java object, Weir below "message".
  static std::map<std::string, uint64_t> counts_of(const element& list) {
    std::map<std::string, uint64_t> counts;
    for (const element one : list.get_array()) {
      std::string name(one["data_collection"].get_string().value());
      if (name.find("LogicalDecodingMessageId@") != std::string::npos) name = "message";
      counts[name] += uint64_t(one["event_count"]);
    }
    return counts;
  }

  void counts(const element& wanted, const element& found) const {
    EXPECT_EQ(counts_of(wanted), counts_of(found)) << topic_;
  }

  // A JSON object inside of a text is equal whatever the order of its fields (hstore).
  void texts(const element& wanted, const element& found, const std::string& path) {
    const std::string_view left = wanted.get_string();
    const std::string_view right = found.get_string();
    if (left == right) return;
    simdjson::dom::parser parsers[2];
    simdjson::dom::object objects_inside[2];
    const bool both = parsers[0].parse(simdjson::padded_string(left)).get(objects_inside[0]) ==
                          simdjson::SUCCESS &&
                      parsers[1].parse(simdjson::padded_string(right)).get(objects_inside[1]) ==
                          simdjson::SUCCESS;
    if (!both) return differ(wanted, found, path);
    objects(objects_inside[0], objects_inside[1], path + "()");
  }

  std::string topic_;
  bool snapshot_;
};

std::string text_of(const element& from) {
  return std::string(from.get_string().value());
}

// The database's catalog before the workload, and of each of its steps the relations that were
// others then.
class Catalog final : public pgoutput::Describer {
 public:
  explicit Catalog(const element& recorded) : types_(recorded["before"]["types"]) {
    relations = relations_of(recorded["before"]);
    for (const element step : recorded["steps"].get_array()) {
      steps_.emplace(uint64_t(step["lsn"]), relations_of(step));
    }
  }

  Result<pgoutput::RelationFacts> describe(const pgoutput::Relation& announced) override {
    const auto step = steps_.lower_bound(position);
    if (step != steps_.end()) {
      const auto changed = step->second.find(announced.id);
      if (changed != step->second.end()) return changed->second;
    }
    return relations.at(announced.id);
  }

  std::map<uint32_t, pgoutput::RelationFacts> relations;
  uint64_t position = 0;  // of the stream

 private:
  std::map<uint32_t, pgoutput::RelationFacts> relations_of(const element& facts) const {
    std::map<uint32_t, pgoutput::RelationFacts> result;
    for (const element one : facts["relations"].get_array()) {
      pgoutput::RelationFacts relation;
      relation.id = static_cast<uint32_t>(uint64_t(one["id"]));
      relation.schema = text_of(one["schema"]);
      relation.table = text_of(one["table"]);
      relation.identity = text_of(one["identity"])[0];
      for (const element column : one["columns"].get_array()) {
        relation.columns.push_back({.name = text_of(column["name"]),
                                    .type = static_cast<uint32_t>(uint64_t(column["type"])),
                                    .typmod = static_cast<int32_t>(int64_t(column["typmod"])),
                                    .not_null = bool(column["not_null"]),
                                    .generated = bool(column["generated"]),
                                    .default_expression = text_of(column["default"])});
      }
      for (const element name : one["key"].get_array()) relation.key.push_back(text_of(name));
      for (const element type : types_.get_array()) relation.types.push_back(type_of(type));
      result.emplace(relation.id, std::move(relation));
    }
    return result;
  }

  static pgoutput::TypeFacts type_of(const element& from) {
    pgoutput::TypeFacts type;
    type.oid = static_cast<uint32_t>(uint64_t(from["oid"]));
    type.name = text_of(from["name"]);
    type.kind = text_of(from["kind"])[0];
    type.category = text_of(from["category"])[0];
    type.element = static_cast<uint32_t>(uint64_t(from["element"]));
    type.base = static_cast<uint32_t>(uint64_t(from["base"]));
    type.base_typmod = static_cast<int32_t>(int64_t(from["base_typmod"]));
    for (const element label : from["labels"].get_array()) type.labels.push_back(text_of(label));
    return type;
  }

  element types_;
  std::map<uint64_t, std::map<uint32_t, pgoutput::RelationFacts>> steps_;  // by their end
};

using Events = std::map<std::string, std::vector<Output>>;

class Collector final : public pgoutput::Sink {
 public:
  Collector(Renderer& renderer, Events& events) : renderer_(renderer), events_(events) {}

  Result<> begin(const Transaction& transaction) override {
    renderer_.begin(transaction, outputs_);
    return take();
  }
  Result<> change(const Change& change) override {
    const Result<> rendered = renderer_.render(change, kNowUs, outputs_);
    EXPECT_TRUE(rendered) << rendered.error().message;
    return take();
  }
  Result<> commit(const Transaction& transaction) override {
    renderer_.end(transaction, outputs_);
    return take();
  }

 private:
  Result<> take() {
    for (Output& output : outputs_) events_[output.name].push_back(std::move(output));
    outputs_.clear();
    return {};
  }

  Renderer& renderer_;
  Events& events_;
  std::vector<Output> outputs_;
};

// A line of COPY's text form, taken apart; `texts` keeps what the row borrows.
Row copied_row(std::string_view line, std::vector<std::string>& texts) {
  Row row;
  texts.clear();
  texts.reserve(line.size() + 1);
  bool null = false;
  texts.emplace_back();
  const auto finish = [&] {
    row.push_back(null ? Value{} : Value{.state = Value::State::kText, .text = texts.back()});
    null = false;
  };
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\t') {
      finish();
      texts.emplace_back();
    } else if (line[i] == '\\' && i + 1 < line.size()) {
      const char next = line[++i];
      constexpr std::string_view kLetters = "bfnrtv";
      constexpr std::string_view kMeant = "\b\f\n\r\t\v";
      const size_t at = kLetters.find(next);
      if (next == 'N') {
        null = true;
      } else {
        texts.back() += at == std::string_view::npos ? next : kMeant[at];
      }
    } else {
      texts.back() += line[i];
    }
  }
  finish();
  return row;
}

void render_snapshot(const element& catalog, Renderer& renderer, Events& events) {
  const Catalog facts(catalog);
  Collector collector(renderer, events);
  for (const auto& [id, relation] : facts.relations) {
    const auto described = pgoutput::relation_of(relation);
    for (const element line : catalog["rows"][std::to_string(id)].get_array()) {
      std::vector<std::string> texts;
      Change change;
      change.snapshot = SnapshotMark::kTrue;
      change.relation = described;
      change.after = copied_row(line.get_string().value(), texts);
      ASSERT_EQ(change.after->size(), described->columns.size());
      ASSERT_TRUE(collector.change(change));
    }
  }
}

void render_stream(const element& catalog,
                   const std::string& stream,
                   Renderer& renderer,
                   Events& events) {
  Catalog facts(catalog);
  pgoutput::Assembler assembler(facts);
  Collector collector(renderer, events);
  std::istringstream lines(stream);
  for (std::string line; std::getline(lines, line);) {
    const size_t bar = line.find('|');
    std::string message;
    ASSERT_TRUE(read_bytea("\\x" + line.substr(bar + 1), message));
    const pgoutput::XLogData data{.start = std::stoull(line.substr(0, bar)), .message = message};
    facts.position = std::max(facts.position, data.start);
    const Result<> fed = assembler.feed(data, collector);
    ASSERT_TRUE(fed) << fed.error().message;
  }
}

Properties properties_of(const std::string& profile) {
  simdjson::dom::parser parser;
  const simdjson::padded_string text(read_file("tests/conformance/debezium/profiles.json"));
  element all;
  EXPECT_EQ(parser.parse(text).get(all), simdjson::SUCCESS);
  Properties properties;
  for (const element& part : {all["common"].value(), all["profiles"][profile].value()}) {
    for (const auto& [key, value] : simdjson::dom::object(part)) {
      properties[std::string(key)] = text_of(value);
    }
  }
  properties["topic.prefix"] = profile;
  properties["slot.name"] = profile;
  return properties;
}

// The schemas of a recording stand once each, by number.
std::string whole(const element& node, const element& schemas) {
  element number;
  if (!node.is_object() || node["schema"].get(number) != simdjson::SUCCESS) {
    return simdjson::minify(node);
  }
  return fmt::format(R"({{"schema":{},"payload":{}}})",
                     simdjson::minify(schemas.at(uint64_t(number)).value()),
                     simdjson::minify(node["payload"].value()));
}

void compare_texts(const std::string& topic,
                   bool snapshot,
                   const std::string& wanted,
                   const std::string& found) {
  simdjson::dom::parser parsers[2];
  const simdjson::padded_string left(wanted);
  const simdjson::padded_string right(found);
  element elements[2];
  ASSERT_EQ(parsers[0].parse(left).get(elements[0]), simdjson::SUCCESS) << wanted;
  ASSERT_EQ(parsers[1].parse(right).get(elements[1]), simdjson::SUCCESS) << found;
  Comparison(topic, snapshot).compare(elements[0], elements[1], "");
}

void compare_record(const std::string& topic,
                    const element& wanted,
                    const element& schemas,
                    const Output& found) {
  const bool snapshot =
      wanted["value"].is_object() &&
      simdjson::minify(wanted["value"].value()).find(R"("op":"r")") != std::string::npos;
  // The key of an outbox's event may be a text that is no JSON.
  std::string_view text;
  if (wanted["key"].get(text) == simdjson::SUCCESS && found.key == text) {
    SUCCEED();
  } else {
    compare_texts(topic, snapshot, whole(wanted["key"], schemas), found.key.value_or("null"));
  }
  compare_texts(topic, snapshot, whole(wanted["value"], schemas), found.value.value_or("null"));
  std::map<std::string, std::string> headers;
  for (const Header& header : found.headers) {
    if (!header.key.ends_with(".runId")) headers[header.key] = header.value.value_or("");
  }
  std::map<std::string, std::string> recorded;
  for (const auto& [key, value] : simdjson::dom::object(wanted["headers"])) {
    recorded[std::string(key)] = value.is_null() ? "" : text_of(value);
  }
  EXPECT_EQ(headers, recorded) << topic;
}

// Debezium's snapshot has generated columns that its stream has not; Weir leaves them out of both.
// Its snapshot also reads partitions as tables beside their root; which tables are read is not the
// renderer's matter.
bool is_compared(const std::string& topic, const element& record) {
  if (topic.starts_with("__debezium-heartbeat")) return false;
  const std::string text = simdjson::minify(record["value"].value());
  const bool read = text.find(R"("op":"r")") != std::string::npos;
  return !(read && (topic.ends_with(".computed") || topic.find(".parts") != std::string::npos));
}

bool is_compared(const Output& output) {
  const bool read = output.value && output.value->find(R"("op":"r")") != std::string::npos;
  return !(read &&
           (output.name.ends_with(".computed") || output.name.find(".parts") != std::string::npos));
}

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, EventsEqualDebeziumsFieldByField) {
  const std::string profile = GetParam();
  std::vector<std::string> notes;
  const auto config = parse(profile, properties_of(profile), notes);
  ASSERT_TRUE(config) << config.error().message;
  Renderer renderer(std::make_shared<const Config>(*config), profile);

  simdjson::dom::parser parsers[2];
  const simdjson::padded_string catalog_text(read_file(kFolder + "catalog.json"));
  element catalog;
  ASSERT_EQ(parsers[0].parse(catalog_text).get(catalog), simdjson::SUCCESS);
  Events events;
  render_snapshot(catalog, renderer, events);
  const bool root = config->publish_via_partition_root;
  const std::string stream =
      read_file(kFolder + (root ? "recorded_root.stream" : "recorded.stream"));
  render_stream(catalog, stream, renderer, events);

  const simdjson::padded_string golden_text(read_file(kFolder + profile + ".json"));
  element golden;
  ASSERT_EQ(parsers[1].parse(golden_text).get(golden), simdjson::SUCCESS);
  std::map<std::string, std::vector<element>> recorded;
  for (const element record : golden["events"].get_array()) {
    const std::string topic = text_of(record["topic"]);
    if (is_compared(topic, record)) recorded[topic].push_back(record);
  }
  size_t compared = 0;
  for (const auto& [topic, records] : recorded) {
    std::vector<Output>& found = events[topic];
    std::erase_if(found, [](const Output& output) { return !is_compared(output); });
    ASSERT_EQ(records.size(), found.size()) << topic;
    for (size_t i = 0; i < records.size(); ++i, ++compared) {
      compare_record(fmt::format("{}", topic), records[i], golden["schemas"], found[i]);
    }
    events.erase(topic);
  }
  for (const auto& [topic, outputs] : events) {
    for (const Output& output : outputs) {
      EXPECT_FALSE(is_compared(output)) << topic << " has events that Debezium has not";
    }
  }
  EXPECT_GT(compared, config->outboxes.empty() ? 20u : 7u);
}

INSTANTIATE_TEST_SUITE_P(Profiles,
                         Golden,
                         ::testing::Values("plain",
                                           "schemas",
                                           "texts",
                                           "connect",
                                           "micros",
                                           "exact",
                                           "outbox",
                                           "strings",
                                           "enveloped"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace weir::cdc
