#include "connectors/commit/commit.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/partition.h"
#include "base/wire.h"
#include "broker/connector_cell.h"

namespace weir::cdc {
namespace {

using broker::Broker;
using catalog::Kind;
using catalog::Thing;

constexpr uint8_t kVersion = 1;
// Records of one topic are gathered into batches up to this size.
constexpr size_t kBatchBytes = size_t{256} << 10;
constexpr size_t kRecordOverhead = 64;

size_t size_of(const Output& output) {
  size_t bytes = kRecordOverhead + output.name.size();
  if (output.key) bytes += output.key->size();
  if (output.value) bytes += output.value->size();
  for (const Header& header : output.headers) {
    bytes += header.key.size() + header.value.value_or("").size() + 8;
  }
  return bytes;
}

std::optional<ByteView> view_of(const std::optional<std::string>& text) {
  return text ? std::optional<ByteView>(*text) : std::nullopt;
}

// One commit under way: the things that it writes to, by name, and open batches.
class Writing {
 public:
  // Leaves out what an earlier attempt wrote.
  Writing(Broker& broker, Interrupted earlier, Timestamp now)
      : broker_(broker), now_(now), earlier_(std::move(earlier)), left_out_(earlier_.records) {}

  // Names things and checks that the output fits; changes nothing but that topics are made.
  Result<> admit(const Output& output);
  Result<> write(const Output& output);
  Result<> finish();

  // What is still to be left out, and what is there after a refusal.
  std::map<CellId, uint64_t> still_left_out() const;
  std::map<CellId, uint64_t> there() const;

 private:
  struct Batch {
    std::string bytes;
    std::unique_ptr<log::BatchBuilder> builder;
    uint64_t records = 0;
  };

  Result<Thing> target(const Output& output);
  Result<> close(CellId log, Batch& batch);
  CellId log_of(const Thing& thing, const Output& output) const;
  // Whether it is there already.
  bool leave_out(CellId target);

  Broker& broker_;
  Timestamp now_;
  absl::flat_hash_map<std::string, Thing> topics_;
  absl::flat_hash_map<std::string, Thing> queues_;
  std::map<CellId, Batch> batches_;
  const Interrupted earlier_;
  std::map<CellId, uint64_t> left_out_;
  std::map<CellId, uint64_t> written_;
};

bool Writing::leave_out(CellId target) {
  const auto found = left_out_.find(target);
  if (found == left_out_.end() || found->second == 0) return false;
  --found->second;
  return true;
}

std::map<CellId, uint64_t> Writing::still_left_out() const {
  std::map<CellId, uint64_t> left = left_out_;
  std::erase_if(left, [](const auto& one) { return one.second == 0; });
  return left;
}

std::map<CellId, uint64_t> Writing::there() const {
  std::map<CellId, uint64_t> all = earlier_.records;
  for (const auto& [target, records] : written_) all[target] += records;
  return all;
}

Result<Thing> Writing::target(const Output& output) {
  const bool queue = output.target == Output::Target::kQueue;
  auto& known = queue ? queues_ : topics_;
  if (const auto found = known.find(output.name); found != known.end()) return found->second;
  const catalog::Name name{"", output.name};
  const Thing* thing = broker_.catalog().find(name);
  if (thing == nullptr && queue) {
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no queue {}; create it: weir queue create {}", output.name,
                            output.name));
  }
  if (thing == nullptr) {
    broker::TopicSpec spec;
    spec.name = name;
    spec.origin = catalog::Origin::kAdmin;
    const auto made = broker_.create_topic(spec, now_);
    if (!made) return std::unexpected(made.error());
    thing = made->thing;
  }
  if ((thing->kind == Kind::kQueue) != queue) {
    return fail(ErrorCode::kWrongKind,
                fmt::format("{} is a {}, and the capture writes to it as a {}", output.name,
                            queue ? "topic" : "queue", queue ? "queue" : "topic"));
  }
  return known.emplace(output.name, *thing).first->second;
}

Result<> Writing::admit(const Output& output) {
  const auto thing = target(output);
  if (!thing) return std::unexpected(thing.error());
  if (output.target == Output::Target::kQueue) {
    if (size_of(output) > thing->queue_policy.message_bytes_max) {
      return fail(ErrorCode::kTooLarge,
                  fmt::format("an event of {} bytes is above the limit of queue {}",
                              size_of(output), output.name));
    }
    if (thing->queue_policy.order == catalog::Order::kPerGroup && !output.key) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("an event without a key is for FIFO queue {}", output.name));
    }
    return {};
  }
  if (thing->log_policy.compaction && !output.key) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is compacted by key, and an event has none", output.name));
  }
  return {};
}

CellId Writing::log_of(const Thing& thing, const Output& output) const {
  const size_t partitions = thing.logs.size();
  if (output.partition && *output.partition >= 0) {
    return thing.logs[static_cast<size_t>(*output.partition) % partitions];
  }
  if (partitions == 1 || !output.key) return thing.logs[0];
  return thing.logs[partition_of(*output.key, static_cast<uint32_t>(partitions))];
}

Result<> Writing::write(const Output& output) {
  std::vector<log::RecordHeader> headers;
  headers.reserve(output.headers.size());
  for (const Header& header : output.headers)
    headers.push_back({header.key, view_of(header.value)});
  const Timestamp time = output.timestamp_ms == 0 ? now_ : Timestamp(output.timestamp_ms);
  const log::RecordInput record{view_of(output.key), view_of(output.value), headers, time};
  const auto thing = target(output);
  if (!thing) return std::unexpected(thing.error());
  if (output.target == Output::Target::kQueue) {
    if (leave_out(thing->queue)) return {};
    broker::SendOptions options;
    if (!output.event_id.empty() && thing->queue_policy.deduplicate) {
      options.dedup_id = output.event_id;
    }
    const auto sent = broker_.send(thing->queue, record, options, now_);
    if (!sent) return std::unexpected(sent.error());
    ++written_[thing->queue];
    return {};
  }
  const CellId log = log_of(*thing, output);
  if (leave_out(log)) return {};
  Batch& batch = batches_[log];
  const size_t limit = std::min<size_t>(kBatchBytes, thing->log_policy.batch_bytes_max);
  if (batch.builder && batch.builder->bytes() + size_of(output) > limit) {
    if (const auto closed = close(log, batch); !closed) return closed;
  }
  if (size_of(output) > limit) {
    const auto appended = broker_.append_record(log, record, now_);
    if (!appended) return std::unexpected(appended.error());
    ++written_[log];
    return {};
  }
  if (!batch.builder) {
    batch.bytes.clear();
    batch.builder = std::make_unique<log::BatchBuilder>(batch.bytes);
  }
  batch.builder->add(record);
  ++batch.records;
  return {};
}

Result<> Writing::close(CellId log, Batch& batch) {
  const log::BatchHeader header = batch.builder->finish();
  batch.builder.reset();
  const auto appended = broker_.append(log, {header, Bytes::take(std::move(batch.bytes))}, now_);
  batch.bytes.clear();
  if (!appended) return std::unexpected(appended.error());
  written_[log] += std::exchange(batch.records, 0);
  return {};
}

Result<> Writing::finish() {
  for (auto& [log, batch] : batches_) {
    if (!batch.builder) continue;
    if (const auto closed = close(log, batch); !closed) return closed;
  }
  return {};
}

}  // namespace

std::string Progress::encode() const {
  Writer writer;
  writer.u8(kVersion);
  writer.bytes(source);
  writer.varint(next.commit_lsn);
  writer.varint(next.index);
  writer.varint(flushed);
  writer.boolean(snapshot_done);
  return std::move(writer.out());
}

Result<Progress> Progress::decode(ByteView note) {
  Reader reader(note);
  Progress progress;
  if (reader.u8() != kVersion) reader.fail();
  progress.source = reader.bytes();
  progress.next.commit_lsn = reader.varint();
  progress.next.index = reader.varint();
  progress.flushed = reader.varint();
  progress.snapshot_done = reader.boolean();
  if (!reader.done()) {
    return fail(ErrorCode::kStorageCorrupt, "the capture's position cannot be read");
  }
  return progress;
}

std::string Interrupted::encode() const {
  Writer writer;
  writer.u8(kVersion);
  writer.boolean(snapshot);
  writer.varint(records.size());
  for (const auto& [target, count] : records) {
    writer.varint(target.value());
    writer.varint(count);
  }
  return std::move(writer.out());
}

Result<Interrupted> Interrupted::decode(ByteView note) {
  Reader reader(note);
  Interrupted interrupted;
  if (reader.u8() != kVersion) reader.fail();
  interrupted.snapshot = reader.boolean();
  constexpr size_t kEntryBytesMin = 2;
  for (uint64_t left = reader.count(kEntryBytesMin); left > 0; --left) {
    const CellId target(reader.varint());
    interrupted.records[target] = reader.varint();
  }
  if (!reader.done()) {
    return fail(ErrorCode::kStorageCorrupt, "what a capture left half written cannot be read");
  }
  return interrupted;
}

Result<broker::Depends> commit(Broker& broker,
                               const std::string& connector,
                               const Commit& work,
                               Timestamp now) {
  size_t bytes = 0;
  for (const Output& output : work.outputs) bytes += size_of(output);
  const Broker::Turn turn(broker, now, broker::Admission::kData, bytes);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const catalog::Connector* known = broker.catalog().find_connector(connector);
  if (known == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no connector {}", connector));
  }
  const CellId place = known->cell;
  auto& cell = broker.cell<broker::ConnectorCell>(place);
  const auto put = [&](ByteView name, const std::string& value) {
    broker.journal_event(place, cell.put(name, value));
  };
  Interrupted earlier;
  const std::string noted(cell.note(kInterruptedNote));
  if (!noted.empty()) {
    auto decoded = Interrupted::decode(noted);
    if (!decoded) return std::unexpected(decoded.error());
    earlier = std::move(*decoded);
  }
  Writing writing(broker, std::move(earlier), now);
  for (const Output& output : work.outputs) {
    if (const auto admitted = writing.admit(output); !admitted) {
      return std::unexpected(admitted.error());
    }
  }
  Result<> written;
  for (size_t i = 0; i < work.outputs.size() && written; ++i) {
    written = writing.write(work.outputs[i]);
  }
  if (written) written = writing.finish();
  if (!written) {
    const Interrupted left{.records = writing.there(), .snapshot = work.snapshot};
    if (!left.records.empty()) put(kInterruptedNote, left.encode());
    return std::unexpected(written.error());
  }
  put(kProgressNote, work.progress.encode());
  const Interrupted left{.records = writing.still_left_out(), .snapshot = work.snapshot};
  if (!left.records.empty()) {
    put(kInterruptedNote, left.encode());
  } else if (!noted.empty()) {
    broker.journal_event(place, cell.erase(kInterruptedNote));
  }
  for (const NoteChange& note : work.notes) {
    broker.journal_event(place,
                         note.value ? cell.put(note.name, *note.value) : cell.erase(note.name));
  }
  return broker::Depends{turn.lsn(), Durability::kFsync};
}

Result<broker::Depends> ask_for_table(Broker& broker,
                                      const std::string& connector,
                                      const TableProgress& table,
                                      Timestamp now) {
  const Broker::Turn turn(broker, now, broker::Admission::kData);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const catalog::Connector* known = broker.catalog().find_connector(connector);
  if (known == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no connector {}", connector));
  }
  auto& cell = broker.cell<broker::ConnectorCell>(known->cell);
  if (!cell.note(table.note()).empty()) {
    return fail(ErrorCode::kAlreadyExists,
                fmt::format("a snapshot of {} is under way already", table.name()));
  }
  broker.journal_event(known->cell, cell.put(table.note(), table.encode()));
  return broker::Depends{turn.lsn(), Durability::kFsync};
}

}  // namespace weir::cdc
