#pragma once
// One attempt of a runner: from connecting to the first failure. Its thread is the runner's.

#include <memory>
#include <string>
#include <vector>

#include "connectors/cdc/renderer.h"
#include "connectors/commit/commit.h"
#include "connectors/pgoutput/assembler.h"
#include "connectors/postgres/describe.h"
#include "connectors/postgres/runner.h"

namespace weir::postgres {

class Session final : private pgoutput::Sink {
 public:
  explicit Session(Runner& runner);

  // Ends with an error always; kTimedOut when the runner stops.
  Result<> run();

 private:
  struct Table {
    uint32_t id = 0;
    std::string schema;
    std::string name;
  };

  // setup
  Result<> connect();
  Result<> check_server();
  Result<> load_progress();
  Result<> make_publication();
  Result<std::vector<Table>> tables();
  Result<> check_slot();
  Result<> make_slot();
  Result<> snapshot(const std::string& name, uint64_t point);
  Result<> snapshot_table(
      Connection& reader, const Table& table, uint64_t point, bool first, bool last);
  Result<> poll_slot();

  // stream
  Result<> begin_stream();
  Result<> stream();
  Result<> rest();
  Result<> take_frame(const std::string& frame);
  Result<> answer(bool always);
  Result<> begin(const cdc::Transaction& transaction) override;
  Result<> change(const cdc::Change& change) override;
  Result<> commit(const cdc::Transaction& transaction) override;

  // On the state shard; returns when it was applied there.
  Result<> store();
  // Asks whether what was stored is durable by now; with `wait` until it is.
  Result<> note_durable(bool wait);
  int64_t now_us() const;
  bool is_new(const cdc::Position& position) const { return position >= progress_.next; }

  Runner& runner_;
  const cdc::Config& config_;
  cdc::Renderer renderer_;
  std::unique_ptr<Connection> ordinary_;
  std::unique_ptr<Connection> replication_;
  std::unique_ptr<CatalogDescriber> describer_;
  std::unique_ptr<pgoutput::Assembler> assembler_;
  std::string source_;

  cdc::Progress progress_;  // with what is gathered
  std::vector<cdc::Output> gathered_;
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
};

}  // namespace weir::postgres
