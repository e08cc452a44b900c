#include "protocols/kafka/handlers/producer_id.h"

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"

namespace weir::kafka {

void InitProducerIdHandler::handle(Call call, Request request) {
  if (request.transactional_id) {
    InitProducerIdResponse response;
    response.error_code = wire_code(kNoTransactions);
    response.producer_epoch = -1;
    return call.answer(response);
  }
  call.engine().call([call = std::move(call)](Engine& engine) mutable {
    InitProducerIdResponse response;
    const Authorizer authorizer(engine.broker, call);
    if (!authorizer.cluster(Operation::kIdempotentWrite) &&
        !authorizer.allows_any(Operation::kWrite, ResourceType::kTopic)) {
      response.error_code = wire_code(KafkaError::kClusterAuthorizationFailed);
      response.producer_epoch = -1;
      return call.answer(response);
    }
    response.producer_id = static_cast<int64_t>(engine.broker.random().next() >> 1);
    call.answer(response);
  });
}

}  // namespace weir::kafka
