// rooms: base connectors/cdc connectors/pgoutput
// Any bytes as frames of a logical replication stream: the decoder and the assembler refuse them or
// make changes whose rows fit their relation, in the order of their positions.
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "base/wire.h"
#include "connectors/pgoutput/assembler.h"

using namespace weir;  // NOLINT

namespace {

void require(bool truth) {
  if (!truth) abort();
}

class Facts final : public pgoutput::Describer {
 public:
  Result<pgoutput::RelationFacts> describe(const pgoutput::Relation& announced) override {
    pgoutput::RelationFacts facts;
    for (const pgoutput::RelationColumn& column : announced.columns) {
      facts.columns.push_back({.name = std::string(column.name),
                               .type = column.type,
                               .typmod = column.typmod,
                               .default_expression = std::string(column.name)});
    }
    return facts;
  }
};

class Judge final : public pgoutput::Sink {
 public:
  Result<> begin(const cdc::Transaction&) override {
    require(!open_);
    open_ = true;
    last_.reset();
    return {};
  }
  Result<> change(const cdc::Change& change) override {
    if (change.operation != cdc::Operation::kMessage) {
      require(open_ && change.relation);
      if (change.before) require(change.before->size() == change.relation->columns.size());
      if (change.after) require(change.after->size() == change.relation->columns.size());
    }
    if (change.transactional) {
      require(open_ && (!last_ || *last_ < change.position));
      last_ = change.position;
    }
    return {};
  }
  Result<> commit(const cdc::Transaction& transaction) override {
    require(open_);
    require(!last_ || last_->index < transaction.changes);
    open_ = false;
    return {};
  }

 private:
  bool open_ = false;
  std::optional<cdc::Position> last_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  const std::string_view whole(reinterpret_cast<const char*>(data), size);
  (void)pgoutput::read_frame(whole);
  (void)pgoutput::read_message(whole);
  if (const auto lsn = pgoutput::parse_lsn(whole)) {
    require(pgoutput::parse_lsn(pgoutput::format_lsn(*lsn)) == *lsn);
  }
  // A byte of length, then a message, again and again.
  Facts facts;
  pgoutput::Assembler assembler(facts);
  Judge judge;
  Reader reader(whole);
  while (!reader.failed() && reader.remaining() > 0) {
    const std::string_view message = reader.bytes();
    const pgoutput::XLogData frame{.start = reader.position(), .message = message};
    if (!assembler.feed(frame, judge)) break;
  }
  return 0;
}
