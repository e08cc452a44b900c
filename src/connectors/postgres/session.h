#pragma once
// One attempt of a runner: from connecting to the first failure. Its thread is the runner's.

#include <absl/container/flat_hash_set.h>

#include <memory>
#include <string>
#include <vector>

#include "broker/connector_cell.h"
#include "connectors/cdc/renderer.h"
#include "connectors/commit/commit.h"
#include "connectors/commit/table_progress.h"
#include "connectors/pgoutput/assembler.h"
#include "connectors/postgres/cut.h"
#include "connectors/postgres/describe.h"
#include "connectors/postgres/readers.h"
#include "connectors/postgres/runner.h"

namespace weir::postgres {

class Session final : private pgoutput::Sink {
 public:
  explicit Session(Runner& runner);

  // Ends with an error always; kTimedOut when the runner stops.
  Result<> run();

 private:
  // setup (session.cc)
  Result<> connect();
  Result<> check_server();
  Result<> load_progress();
  Result<broker::ConnectorCell::Notes> load_notes();
  Result<> take_tables(const broker::ConnectorCell::Notes& notes);
  Result<std::vector<pgoutput::RelationFacts>> captured_tables();
  Result<> make_publication();
  Result<> extend_publication();
  Result<> rest_for_good();

  // the slot (slot.cc)
  Result<> check_slot();
  Result<> make_slot();
  Result<> poll_slot();
  Result<> forget();

  // the snapshot (snapshot.cc)
  Result<std::vector<cdc::TableProgress>> snapshot_tables();
  Result<> look_up(cdc::TableProgress& table);
  Result<> divide(cdc::TableProgress& table);
  Result<> prepare_tables();
  Result<> read_tables(const Cut& cut, bool to_the_end);
  Result<> take_rows(Readers::Batch batch);
  Result<> finish_tables();
  Result<> snapshot_again();
  Result<> take_requests();
  void note_table(const cdc::TableProgress& table);
  bool unfinished() const;
  void show_snapshot();

  // between changes (snapshot.cc)
  Result<> advance_cut();
  Result<> take_cut(Cut cut);
  bool holds() const;
  Result<> pass(const std::string& frame);
  bool is_past_cut(const std::string& frame) const;

  // stream (stream.cc)
  Result<> begin_stream();
  Result<> stream();
  Result<> step();
  Result<> rest();
  Result<> take_frame(const std::string& frame);
  Result<> heartbeat();
  Result<> answer(bool always, bool ask = false);
  Result<> begin(const cdc::Transaction& transaction) override;
  Result<> change(const cdc::Change& change) override;
  Result<> commit(const cdc::Transaction& transaction) override;

  // On the state shard; returns when it was applied there.
  Result<> store();
  // Asks whether what was stored is durable by now; with `wait` until it is.
  Result<> note_durable(bool wait);
  int64_t now_us() const;
  bool is_new(const cdc::Position& position) const { return position >= progress_.next; }

  static constexpr int64_t kPollUs = 5'000'000;
  static constexpr int64_t kFirstHoldUs = 2'000'000;

  Runner& runner_;
  const cdc::Config& config_;
  cdc::Renderer renderer_;
  std::unique_ptr<Connection> ordinary_;
  std::unique_ptr<Connection> replication_;
  std::unique_ptr<CatalogDescriber> describer_;
  std::unique_ptr<pgoutput::Assembler> assembler_;
  std::string source_;
  bool streaming_ = false;
  bool reading_ = false;  // what is stored are rows of a snapshot

  cdc::Progress progress_;  // with what is gathered
  std::vector<cdc::Output> gathered_;
  std::vector<cdc::NoteChange> notes_;
  size_t gathered_bytes_ = 0;
  uint64_t gathered_transactions_ = 0;
  bool dirty_ = false;      // progress_ is ahead of what was stored
  bool undurable_ = false;  // what was stored last is not known to be durable
  broker::Depends stored_;
  uint64_t stored_flushed_ = 0;   // of progress_ as it was stored last
  uint64_t durable_flushed_ = 0;  // what PostgreSQL may hear
  uint64_t answered_flushed_ = 0;
  uint64_t received_ = 0;
  int64_t answered_us_ = 0;
  int64_t polled_us_ = 0;

  std::vector<cdc::TableProgress> tables_;  // of the snapshot under way
  absl::flat_hash_set<uint64_t> awaited_;   // whose changes are in rows that are to come
  uint64_t requests_seen_ = 0;
  std::unique_ptr<CutOpening> opening_;
  Cut cut_;                 // found, and not reached by the stream yet, when its point is not 0
  uint64_t begun_lsn_ = 0;  // of the last transaction that the stream began
  int64_t opening_since_us_ = 0;
  int64_t hold_us_ = kFirstHoldUs;  // the stream stands while a cut is sought, for so long
  int64_t cut_after_us_ = 0;        // no cut before
  int64_t heartbeat_us_ = 0;
};

}  // namespace weir::postgres
