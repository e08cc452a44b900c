#include "protocols/kafka/handlers/features.h"

#include <fmt/format.h>

#include <string>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/features.h"

namespace weir::kafka {
namespace {

constexpr int8_t kUpgrade = 1;
constexpr int8_t kUnsafeDowngrade = 3;

// Why the level cannot be had; empty: it is the one that there is.
std::string problem(const UpdateFeaturesRequest::Update& update) {
  if (update.upgrade_type < kUpgrade || update.upgrade_type > kUnsafeDowngrade) {
    return "there is no such type of upgrade";
  }
  const Feature* feature = find_feature(update.feature.view());
  if (feature == nullptr) return "this broker does not have it";
  if (update.max_version_level == feature->level) return {};
  return fmt::format("this broker has level {} and no other", feature->level);
}

UpdateFeaturesResponse update(const UpdateFeaturesRequest& request) {
  UpdateFeaturesResponse response;
  for (const auto& update : request.feature_updates) {
    if (const std::string text = problem(update); !text.empty()) {
      // One that fails fails all of them, which have no results then.
      response.error_code = wire_code(KafkaError::kInvalidUpdateVersion);
      response.error_message = Bytes::take(fmt::format(
          "feature {} cannot be at {}: {}", update.feature.view(), update.max_version_level, text));
      response.results.clear();
      return response;
    }
    response.results.emplace_back().feature = update.feature;
  }
  return response;
}

}  // namespace

void UpdateFeaturesHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        UpdateFeaturesResponse response;
        if (Authorizer(engine.broker, call).cluster(Operation::kAlter)) {
          response = update(request);
        } else {
          response.error_code = wire_code(KafkaError::kClusterAuthorizationFailed);
        }
        call.answer(response, engine.broker.catalog_depends());
      });
}

}  // namespace weir::kafka
