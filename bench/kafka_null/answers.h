#pragma once
// What the null server answers. Topics are made by CreateTopics; their batches are counted and
// the first ones kept (kept.h). Groups have one member, whoever joined last, and remember no
// offsets.
//
// Thread safety: none.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "bench/kafka_null/kept.h"
#include "protocols/kafka/frame.h"

namespace weir::bench {

class Answers {
 public:
  static constexpr int32_t kPartitionsMax = 64;
  static constexpr size_t kTopicsMax = 64;

  // Where clients are told to go.
  Answers(std::string host, int32_t port) : host_(std::move(host)), port_(port) {}

  // The whole response to `frame` (what follows the size), empty when none is wanted. Slices of the
  // answer may refer to what is kept, never to `frame`. An error: a request that is not spoken.
  Result<wire::Pieces> answer(ByteView frame);

 private:
  friend struct Dispatch;

  using Topic = std::vector<Kept>;  // by partition

  Topic* find(ByteView name);
  Kept* find(ByteView topic, int32_t partition);

  std::string host_;
  int32_t port_;
  std::map<std::string, Topic, std::less<>> topics_;
};

}  // namespace weir::bench
