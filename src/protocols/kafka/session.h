#pragma once
// One client's connection: cuts frames out of its bytes, finds the handler, keeps the answers in
// order. Thread: the connection's shard.
//
// Mistakes of the peer end the connection, as in Kafka: a frame above the limit, a request that
// cannot be decoded, a request or version that was not advertised, one that has to wait for a
// login. (An unknown version of ApiVersions is answered.)

#include <memory>

#include "net/connection.h"
#include "protocols/kafka/call.h"
#include "protocols/kafka/sasl/authenticator.h"
#include "protocols/kafka/service.h"

namespace weir::kafka {

class Session final : public net::Session {
 public:
  Session(net::Connection& connection, Service& service);

  size_t on_data(ByteView data) override;
  Authenticator& authenticator() { return authenticator_; }

 private:
  // False: the connection ends here.
  bool handle(const Bytes& frame);

  net::Connection& connection_;
  Service& service_;
  Authenticator authenticator_;
};

}  // namespace weir::kafka
