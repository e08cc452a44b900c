#pragma once
// Redis streams over logs: IDs and offsets, entries as RESP, ranges. An entry is a record: its
// fields are the record's headers, or key, value and h:NAME when the record has a key or a value
// (docs/interop.md).
//
// What is in the journal's memory is answered within the call; what must be read from the disk is
// answered later.
//
// Thread: the state shard's.

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "broker/broker.h"
#include "core/log/stream_id.h"
#include "protocols/redis/dependence.h"
#include "protocols/redis/id_cache.h"
#include "protocols/redis/reply_writer.h"

namespace weir::redis {

std::string to_text(StreamId id);
// The same as a bulk.
void put_id(ReplyWriter& writer, StreamId id);
// "ms-seq", or "ms" with the sequence that the caller gives. Nothing when it is no ID.
std::optional<StreamId> parse_id(ByteView text, uint64_t missing_sequence);

// The log that a key names: of a topic or queue of that name, or one partition "NAME:{n}" of a
// topic with several.
struct StreamKey {
  const catalog::Thing* thing = nullptr;
  CellId log;
  size_t partition = 0;

  explicit operator bool() const { return thing != nullptr; }
};

struct RangeQuery {
  CellId log;
  StreamId first;
  StreamId last;  // inclusive
  size_t count = SIZE_MAX;
  bool reverse = false;
};

// Entries in RESP, without the array header around them.
struct Entries {
  std::string text;
  size_t count = 0;
  Dependence depends;
};
using EntriesDone = std::move_only_function<void(Result<Entries>)>;

// One entry by its offset; `gone` when its record was deleted (then only the ID is known).
struct EntryAt {
  Offset offset;
  StreamId id;
  bool gone = false;
  std::string text;  // [id, [field, value ...]]
};
using EntriesAtDone = std::move_only_function<void(Result<std::vector<EntryAt>>)>;

class Streams {
 public:
  explicit Streams(broker::Broker& broker) : broker_(broker) {}

  IdCache& cache() { return cache_; }

  // The live records of a range of IDs.
  void range(const RangeQuery& query, EntriesDone done);
  // The records at these offsets (ascending), those of which nothing is left excepted.
  void entries_at(CellId log, std::vector<Offset> offsets, EntriesAtDone done);
  // The offset of the first live record with an ID above this one, or the end.
  void offset_after(CellId log, StreamId id, std::move_only_function<void(Result<Offset>)> done);
  // The offsets of exactly these IDs, deleted records included, since they may be pending; nothing
  // for those that are not there.
  void offsets_of(CellId log,
                  std::vector<StreamId> ids,
                  std::move_only_function<void(std::vector<std::optional<Offset>>)> done);
  // The same without a look into the log; nothing when it takes one.
  std::optional<std::vector<std::optional<Offset>>> known_offsets(
      CellId log, std::span<const StreamId> ids) const;

 private:
  struct Forward;
  struct Backward;
  struct ById;
  struct At;
  void step(const std::shared_ptr<Forward>& job);
  void step(const std::shared_ptr<Backward>& job);
  void step(const std::shared_ptr<ById>& job);
  void step(const std::shared_ptr<At>& job);
  void found_id(const std::shared_ptr<ById>& job, std::optional<Offset> offset);
  void search_deleted(const std::shared_ptr<ById>& job);

  broker::Broker& broker_;
  IdCache cache_;
};

// A field list as the record that it becomes. Keeps views of the fields.
struct RecordFields {
  std::optional<ByteView> key;
  std::optional<ByteView> value;
  absl::InlinedVector<log::RecordHeader, 4> headers;
};
// `fields` alternates names and values.
RecordFields to_record(std::span<const ByteView> fields);

}  // namespace weir::redis
