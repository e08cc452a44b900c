#include "core/log/compaction.h"

#include <gmock/gmock.h>

#include <map>
#include <optional>
#include <set>

#include "base/checksum.h"
#include "base/wire.h"
#include "tests/unit/core/log/support.h"

namespace weir::log {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr int64_t kNow = 1'000'000;

struct KeyValue {
  std::optional<std::string> key;
  std::optional<std::string> value;
  int64_t timestamp = 500;
};

std::string keyed_batch(const std::vector<KeyValue>& records,
                        Codec codec = Codec::kNone,
                        int64_t producer = kNoProducerId) {
  std::string out;
  BatchBuilder builder(out);
  for (const KeyValue& record : records) {
    std::optional<ByteView> key;
    std::optional<ByteView> value;
    if (record.key) key = *record.key;
    if (record.value) value = *record.value;
    const RecordHeader header{"h", ByteView("v")};
    builder.add({key, value, {&header, 1}, Timestamp(record.timestamp)});
  }
  if (producer == kNoProducerId) {
    builder.finish(codec);
  } else {
    builder.finish_for(producer, 3, 70, codec);
  }
  return out;
}

struct Stored {
  std::string event;
  std::string payload;
  StoredBatch view() const { return {event, payload}; }
};

Stored stored(std::string batch, int64_t base) {
  Stored result;
  encode(AppendEvent{Offset(base), {1000, static_cast<uint64_t>(base)}, Timestamp(5000)},
         result.event);
  const auto head = stamped_head(header_of(batch), Offset(base), 4);
  batch.replace(0, head.size(), head.data(), head.size());
  result.payload = std::move(batch);
  return result;
}

std::vector<std::pair<int64_t, std::string>> records_of(const StoredBatch& batch) {
  RecordReader reader({&batch, 1}, Offset(0), Offset(INT64_MAX));
  std::vector<std::pair<int64_t, std::string>> found;
  ReadRecord record;
  while (reader.next(record)) {
    EXPECT_FALSE(record.damaged);
    found.emplace_back(record.offset.value(), std::string(record.key.value_or("?")) + "=" +
                                                  std::string(record.value.value_or("null")));
  }
  EXPECT_FALSE(reader.error());
  return found;
}

KeyOffsets keys_of(const std::vector<Stored>& batches) {
  KeyOffsets keys(1000);
  for (const Stored& batch : batches) add_keys(batch.view(), Offset(0), Offset(INT64_MAX), keys);
  return keys;
}

CompactionRules rules(int64_t end, int64_t now = kNow) {
  return {Offset(end), Timestamp(now), 1000};
}

TEST(Compaction, TheNewestRecordOfAKeyStaysWithItsOffsetAndItsHeaders) {
  for (const Codec codec :
       {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    const Stored first =
        stored(keyed_batch({{"a", "1", 700}, {"b", "1", 600}, {"a", "2", 500}}, codec, 9), 10);
    const Stored second = stored(keyed_batch({{"b", "2"}}, codec), 13);
    const auto keys = keys_of({first, second});
    const CompactedBatch left = compact_batch(first.view(), keys, rules(14));
    ASSERT_EQ(left.fate, BatchFate::kRewritten);
    const StoredBatch view{first.event, left.bytes};
    EXPECT_THAT(records_of(view), ElementsAre(Pair(12, "a=2")));
    const BatchHeader header = header_of(left.bytes);
    EXPECT_EQ(header.base_offset, 10);
    EXPECT_EQ(header.last_offset_delta, 2);
    EXPECT_EQ(header.count, 1);
    EXPECT_EQ(header.leader_epoch, 4);
    EXPECT_EQ(header.producer_id, 9);
    EXPECT_EQ(header.producer_epoch, 3);
    EXPECT_EQ(header.base_sequence, 70);
    EXPECT_EQ(header.codec(), codec);
    EXPECT_EQ(header.max_timestamp, 500);
    EXPECT_EQ(header.crc, crc32c(ByteView(left.bytes).substr(21)));
    EXPECT_EQ(header.size(), left.bytes.size());
    EXPECT_EQ(compact_batch(second.view(), keys, rules(14)).fate, BatchFate::kUnchanged);
    const auto found = find_by_time({&view, 1}, Timestamp(0), Offset(0), Offset(100));
    ASSERT_TRUE(found.has_value() && found->has_value());
    EXPECT_EQ((*found)->offset, Offset(12));
    EXPECT_EQ((*found)->timestamp.ms(), 500);
    const auto by_id = find_by_id({&view, 1}, {1000, 10}, Offset(0), Offset(100));
    ASSERT_TRUE(by_id.has_value() && by_id->has_value());
    EXPECT_EQ((*by_id)->offset, Offset(12));
  }
}

TEST(Compaction, TheXerialFramingOfSnappyStays) {
  std::string batch = keyed_batch({{"a", std::string(300, 'x')}, {"b", "y"}});
  const std::string packed = compress_snappy_xerial(ByteView(batch).substr(kBatchHeaderBytes));
  batch.resize(kBatchHeaderBytes);
  batch += packed;
  store_be(batch.data() + 8, static_cast<int32_t>(batch.size() - 12));
  batch[22] = static_cast<char>(Codec::kSnappy);
  const Stored first = stored(batch, 0);
  const Stored second = stored(keyed_batch({{"a", "2"}}), 2);
  const auto left = compact_batch(first.view(), keys_of({first, second}), rules(3));
  ASSERT_EQ(left.fate, BatchFate::kRewritten);
  EXPECT_EQ(ByteView(left.bytes).substr(kBatchHeaderBytes, 7), "\x82SNAPPY");
  EXPECT_THAT(records_of({first.event, left.bytes}), ElementsAre(Pair(1, "b=y")));
}

TEST(Compaction, ABatchOfWhichNothingIsLeftIsDropped) {
  const Stored first = stored(keyed_batch({{"a", "1"}, {"b", "1"}}), 0);
  const Stored second = stored(keyed_batch({{"a", "2"}, {"b", "2"}}), 2);
  const auto keys = keys_of({first, second});
  EXPECT_EQ(compact_batch(first.view(), keys, rules(4)).fate, BatchFate::kDropped);
  EXPECT_EQ(compact_batch(second.view(), keys, rules(4)).fate, BatchFate::kUnchanged);
}

TEST(Compaction, RecordsBeyondTheNotedKeysStay) {
  const Stored batch = stored(keyed_batch({{"a", "1"}, {"a", "2"}, {"a", "3"}, {{}, "4"}}), 0);
  KeyOffsets keys(10);
  EXPECT_EQ(add_keys(batch.view(), Offset(0), Offset(2), keys), Offset(2));
  const auto left = compact_batch(batch.view(), keys, rules(2));
  ASSERT_EQ(left.fate, BatchFate::kRewritten);
  EXPECT_THAT(records_of({batch.event, left.bytes}),
              ElementsAre(Pair(1, "a=2"), Pair(2, "a=3"), Pair(3, "?=4")));
}

TEST(Compaction, MemoryEndsAtTheFirstKeyThatFindsNoRoom) {
  const Stored batch = stored(keyed_batch({{"a", "1"}, {"b", "1"}, {"a", "2"}, {"c", "1"}}), 100);
  KeyOffsets keys(2);
  EXPECT_EQ(add_keys(batch.view(), Offset(0), Offset(INT64_MAX), keys), Offset(103));
  EXPECT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys.newest("a"), Offset(102));
  EXPECT_EQ(keys.newest("c"), std::nullopt);
}

TEST(Compaction, RecordsWithoutAKeyGo) {
  const Stored batch = stored(keyed_batch({{{}, "1"}, {"a", "1"}}), 0);
  const auto left = compact_batch(batch.view(), keys_of({batch}), rules(2));
  ASSERT_EQ(left.fate, BatchFate::kRewritten);
  EXPECT_THAT(records_of({batch.event, left.bytes}), ElementsAre(Pair(1, "a=1")));
}

TEST(Compaction, ATombstoneStaysUntilItsHorizonAndThenGoes) {
  const Stored batch = stored(keyed_batch({{"a", {}, 400}, {"b", "1", 900}}), 0);
  const auto keys = keys_of({batch});
  const auto dated = compact_batch(batch.view(), keys, rules(2));
  ASSERT_EQ(dated.fate, BatchFate::kRewritten);
  EXPECT_EQ(dated.horizon_ms, kNow + 1000);
  const BatchHeader header = header_of(dated.bytes);
  EXPECT_TRUE(header.has_delete_horizon());
  EXPECT_EQ(header.base_timestamp, kNow + 1000);
  EXPECT_EQ(header.max_timestamp, 900);
  const StoredBatch view{batch.event, dated.bytes};
  EXPECT_THAT(records_of(view), ElementsAre(Pair(0, "a=null"), Pair(1, "b=1")));
  // The records' own times are what they were.
  const auto found = find_by_time({&view, 1}, Timestamp(0), Offset(0), Offset(100));
  EXPECT_EQ((*found)->timestamp.ms(), 400);

  const auto later = compact_batch(view, KeyOffsets(1), rules(2, kNow + 999));
  EXPECT_EQ(later.fate, BatchFate::kUnchanged);
  EXPECT_EQ(later.horizon_ms, kNow + 1000);
  const auto gone = compact_batch(view, KeyOffsets(1), rules(2, kNow + 1000));
  ASSERT_EQ(gone.fate, BatchFate::kRewritten);
  EXPECT_EQ(gone.horizon_ms, -1);
  EXPECT_THAT(records_of({batch.event, gone.bytes}), ElementsAre(Pair(1, "b=1")));
  EXPECT_EQ(header_of(gone.bytes).max_timestamp, 900);
}

TEST(Compaction, ATombstoneBeyondTheNotedKeysIsNotDated) {
  const Stored batch = stored(keyed_batch({{"a", {}}, {"b", "1"}}), 0);
  EXPECT_EQ(compact_batch(batch.view(), keys_of({batch}), rules(1)).fate, BatchFate::kUnchanged);
}

TEST(Compaction, AnEndlessRetentionOfTombstonesDoesNotWrap) {
  const Stored batch = stored(keyed_batch({{"a", {}}}), 0);
  const auto dated =
      compact_batch(batch.view(), keys_of({batch}), {Offset(1), Timestamp(kNow), INT64_MAX});
  EXPECT_EQ(dated.horizon_ms, INT64_MAX);
}

TEST(Compaction, WhatItDoesNotUnderstandStaysAndDeletesNothing) {
  const Stored old = stored(keyed_batch({{"a", "1"}}), 0);
  for (const uint16_t attributes : {uint16_t{32}, uint16_t{16}, uint16_t{48}, uint16_t{4}}) {
    // A control batch, one of a transaction, both, and one whose compressed records are no zstd.
    Stored odd = stored(keyed_batch({{"a", "2"}}), 1);
    store_be(odd.payload.data() + 21, attributes);
    const auto keys = keys_of({old, odd});
    EXPECT_EQ(compact_batch(old.view(), keys, rules(2)).fate, BatchFate::kUnchanged);
    EXPECT_EQ(compact_batch(odd.view(), keys, rules(2)).fate, BatchFate::kUnchanged);
  }
}

TEST(Compaction, TheDoorOfACompactedTopicNamesTheRecordsWithoutAKey) {
  for (const Codec codec : {Codec::kNone, Codec::kZstd}) {
    const std::string batch = keyed_batch({{{}, "1"}, {"a", "1"}, {{}, "2"}, {{}, "3"}}, codec);
    EXPECT_THAT(records_without_key(batch, header_of(batch), 100).value(), ElementsAre(0, 2, 3));
    EXPECT_THAT(records_without_key(batch, header_of(batch), 2).value(), ElementsAre(0, 2));
  }
}

// ---- a whole log, against a model that knows every record

struct LoggedEvent {
  std::string event;
  std::string payload;
  Location location;
  Lsn lsn;
};

struct ModelRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  int64_t timestamp = 0;
  StreamId id;
};

class Harness {
 public:
  explicit Harness(uint64_t seed) : random_(seed), journal_(seed + 1) { image_ = log_.serialize(); }

  void step() {
    now_ = now_ + Milliseconds(static_cast<int64_t>(random_.below(50)));
    lsn_ = lsn_.next();
    const uint64_t choice = random_.below(200);
    if (choice == 0) return trim();
    if (choice < 4) return relocate();
    if (choice < 7) return compact();
    append_batch();
  }

  void check() {
    std::vector<Location> held;
    log_.held(held);
    uint64_t bytes = 0;
    for (const Location& location : held) bytes += location.length;
    ASSERT_EQ(bytes, log_.bytes());
    ASSERT_EQ(bytes + released_bytes_, stored_bytes_);
    check_records();
    check_recovery();
  }

  size_t removed() const { return removed_; }
  size_t tombstones_gone() const { return tombstones_gone_; }
  size_t records() const { return records_.size(); }

 private:
  std::map<int64_t, ModelRecord> seen() {
    std::map<int64_t, ModelRecord> found;
    std::vector<Row> rows;
    log_.rows_from(log_.start(), log_.end(), SIZE_MAX, SIZE_MAX, rows);
    Offset next = rows.empty() ? log_.end() : rows.front().first();
    for (const Row& row : rows) {
      EXPECT_EQ(row.first(), next);
      next = row.end();
      const auto copies = journal_.read(row.span);
      int64_t newest = -1;
      bool ends = false;
      for (const StoredCopy& copy : copies) {
        const BatchHeader header = header_of(copy.payload);
        if (header.first_offset() < row.first() || header.first_offset() >= row.end()) continue;
        EXPECT_GT(header.count, 0);
        newest = std::max(newest, header.max_timestamp);
        ends = header.end_offset() == row.end();
        const StoredBatch batch = copy.view();
        RecordReader reader({&batch, 1}, log_.start(), log_.end());
        ReadRecord record;
        while (reader.next(record)) {
          ModelRecord& at = found[record.offset.value()];
          if (record.key) at.key = *record.key;
          if (record.value) at.value = *record.value;
          at.timestamp = record.timestamp.ms();
          at.id = record.id;
        }
      }
      EXPECT_EQ(newest, row.max_timestamp);
      EXPECT_TRUE(ends) << "a row ends with its last batch";
    }
    EXPECT_EQ(next, log_.end());
    return found;
  }

  // Whatever is there is what was appended; of each key the newest is there, unless it is a
  // tombstone whose time has come; below the clean end each key is there once.
  void check_records() {
    const auto found = seen();
    std::map<std::string, int64_t> newest;
    for (int64_t o = 0; o < static_cast<int64_t>(records_.size()); ++o) newest[*at(o).key] = o;
    std::map<std::string, int> clean;
    for (const auto& [offset, record] : found) {
      ASSERT_EQ(record.key, at(offset).key);
      ASSERT_EQ(record.value, at(offset).value);
      ASSERT_EQ(record.timestamp, at(offset).timestamp);
      ASSERT_EQ(record.id, at(offset).id);
      if (offset < clean_end_) ASSERT_EQ(++clean[*record.key], 1) << *record.key;
    }
    for (const auto& [key, offset] : newest) {
      if (offset < log_.start().value() || found.contains(offset)) continue;
      ASSERT_FALSE(at(offset).value.has_value()) << "the newest of " << key << " is gone";
      ASSERT_TRUE(dated_.contains(offset)) << "a tombstone went before its time began";
      ASSERT_GE(now_.ms(), dated_[offset] + kTombstoneMs);
      // Nothing that it deleted is left.
      for (const auto& [o, record] : found) ASSERT_NE(*record.key, key);
      if (gone_.insert(offset).second) ++tombstones_gone_;
    }
    for (int64_t o = log_.start().value(); o < log_.end().value(); ++o) {
      if (o >= judged_) ASSERT_TRUE(found.contains(o)) << "record " << o << " was not due";
    }
    removed_ = static_cast<size_t>(log_.end() - log_.start()) - found.size();
  }

  void check_recovery() {
    auto recovered = Log::load(image_);
    ASSERT_TRUE(recovered.has_value());
    std::vector<Location> released;
    for (const LoggedEvent& e : since_image_) {
      const auto done = recovered->replay(e.event, e.payload, e.location, e.lsn, released);
      ASSERT_TRUE(done.has_value()) << done.error().message;
    }
    ASSERT_EQ(recovered->serialize(), log_.serialize());
    const auto again = Log::load(log_.serialize());
    ASSERT_TRUE(again.has_value()) << dump();
    ASSERT_EQ(again->serialize(), log_.serialize());
    if (random_.one_in(2)) {
      image_ = log_.serialize();
      since_image_.clear();
    }
  }

  std::string dump() {
    std::vector<Row> rows;
    log_.rows_from(log_.start(), log_.end(), SIZE_MAX, SIZE_MAX, rows);
    std::string text = "log " + std::to_string(log_.start().value()) + " to " +
                       std::to_string(log_.end().value()) + ", " +
                       std::to_string(log_.row_count()) + " rows:";
    for (const Row& row : rows) {
      text += " " + std::to_string(row.first_offset) + "+" + std::to_string(row.count);
    }
    return text;
  }

  ModelRecord& at(int64_t offset) { return records_[static_cast<size_t>(offset)]; }

  template <typename E>
  void apply(const E& event) {
    std::string bytes;
    encode(event, bytes);
    since_image_.push_back({bytes, "", {}, lsn_});
    std::vector<Location> released;
    if constexpr (std::is_same_v<E, CleanedEvent>) {
      log_.apply(event, lsn_);
    } else {
      log_.apply(event, lsn_, released);
    }
    for (const Location& location : released) released_bytes_ += location.length;
  }

  void append_batch() {
    std::vector<KeyValue> values;
    const uint64_t count = random_.one_in(4) ? random_.below(30) + 1 : 1;
    for (uint64_t i = 0; i < count; ++i) {
      KeyValue value{"key-" + std::to_string(random_.below(random_.one_in(3) ? 500 : 20)),
                     std::to_string(records_.size() + i) +
                         std::string(random_.below(random_.one_in(30) ? 9000 : 200), 'x'),
                     now_.ms() - static_cast<int64_t>(random_.below(500))};
      if (random_.one_in(6)) value.value.reset();
      values.push_back(value);
    }
    const Codec codec = random_.one_in(5) ? static_cast<Codec>(random_.below(5)) : Codec::kNone;
    std::string batch = keyed_batch(values, codec);
    const BatchHeader header = header_of(batch);
    const auto plan = log_.decide_append(header, now_);
    ASSERT_TRUE(plan.has_value());
    std::string event;
    encode(plan->event, event);
    const auto head = stamped_head(header, plan->event.base_offset, log_.current_epoch());
    batch.replace(0, head.size(), head.data(), head.size());
    const Location location = journal_.add(event, batch);
    log_.apply_append(plan->event, header, location, lsn_, lsn_);
    since_image_.push_back({event, batch, location, lsn_});
    stored_bytes_ += location.length;
    for (uint64_t i = 0; i < count; ++i) {
      const StreamId base = plan->event.base_id;
      records_.push_back(
          {values[i].key, values[i].value, values[i].timestamp, {base.ms, base.seq + i}});
    }
  }

  void trim() {
    const int64_t span = log_.end() - log_.start();
    const auto to = static_cast<int64_t>(random_.below(static_cast<uint64_t>(span) + 1)) / 4;
    apply(log_.decide_trim(log_.start() + to, log_.end()).value());
  }

  void relocate() {
    const FileId file(static_cast<uint32_t>(random_.below(journal_.file().value()) + 1));
    if (file == journal_.file()) journal_.new_file();
    journal_.new_frame();
    std::vector<Row> rows;
    log_.rows_in_file(file, rows);
    std::vector<Log::Relocation> moves;
    for (const Row& row : rows) moves.push_back(journal_.copy(row.span));
    std::vector<Location> dead;
    const MovedEvent event = log_.decide_moved(moves, dead);
    for (const MovedRow& row : event.rows) stored_bytes_ += row.bytes;
    apply(event);
  }

  std::vector<StoredCopy> copies_of(const Row& row) {
    std::vector<StoredCopy> copies = journal_.read(row.span);
    std::erase_if(copies, [&](const StoredCopy& copy) {
      const Offset base = header_of(copy.payload).first_offset();
      return base < row.first() || base >= row.end();
    });
    return copies;
  }

  // One pass, which may end half way.
  void compact() {
    const auto range = log_.cleanable(log_.end(), now_.ms() - (random_.one_in(2) ? 0 : 200));
    KeyOffsets keys(random_.one_in(3) ? 5 + random_.below(40) : 100'000);
    Offset end = range.end;
    std::vector<Row> rows;
    if (range.dirty < range.end) {
      log_.rows_from(range.dirty, range.end, SIZE_MAX, SIZE_MAX, rows);
    }
    for (const Row& row : rows) {
      for (const StoredCopy& copy : copies_of(row)) {
        if (end < range.end) break;
        const Offset reached = add_keys(copy.view(), range.dirty, range.end, keys);
        if (reached < std::min(header_of(copy.payload).end_offset(), range.end)) end = reached;
      }
    }
    const bool whole = !random_.one_in(4);
    const CompactionRules rules{end, now_, kTombstoneMs};
    judged_ = std::max(judged_, end.value());
    int64_t horizon = -1;
    Offset next = log_.start();
    while (next < end && (whole || !random_.one_in(5))) {
      rows.clear();
      log_.rows_from(next, end, SIZE_MAX, 1 + random_.below(8), rows);
      next = rows.back().end();
      rewrite(rows, keys, rules, horizon);
    }
    if (next < end) return;
    if (end < log_.clean_end()) return;
    lsn_ = lsn_.next();
    apply(CleanedEvent{end, horizon});
    clean_end_ = end.value();
    ASSERT_EQ(log_.clean_end(), end);
  }

  void rewrite(const std::vector<Row>& rows,
               const KeyOffsets& keys,
               const CompactionRules& rules,
               int64_t& horizon) {
    lsn_ = lsn_.next();
    if (random_.one_in(3)) journal_.new_frame();
    bool changed = false;
    std::vector<std::pair<StoredCopy, CompactedBatch>> kept;
    for (const Row& row : rows) {
      for (const StoredCopy& copy : copies_of(row)) {
        CompactedBatch left = compact_batch(copy.view(), keys, rules);
        if (left.horizon_ms >= 0)
          horizon = horizon < 0 ? left.horizon_ms : std::min(horizon, left.horizon_ms);
        changed = changed || left.fate != BatchFate::kUnchanged;
        if (left.fate != BatchFate::kDropped) kept.emplace_back(copy, std::move(left));
      }
    }
    if (!changed) return;
    const CompactedEvent event{rows.front().first(), rows.back().end()};
    ASSERT_TRUE(log_.may_compact(event.first, event.end));
    for (auto& [copy, left] : kept) {
      const bool same = left.fate == BatchFate::kUnchanged;
      const std::string payload = same ? copy.payload : left.bytes;
      const BatchHeader header = header_of(payload);
      if (!same) note_dated(header);
      const RewrittenEvent rewritten{decode_append(copy.event).value()};
      std::string bytes;
      encode(rewritten, bytes);
      const Location location = journal_.add(bytes, payload);
      stored_bytes_ += location.length;
      since_image_.push_back({bytes, payload, location, lsn_});
      log_.stage(rewritten, header, location);
    }
    apply(event);
  }

  void note_dated(const BatchHeader& header) {
    if (!header.has_delete_horizon()) return;
    for (int64_t o = header.base_offset; o <= header.last_offset().value(); ++o) {
      if (!at(o).value) dated_.emplace(o, header.base_timestamp - kTombstoneMs);
    }
  }

  static constexpr int64_t kTombstoneMs = 3000;
  Random random_;
  TestJournal journal_;
  Log log_;
  Timestamp now_{100'000};
  Lsn lsn_{1};
  std::string image_;
  std::vector<LoggedEvent> since_image_;
  std::vector<ModelRecord> records_;
  int64_t clean_end_ = 0;
  int64_t judged_ = 0;  // by any pass, also one that ended half way
  std::map<int64_t, int64_t> dated_;
  std::set<int64_t> gone_;
  uint64_t stored_bytes_ = 0;
  uint64_t released_bytes_ = 0;
  size_t removed_ = 0;
  size_t tombstones_gone_ = 0;
};

TEST(CompactionProperty, TheLogIsTheMapOfTheNewestValues) {
  size_t removed = 0;
  size_t tombstones = 0;
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Harness harness(seed);
    for (int i = 0; i < 1200; ++i) {
      harness.step();
      if (testing::Test::HasFatalFailure()) return;
      if (i % 25 == 0) harness.check();
      if (testing::Test::HasFailure()) return;
    }
    harness.check();
    if (testing::Test::HasFailure()) return;
    removed += harness.removed();
    tombstones += harness.tombstones_gone();
  }
  EXPECT_GT(removed, 10'000U);
  EXPECT_GT(tombstones, 100U);
}

TEST(CompactionProperty, RowsOfManyBlocksShrinkTogether) {
  Log log;
  TestJournal journal(5);
  Lsn lsn(1);
  for (int i = 0; i < 3000; ++i) {
    journal.new_frame();
    append(log, journal, keyed_batch({{"k" + std::to_string(i % 10), "v"}}), Timestamp(1000),
           lsn = lsn.next());
  }
  ASSERT_EQ(log.row_count(), 3000U);
  std::vector<Location> released;
  std::vector<Row> rows;
  log.rows_from(Offset(0), Offset(2990), SIZE_MAX, SIZE_MAX, rows);
  const size_t size = rows.size();
  for (size_t i = 0; i < size; i += 100) {
    // What was dropped before belongs to the row that follows.
    const CompactedEvent event{log.row_at(rows[i].first())->first(),
                               rows[std::min(i + 99, size - 1)].end()};
    if (i == 700) {
      const auto middle = journal.read(rows[i + 50].span).front();
      journal.new_frame();
      const Location at = journal.add(middle.event, middle.payload);
      log.stage({decode_append(middle.event).value()}, header_of(middle.payload), at);
    }
    log.apply(event, lsn = lsn.next(), released);
  }
  EXPECT_EQ(released.size(), 2990U);
  EXPECT_EQ(log.row_count(), 11U);
  EXPECT_EQ(log.row_at(Offset(0))->end(), Offset(751));
  EXPECT_EQ(log.row_at(Offset(751))->end(), Offset(2991));
  const auto loaded = Log::load(log.serialize());
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->serialize(), log.serialize());
}

}  // namespace
}  // namespace weir::log
