#pragma once
// From a Change to the records that it becomes: filters, names, keys, the envelope in the profile
// that the configuration asks for, tombstones, outbox routes. Pure; one thread.
//
// Source of the rules of profile=debezium: Debezium's documentation of its PostgreSQL connector and
// events recorded from it (tests/golden/debezium).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "connectors/cdc/change.h"
#include "connectors/cdc/config.h"

namespace weir::cdc {

struct Header {
  std::string key;
  std::optional<std::string> value;

  bool operator==(const Header&) const = default;
};

// A record for a topic or a queue. It owns its bytes.
struct Output {
  enum class Target : uint8_t { kTopic, kQueue };
  Target target = Target::kTopic;
  std::string name;
  std::optional<std::string> key;
  std::optional<std::string> value;  // none: a tombstone
  std::vector<Header> headers;
  std::string event_id;              // of an outbox event: tells duplicates; else empty
  int64_t timestamp_ms = 0;          // 0: the broker's time
  std::optional<int32_t> partition;  // none: by the key
};

class Renderer {
 public:
  Renderer(std::shared_ptr<const Config> config, const std::string& connector_name);
  ~Renderer();
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  // Appends what the change becomes; nothing when it is filtered out. `now_us` is the wall clock in
  // microseconds since 1970. Fails when a value is not what its type says, or an outbox row lacks
  // what its route needs; the message names table and column.
  Result<> render(const Change& change, int64_t now_us, std::vector<Output>& out);

  // Around the changes of a transaction; they append only with provide.transaction.metadata.
  void begin(const Transaction& transaction, std::vector<Output>& out);
  void end(const Transaction& transaction, std::vector<Output>& out);

  void heartbeat(int64_t now_us, std::vector<Output>& out);

  // Where rows of the relation go, or empty when they depend on the row (an outbox).
  std::string topic_of(const Relation& relation) const;

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace weir::cdc
