#pragma once
// A record as JSON: {"key":"k","value":"v","headers":[{"name":"n","value":"v"}]}. What is not UTF-8
// goes in a member of the same name with _base64 behind it, both ways; a missing key or value is an
// absent member.

#include <optional>
#include <string>
#include <vector>

#include "admin/fields.h"
#include "core/log/reader.h"
#include "core/log/record_batch.h"

namespace weir::admin {

inline constexpr size_t kHeadersMax = 256;

// A record that a client sent; owns its bytes.
struct SentRecord {
  struct Header {
    std::string name;
    std::optional<std::string> value;
  };

  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<Header> headers;
  std::optional<int64_t> partition;     // topics
  std::optional<int64_t> delay_ms;      // queues
  std::optional<std::string> dedup_id;  // queues
  std::optional<int64_t> priority;      // queues

  size_t bytes() const;
};

// kInvalidArgument.
Result<SentRecord> parse_record(const Json& json);

// Points into `record`, which must outlive the views.
std::vector<log::RecordHeader> header_views(const SentRecord& record);

std::string record_json(uint32_t partition, const log::ReadRecord& record);

}  // namespace weir::admin
