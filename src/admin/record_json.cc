#include "admin/record_json.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "broker/types.h"

namespace weir::admin {
namespace {

// Where a message keeps its deduplication id, whatever protocol it came through (docs/interop.md).
constexpr std::string_view kDedupHeader = "weir.dedup-id";

// "key" or "key_base64"; both at once is a mistake.
std::optional<std::string> read_bytes(Fields& fields,
                                      std::string_view name,
                                      std::string_view encoded) {
  const std::string* plain = fields.text(name);
  const std::string* base64 = fields.text(encoded);
  if (base64 == nullptr) return plain == nullptr ? std::nullopt : std::optional(*plain);
  if (plain != nullptr) fields.mistake(fmt::format("{} and {} exclude each other", name, encoded));
  auto decoded = from_base64(*base64);
  if (!decoded) {
    fields.mistake(fmt::format("{}: {}", encoded, decoded.error().message));
    return std::nullopt;
  }
  return std::move(*decoded);
}

void write_bytes(JsonObject& object,
                 const std::string& name,
                 const std::optional<ByteView>& bytes) {
  if (!bytes) return;
  if (is_utf8(*bytes)) {
    object.text(name, *bytes);
  } else {
    object.text(name + "_base64", to_base64(*bytes));
  }
}

Result<SentRecord::Header> parse_header(const Json& json) {
  Fields fields(json);
  SentRecord::Header header;
  header.name = fields.required_text("name");
  header.value = read_bytes(fields, "value", "value_base64");
  if (const auto read = fields.finish(); !read) return std::unexpected(read.error());
  return header;
}

}  // namespace

size_t SentRecord::bytes() const {
  size_t total = (key ? key->size() : 0) + (value ? value->size() : 0);
  for (const Header& header : headers) {
    total += header.name.size() + (header.value ? header.value->size() : 0);
  }
  return total;
}

Result<SentRecord> parse_record(const Json& json) {
  Fields fields(json);
  SentRecord record;
  record.key = read_bytes(fields, "key", "key_base64");
  record.value = read_bytes(fields, "value", "value_base64");
  record.partition = fields.integer("partition", 0, INT32_MAX);
  record.delay_ms = fields.integer("delay_ms", 0, INT64_MAX);
  if (const std::string* id = fields.text("dedup_id")) {
    record.dedup_id = *id;
    record.headers.push_back({std::string(kDedupHeader), *id});
  }
  record.priority = fields.integer("priority", 0, catalog::kPrioritiesMax - 1);
  if (record.priority) {
    record.headers.push_back(
        {std::string(broker::kHeaderPriority), std::to_string(*record.priority)});
  }
  const std::vector<Json>* headers = fields.list("headers");
  if (const auto read = fields.finish(); !read) return std::unexpected(read.error());
  if (headers == nullptr) return record;
  if (headers->size() > kHeadersMax) {
    return fail(ErrorCode::kTooLarge, fmt::format("a record has at most {} headers", kHeadersMax));
  }
  for (const Json& item : *headers) {
    auto header = parse_header(item);
    if (!header) return std::unexpected(header.error());
    record.headers.push_back(std::move(*header));
  }
  return record;
}

std::vector<log::RecordHeader> header_views(const SentRecord& record) {
  std::vector<log::RecordHeader> views;
  views.reserve(record.headers.size());
  for (const SentRecord::Header& header : record.headers) {
    views.push_back({header.name, header.value});
  }
  return views;
}

std::string record_json(uint32_t partition, const log::ReadRecord& record) {
  JsonObject object;
  object.integer("partition", partition)
      .integer("offset", record.offset.value())
      .integer("timestamp_ms", record.timestamp.ms());
  write_bytes(object, "key", record.key);
  write_bytes(object, "value", record.value);
  JsonList headers;
  for (const log::RecordHeader& header : record.headers) {
    JsonObject one;
    one.text("name", header.key);
    write_bytes(one, "value", header.value);
    headers.raw(one.done());
  }
  if (!headers.empty()) object.raw("headers", headers.done());
  if (record.damaged) object.flag("damaged", true);
  return object.done();
}

}  // namespace weir::admin
