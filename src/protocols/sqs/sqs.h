#pragma once
// SQS: the HTTP handler of the AWS port. Requests in the AWS JSON 1.0 protocol or in the older
// Query protocol. Source: the SQS API reference and developer guide.
//
// Thread safety: handle() on any connection shard, reload_credentials() on any thread.

#include <memory>
#include <string>
#include <string_view>

#include "broker/broker.h"
#include "net/http.h"
#include "runtime/clock.h"
#include "runtime/owned.h"

namespace weir::sqs {

struct Config {
  int64_t delay_seconds_max = 900;  // of a message or queue
  size_t message_bytes_max = size_t{1} << 20;
  bool strict = false;      // the rules that AWS has beside the meaning: see front_state.h
  std::string credentials;  // as in credentials.h; empty: signatures are not checked
};

class FrontEnd : public net::HttpHandler {
 public:
  // For requests from now on. kInvalidArgument, and nothing changes, for what is no such file, and
  // where signatures are not checked.
  virtual Result<> reload_credentials(std::string_view text) = 0;
};

// Broker and clock outlive the handler. kInvalidArgument for credentials that cannot be read, or
// limits beyond what can be kept (limits.h).
Result<std::unique_ptr<FrontEnd>> make_handler(runtime::Owned<broker::Broker>& broker,
                                               runtime::Clock& clock,
                                               const Config& config = {});
net::HttpLimits http_limits(const Config& config = {});

}  // namespace weir::sqs
