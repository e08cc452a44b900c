#pragma once
// What a handler is: a type that names its request and the versions that it answers, and a
// function. The advertised versions are made from these types, so the table cannot drift from the
// code.
//
//   struct HeartbeatHandler {
//     using Request = HeartbeatRequest;
//     static constexpr wire::VersionRange kVersions{0, 4};
//     static void handle(Call call, Request request);   // on the connection's shard
//   };

#include <span>

#include "protocols/kafka/call.h"
#include "protocols/wire/codec.h"

namespace weir::kafka {

struct HandlerEntry {
  int16_t key = 0;
  wire::VersionRange versions;
  // The lowest version that is shown. Below versions.first only for Produce: librdkafka
  // before 2.11.1 takes a minimum above 0 for a broker without compression (KAFKA-18659).
  int16_t advertised_min = 0;
  // An error is the peer's mistake; the call was not answered then.
  Result<> (*run)(Call call, const Bytes& body, const wire::DecodeLimits& limits) = nullptr;
};

template <typename Handler>
constexpr HandlerEntry handler_entry() {
  static_assert(Handler::kVersions.first >= Handler::Request::kVersionMin);
  static_assert(Handler::kVersions.last <= Handler::Request::kVersionMax);
  int16_t advertised = Handler::kVersions.first;
  if constexpr (requires { Handler::kAdvertisedMin; }) advertised = Handler::kAdvertisedMin;
  return {Handler::Request::kKey, Handler::kVersions, advertised,
          [](Call call, const Bytes& body, const wire::DecodeLimits& limits) -> Result<> {
            auto request = wire::decode<typename Handler::Request>(call.version(), body, limits);
            if (!request) return std::unexpected(std::move(request.error()));
            Handler::handle(std::move(call), std::move(*request));
            return {};
          }};
}

// All of them, by ascending key.
std::span<const HandlerEntry> all_handlers();
// Null for a request that this broker does not answer.
const HandlerEntry* find_handler(int16_t key);

}  // namespace weir::kafka
