#pragma once
// What the tests of the log share: batches, and a journal that keeps entries by their place.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "core/log/log.h"
#include "core/log/reader.h"

namespace weir::log {

inline std::string batch_of(const std::vector<std::string>& values,
                            int64_t timestamp,
                            Codec codec = Codec::kNone) {
  std::string out;
  BatchBuilder builder(out);
  for (const std::string& value : values) {
    builder.add(
        {.key = std::nullopt, .value = value, .headers = {}, .timestamp = Timestamp(timestamp)});
  }
  builder.finish(codec);
  return out;
}

inline BatchHeader header_of(ByteView batch) {
  return parse_header(batch).value();
}

struct StoredCopy {
  std::string event;
  std::string payload;
  Location location;
  StoredBatch view() const { return {event, payload}; }
};

// Entries of one log between those of others, in files of several frames.
class TestJournal {
 public:
  explicit TestJournal(uint64_t seed) : random_(seed) {}

  Location add(std::string event, std::string payload) {
    if (random_.one_in(8)) new_frame();
    if (random_.one_in(60)) new_file();
    if (random_.one_in(3)) position_ += 24 + static_cast<uint32_t>(random_.below(20'000));
    return put(std::move(event), std::move(payload));
  }

  std::vector<StoredCopy> read(const Location& span) const {
    std::vector<StoredCopy> found;
    for (auto it = entries_.lower_bound({span.file, span.position}); it != entries_.end(); ++it) {
      const Location& at = it->second.location;
      if (at.file != span.file || at.position + at.length > span.position + span.length) break;
      EXPECT_EQ(at.frame, span.frame) << "a span crosses a frame";
      found.push_back(it->second);
    }
    return found;
  }

  // Copies the entries of a span into one frame of the newest file.
  Log::Relocation copy(const Location& span) {
    Log::Relocation moved{.from = span, .to = {}, .bytes = 0};
    for (const StoredCopy& entry : read(span)) {
      const Location at = put(entry.event, entry.payload);
      if (moved.bytes == 0) moved.to = at;
      moved.to.length = at.position + at.length - moved.to.position;
      moved.bytes += at.length;
    }
    return moved;
  }

  void new_frame() { frame_ = (position_ + 4095) / 4096, position_ = frame_ * 4096; }
  void new_file() {
    file_ = FileId(file_.value() + 1);
    frame_ = 1;
    position_ = 4096;
  }
  FileId file() const { return file_; }

 private:
  Location put(std::string event, std::string payload) {
    const auto length = static_cast<uint32_t>(24 + event.size() + payload.size());
    const Location at{file_, frame_, position_, length};
    position_ += length;
    entries_[{at.file, at.position}] = {std::move(event), std::move(payload), at};
    return at;
  }

  Random random_;
  FileId file_{1};
  uint32_t frame_ = 1;
  uint32_t position_ = 4096;
  std::map<std::pair<FileId, uint32_t>, StoredCopy> entries_;
};

// Appends a batch as the broker does; returns its stored payload's place.
inline AppendEvent append(Log& log,
                          TestJournal& journal,
                          std::string batch,
                          Timestamp now,
                          Lsn lsn,
                          const IdRequest& id = {}) {
  const BatchHeader header = header_of(batch);
  const auto plan = log.decide_append(header, now, {}, id);
  EXPECT_TRUE(plan.has_value()) << plan.error().message;
  EXPECT_FALSE(plan->duplicate);
  std::string event;
  encode(plan->event, event);
  const auto head = stamped_head(header, plan->event.base_offset, log.current_epoch());
  batch.replace(0, head.size(), head.data(), head.size());
  const Location at = journal.add(event, batch);
  log.apply_append(plan->event, header, at, lsn);
  return plan->event;
}

// The records of a row that a reader would see.
inline std::vector<std::pair<Offset, std::string>> records_in(const Log& log,
                                                              const TestJournal& journal,
                                                              const Row& row) {
  const auto stored = journal.read(row.span);
  std::vector<StoredBatch> batches;
  for (const auto& entry : stored) batches.push_back(entry.view());
  RecordReader reader(batches, log.start(), log.end(), log.deletions());
  std::vector<std::pair<Offset, std::string>> found;
  ReadRecord record;
  while (reader.next(record))
    found.emplace_back(record.offset, std::string(record.value.value_or("")));
  EXPECT_FALSE(reader.error().has_value());
  return found;
}

}  // namespace weir::log
