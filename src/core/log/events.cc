#include "core/log/events.h"

#include <limits>

#include "base/wire.h"

namespace weir::log {

namespace {

enum class Kind : uint8_t {
  kAppend = 1,
  kTrim,
  kEpoch,
  kDelete,
  kSetIds,
  kMoved,
  kRewritten,
  kCompacted,
  kCleaned,
  kRepeated
};

constexpr uint64_t kOffsetMax = INT64_MAX;
constexpr size_t kMovedRowBytesMin = 21;
constexpr size_t kRunBytesMin = 2;

void begin(Writer& writer, Kind kind) {
  writer.u8(static_cast<uint8_t>(kind));
}

void put(Writer& writer, Offset offset) {
  writer.varint(static_cast<uint64_t>(offset.value()));
}

void put(Writer& writer, StreamId id) {
  writer.varint(id.ms);
  writer.varint(id.seq);
}

Offset get_offset(Reader& reader) {
  const uint64_t value = reader.varint();
  if (value > kOffsetMax) reader.fail();
  return Offset(static_cast<int64_t>(value));
}

StreamId get_id(Reader& reader) {
  StreamId id;
  id.ms = reader.varint();
  id.seq = reader.varint();
  return id;
}

// A number of a type that is wider than what it may be.
template <typename Number>
Number get_up_to_max(Reader& reader) {
  const uint64_t value = reader.varint();
  if (value > static_cast<uint64_t>(std::numeric_limits<Number>::max())) reader.fail();
  return static_cast<Number>(value);
}

RepeatedEvent get_repeated(Reader& reader) {
  RepeatedEvent event;
  event.first = get_offset(reader);
  event.at = Timestamp(get_up_to_max<int64_t>(reader));
  event.producer_id = reader.svarint();
  event.producer_epoch = get_up_to_max<int16_t>(reader);
  event.base_sequence = get_up_to_max<int32_t>(reader);
  event.last_offset_delta = get_up_to_max<int32_t>(reader);
  return event;
}

AppendEvent get_append(Reader& reader) {
  AppendEvent event;
  event.base_offset = get_offset(reader);
  event.base_id = get_id(reader);
  const auto difference = static_cast<uint64_t>(reader.svarint());
  event.appended = Timestamp(static_cast<int64_t>(event.base_id.ms + difference));
  if (event.appended.ms() < 0) reader.fail();
  return event;
}

DeleteEvent get_delete(Reader& reader) {
  DeleteEvent event;
  event.max_deleted_id = get_id(reader);
  const uint64_t runs = reader.count(kRunBytesMin);
  event.runs.reserve(runs);
  uint64_t end = 0;
  for (uint64_t i = 0; i < runs && !reader.failed(); ++i) {
    const uint64_t gap = reader.varint();
    const uint64_t length = reader.varint();
    if (length == 0 || (i > 0 && gap == 0) || gap > kOffsetMax - end ||
        length > kOffsetMax - end - gap) {
      reader.fail();
      break;
    }
    const uint64_t first = end + gap;
    end = first + length;
    event.runs.push_back({Offset(static_cast<int64_t>(first)), Offset(static_cast<int64_t>(end))});
  }
  return event;
}

MovedEvent get_moved(Reader& reader) {
  MovedEvent event;
  const uint64_t rows = reader.count(kMovedRowBytesMin);
  event.rows.reserve(rows);
  for (uint64_t i = 0; i < rows && !reader.failed(); ++i) {
    MovedRow row;
    row.first = get_offset(reader);
    row.to.file = FileId(reader.fixed<uint32_t>());
    row.to.frame = reader.fixed<uint32_t>();
    row.to.position = reader.fixed<uint32_t>();
    row.to.length = reader.fixed<uint32_t>();
    row.bytes = reader.fixed<uint32_t>();
    if (i > 0 && row.first <= event.rows.back().first) reader.fail();
    if (row.bytes > row.to.length) reader.fail();
    event.rows.push_back(row);
  }
  return event;
}

std::unexpected<Error> not_understood() {
  return fail(ErrorCode::kStorageCorrupt, "an event of a log cannot be understood");
}

}  // namespace

namespace {

void put_append(Writer& writer, const AppendEvent& event) {
  put(writer, event.base_offset);
  put(writer, event.base_id);
  const uint64_t difference = static_cast<uint64_t>(event.appended.ms()) - event.base_id.ms;
  writer.svarint(static_cast<int64_t>(difference));
}

}  // namespace

void encode(const AppendEvent& event, std::string& out) {
  Writer writer(out);
  begin(writer, Kind::kAppend);
  put_append(writer, event);
}

void encode(const TrimEvent& event, std::string& out) {
  Writer writer(out);
  begin(writer, Kind::kTrim);
  put(writer, event.start);
}

void encode(const EpochEvent& event, std::string& out) {
  Writer writer(out);
  begin(writer, Kind::kEpoch);
  writer.varint(static_cast<uint64_t>(event.epoch));
  put(writer, event.start);
}

void encode(const DeleteEvent& event, std::string& out) {
  Writer writer(out);
  begin(writer, Kind::kDelete);
  put(writer, event.max_deleted_id);
  writer.varint(event.runs.size());
  Offset end;
  for (const OffsetRun& run : event.runs) {
    writer.varint(static_cast<uint64_t>(run.first - end));
    writer.varint(static_cast<uint64_t>(run.end - run.first));
    end = run.end;
  }
}

void encode(const SetIdsEvent& event, std::string& out) {
  Writer writer(out);
  begin(writer, Kind::kSetIds);
  put(writer, event.last_id);
  writer.varint(static_cast<uint64_t>(event.entries_added));
  put(writer, event.max_deleted_id);
}

void encode(const MovedEvent& event, std::string& out) {
  Writer writer(out);
  begin(writer, Kind::kMoved);
  writer.varint(event.rows.size());
  for (const MovedRow& row : event.rows) {
    put(writer, row.first);
    writer.fixed(row.to.file.value());
    writer.fixed(row.to.frame);
    writer.fixed(row.to.position);
    writer.fixed(row.to.length);
    writer.fixed(row.bytes);
  }
}

void encode(const RewrittenEvent& event, std::string& out) {
  Writer writer(out);
  begin(writer, Kind::kRewritten);
  put_append(writer, event.batch);
}

void encode(const CompactedEvent& event, std::string& out) {
  Writer writer(out);
  begin(writer, Kind::kCompacted);
  put(writer, event.first);
  put(writer, event.end);
}

void encode(const CleanedEvent& event, std::string& out) {
  Writer writer(out);
  begin(writer, Kind::kCleaned);
  put(writer, event.end);
  writer.svarint(event.horizon_ms);
}

void encode(const RepeatedEvent& event, std::string& out) {
  Writer writer(out);
  begin(writer, Kind::kRepeated);
  put(writer, event.first);
  writer.varint(static_cast<uint64_t>(event.at.ms()));
  writer.svarint(event.producer_id);
  writer.varint(static_cast<uint64_t>(event.producer_epoch));
  writer.varint(static_cast<uint64_t>(event.base_sequence));
  writer.varint(static_cast<uint64_t>(event.last_offset_delta));
}

Result<Event> decode_event(ByteView bytes) {
  Reader reader(bytes);
  Event event;
  switch (reader.u8()) {
    case static_cast<uint8_t>(Kind::kAppend): event = get_append(reader); break;
    case static_cast<uint8_t>(Kind::kTrim): event = TrimEvent{get_offset(reader)}; break;
    case static_cast<uint8_t>(Kind::kEpoch): {
      const uint64_t epoch = reader.varint();
      if (epoch > INT32_MAX) reader.fail();
      event = EpochEvent{static_cast<int32_t>(epoch), get_offset(reader)};
      break;
    }
    case static_cast<uint8_t>(Kind::kDelete): event = get_delete(reader); break;
    case static_cast<uint8_t>(Kind::kSetIds): {
      SetIdsEvent ids;
      ids.last_id = get_id(reader);
      ids.entries_added = get_offset(reader).value();
      ids.max_deleted_id = get_id(reader);
      event = ids;
      break;
    }
    case static_cast<uint8_t>(Kind::kMoved): event = get_moved(reader); break;
    case static_cast<uint8_t>(Kind::kRewritten): event = RewrittenEvent{get_append(reader)}; break;
    case static_cast<uint8_t>(Kind::kCompacted): {
      CompactedEvent compacted;
      compacted.first = get_offset(reader);
      compacted.end = get_offset(reader);
      if (compacted.first >= compacted.end) reader.fail();
      event = compacted;
      break;
    }
    case static_cast<uint8_t>(Kind::kCleaned): {
      CleanedEvent cleaned;
      cleaned.end = get_offset(reader);
      cleaned.horizon_ms = reader.svarint();
      if (cleaned.horizon_ms < -1) reader.fail();
      event = cleaned;
      break;
    }
    case static_cast<uint8_t>(Kind::kRepeated): event = get_repeated(reader); break;
    default: return not_understood();
  }
  if (!reader.done()) return not_understood();
  return event;
}

Result<AppendEvent> decode_append(ByteView bytes) {
  Reader reader(bytes);
  const uint8_t kind = reader.u8();
  if (kind != static_cast<uint8_t>(Kind::kAppend) &&
      kind != static_cast<uint8_t>(Kind::kRewritten)) {
    return not_understood();
  }
  const AppendEvent event = get_append(reader);
  if (!reader.done()) return not_understood();
  return event;
}

}  // namespace weir::log
