// The image of a log: everything but the marks, which recovery does not need.
//
//   u8 version 1, or 2 of a log that was compacted; then: varint clean end, svarint horizon ms,
//   u8 whether the next append begins a row |
//   varint start | varint end | varint last LSN | varint entries added | ids: last,
//   of the last record, max deleted (each varint ms, varint seq) | varint epochs, each varint
//   epoch, varint start | u8 has producers, the table | u8 has deletions, the set | rows: varint
//   sealed blocks, varint dead rows at the front, the unsealed rows | each sealed block
#include "base/wire.h"
#include "core/log/log.h"

namespace weir::log {

namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kCompactedVersion = 2;

void put(Writer& writer, StreamId id) {
  writer.varint(id.ms);
  writer.varint(id.seq);
}

StreamId get_id(Reader& reader) {
  StreamId id;
  id.ms = reader.varint();
  id.seq = reader.varint();
  return id;
}

Offset get_offset(Reader& reader) {
  const uint64_t value = reader.varint();
  if (value > INT64_MAX) reader.fail();
  return Offset(static_cast<int64_t>(value));
}

}  // namespace

Log::Image Log::image() const {
  Image image;
  Writer head(image.head);
  const bool compacted = clean_end_ != Offset(0) || horizon_ms_ != -1 || rows_.tail_closed();
  head.u8(compacted ? kCompactedVersion : kVersion);
  if (compacted) {
    head.varint(static_cast<uint64_t>(clean_end_.value()));
    head.svarint(horizon_ms_);
    head.boolean(rows_.tail_closed());
  }
  head.varint(static_cast<uint64_t>(start_.value()));
  head.varint(static_cast<uint64_t>(end_.value()));
  head.varint(last_lsn_.value());
  head.varint(static_cast<uint64_t>(entries_added_));
  put(head, last_id_);
  put(head, last_record_id_);
  put(head, max_deleted_id_);
  head.varint(epochs_.size());
  for (const auto& [epoch, start] : epochs_) {
    head.varint(static_cast<uint64_t>(epoch));
    head.varint(static_cast<uint64_t>(start.value()));
  }
  head.u8(producers_ != nullptr ? kProducersForm : 0);
  if (producers_ != nullptr) producers_->serialize(head);
  head.boolean(deleted_ != nullptr);
  if (deleted_ != nullptr) deleted_->serialize(head);
  image.blocks = rows_.serialize_head(head);
  return image;
}

std::string Log::serialize() const {
  Image whole = image();
  for (const auto& block : whole.blocks) block->serialize(whole.head);
  return std::move(whole.head);
}

bool Log::load_head(Reader& reader, Log& log) {
  const uint8_t version = reader.u8();
  if (version != kVersion && version != kCompactedVersion) return false;
  if (version == kCompactedVersion) {
    log.clean_end_ = get_offset(reader);
    log.horizon_ms_ = reader.svarint();
    const bool closed = reader.boolean();
    if (closed) log.rows_.close_tail();
    if (log.horizon_ms_ < -1) return false;
    // The other version would have been written.
    if (log.clean_end_ == Offset(0) && log.horizon_ms_ == -1 && !closed) return false;
  }
  log.start_ = get_offset(reader);
  log.end_ = get_offset(reader);
  log.settled_end_ = log.end_;
  log.last_lsn_ = Lsn(reader.varint());
  log.entries_added_ = get_offset(reader).value();
  log.last_id_ = get_id(reader);
  log.last_record_id_ = get_id(reader);
  log.max_deleted_id_ = get_id(reader);
  log.epochs_.clear();
  const uint64_t epochs = reader.count(2);
  if (epochs == 0 || epochs > kEpochsMax) return false;
  for (uint64_t i = 0; i < epochs; ++i) {
    const uint64_t epoch = reader.varint();
    const Offset start = get_offset(reader);
    if (epoch > INT32_MAX || start > log.end_) return false;
    const auto number = static_cast<int32_t>(epoch);
    if (i > 0 && (number <= log.epochs_.back().first || start <= log.epochs_.back().second)) {
      return false;
    }
    log.epochs_.emplace_back(number, start);
  }
  if (const uint8_t form = reader.u8(); form != 0) {
    log.producers_ = std::make_unique<ProducerTable>();
    if (!ProducerTable::load(reader, form, *log.producers_)) return false;
  }
  if (reader.boolean()) {
    log.deleted_ = std::make_unique<OffsetSet>();
    if (!OffsetSet::load(reader, *log.deleted_) || log.deleted_->empty()) return false;
  }
  return !reader.failed() && log.start_ <= log.end_ && log.clean_end_ <= log.end_;
}

Result<Log> Log::load(ByteView image) {
  const auto corrupt = fail(ErrorCode::kStorageCorrupt, "the image of a log cannot be understood");
  Log log;
  Reader reader(image);
  if (!load_head(reader, log) || !RowIndex::load(reader, log.rows_) || !reader.done())
    return corrupt;
  const RowIndex& rows = log.rows_;
  if (rows.empty() != (log.start_ == log.end_)) return corrupt;
  if (!rows.empty() && (rows.front().first() > log.start_ || rows.front().end() <= log.start_ ||
                        rows.back().end() != log.end_ || rows.back().last_id > log.last_id_)) {
    return corrupt;
  }
  if (log.deleted_ != nullptr &&
      log.deleted_->count(log.start_, log.end_) != log.deleted_->size()) {
    return corrupt;
  }
  for (size_t i = 0; i < rows.size(); ++i) log.bytes_ += rows.at(i).bytes;
  return log;
}

size_t Log::memory_bytes() const {
  size_t total = sizeof *this + rows_.memory_bytes() + marks_.capacity() * sizeof(TailMark);
  if (deleted_ != nullptr) total += deleted_->memory_bytes();
  if (producers_ != nullptr) total += producers_->size() * 256;
  return total;
}

}  // namespace weir::log
