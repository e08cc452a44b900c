#pragma once
// From the messages of a stream to Changes: keeps the relations that were announced and the open
// transaction. One thread. After an error the stream cannot go on: connect again, with a new one.

#include <cstdint>
#include <memory>

#include "base/error.h"
#include "connectors/cdc/change.h"
#include "connectors/pgoutput/frame.h"
#include "connectors/pgoutput/message.h"
#include "connectors/pgoutput/types.h"

namespace weir::pgoutput {

class Sink {
 public:
  Sink() = default;
  virtual ~Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  virtual Result<> begin(const cdc::Transaction& transaction) = 0;
  virtual Result<> change(const cdc::Change& change) = 0;  // borrowed until it returns
  virtual Result<> commit(const cdc::Transaction& transaction) = 0;
};

class Assembler {
 public:
  // `previous_commit`: where the transaction before the stream's first one ended; 0: none is known.
  explicit Assembler(Describer& describer, uint64_t previous_commit = 0);
  ~Assembler();
  Assembler(const Assembler&) = delete;
  Assembler& operator=(const Assembler&) = delete;

  // A message that is not transactional comes as a change without begin and commit, at the position
  // (its LSN - 1, 0): inside its own record, so that no commit shares it.
  Result<> feed(const XLogData& data, Sink& sink);

  bool in_transaction() const;

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace weir::pgoutput
