#include "connectors/pgoutput/assembler.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/error.h"
#include "connectors/cdc/change.h"
#include "connectors/pgoutput/frame.h"
#include "connectors/pgoutput/message.h"
#include "connectors/pgoutput/types.h"
#include "fmt/format.h"

namespace weir::pgoutput {

namespace {

// Relations of one connection, at most. PostgreSQL announces a relation again when it changed.
constexpr size_t kRelationsMax = 1'000'000;

Error corrupt(std::string message) {
  return Error{.code = ErrorCode::kCorruptBatch, .message = std::move(message)};
}

}  // namespace

class Assembler::Body {
 public:
  Body(Describer& describer, uint64_t previous_commit)
      : describer_(describer), previous_commit_(previous_commit) {}

  Result<> feed(const XLogData& data, Sink& sink) {
    Result<Message> message = read_message(data.message);
    if (!message) return std::unexpected(std::move(message.error()));
    return std::visit([&](const auto& one) { return take(one, data, sink); }, *message);
  }

  bool in_transaction() const { return open_; }

 private:
  Result<> take(const Begin& begin, const XLogData& data, Sink& sink) {
    if (open_) return std::unexpected(corrupt("a transaction begins inside another"));
    open_ = true;
    transaction_ = {};
    transaction_.id = begin.transaction;
    transaction_.begin_lsn = data.start;
    transaction_.commit_lsn = begin.commit_lsn;
    transaction_.commit_us = begin.commit_us;
    return sink.begin(transaction_);
  }

  Result<> take(const Commit& commit, const XLogData&, Sink& sink) {
    if (!open_) return std::unexpected(corrupt("a commit outside of a transaction"));
    if (commit.commit_lsn != transaction_.commit_lsn) {
      return std::unexpected(
          corrupt(fmt::format("a transaction that was to commit at {} does at {}",
                              format_lsn(transaction_.commit_lsn), format_lsn(commit.commit_lsn))));
    }
    open_ = false;
    transaction_.end_lsn = commit.end_lsn;
    transaction_.commit_us = commit.commit_us;
    previous_commit_ = commit.end_lsn;
    return sink.commit(transaction_);
  }

  Result<> take(const Origin&, const XLogData&, Sink&) { return {}; }
  Result<> take(const TypeName&, const XLogData&, Sink&) { return {}; }

  Result<> take(const Relation& relation, const XLogData&, Sink&) {
    if (relations_.size() >= kRelationsMax && !relations_.contains(relation.id)) {
      return fail(ErrorCode::kLimitReached, "the stream announces more than a million relations");
    }
    const Result<RelationFacts> facts = describer_.describe(relation);
    if (!facts) return std::unexpected(facts.error());
    // An announcement often says nothing new; what hangs on the old value then stays.
    std::shared_ptr<const cdc::Relation> found = relation_of(relation, *facts);
    std::shared_ptr<const cdc::Relation>& known = relations_[relation.id];
    if (!known || *known != *found) known = std::move(found);
    return {};
  }

  Result<> take(const Insert& insert, const XLogData& data, Sink& sink) {
    cdc::Change change = start(cdc::Operation::kCreate, data);
    return send(change, insert.relation, 0, nullptr, &insert.row, sink);
  }

  Result<> take(const Update& update, const XLogData& data, Sink& sink) {
    cdc::Change change = start(cdc::Operation::kUpdate, data);
    return send(change, update.relation, update.old_kind,
                update.old_kind != 0 ? &update.old_row : nullptr, &update.row, sink);
  }

  Result<> take(const Delete& remove, const XLogData& data, Sink& sink) {
    cdc::Change change = start(cdc::Operation::kDelete, data);
    return send(change, remove.relation, remove.old_kind, &remove.old_row, nullptr, sink);
  }

  Result<> take(const Truncate& truncate, const XLogData& data, Sink& sink) {
    for (const uint32_t relation : truncate.relations) {
      cdc::Change change = start(cdc::Operation::kTruncate, data);
      const Result<> sent = send(change, relation, 0, nullptr, nullptr, sink);
      if (!sent) return sent;
    }
    return {};
  }

  Result<> take(const LogicalMessage& message, const XLogData& data, Sink& sink) {
    if (message.transactional && !open_) {
      return std::unexpected(corrupt("a transactional message outside of a transaction"));
    }
    cdc::Change change;
    if (message.transactional) {
      change = start(cdc::Operation::kMessage, data);
      ++transaction_.changes;
    } else {
      previous_commit_ = data.start;  // it stands for a transaction of its own
      change.operation = cdc::Operation::kMessage;
      change.position = {.commit_lsn = message.lsn - 1, .index = 0};
      change.previous_commit_lsn = previous_commit_;
      change.commit_us = transaction_.commit_us;  // of the one before: it has no time of its own
    }
    change.lsn = data.start;
    change.transactional = message.transactional;
    change.message_prefix = message.prefix;
    change.message_content = message.content;
    return sink.change(change);
  }

  // What all changes of the open transaction have in common.
  cdc::Change start(cdc::Operation operation, const XLogData& data) const {
    cdc::Change change;
    change.operation = operation;
    change.position = {.commit_lsn = transaction_.commit_lsn, .index = transaction_.changes};
    change.lsn = data.start;
    change.previous_commit_lsn = previous_commit_;
    change.transaction = transaction_.id;
    change.commit_us = transaction_.commit_us;
    return change;
  }

  Result<> send(cdc::Change& change,
                uint32_t id,
                char old_kind,
                const Tuple* before,
                const Tuple* after,
                Sink& sink) {
    if (!open_) return std::unexpected(corrupt("a change outside of a transaction"));
    const auto known = relations_.find(id);
    if (known == relations_.end()) {
      return std::unexpected(corrupt(fmt::format("a change of relation {} before its name", id)));
    }
    change.relation = known->second;
    if (before != nullptr) {
      Result<cdc::Row> row = row_of(*before, old_kind, *change.relation);
      if (!row) return std::unexpected(std::move(row.error()));
      change.before = std::move(*row);
    }
    if (after != nullptr) {
      Result<cdc::Row> row = row_of(*after, 'N', *change.relation);
      if (!row) return std::unexpected(std::move(row.error()));
      change.after = std::move(*row);
    }
    ++transaction_.changes;
    return sink.change(change);
  }

  static Result<cdc::Row> row_of(const Tuple& tuple, char kind, const cdc::Relation& relation) {
    if (tuple.size() != relation.columns.size()) {
      return std::unexpected(
          corrupt(fmt::format("a row of {}.{} has {} columns instead of {}", relation.schema,
                              relation.table, tuple.size(), relation.columns.size())));
    }
    cdc::Row row(tuple.size());
    for (size_t i = 0; i < tuple.size(); ++i) {
      const Field& field = tuple[i];
      if (field.kind == 'b') {
        return fail(ErrorCode::kUnsupported, "pgoutput sent a binary value that was not asked for");
      }
      if (field.kind == 't') row[i] = {.state = cdc::Value::State::kText, .text = field.bytes};
      if (field.kind == 'u') row[i].state = cdc::Value::State::kUnchanged;
      // Beside the key an old row of kind K has nothing: no nulls either.
      if (field.kind == 'n' && kind == 'K') row[i].state = cdc::Value::State::kAbsent;
    }
    return row;
  }

  Describer& describer_;
  absl::flat_hash_map<uint32_t, std::shared_ptr<const cdc::Relation>> relations_;
  cdc::Transaction transaction_;
  uint64_t previous_commit_;
  bool open_ = false;
};

Assembler::Assembler(Describer& describer, uint64_t previous_commit)
    : body_(std::make_unique<Body>(describer, previous_commit)) {}
Assembler::~Assembler() = default;

Result<> Assembler::feed(const XLogData& data, Sink& sink) {
  return body_->feed(data, sink);
}
bool Assembler::in_transaction() const {
  return body_->in_transaction();
}

}  // namespace weir::pgoutput
