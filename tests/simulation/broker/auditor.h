#pragma once
// The auditor: hears what clients learned (never what the broker merely did) and judges it.
//
//   acknowledged is never lost · nothing comes back after its acknowledged settle · at most one
//   live lease a message · of a group nothing is delivered before what was sent earlier is done,
//   unless both come in one answer · a dead letter has exactly the deliveries
//   of its limit · an offset never changes its record · a bridge makes exactly one output of each
//   input · a compacted topic holds the newest value of each key, and no value that was deleted ·
//   nothing is forgotten before its time
//
// An outcome that the client never learned stays both possible until it is observed.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace weir::simulation {

class Auditor {
 public:
  // ---- queues: a message is known by its body, which the client made unique

  void send_acknowledged(const std::string& body, const std::string& group) {
    messages_[body].sent = true;
    messages_[body].group = group;
  }
  void send_invoked(const std::string& body, const std::string& group, uint64_t sequence) {
    messages_[body].group = group;
    messages_[body].sequence = sequence;
  }
  // `receive`: the number of the answer that it came with.
  void delivered(const std::string& body,
                 uint32_t deliveries,
                 Timestamp now,
                 Timestamp deadline,
                 uint64_t receive);
  void settle_invoked(const std::string& body) { messages_[body].settling = true; }
  void settle_acknowledged(const std::string& body) { messages_[body].settled = true; }
  // The holder of the lease of that receive asks for another deadline; until the answer is there,
  // either may hold.
  void change_invoked(const std::string& body, uint64_t receive, Timestamp deadline);
  void change_acknowledged(const std::string& body, uint64_t receive, Timestamp deadline);
  // Seen in the dead-letter queue.
  void dead_letter(const std::string& body, uint32_t deliveries, uint32_t limit);

  // ---- logs

  void append_acknowledged(uint64_t log, Offset offset, const std::string& value);
  void read(uint64_t log, Offset offset, const std::string& value);
  // After everything was read from `start` on: acknowledged records that were not seen are lost.
  void all_read(uint64_t log,
                const std::map<int64_t, std::string>& values,
                Offset start = Offset(0));

  // ---- topics that forget: a record may go when it is that old

  void timed_append_acknowledged(uint64_t log, Offset offset, Timestamp time) {
    times_[{log, offset.value()}] = time;
  }
  // What lies before `start` is gone.
  void forgotten(uint64_t log, Offset start, Milliseconds retention, Timestamp now);

  // ---- compacted topics: the changes of a key are numbered, upwards

  struct KeyChange {
    uint64_t number = 0;
    bool deletes = false;
  };
  void key_invoked(const std::string& key, KeyChange change) {
    keys_[key].invoked = change;
    if (change.deletes) keys_[key].deletions.push_back(change.number);
  }
  void key_acknowledged(const std::string& key, KeyChange change) {
    keys_[key].acknowledged = change;
  }
  // What was acknowledged before a reader began; it must find that, or something newer.
  std::map<std::string, KeyChange> acknowledged_keys() const;
  // After everything was read from the start: the last change that was seen of each key.
  void keys_read(const std::map<std::string, KeyChange>& expected,
                 const std::map<std::string, KeyChange>& seen);

  // ---- the end: queues are drained

  void drained();

  const std::optional<std::string>& violation() const { return violation_; }
  void violate(std::string what) {
    if (!violation_) violation_ = std::move(what);
  }

 private:
  struct Message {
    bool sent = false;      // acknowledged
    bool settling = false;  // invoked: may have happened
    bool settled = false;   // acknowledged
    bool dead = false;
    std::string group;
    uint64_t sequence = 0;
    uint64_t receive = 0;  // the last one that brought it
    Timestamp lease_until;
  };

  void check_order(const Message& message, const std::string& body);

  struct Key {
    KeyChange invoked;
    KeyChange acknowledged;
    std::vector<uint64_t> deletions;  // invoked
  };

  std::map<std::string, Message> messages_;
  std::map<std::string, Key> keys_;
  std::map<std::pair<uint64_t, int64_t>, std::string> records_;
  std::map<std::pair<uint64_t, int64_t>, Timestamp> times_;
  std::optional<std::string> violation_;
};

}  // namespace weir::simulation
