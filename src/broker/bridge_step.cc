#include "broker/bridge_step.h"

#include <fmt/format.h>

#include <charconv>

#include "broker/redrive.h"

namespace weir::broker {
namespace {

// The longest that a record can ask for.
constexpr int64_t kDelayMsMax = int64_t{365} * 86'400'000;

std::optional<int64_t> milliseconds_of(ByteView text) {
  int64_t ms = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, ms);
  if (error != std::errc() || stopped != end || ms < 0 || ms > kDelayMsMax) return std::nullopt;
  return ms;
}

std::optional<bridge::Field> field_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  auto field = bridge::Field::parse(text);
  return field ? std::optional(std::move(*field)) : std::nullopt;
}

std::optional<ByteView> view_of(const std::optional<std::string>& text) {
  return text ? std::optional<ByteView>(*text) : std::nullopt;
}

}  // namespace

BridgeStep::BridgeStep(const catalog::Bridge& of, const catalog::Thing& target, uint32_t partition)
    : bridge(of),
      to(target),
      partition_(partition),
      filter_(bridge::Filter::parse(of.filter).value_or(bridge::Filter())),
      group_(field_of(of.group)),
      deduplication_(field_of(of.deduplication)),
      delay_ms_(milliseconds_of(of.delay)),
      priority_number_(parse_priority(of.priority)) {
  if (!delay_ms_) delay_field_ = field_of(of.delay);
  if (!priority_number_) priority_field_ = field_of(of.priority);
}

bool BridgeStep::passes(const log::ReadRecord& record) {
  values_.open(record);
  return filter_.passes(values_);
}

// The queue's own delay where the record says none, or nothing that is one.
std::optional<Milliseconds> BridgeStep::delay() {
  std::optional<int64_t> ms = delay_ms_;
  if (delay_field_) {
    const auto text = delay_field_->of(values_);
    if (text) ms = milliseconds_of(*text);
  }
  return ms ? std::optional(Milliseconds(*ms)) : std::nullopt;
}

std::optional<uint8_t> BridgeStep::priority() {
  if (!priority_field_) return priority_number_;
  const auto text = priority_field_->of(values_);
  return text ? parse_priority(*text) : std::nullopt;
}

BridgeStep::Output BridgeStep::output(const log::ReadRecord& record, Timestamp now) {
  const bool of_queue = bridge.trigger == catalog::BridgeTrigger::kMessage;
  origin_ = fmt::format("{}/{}/{}", bridge.from.name, partition_, record.offset.value());
  group_value_ = group_ ? group_->of(values_) : std::nullopt;
  id_value_ = deduplication_ ? deduplication_->of(values_) : std::nullopt;
  const std::optional<uint8_t> given = priority();
  headers_.clear();
  for (const log::RecordHeader& header : record.headers) {
    if (of_queue && is_of_its_past(header.key)) continue;
    if (given && header.key == kHeaderPriority) continue;
    headers_.push_back(header);
  }
  if (given) {
    priority_text_ = std::to_string(*given);
    headers_.push_back({kHeaderPriority, priority_text_});
  }
  headers_.push_back({kHeaderBridge, bridge.name});
  headers_.push_back({kHeaderSource, origin_});
  const auto key = group_value_ ? view_of(group_value_) : record.key;
  return {{key, record.value, headers_, now}, {delay(), view_of(id_value_)}};
}

}  // namespace weir::broker
