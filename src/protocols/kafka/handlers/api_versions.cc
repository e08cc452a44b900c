#include "protocols/kafka/handlers/api_versions.h"

#include "protocols/kafka/features.h"

namespace weir::kafka {
namespace {

ApiVersionsResponse supported() {
  ApiVersionsResponse response;
  for (const HandlerEntry& handler : all_handlers()) {
    response.api_keys.push_back({handler.key, handler.advertised_min, handler.versions.last});
  }
  for (const Feature& feature : all_features()) {
    const Bytes name = wire::literal(feature.name);
    response.supported_features.push_back({name, feature.level, feature.level});
    response.finalized_features.push_back({name, feature.level, feature.level});
  }
  response.finalized_features_epoch = kFeaturesEpoch;
  return response;
}

}  // namespace

void ApiVersionsHandler::handle(Call call, Request /*request*/) {
  call.answer(supported());
}

void ApiVersionsHandler::refuse_version(Call call) {
  ApiVersionsResponse response;
  response.error_code = wire_code(KafkaError::kUnsupportedVersion);
  response.api_keys.push_back({kApiVersionsKey, kVersions.first, kVersions.last});
  call.answer_in(0, response);
}

}  // namespace weir::kafka
