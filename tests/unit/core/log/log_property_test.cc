// Random operations on a log against a naive model: a list of records. After every step the log
// must answer as the model does, what it holds must be what was stored and not released, and an
// image plus the events after it must give the same state.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "tests/unit/core/log/support.h"

namespace weir::log {
namespace {

struct ModelRecord {
  StreamId id;
  int64_t timestamp = 0;
  std::string value;
  bool deleted = false;
};

struct LoggedEvent {
  std::string event;
  std::string payload;
  Location location;
  Lsn lsn;
};

class Harness {
 public:
  explicit Harness(uint64_t seed) : random_(seed), journal_(seed + 1) { image_ = log_.serialize(); }

  void step() {
    now_ = now_ + Milliseconds(static_cast<int64_t>(random_.below(20)));
    lsn_ = lsn_.next();
    switch (random_.below(random_.one_in(20) ? 10 : 4)) {
      case 4: return trim();
      case 5: return retention();
      case 6: return trim_to_length();
      case 7: return remove();
      case 8: return relocate();
      case 9: return counters();
      default: return append_batch();
    }
  }

  void check() {
    ASSERT_EQ(log_.start().value(), start_);
    ASSERT_EQ(log_.end().value(), static_cast<int64_t>(records_.size()));
    ASSERT_EQ(log_.length(), live(start_, log_.end().value()));
    ASSERT_EQ(log_.last_id(), last_id_);
    ASSERT_EQ(log_.max_deleted_id(), max_deleted_);
    std::vector<Location> held;
    log_.held(held);
    uint64_t bytes = 0;
    for (const Location& location : held) bytes += location.length;
    ASSERT_EQ(bytes, log_.bytes());
    ASSERT_EQ(bytes + released_bytes_, stored_bytes_);
    check_lookups();
  }

  void check_everything_is_readable() {
    std::vector<Row> rows;
    log_.rows_from(log_.start(), log_.end(), SIZE_MAX, SIZE_MAX, rows);
    int64_t expected = start_;
    for (const Row& row : rows) {
      ASSERT_LE(row.bytes, row.span.length);
      for (const auto& [offset, value] : records_in(log_, journal_, row)) {
        while (expected < offset.value()) ASSERT_TRUE(at(expected++).deleted);
        ASSERT_EQ(offset.value(), expected);
        ASSERT_EQ(value, at(expected++).value);
      }
    }
    while (expected < log_.end().value()) ASSERT_TRUE(at(expected++).deleted);
  }

  void check_recovery() {
    auto recovered = Log::load(image_);
    ASSERT_TRUE(recovered.has_value());
    ASSERT_EQ(recovered->serialize(), image_);
    std::vector<Location> released;
    for (const LoggedEvent& e : since_image_) {
      const auto done = recovered->replay(e.event, e.payload, e.location, e.lsn, released);
      ASSERT_TRUE(done.has_value()) << done.error().message;
    }
    ASSERT_EQ(recovered->serialize(), log_.serialize());
    ASSERT_EQ(recovered->visible_end(lsn_), log_.visible_end(lsn_));
    if (random_.one_in(2)) {
      image_ = log_.serialize();
      since_image_.clear();
    }
  }

  Log& log() { return log_; }

 private:
  ModelRecord& at(int64_t offset) { return records_[static_cast<size_t>(offset)]; }
  int64_t live(int64_t from, int64_t to) {
    int64_t n = 0;
    for (int64_t o = from; o < to; ++o) n += at(o).deleted ? 0 : 1;
    return n;
  }
  void skip_deleted() {
    while (start_ < static_cast<int64_t>(records_.size()) && at(start_).deleted) ++start_;
  }
  int64_t any_offset() {
    return start_ +
           static_cast<int64_t>(random_.below(records_.size() - static_cast<size_t>(start_) + 1));
  }

  template <typename E>
  void apply(const E& event) {
    std::string bytes;
    encode(event, bytes);
    since_image_.push_back({bytes, "", {}, lsn_});
    std::vector<Location> released;
    log_.apply(event, lsn_, released);
    for (const Location& location : released) released_bytes_ += location.length;
  }

  void append_batch() {
    std::vector<std::string> values;
    const uint64_t count = random_.one_in(4) ? random_.below(40) + 1 : 1;
    for (uint64_t i = 0; i < count; ++i) {
      values.push_back(std::to_string(records_.size() + i) +
                       std::string(random_.below(random_.one_in(30) ? 9000 : 200), 'x'));
    }
    const int64_t timestamp = now_.ms() - static_cast<int64_t>(random_.below(500));
    const Codec codec = random_.one_in(10) ? static_cast<Codec>(random_.below(5)) : Codec::kNone;
    IdRequest id;
    if (random_.one_in(10)) {
      id = {IdRequest::Kind::kExplicit,
            {last_id_.ms + random_.below(30), last_id_.seq + 1 + random_.below(5)}};
    }
    std::string batch = batch_of(values, timestamp, codec);
    const BatchHeader header = header_of(batch);
    const auto plan = log_.decide_append(header, now_, {}, id);
    ASSERT_TRUE(plan.has_value()) << plan.error().message;
    std::string event;
    encode(plan->event, event);
    const auto head = stamped_head(header, plan->event.base_offset, log_.current_epoch());
    batch.replace(0, head.size(), head.data(), head.size());
    const Location location = journal_.add(event, batch);
    log_.apply_append(plan->event, header, location, lsn_, random_.one_in(2) ? lsn_ : Lsn());
    since_image_.push_back({event, batch, location, lsn_});
    stored_bytes_ += location.length;
    const StreamId base = plan->event.base_id;
    ASSERT_GT(base, last_id_);
    for (uint64_t i = 0; i < count; ++i) {
      last_id_ = {base.ms, base.seq + i};
      records_.push_back({last_id_, timestamp, values[i], false});
    }
  }

  void trim() {
    const int64_t to = any_offset();
    const auto event = log_.decide_trim(Offset(start_ + (to - start_) / 4), log_.end());
    ASSERT_TRUE(event.has_value());
    start_ = event->start.value();
    skip_deleted();
    apply(*event);
  }

  void retention() {
    const RetentionPolicy policy = random_.one_in(2) ? RetentionPolicy{.retention_ms = 2000}
                                                     : RetentionPolicy{.retention_bytes = 400'000};
    const TrimEvent event = log_.decide_retention(now_, policy, log_.end());
    for (int64_t o = start_; policy.retention_ms >= 0 && o < event.start.value(); ++o) {
      ASSERT_LT(at(o).timestamp, now_.ms() - 2000);
    }
    start_ = event.start.value();
    skip_deleted();
    apply(event);
  }

  void trim_to_length() {
    const int64_t length = log_.length();
    const auto keep = static_cast<int64_t>(random_.below(static_cast<uint64_t>(length) + 2));
    const bool approximate = random_.one_in(2);
    const TrimEvent event = log_.decide_trim_to_length(keep + (length - keep) / 2, approximate);
    const int64_t left = live(event.start.value(), static_cast<int64_t>(records_.size()));
    ASSERT_GE(left, std::min(keep + (length - keep) / 2, length));
    if (!approximate) ASSERT_EQ(left, std::min(keep + (length - keep) / 2, length));
    start_ = event.start.value();
    skip_deleted();
    apply(event);
  }

  void remove() {
    std::vector<std::pair<Offset, StreamId>> chosen;
    const int64_t first = any_offset();
    const auto n = static_cast<int64_t>(random_.below(60));
    for (int64_t o = random_.one_in(3) ? start_ : first; o < first + n; ++o) {
      if (o >= static_cast<int64_t>(records_.size())) break;
      if (random_.one_in(3) || o >= first + 40) continue;
      chosen.emplace_back(Offset(o), at(o).id);
      if (!at(o).deleted) max_deleted_ = std::max(max_deleted_, at(o).id);
    }
    const auto event = log_.decide_delete(chosen);
    ASSERT_TRUE(event.has_value());
    for (const auto& [offset, id] : chosen) at(offset.value()).deleted = true;
    skip_deleted();
    apply(*event);
  }

  void relocate() {
    const FileId file(static_cast<uint32_t>(random_.below(journal_.file().value()) + 1));
    if (file == journal_.file()) journal_.new_file();
    journal_.new_frame();
    std::vector<Row> rows;
    log_.rows_in_file(file, rows);
    std::vector<Log::Relocation> moves;
    for (const Row& row : rows) {
      moves.push_back(journal_.copy(row.span));
      ASSERT_EQ(moves.back().bytes, row.bytes);
      if (random_.one_in(5)) journal_.new_frame();
    }
    const bool stale = !moves.empty() && random_.one_in(3);
    if (stale) trim();  // some may be gone when the copies are ready
    lsn_ = lsn_.next();
    std::vector<Location> dead;
    const MovedEvent event = log_.decide_moved(moves, dead);
    ASSERT_EQ(event.rows.size() + dead.size(), moves.size());
    for (const MovedRow& row : event.rows) stored_bytes_ += row.bytes;
    apply(event);
    rows.clear();
    log_.rows_in_file(file, rows);
    ASSERT_TRUE(rows.empty());
  }

  void counters() {
    std::string bytes;
    if (random_.one_in(2)) {
      const EpochEvent event =
          log_.decide_epoch(log_.current_epoch() + 1 + static_cast<int32_t>(random_.below(2)))
              .value();
      encode(event, bytes);
      log_.apply(event, lsn_);
    } else {
      last_id_ = {last_id_.ms + random_.below(2), last_id_.seq + random_.below(50)};
      const auto event = log_.decide_set_ids(last_id_, log_.entries_added() + 5, {});
      ASSERT_TRUE(event.has_value());
      encode(*event, bytes);
      log_.apply(*event, lsn_);
    }
    since_image_.push_back({bytes, "", {}, lsn_});
  }

  std::vector<StoredCopy> batches_from(std::optional<Row> row) {
    return row ? journal_.read(row->span) : std::vector<StoredCopy>{};
  }
  static std::vector<StoredBatch> views(const std::vector<StoredCopy>& copies) {
    std::vector<StoredBatch> out;
    for (const auto& copy : copies) out.push_back(copy.view());
    return out;
  }

  void check_lookups() {
    if (start_ == static_cast<int64_t>(records_.size())) return;
    const int64_t offset = std::min(any_offset(), static_cast<int64_t>(records_.size()) - 1);
    const auto row = log_.row_at(Offset(offset));
    ASSERT_TRUE(row.has_value() && row->first_offset <= offset && offset < row->end().value());
    check_id_lookup(at(offset).id);
    check_time_lookup(at(offset).timestamp + static_cast<int64_t>(random_.below(3)) - 1);
  }

  void check_id_lookup(StreamId id) {
    int64_t expected = start_;
    const auto end = static_cast<int64_t>(records_.size());
    while (expected < end && (at(expected).deleted || at(expected).id < id)) ++expected;
    std::optional<FoundRecord> found;
    auto row = log_.row_by_id(id);
    while (row && !found) {
      const auto copies = batches_from(row);
      const auto result = find_by_id(views(copies), id, log_.start(), log_.end(), log_.deletions());
      ASSERT_TRUE(result.has_value());
      found = *result;
      row = log_.row_at(row->end());
    }
    ASSERT_EQ(found.has_value(), expected < end);
    if (found) ASSERT_EQ(found->offset.value(), expected);
    if (found) ASSERT_EQ(found->id, at(expected).id);
  }

  void check_time_lookup(int64_t t) {
    int64_t expected = start_;
    const auto end = static_cast<int64_t>(records_.size());
    while (expected < end && (at(expected).deleted || at(expected).timestamp < t)) ++expected;
    std::optional<FoundRecord> found;
    auto row = log_.row_by_time(Timestamp(t));
    while (row && !found) {
      const auto copies = batches_from(row);
      const auto result =
          find_by_time(views(copies), Timestamp(t), log_.start(), log_.end(), log_.deletions());
      ASSERT_TRUE(result.has_value());
      found = *result;
      row = log_.row_by_time(Timestamp(t), row->end());
    }
    ASSERT_EQ(found.has_value(), expected < end);
    if (found) ASSERT_EQ(found->offset.value(), expected);
  }

  Random random_;
  TestJournal journal_;
  Log log_;
  Timestamp now_{1'700'000'000'000};
  Lsn lsn_;
  std::vector<ModelRecord> records_;
  int64_t start_ = 0;
  StreamId last_id_;
  StreamId max_deleted_;
  uint64_t stored_bytes_ = 0;
  uint64_t released_bytes_ = 0;
  std::string image_;
  std::vector<LoggedEvent> since_image_;
};

class LogProperty : public testing::TestWithParam<uint64_t> {};

TEST_P(LogProperty, AnswersAsAListOfRecordsAndRecoversToTheSameState) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  Harness harness(GetParam());
  for (int i = 0; i < 2500; ++i) {
    harness.step();
    if (testing::Test::HasFatalFailure()) return;
    if (i % 7 == 0) harness.check();
    if (i % 211 == 0) harness.check_recovery();
    if (i % 499 == 0) harness.check_everything_is_readable();
    if (testing::Test::HasFatalFailure()) FAIL() << "step " << i;
  }
  harness.check_everything_is_readable();
  harness.check_recovery();
}

INSTANTIATE_TEST_SUITE_P(Seeds, LogProperty, testing::Range<uint64_t>(1, 13));

// Enough rows for several sealed blocks, dropped and moved across their borders.
TEST(LogBlocks, ManyRowsAreFoundDroppedMovedAndRecovered) {
  Log log;
  TestJournal journal(3);
  const int64_t batches = 3000;
  for (int64_t i = 0; i < batches; ++i) {
    if (i % 1000 == 0) journal.new_file();
    journal.new_frame();
    append(log, journal, batch_of({"a" + std::to_string(i), "b"}, i), Timestamp(1000 + i),
           Lsn(static_cast<uint64_t>(i) + 1));
  }
  ASSERT_EQ(log.row_count(), 3000U);
  for (int64_t i = 0; i < batches; i += 37) {
    ASSERT_EQ(log.row_at(Offset(i * 2 + 1))->first_offset, i * 2);
    ASSERT_EQ(log.row_by_time(Timestamp(i))->first_offset, i * 2);
    ASSERT_EQ(log.row_by_id({static_cast<uint64_t>(1000 + i), 1})->first_offset, i * 2);
  }
  const Log::Image pinned = log.image();
  std::vector<Location> released;
  log.apply(log.decide_trim(Offset(1301), log.end()).value(), Lsn(5000), released);
  ASSERT_EQ(released.size(), 650U);
  ASSERT_EQ(log.row_count(), 2350U);
  // Copies lie side by side: their rows merge.
  released.clear();
  uint64_t moved_rows = 0;
  const uint32_t newest = journal.file().value();
  for (uint32_t file = 2; file < newest / 2; ++file) {
    std::vector<Row> rows;
    log.rows_in_file(FileId(file), rows);
    journal.new_file();
    std::vector<Log::Relocation> moves;
    moved_rows += rows.size();
    for (const Row& row : rows) moves.push_back(journal.copy(row.span));
    std::vector<Location> dead;
    log.apply(log.decide_moved(moves, dead), Lsn(5001), released);
    ASSERT_TRUE(dead.empty());
  }
  ASSERT_EQ(released.size(), moved_rows);
  ASSERT_GT(moved_rows, 300U);
  ASSERT_LT(log.row_count(), 2350U - moved_rows * 9 / 10);
  std::vector<Row> rows;
  log.rows_from(log.start(), log.end(), SIZE_MAX, SIZE_MAX, rows);
  int64_t next = 1301;
  for (const Row& row : rows) {
    for (const auto& [offset, value] : records_in(log, journal, row)) {
      ASSERT_EQ(offset.value(), next);
      ASSERT_EQ(value, next % 2 == 1 ? "b" : "a" + std::to_string(next / 2));
      ++next;
    }
  }
  ASSERT_EQ(next, batches * 2);
  const auto loaded = Log::load(log.serialize());
  ASSERT_TRUE(loaded.has_value());
  ASSERT_EQ(loaded->serialize(), log.serialize());
  ASSERT_EQ(loaded->bytes(), log.bytes());
  // The image that was pinned before all that is still the log of that moment.
  std::string before = pinned.head;
  for (const auto& block : pinned.blocks) block->serialize(before);
  const auto old = Log::load(before);
  ASSERT_TRUE(old.has_value());
  EXPECT_EQ(old->start(), Offset(0));
  EXPECT_EQ(old->row_count(), 3000U);
}

}  // namespace
}  // namespace weir::log
