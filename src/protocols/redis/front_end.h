#pragma once
// FrontEnd: the Redis protocol as the server assembles it: the Service on the state shard, and what
// its listener needs.
//
// Life: made when the broker is open, destroyed when all its connections are closed and before the
// broker is; both while the state shard runs, from outside of it.

#include <cstdint>
#include <memory>

#include "broker/broker.h"
#include "net/connection.h"
#include "protocols/redis/service.h"
#include "runtime/clock.h"
#include "runtime/file_work.h"
#include "runtime/owned.h"

namespace weir::redis {

class FrontEnd {
 public:
  // The broker and the clock must outlive it.
  FrontEnd(runtime::Owned<broker::Broker>& broker,
           runtime::Clock& clock,
           ServiceOptions options = {});
  ~FrontEnd();
  FrontEnd(const FrontEnd&) = delete;
  FrontEnd& operator=(const FrontEnd&) = delete;

  net::ConnectionLimits limits() const;
  net::SessionFactory factory();
  // What INFO and CONFIG GET tell.
  void opened(uint16_t port);

 private:
  runtime::Shard& shard_;
  std::unique_ptr<runtime::Owned<Service>> service_;
  runtime::FileWork comparisons_;  // of passwords
};

}  // namespace weir::redis
