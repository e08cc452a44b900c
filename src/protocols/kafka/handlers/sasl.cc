#include "protocols/kafka/handlers/sasl.h"

#include "protocols/kafka/sasl/authenticator.h"

namespace weir::kafka {

void SaslHandshakeHandler::handle(Call call, Request request) {
  Authenticator& authenticator = call.authenticator();
  authenticator.handshake(std::move(call), request);
}

void SaslAuthenticateHandler::handle(Call call, Request request) {
  Authenticator& authenticator = call.authenticator();
  authenticator.authenticate(std::move(call), request);
}

}  // namespace weir::kafka
