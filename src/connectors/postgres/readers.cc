#include "connectors/postgres/readers.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "connectors/pgoutput/copy_text.h"
#include "connectors/pgoutput/statements.h"
#include "connectors/postgres/describe.h"
#include "runtime/this_thread.h"

namespace weir::postgres {
namespace {

constexpr size_t kBatchBytes = size_t{1} << 20;
constexpr size_t kRecordBytes = 64;

int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::unexpected<Error> ends() {
  return fail(ErrorCode::kTimedOut, "the snapshot's readers end");
}

}  // namespace

// One piece by one connection. The last row is held back: it carries a mark if it is the table's.
class Readers::Reading {
 public:
  Reading(Readers& owner, Connection& connection, cdc::Renderer& renderer, Piece piece)
      : owner_(owner),
        connection_(connection),
        renderer_(renderer),
        piece_(std::move(piece)),
        began_us_(now_us()) {}

  Result<> run() {
    CatalogDescriber describer(connection_);
    const auto facts = describer.describe(piece_.of.id);
    if (!facts) return std::unexpected(facts.error());
    relation_ = pgoutput::relation_of(*facts);
    keyed_ = !facts->key.empty() && facts->key.size() == relation_->key.size();
    pgoutput::RelationFacts read = *facts;
    if (!keyed_) read.key.clear();
    key_ = read.key;
    const auto select = owner_.work_.config->snapshot_selects.find(piece_.of.name());
    const bool chosen = select != owner_.work_.config->snapshot_selects.end();
    const auto copied =
        connection_.copy_out(pgoutput::copy_rows(read, chosen ? select->second : "",
                                                 piece_.piece.after, piece_.piece.until),
                             [this](std::string_view line) { return take(line); });
    if (halted_) return {};
    return copied ? finish() : copied;
  }

 private:
  Result<> take(std::string_view line) {
    if (held_) {
      cdc::SnapshotMark mark = cdc::SnapshotMark::kTrue;
      if (rows_ == 0) mark = first_mark();
      if (auto done = render(*held_, mark); !done) return done;
      if (batch_.bytes >= kBatchBytes || batch_.rows >= owner_.work_.config->snapshot_fetch_size) {
        std::unique_lock lock(owner_.mutex_);
        if (auto room = owner_.wait_for_room(lock); !room) return room;
        hand_over();
        halted_ = owner_.halted_ && keyed_;
        if (halted_) return ends();
      }
    }
    held_ = std::string(line);
    return {};
  }

  // Who ends a table last marks its last row; the batch is handed over before anybody else ends.
  Result<> finish() {
    std::unique_lock lock(owner_.mutex_);
    if (auto room = owner_.wait_for_room(lock); !room) return room;
    Left& left = owner_.left_[piece_.table];
    --left.pieces;
    const bool last = left.pieces == 0;
    if (last) --owner_.tables_left_;
    if (held_) {
      cdc::SnapshotMark mark = cdc::SnapshotMark::kTrue;
      if (rows_ == 0) mark = claim_first();
      if (last) {
        mark =
            owner_.tables_left_ == 0 ? cdc::SnapshotMark::kLast : cdc::SnapshotMark::kLastInTable;
      }
      if (auto done = render(*held_, mark); !done) return done;
    }
    batch_.done = true;
    hand_over();
    return {};
  }

  cdc::SnapshotMark first_mark() {
    const std::lock_guard lock(owner_.mutex_);
    return claim_first();
  }

  cdc::SnapshotMark claim_first() {
    Left& left = owner_.left_[piece_.table];
    const bool in_table = std::exchange(left.first, false);
    const bool of_all = std::exchange(owner_.first_, false);
    if (of_all) return cdc::SnapshotMark::kFirst;
    return in_table ? cdc::SnapshotMark::kFirstInTable : cdc::SnapshotMark::kTrue;
  }

  Result<> render(std::string_view line, cdc::SnapshotMark mark) {
    cdc::Row row;
    if (auto read = pgoutput::read_copy_row(line, relation_->columns.size(), storage_, row);
        !read) {
      return read;
    }
    if (keyed_) {
      batch_.last.clear();
      for (const uint32_t column : relation_->key) batch_.last.emplace_back(row[column].text);
    }
    cdc::Change change;
    change.relation = relation_;
    change.after = std::move(row);
    change.position = {owner_.work_.point, rows_};
    change.lsn = owner_.work_.point;
    change.commit_us = began_us_;
    change.snapshot = owner_.work_.incremental ? cdc::SnapshotMark::kIncremental : mark;
    const size_t before = batch_.outputs.size();
    if (auto rendered = renderer_.render(change, now_us(), batch_.outputs); !rendered) {
      return rendered;
    }
    for (size_t i = before; i < batch_.outputs.size(); ++i) {
      const cdc::Output& output = batch_.outputs[i];
      batch_.bytes +=
          kRecordBytes + output.value.value_or("").size() + output.key.value_or("").size();
    }
    ++rows_;
    ++batch_.rows;
    return {};
  }

  void hand_over() {
    batch_.table = piece_.table;
    batch_.piece = piece_.index;
    batch_.key = key_;
    owner_.hand_over(std::exchange(batch_, {}));
  }

  Readers& owner_;
  Connection& connection_;
  cdc::Renderer& renderer_;
  const Piece piece_;
  const int64_t began_us_;
  std::shared_ptr<const cdc::Relation> relation_;
  std::vector<std::string> key_;
  bool keyed_ = false;
  bool halted_ = false;
  uint64_t rows_ = 0;
  std::optional<std::string> held_;
  std::string storage_;
  Batch batch_;
};

Readers::Readers(Work work, const std::vector<cdc::TableProgress>& tables, uint32_t threads)
    : work_(std::move(work)), left_(tables.size()), batches_max_(2 * size_t{threads}) {
  for (size_t i = 0; i < tables.size(); ++i) {
    for (size_t j = 0; j < tables[i].pieces.size(); ++j) {
      if (tables[i].pieces[j].done) continue;
      Piece& piece = pieces_.emplace_back(Piece{i, j, tables[i], tables[i].pieces[j]});
      piece.of.pieces.clear();
      ++left_[i].pieces;
    }
    if (left_[i].pieces > 0) ++tables_left_;
  }
  running_ = std::min<size_t>(threads, pieces_.size());
  for (size_t i = running_; i > 0; --i) threads_.emplace_back([this] { run(); });
}

Readers::~Readers() {
  stop_.request();
  {
    const std::lock_guard lock(mutex_);
    room_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Readers::run() {
  runtime::name_this_thread("weir-cdc-read");
  auto read = read_all();
  const std::lock_guard lock(mutex_);
  --running_;
  if (!read && !problem_) problem_ = read.error();
  came_.notify_all();
}

Result<> Readers::read_all() {
  auto connection = Connection::open(work_.config->connection, Connection::Kind::kOrdinary, stop_);
  if (!connection) return std::unexpected(connection.error());
  // Rows come by the key's index: the first ones at once, and reading may end behind any.
  const auto begun = (*connection)
                         ->query(fmt::format("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET "
                                             "TRANSACTION SNAPSHOT {}; SET LOCAL "
                                             "enable_sort = off",
                                             pgoutput::quote_literal(work_.snapshot)));
  if (!begun) return std::unexpected(begun.error());
  cdc::Renderer renderer(work_.config, work_.connector);
  while (auto piece = take()) {
    Reading reading(*this, **connection, renderer, std::move(*piece));
    if (auto read = reading.run(); !read) return read;
  }
  return {};
}

std::optional<Readers::Piece> Readers::take() {
  const std::lock_guard lock(mutex_);
  if (pieces_.empty() || halted_ || problem_) return std::nullopt;
  Piece piece = std::move(pieces_.front());
  pieces_.pop_front();
  return piece;
}

Result<> Readers::wait_for_room(std::unique_lock<std::mutex>& lock) {
  room_.wait(lock, [&] { return batches_.size() < batches_max_ || stop_.requested(); });
  return stop_.requested() ? Result<>(ends()) : Result<>();
}

void Readers::hand_over(Batch batch) {
  batches_.push_back(std::move(batch));
  came_.notify_all();
}

Result<std::optional<Readers::Batch>> Readers::next(Milliseconds wait) {
  std::unique_lock lock(mutex_);
  came_.wait_for(lock, std::chrono::milliseconds(wait.count()),
                 [&] { return !batches_.empty() || problem_ || running_ == 0; });
  if (!batches_.empty()) {
    Batch batch = std::move(batches_.front());
    batches_.pop_front();
    room_.notify_all();
    return batch;
  }
  if (problem_) return std::unexpected(*problem_);
  return std::nullopt;
}

bool Readers::finished() {
  const std::lock_guard lock(mutex_);
  return batches_.empty() && running_ == 0 && !problem_;
}

void Readers::halt() {
  const std::lock_guard lock(mutex_);
  halted_ = true;
}

}  // namespace weir::postgres
