#include "protocols/redis/streams.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/log/reader.h"

namespace weir::redis {
namespace {

using broker::ReadAnswer;
using broker::Visibility;

constexpr ByteView kHeaderPrefix = "h:";
constexpr size_t kReadBytesMin = 16 << 10;
constexpr size_t kReadBytesMax = 1 << 20;
constexpr size_t kEntryBytesGuess = 512;
// Deleted records in a row among which an ID is searched.
constexpr int64_t kDeletedRunMax = 1 << 20;

class IdText {
 public:
  explicit IdText(StreamId id) {
    char* const end = bytes_.data() + bytes_.size();
    char* at = std::to_chars(bytes_.data(), end, id.ms).ptr;
    *at++ = '-';
    size_ = static_cast<size_t>(std::to_chars(at, end, id.seq).ptr - bytes_.data());
  }
  ByteView view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 41> bytes_;  // two numbers of 20 digits
  size_t size_;
};

std::optional<uint64_t> parse_part(ByteView text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// An entry is a little longer than its parts.
size_t text_bytes_guess(const log::ReadRecord& record) {
  constexpr size_t kFrame = 64;
  constexpr size_t kFieldFrame = 24;
  size_t bytes = kFrame + record.key.value_or("").size() + record.value.value_or("").size();
  for (const auto& header : record.headers)
    bytes += kFieldFrame + header.key.size() + header.value.value_or("").size();
  return bytes;
}

void write_entry(const log::ReadRecord& record, std::string& out) {
  ReplyWriter writer(out, 2);
  writer.array(2);
  put_id(writer, record.id);
  size_t headers = 0;
  for ([[maybe_unused]] const auto& header : record.headers) ++headers;
  const bool plain = !record.key && !record.value && !record.damaged;
  writer.array(
      2 * (headers + (record.key ? 1 : 0) + (record.value ? 1 : 0) + (record.damaged ? 1 : 0)));
  if (record.damaged) {
    writer.bulk("damaged");
    writer.bulk("");
  }
  if (record.key) {
    writer.bulk("key");
    writer.bulk(*record.key);
  }
  if (record.value) {
    writer.bulk("value");
    writer.bulk(*record.value);
  }
  for (const auto& header : record.headers) {
    writer.bulk(plain ? std::string(header.key)
                      : std::string(kHeaderPrefix) + std::string(header.key));
    writer.bulk(header.value.value_or(ByteView()));
  }
}

std::vector<log::StoredBatch> batches_of(const ReadAnswer& answer) {
  std::vector<log::StoredBatch> batches;
  batches.reserve(answer.batches.size());
  for (const auto& stored : answer.batches) batches.push_back({stored.event, stored.payload});
  return batches;
}

// Behind the last batch of an answer; nothing when it has none.
std::optional<Offset> end_of(const ReadAnswer& answer) {
  if (answer.batches.empty()) return std::nullopt;
  const auto header = log::parse_header(answer.batches.back().payload);
  return header ? std::optional(header->end_offset()) : std::nullopt;
}

}  // namespace

std::string to_text(StreamId id) {
  return std::string(IdText(id).view());
}

void put_id(ReplyWriter& writer, StreamId id) {
  writer.bulk(IdText(id).view());
}

std::optional<StreamId> parse_id(ByteView text, uint64_t missing_sequence) {
  const size_t dash = text.find('-');
  const auto ms = parse_part(text.substr(0, dash));
  if (!ms) return std::nullopt;
  if (dash == ByteView::npos) return StreamId{*ms, missing_sequence};
  const auto sequence = parse_part(text.substr(dash + 1));
  if (!sequence) return std::nullopt;
  return StreamId{*ms, *sequence};
}

// ---- ranges

struct Streams::Forward {
  RangeQuery query;
  Offset from;
  Entries found;
  EntriesDone done;
};

struct Streams::Backward {
  RangeQuery query;
  Offset below;  // everything from here on was looked at
  Entries found;
  EntriesDone done;
};

void Streams::range(const RangeQuery& query, EntriesDone done) {
  const log::Log* log = broker_.find_log(query.log);
  if (log == nullptr || query.first > query.last || query.count == 0) return done(Entries{});
  if (query.reverse) {
    auto job = std::make_shared<Backward>(Backward{query, log->end(), {}, std::move(done)});
    if (query.last >= log->last_id()) return step(job);
    return offset_after(query.log, query.last, [this, job](Result<Offset> below) {
      if (!below) return job->done(std::unexpected(below.error()));
      job->below = *below;
      step(job);
    });
  }
  auto job = std::make_shared<Forward>(Forward{query, log->start(), {}, std::move(done)});
  if (query.first == StreamId{}) return step(job);
  broker_.find_by_id(query.log, query.first, Visibility::kApplied,
                     [this, job](Result<broker::FoundOffset> found) {
                       if (!found) return job->done(std::unexpected(found.error()));
                       job->found.depends.add(found->depends);
                       if (!found->record) return job->done(std::move(job->found));
                       job->from = found->record->offset;
                       step(job);
                     });
}

void Streams::step(const std::shared_ptr<Forward>& job) {
  const log::Log* log = broker_.find_log(job->query.log);
  if (log == nullptr) return job->done(std::move(job->found));
  job->from = std::max(job->from, log->start());
  const size_t wanted =
      std::min(job->query.count - job->found.count, kReadBytesMax / kEntryBytesGuess);
  const broker::ReadRequest request{
      .log = job->query.log,
      .from = job->from,
      .bytes_max = std::clamp(wanted * kEntryBytesGuess, kReadBytesMin, kReadBytesMax),
      .end = {},
      .visibility = Visibility::kApplied};
  broker_.read(request, [this, job](Result<ReadAnswer> answer) {
    if (!answer) return job->done(std::unexpected(answer.error()));
    job->found.depends.add(answer->depends);
    const log::Log* now = broker_.find_log(job->query.log);
    const auto end = end_of(*answer);
    if (now == nullptr || !end) return job->done(std::move(job->found));
    const auto batches = batches_of(*answer);
    log::RecordReader reader(batches, job->from, answer->end, now->deletions());
    log::ReadRecord record;
    while (reader.next(record)) {
      if (record.id < job->query.first) continue;
      if (record.id > job->query.last) return job->done(std::move(job->found));
      cache_.put(job->query.log, record.id, record.offset);
      write_entry(record, job->found.text);
      if (++job->found.count == job->query.count) return job->done(std::move(job->found));
    }
    if (*end >= answer->end || *end <= job->from) return job->done(std::move(job->found));
    job->from = *end;
    step(job);
  });
}

void Streams::step(const std::shared_ptr<Backward>& job) {
  const log::Log* log = broker_.find_log(job->query.log);
  if (log == nullptr || job->below <= log->start()) return job->done(std::move(job->found));
  const auto row = log->row_at(Offset(job->below.value() - 1));
  // Without a row the records were appended in this very turn: read them when it ends, by asking
  // from there.
  const Offset from = row ? std::max(row->first(), log->start()) : Offset(job->below.value() - 1);
  const broker::ReadRequest request{.log = job->query.log,
                                    .from = from,
                                    .bytes_max = size_t{64} << 20,
                                    .end = job->below,
                                    .visibility = Visibility::kApplied};
  broker_.read(request, [this, job, from](Result<ReadAnswer> answer) {
    if (!answer) return job->done(std::unexpected(answer.error()));
    job->found.depends.add(answer->depends);
    const log::Log* now = broker_.find_log(job->query.log);
    if (now == nullptr) return job->done(std::move(job->found));
    const auto batches = batches_of(*answer);
    log::RecordReader reader(batches, from, job->below, now->deletions());
    log::ReadRecord record;
    std::vector<std::string> texts;
    bool passed = false;
    while (reader.next(record)) {
      passed = passed || record.id < job->query.first;
      if (record.id < job->query.first || record.id > job->query.last) continue;
      cache_.put(job->query.log, record.id, record.offset);
      write_entry(record, texts.emplace_back());
    }
    for (size_t i = texts.size(); i-- > 0 && job->found.count < job->query.count;) {
      job->found.text += texts[i];
      ++job->found.count;
    }
    if (passed || job->found.count == job->query.count) return job->done(std::move(job->found));
    job->below = from;
    step(job);
  });
}

void Streams::offset_after(CellId log_id,
                           StreamId id,
                           std::move_only_function<void(Result<Offset>)> done) {
  const log::Log* log = broker_.find_log(log_id);
  if (log == nullptr) return done(fail(ErrorCode::kNotFound));
  if (id >= log->last_id() || id == StreamId::max()) return done(log->end());
  if (id == StreamId{}) return done(log->start());
  broker_.find_by_id(
      log_id, id.next(), Visibility::kApplied,
      [this, log_id, done = std::move(done)](Result<broker::FoundOffset> found) mutable {
        if (!found) return done(std::unexpected(found.error()));
        if (found->record) return done(found->record->offset);
        const log::Log* now = broker_.find_log(log_id);
        done(now == nullptr ? Offset(0) : now->end());
      });
}

// ---- exact IDs

struct Streams::ById {
  CellId log;
  std::vector<StreamId> ids;
  std::vector<std::optional<Offset>> offsets;
  size_t next = 0;
  std::move_only_function<void(std::vector<std::optional<Offset>>)> done;
  Offset low;  // while deleted records are searched
  Offset high;
};

void Streams::offsets_of(CellId log,
                         std::vector<StreamId> ids,
                         std::move_only_function<void(std::vector<std::optional<Offset>>)> done) {
  auto job = std::make_shared<ById>(ById{log, std::move(ids), {}, 0, std::move(done), {}, {}});
  job->offsets.resize(job->ids.size());
  step(job);
}

std::optional<std::vector<std::optional<Offset>>> Streams::known_offsets(
    CellId log, std::span<const StreamId> ids) const {
  std::vector<std::optional<Offset>> offsets;
  offsets.reserve(ids.size());
  for (const StreamId id : ids) {
    offsets.push_back(cache_.offset_of(log, id));
    if (!offsets.back()) return std::nullopt;
  }
  return offsets;
}

void Streams::step(const std::shared_ptr<ById>& job) {
  const log::Log* log = broker_.find_log(job->log);
  for (; job->next < job->ids.size(); ++job->next) {
    const StreamId id = job->ids[job->next];
    if (log == nullptr || id > log->last_id() || id == StreamId{}) continue;
    job->offsets[job->next] = cache_.offset_of(job->log, id);
    if (job->offsets[job->next]) continue;
    broker_.find_by_id(
        job->log, id, Visibility::kApplied, [this, job, id](Result<broker::FoundOffset> found) {
          if (found && found->record && found->record->id == id) {
            return found_id(job, found->record->offset);
          }
          // It may be one of the deleted records before the first live one.
          const log::Log* now = broker_.find_log(job->log);
          if (!found || now == nullptr) return found_id(job, std::nullopt);
          job->high = found->record ? found->record->offset : now->end();
          job->low = job->high;
          while (job->low > now->start() && job->high.value() - job->low.value() < kDeletedRunMax &&
                 now->deleted(Offset(job->low.value() - 1))) {
            job->low = Offset(job->low.value() - 1);
          }
          search_deleted(job);
        });
    return;
  }
  job->done(std::move(job->offsets));
}

void Streams::found_id(const std::shared_ptr<ById>& job, std::optional<Offset> offset) {
  job->offsets[job->next] = offset;
  if (offset) cache_.put(job->log, job->ids[job->next], *offset);
  ++job->next;
  step(job);
}

// Halves the run of deleted records from low to high: their IDs rise with their offsets.
void Streams::search_deleted(const std::shared_ptr<ById>& job) {
  if (job->low >= job->high) return found_id(job, std::nullopt);
  const Offset middle((job->low.value() + job->high.value()) / 2);
  entries_at(job->log, {middle}, [this, job, middle](Result<std::vector<EntryAt>> found) {
    if (!found || found->empty()) return found_id(job, std::nullopt);
    const StreamId id = job->ids[job->next];
    if (found->front().id == id) return found_id(job, middle);
    (found->front().id < id ? job->low : job->high) = found->front().id < id ? middle + 1 : middle;
    search_deleted(job);
  });
}

// ---- entries by offset

struct Streams::At {
  CellId log;
  std::vector<Offset> offsets;
  size_t next = 0;
  std::vector<EntryAt> found;
  EntriesAtDone done;
};

void Streams::entries_at(CellId log, std::vector<Offset> offsets, EntriesAtDone done) {
  step(std::make_shared<At>(At{log, std::move(offsets), 0, {}, std::move(done)}));
}

void Streams::step(const std::shared_ptr<At>& job) {
  const log::Log* log = broker_.find_log(job->log);
  const Offset start = log == nullptr ? Offset(INT64_MAX) : log->start();
  const auto give_up = [&](Offset offset) {
    if (const auto id = cache_.id_of(job->log, offset))
      job->found.push_back({offset, *id, true, {}});
  };
  for (; job->next < job->offsets.size() && job->offsets[job->next] < start; ++job->next) {
    give_up(job->offsets[job->next]);
  }
  if (job->next == job->offsets.size()) return job->done(std::move(job->found));
  const Offset from = job->offsets[job->next];
  const broker::ReadRequest request{.log = job->log,
                                    .from = from,
                                    .bytes_max = kReadBytesMax,
                                    .end = job->offsets.back() + 1,
                                    .visibility = Visibility::kApplied};
  broker_.read(request, [this, job, from](Result<ReadAnswer> answer) {
    if (!answer) return job->done(std::unexpected(answer.error()));
    const log::Log* now = broker_.find_log(job->log);
    const auto end = end_of(*answer);
    const auto batches = batches_of(*answer);
    const auto pass_missing = [&](Offset below) {
      for (; job->next < job->offsets.size() && job->offsets[job->next] < below; ++job->next) {
        const Offset missing = job->offsets[job->next];
        const auto id = cache_.id_of(job->log, missing);
        if (id) job->found.push_back({missing, *id, true, {}});
      }
    };
    log::RecordReader reader(batches, from, answer->end);
    log::ReadRecord record;
    while (job->next < job->offsets.size() && reader.next(record)) {
      pass_missing(record.offset);
      if (job->next == job->offsets.size() || job->offsets[job->next] != record.offset) continue;
      cache_.put(job->log, record.id, record.offset);
      EntryAt entry{record.offset, record.id, now != nullptr && now->deleted(record.offset), {}};
      if (!entry.gone) {
        entry.text.reserve(text_bytes_guess(record));
        write_entry(record, entry.text);
      }
      job->found.push_back(std::move(entry));
      ++job->next;
    }
    // What lies between the offset asked for and the end of what was read is not there any more.
    const Offset reached = end.value_or(from + 1);
    pass_missing(std::max(reached, from + 1));
    step(job);
  });
}

// ---- fields

RecordFields to_record(std::span<const ByteView> fields) {
  RecordFields record;
  // Exactly what a record with key, value and headers is shown as, in that order, becomes one.
  size_t i = 0;
  if (i < fields.size() && fields[i] == "key") {
    record.key = fields[i + 1];
    i += 2;
  }
  if (i < fields.size() && fields[i] == "value") {
    record.value = fields[i + 1];
    i += 2;
    for (; i < fields.size() && fields[i].starts_with(kHeaderPrefix); i += 2) {
      record.headers.push_back({fields[i].substr(kHeaderPrefix.size()), fields[i + 1]});
    }
    if (i == fields.size()) return record;
  }
  record = {};
  for (i = 0; i < fields.size(); i += 2) record.headers.push_back({fields[i], fields[i + 1]});
  return record;
}

}  // namespace weir::redis
