#pragma once
// One step of a bridge: what it asks of each record, parsed once. For bridge_*.cc alone.

#include <optional>

#include "broker/types.h"
#include "core/bridge/filter.h"
#include "core/catalog/model.h"

namespace weir::broker {

class BridgeStep {
 public:
  // Both must outlive the step. The fields were checked when the bridge was created.
  BridgeStep(const catalog::Bridge& bridge, const catalog::Thing& to, uint32_t partition);

  // Looks at this record from now on; whether it passes the filter.
  bool passes(const log::ReadRecord& record);

  // What the record becomes; views of it, of the record and of this step.
  struct Output {
    log::RecordInput record;
    SendOptions options;
  };
  Output output(const log::ReadRecord& record, Timestamp now);

  const catalog::Bridge& bridge;
  const catalog::Thing& to;

 private:
  std::optional<Milliseconds> delay();
  std::optional<uint8_t> priority();

  uint32_t partition_;
  bridge::Filter filter_;
  std::optional<bridge::Field> group_;
  std::optional<bridge::Field> deduplication_;
  std::optional<bridge::Field> delay_field_;
  std::optional<int64_t> delay_ms_;
  std::optional<bridge::Field> priority_field_;
  std::optional<uint8_t> priority_number_;
  bridge::Values values_;

  std::string origin_;
  std::optional<std::string> group_value_;
  std::optional<std::string> id_value_;
  std::string priority_text_;
  std::vector<log::RecordHeader> headers_;
};

}  // namespace weir::broker
