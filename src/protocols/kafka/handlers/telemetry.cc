#include "protocols/kafka/handlers/telemetry.h"

#include "protocols/kafka/engine.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

constexpr int32_t kAskAgainMs = 5 * 60 * 1000;
constexpr int32_t kPushBytesMax = 1 << 20;

}  // namespace

void GetTelemetrySubscriptionsHandler::handle(Call call, Request request) {
  call.engine().call([call = std::move(call), request](Engine& engine) mutable {
    GetTelemetrySubscriptionsResponse response;
    if (request.client_instance_id.is_zero()) {
      response.client_instance_id = to_wire(engine.broker.new_uuid());
    } else {
      response.client_instance_id = request.client_instance_id;
    }
    response.push_interval_ms = kAskAgainMs;
    response.telemetry_max_bytes = kPushBytesMax;
    response.delta_temporality = true;
    call.answer(response);
  });
}

void PushTelemetryHandler::handle(Call call, Request request) {
  PushTelemetryResponse response;
  KafkaError error = KafkaError::kUnknownSubscriptionId;
  if (request.client_instance_id.is_zero()) error = KafkaError::kInvalidRequest;
  if (request.metrics.size() > kPushBytesMax) error = KafkaError::kTelemetryTooLarge;
  response.error_code = wire_code(error);
  call.answer(response);
}

}  // namespace weir::kafka
