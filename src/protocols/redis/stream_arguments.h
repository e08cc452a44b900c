#pragma once
// What the stream commands have in common: reading IDs and trimming options, finding the stream and
// the group of a key.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "protocols/redis/call.h"
#include "protocols/redis/service.h"
#include "protocols/redis/streams.h"

namespace weir::redis {

inline constexpr ByteView kInvalidId = "ERR Invalid stream ID specified as stream command argument";

// "-", "+" and IDs; nothing (and the error is the reply) for anything else.
std::optional<StreamId> id_argument(Call& call, size_t index, uint64_t missing_sequence = 0);
// The same with "(" for exclusive. `start`: a missing sequence is the first, else the last.
std::optional<StreamId> bound_argument(Call& call, size_t index, bool start);

// The stream of a key: an empty StreamKey when there is none, nothing when WRONGTYPE was the reply.
// The answer depends on the stream's newest change.
std::optional<StreamKey> stream_argument(Call& call, size_t index);
// The same for an answer that tells what it tells of the stream itself: it depends on the name
// only.
std::optional<StreamKey> named_stream(Call& call, size_t index);
// Nothing when the stream has no such group.
struct GroupKey {
  StreamKey stream;
  CellId cell;
  const queue::Queue* queue = nullptr;
};
// The answer depends on the group's newest change.
std::optional<GroupKey> group_of(Call& call, const StreamKey& stream, ByteView group);
std::optional<GroupKey> named_group(Call& call, const StreamKey& stream, ByteView group);

// What a deletion means for the groups: their pending entries stay; they go too; or nothing is
// deleted that a group has still to read or to acknowledge.
enum class References : uint8_t { kKeep, kDrop, kOnlyAcknowledged };
// KEEPREF, DELREF, ACKED; nothing for any other word.
std::optional<References> references_option(const Call& call, size_t index);
// The delivery states of a stream's groups.
std::vector<CellId> groups_of(const Service& service, const catalog::Name& name);
// True when the group has still to read or to acknowledge the entry.
bool references(Service& service, CellId group, Offset offset, Timestamp now);

// After records were removed that had lain from `from` on: what was pending of them stays so if its
// ID is known, which is kept from now on, and is forgotten otherwise.
void tend_references(Service& service, const StreamKey& stream, Offset from, Timestamp now);
// After these were acknowledged: the IDs that are kept of them go, if no other group needs them.
void let_ids_go(Service& service, CellId log, std::span<const Offset> offsets, Timestamp now);

// MAXLEN|MINID [=|~] threshold [LIMIT n] [KEEPREF|DELREF|ACKED]. ACKED passes over entries that a
// group has still to read or to acknowledge.
struct TrimOptions {
  enum class Strategy : uint8_t { kNone, kLength, kId };
  Strategy strategy = Strategy::kNone;
  bool approximate = false;
  int64_t length = 0;
  StreamId id;
  std::optional<int64_t> limit;
  References references = References::kKeep;
};
// Takes the option at `index` if it is one of trimming and moves behind it. False: it is none. An
// error is the reply when `failed` is set.
bool take_trim_option(Call& call, size_t& index, TrimOptions& options, bool& failed);
// False, and an error is the reply, when the options do not go together.
bool check_trim_options(Call& call, const TrimOptions& options);
// Answers how many entries were removed, at once or later.
using TrimDone = std::move_only_function<void(Result<int64_t> removed, const Dependence& depends)>;
void trim_stream(Service& service,
                 const StreamKey& stream,
                 const TrimOptions& options,
                 Timestamp now,
                 TrimDone done);

// What clients see of a delivery count: a full counter is Redis's highest number (XNACK FATAL).
int64_t shown_deliveries(uint32_t deliveries);
// How long ago a pending entry was delivered; nothing when it was given back (XNACK).
std::optional<Milliseconds> idle_of(const queue::Lease& lease, Timestamp now);

// The policy of a stream group: no deadline, a cursor and pending entries.
queue::Policy group_policy();
// The consumer of that name, made when there is none.
Result<queue::ConsumerId> consumer_of(Call& call,
                                      const GroupKey& group,
                                      ByteView name,
                                      bool* created = nullptr);

}  // namespace weir::redis
