#pragma once
// RedisSession: one connection that speaks RESP. Parses requests on its connection shard and hands
// them, a segment of the pipeline at a time, to the Service on the state shard: inline when that is
// the same thread, as a copy otherwise.
//
// A command that may wait (BLPOP, XREAD ...) is a segment of its own, so that the answers before it
// leave at once. An HTTP request is told apart by its first word and closed without an answer, as
// Redis does: a web page must not be able to drive the server of its visitor.

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "net/connection.h"
#include "protocols/redis/client.h"
#include "protocols/redis/request_parser.h"
#include "protocols/redis/service.h"
#include "runtime/owned.h"

namespace weir::redis {

class RedisSession final : public net::Session {
 public:
  RedisSession(net::Connection& connection, runtime::Owned<Service>& service);

  size_t on_data(ByteView data) override;
  void on_overflow(net::Connection& connection) override;
  void on_close() override;

 private:
  struct Flow;

  void add_request(Segment& segment);
  void submit(Segment segment, bool may_wait = false, std::function<void()> answered = {});
  void submit_login(Segment segment);
  void close_without_answer();

  net::Connection& connection_;
  runtime::Owned<Service>& service_;
  std::shared_ptr<Client> client_;
  std::shared_ptr<Flow> flow_;  // what waits on the state shard, in bytes
  RequestParser parser_;
  // Of the last segment: the next one will be much the same.
  size_t usual_requests_ = 0;
  size_t usual_arguments_ = 0;
};

// What the listener's connections must allow.
net::ConnectionLimits connection_limits();
net::SessionFactory sessions(runtime::Owned<Service>& service);

}  // namespace weir::redis
