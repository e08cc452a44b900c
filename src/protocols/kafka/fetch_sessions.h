#pragma once
// Fetch sessions (KIP-227): the broker remembers which partitions a client reads and from where, so
// that the client sends only what changed, and is told only of what changed.
//
// Memory is bounded by a number of sessions and of partitions in all of them. When they are used
// up, the session that was not used for longest makes room, if that is long enough ago; else the
// client is told that it has no session, and goes on with full requests.
//
// Thread: the state shard's.

#include <absl/container/flat_hash_map.h>

#include <list>
#include <memory>
#include <string>
#include <utility>

#include "base/random.h"
#include "base/time.h"
#include "protocols/kafka/config.h"
#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/fetch.h"

namespace weir::kafka {

class FetchSession {
 public:
  FetchSession(int32_t id, bool by_id) : id_(id), by_id_(by_id) {}

  int32_t id() const { return id_; }
  bool by_id() const { return by_id_; }
  int32_t next_epoch() const { return next_epoch_; }
  Timestamp last_used() const { return last_used_; }
  size_t partitions() const { return order_.size(); }

  // What the request adds, changes and forgets.
  void update(const FetchRequest& request);
  // The first request was taken, a further one was: the next one bears the next epoch.
  void begin(Timestamp now) { last_used_ = now; }
  void advance(Timestamp now) {
    last_used_ = now;
    next_epoch_ = next_epoch_ == INT32_MAX ? 1 : next_epoch_ + 1;
  }
  // Everything that it reads, as a full request would name it. Whoever got records last stands
  // last, so that small limits starve nobody.
  std::vector<FetchRequest::Topic> wanted() const;
  // Remembers what the client is told; an incremental answer keeps only what is new to it.
  void answered(FetchResponse& response, bool incremental);

 private:
  using Key =
      std::pair<std::string, int32_t>;  // topic (its name, or the bytes of its id), partition
  struct Entry {
    Key key;
    FetchRequest::Partition request;
    int64_t high_watermark = -1;  // as the client knows it
    int64_t log_start = -1;
  };
  using Order = std::list<Entry>;

  Key key_of(const Bytes& name, const wire::Uuid& id, int32_t partition) const;
  bool tell(const Key& key, const FetchResponse::Partition& answer);

  const int32_t id_;
  const bool by_id_;
  int32_t next_epoch_ = 1;
  Timestamp last_used_;
  Order order_;
  absl::flat_hash_map<Key, Order::iterator> entries_;
};

class FetchSessions {
 public:
  explicit FetchSessions(const FetchSessionLimits& limits = {}) : limits_(limits) {}

  struct Opened {
    KafkaError error = KafkaError::kNone;
    std::shared_ptr<FetchSession> session{};  // none: the request stands for itself
    bool incremental = false;
  };
  // Finds or makes the session of a request. The topics of an incremental one are replaced by
  // everything that the session reads. FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH,
  // FETCH_SESSION_TOPIC_ID_ERROR.
  Opened open(FetchRequest& request, bool by_id, Timestamp now, Random& random);

  size_t size() const { return sessions_.size(); }
  size_t partitions() const { return partitions_; }

 private:
  using Sessions = absl::flat_hash_map<int32_t, std::shared_ptr<FetchSession>>;

  std::shared_ptr<FetchSession> make(const FetchRequest& request,
                                     bool by_id,
                                     Timestamp now,
                                     Random& random);
  bool make_room(size_t partitions, Timestamp now);
  void remove(Sessions::iterator session);

  const FetchSessionLimits limits_;
  Sessions sessions_;
  size_t partitions_ = 0;
};

}  // namespace weir::kafka
