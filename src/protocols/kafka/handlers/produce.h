#pragma once
#include "protocols/kafka/gen/produce.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

// Batches are checked on the connection's shard and appended on the state shard. acks=1 and acks=-1
// are the same here: the answer leaves when the batch is as durable as its topic asks for. acks=0
// gets no answer; an error then ends the connection, since nothing else would tell the client.
struct ProduceHandler {
  using Request = ProduceRequest;
  static constexpr wire::VersionRange kVersions{3, 13};
  static constexpr int16_t kAdvertisedMin = 0;
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
