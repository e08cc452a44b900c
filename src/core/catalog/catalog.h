#pragma once
// Names, placement and configuration, as one cell (CellId 0). decide_* refuse or return an event;
// apply is total. An event carries the whole new value, so replaying it needs no history.
//
// Events (first byte is the kind, base/wire.h):
//   1 thing put      thing                 2 thing removed    space, name
//   3 group put      space, name, cell     4 group removed    space, name
//   5 bridge put     bridge                6 bridge removed   name
//   7 keyspace put   database, first, cells
//   8 to 12          users, rules and quotas: access.h
//   13 connector put connector            14 connector removed name
//   15 to 17         delegation tokens: tokens.h
// Cell ids are dense and never reused: apply raises the counter above every id it sees.
//
// Thread: one; the state shard's.

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/chunked_map.h"
#include "base/error.h"
#include "core/catalog/access.h"
#include "core/catalog/model.h"
#include "core/catalog/tokens.h"

namespace weir::catalog {

struct Limits {
  size_t things_max = 2'000'000;
  size_t name_bytes_max = 512;
  size_t partitions_max = 10'000;  // per topic
  size_t property_bytes_max = 64 << 10;
};

class Catalog {
 public:
  explicit Catalog(Limits limits = {}) : limits_(limits) {}

  // Null when absent. Pointers are valid until the next apply.
  const Thing* find(const Name& name) const;
  const Thing* find(const Uuid& uuid) const;
  const Thing* owner_of(CellId cell) const;  // of a log, queue or stream group cell
  std::optional<CellId> find_group(const Name& name) const;
  const Bridge* find_bridge(std::string_view name) const;
  const Connector* find_connector(std::string_view name) const;
  const Keyspace* find_keyspace(uint32_t database) const;

  // In the order of names; starts at the first name >= `from`; stops when the visitor returns
  // false.
  void each_thing(std::string_view space,
                  std::string_view from,
                  const std::function<bool(const Thing&)>& visit) const;
  // The same for queues. Looks at no topics.
  void each_queue(std::string_view space,
                  std::string_view from,
                  const std::function<bool(const Thing&)>& visit) const;
  // The queues whose dead letters go to `target`, in the order of names. Looks at no others.
  void each_source(const Name& target,
                   std::string_view from,
                   const std::function<bool(const Thing&)>& visit) const;
  // Over all namespaces; from the first name >= `from`.
  void each_thing_from(const Name& from, const std::function<bool(const Thing&)>& visit) const;
  void each_thing_everywhere(const std::function<bool(const Thing&)>& visit) const;
  void each_group(const std::function<bool(const Name&, CellId)>& visit) const;
  const std::map<std::string, Bridge, std::less<>>& bridges() const { return bridges_; }
  const std::map<std::string, Connector, std::less<>>& connectors() const { return connectors_; }
  const absl::btree_map<uint32_t, Keyspace>& keyspaces() const { return keyspaces_; }
  size_t things() const { return things_.size(); }
  // Logs of topics and queues of a namespace; constant time.
  size_t logs_in(std::string_view space) const;
  size_t groups() const { return groups_.size(); }
  CellId next_cell() const { return next_cell_; }
  // Users, rules and quotas; tokens. Their decisions are made there and applied here.
  const Access& access() const { return access_; }
  const Tokens& tokens() const { return tokens_; }

  // kAlreadyExists (same kind), kWrongKind, kInvalidArgument, kTooLarge, kLimitReached. Cells:
  // already chosen by the caller from next_cell() on.
  Result<std::string> decide_create(const Thing& thing) const;
  // kNotFound when no thing of that name and kind exists. Identity, kind and cells of partitions
  // may not change, except that partitions may be added.
  Result<std::string> decide_alter(const Thing& thing) const;
  Result<std::string> decide_remove(const Name& name) const;
  Result<std::string> decide_rename(const Name& from, const Name& to) const;
  std::string put_group(const Name& name, CellId cell) const;
  std::string remove_group(const Name& name) const;
  Result<std::string> decide_put_bridge(const Bridge& bridge, bool create) const;
  Result<std::string> decide_remove_bridge(std::string_view name) const;
  // kAlreadyExists, kNotFound, kInvalidArgument, kTooLarge.
  Result<std::string> decide_put_connector(const Connector& connector, bool create) const;
  Result<std::string> decide_remove_connector(std::string_view name) const;
  std::string put_keyspace(const Keyspace& keyspace) const;

  // kStorageCorrupt when the event cannot be understood; nothing is changed then.
  Result<void> apply(ByteView event);

  // The image for a checkpoint: `head` now; then, on any thread, the things with write_things().
  // Taking it costs a reference a chunk of things; writing a hundred thousand things out would
  // stall the shard for 0.1 s.
  using Things = ChunkedMap<Name, std::shared_ptr<const Thing>>;
  struct Image {
    std::string head;
    Things::Pinned things;
  };
  Image pinned_image() const;
  static void write_things(const Things::Pinned& things, std::string& out);
  std::string image() const;  // the same bytes as one string
  Result<void> load(ByteView image);

 private:
  void put(Thing thing);
  void erase(const Name& name);
  void index(const Thing& thing);
  void unindex(const Thing& thing);
  void raise_next_cell(CellId used);
  Result<void> validate(const Thing& thing) const;
  bool apply_other(uint8_t kind, Reader& reader);
  void load_connectors(Reader& reader);

  struct ByName {
    using is_transparent = void;
    bool operator()(const Thing* a, const Thing* b) const { return a->name < b->name; }
    bool operator()(const Thing* a, const Name& b) const { return a->name < b; }
    bool operator()(const Name& a, const Thing* b) const { return a < b->name; }
  };

  Limits limits_;
  Things things_;  // a change of a thing makes a new one
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, const Thing*> by_uuid_;
  absl::flat_hash_map<CellId, const Thing*> by_cell_;
  absl::btree_set<const Thing*, ByName> queues_;
  absl::btree_set<std::pair<Name, std::string>> sources_;  // (dead-letter queue, source's name)
  absl::btree_map<Name, CellId> groups_;
  std::map<std::string, Bridge, std::less<>> bridges_;
  std::map<std::string, Connector, std::less<>> connectors_;
  absl::btree_map<uint32_t, Keyspace> keyspaces_;
  Access access_;
  Tokens tokens_;
  std::map<std::string, size_t, std::less<>> logs_in_;  // by namespace
  CellId next_cell_{1};
};

}  // namespace weir::catalog
