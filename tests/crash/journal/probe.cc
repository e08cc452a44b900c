// journal_probe FOLDER SEED ACKNOWLEDGED: the local journal alone, on real files, as the subject of
// kills and power cuts.
//
// Recovers, compares what came back with what must be there, then submits commits until it is
// killed. Commit n is a function of the seed and of n, so that the state after any number of
// commits can be computed anew; what recovery brings back must be exactly the state after some m
// commits, and m at least ACKNOWLEDGED. Prints `recovered m`, then each newly durable n. Ends with
// status 3 and a sentence when something is not as it must be.
//
// Files and checkpoints are small, so that a second of work rolls files, installs checkpoints and
// tidies.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/wire.h"
#include "broker/ports/journal.h"
#include "storage/local/local_journal.h"
#include "storage/local/real_disk.h"
#include "storage/local/thread_executor.h"

namespace weir {
namespace {

using broker::Extent;

constexpr uint64_t kCells = 16;
constexpr uint64_t kUnderWayMax = 64;

[[noreturn]] void finding(const std::string& text) {
  std::printf("finding: %s\n", text.c_str());
  std::fflush(stdout);
  std::_Exit(3);
}

// One entry of commit n.
struct Change {
  CellId cell;
  uint64_t number = 0;
  uint64_t index = 0;    // within its commit
  uint64_t payload = 0;  // bytes; 0: none
  uint64_t drop = 0;     // how many of the oldest payloads the cell gives up
};

std::vector<Change> changes_of(uint64_t seed, uint64_t number) {
  Random random(seed * 1'000'003 + number);
  std::vector<Change> changes(1 + random.below(3));
  for (uint64_t i = 0; i < changes.size(); ++i) {
    const bool carries = random.below(10) < 6;
    const uint64_t bytes = random.one_in(20) ? random.below(200'000) : random.below(4000);
    changes[i] = {CellId(1 + random.below(kCells)), number, i, carries ? 1 + bytes : 0,
                  random.below(3)};
  }
  return changes;
}

std::string payload_of(uint64_t seed, uint64_t number, uint64_t index, uint64_t bytes) {
  Random random(seed ^ (number * 31 + index));
  std::string text(bytes, ' ');
  for (char& letter : text) letter = static_cast<char>(random.next());
  return text;
}

struct Kept {
  uint64_t number = 0;
  uint64_t index = 0;
  uint64_t bytes = 0;
  Extent extent;
};

struct Cell {
  uint64_t hash = 0;
  uint64_t last = 0;  // number of the last commit that touched it
  std::deque<Kept> kept;

  // Answers what was given up.
  std::vector<Extent> apply(const Change& change, const Extent& extent) {
    std::vector<Extent> dropped;
    for (uint64_t i = 0; i < change.drop && !kept.empty(); ++i) {
      dropped.push_back(kept.front().extent);
      kept.pop_front();
    }
    if (change.payload > 0) kept.push_back({change.number, change.index, change.payload, extent});
    hash = (hash ^ change.number) * 0x9e3779b97f4a7c15U + change.index;
    last = change.number;
    return dropped;
  }
};

void write_extent(Writer& writer, const Extent& extent) {
  writer.varint(extent.file.value());
  writer.varint(extent.frame);
  writer.varint(extent.position);
  writer.varint(extent.length);
}

Extent read_extent(Reader& reader) {
  Extent extent;
  extent.file = FileId(static_cast<uint32_t>(reader.varint()));
  extent.frame = static_cast<uint32_t>(reader.varint());
  extent.position = static_cast<uint32_t>(reader.varint());
  extent.length = static_cast<uint32_t>(reader.varint());
  return extent;
}

class Owner : public broker::JournalOwner {
 public:
  Owner(broker::Journal& journal, uint64_t seed) : journal_(journal), seed_(seed) {}

  void commit(uint64_t number) {
    const std::vector<Change> changes = changes_of(seed_, number);
    std::vector<std::string> events, payloads;
    for (const Change& change : changes) {
      events.push_back(encode(change));
      payloads.push_back(change.payload > 0
                             ? payload_of(seed_, number, change.index, change.payload)
                             : std::string());
    }
    std::vector<broker::Entry> entries;
    for (size_t i = 0; i < changes.size(); ++i) {
      entries.push_back({.cell = changes[i].cell,
                         .event = events[i],
                         .payload_head = {},
                         .payload_rest = payloads[i]});
    }
    std::vector<Extent> extents(entries.size());
    const Durability durability = number % 8 == 0 ? Durability::kOs : Durability::kFsync;
    const Lsn lsn = journal_.submit(entries, durability, Timestamp(1000), extents);
    for (size_t i = 0; i < changes.size(); ++i) {
      for (const Extent& dropped : cells_[changes[i].cell].apply(changes[i], extents[i]))
        journal_.release(dropped, lsn);
    }
    submitted_.emplace_back(lsn, number);
  }

  // The state must be the one after `last()` commits, and every payload readable.
  void verify(storage::PollingExecutor& executor) {
    std::map<CellId, Cell> expected;
    for (uint64_t number = 1; number <= last(); ++number) {
      for (const Change& change : changes_of(seed_, number))
        expected[change.cell].apply(change, {});
    }
    for (uint64_t id = 1; id <= kCells; ++id) compare(id, cells_[CellId(id)], expected[CellId(id)]);
    for (const auto& [id, cell] : cells_) {
      for (const Kept& kept : cell.kept) read_back(id, kept, executor);
    }
  }

  uint64_t last() const {
    uint64_t last = 0;
    for (const auto& [id, cell] : cells_) last = std::max(last, cell.last);
    return last;
  }
  uint64_t under_way() const { return submitted_.size(); }

  Result<void> load_image(CellId id, ByteView image) override {
    Reader reader(image);
    Cell& cell = cells_[id];
    cell.hash = reader.fixed<uint64_t>();
    cell.last = reader.varint();
    for (uint64_t left = reader.count(7); left > 0; --left) {
      Kept kept;
      kept.number = reader.varint();
      kept.index = reader.varint();
      kept.bytes = reader.varint();
      kept.extent = read_extent(reader);
      journal_.retain(kept.extent);
      cell.kept.push_back(kept);
    }
    if (!reader.done()) return fail(ErrorCode::kStorageCorrupt, "an image cannot be understood");
    return {};
  }

  Result<void> replay(
      Lsn lsn, Timestamp, CellId id, ByteView event, ByteView, const Extent& extent) override {
    Reader reader(event);
    Cell& cell = cells_[id];
    if (reader.u8() == 'm') {
      const Extent from = read_extent(reader);
      const Extent to = read_extent(reader);
      journal_.retain(to);
      move(cell, from, to, lsn);
      return {};
    }
    Change change{id, reader.varint(), reader.varint(), reader.varint(), reader.varint()};
    if (!reader.done()) return fail(ErrorCode::kStorageCorrupt, "an event cannot be understood");
    for (const Extent& dropped : cell.apply(change, extent)) journal_.release(dropped, lsn);
    return {};
  }

  std::optional<broker::CellImage> image(CellId id) override {
    const Cell& cell = cells_[id];
    broker::CellImage image;
    Writer writer(image.head);
    writer.fixed(cell.hash);
    writer.varint(cell.last);
    writer.varint(cell.kept.size());
    for (const Kept& kept : cell.kept) {
      writer.varint(kept.number);
      writer.varint(kept.index);
      writer.varint(kept.bytes);
      write_extent(writer, kept.extent);
    }
    return image;
  }

  void progressed(Lsn, Lsn durable) override {
    uint64_t acknowledged = 0;
    for (; !submitted_.empty() && submitted_.front().first <= durable; submitted_.pop_front())
      acknowledged = submitted_.front().second;
    if (acknowledged > 0) {
      std::printf("%llu\n", static_cast<unsigned long long>(acknowledged));
      std::fflush(stdout);
    }
  }

  void storage_health(std::optional<Error> problem) override {
    if (problem) finding("the journal reports a failing disk: " + problem->message);
  }

  broker::LiveSpans live_spans(FileId file, size_t /*left*/) override {
    broker::LiveSpans found;
    for (const auto& [id, cell] : cells_) {
      for (const Kept& kept : cell.kept) {
        if (kept.extent.file == file) found.spans.emplace_back(id, kept.extent);
      }
    }
    return found;
  }

  Lsn moved(std::span<const broker::MovedSpan> spans) override {
    const Lsn lsn = journal_.next_lsn();
    std::vector<std::string> events;
    std::vector<broker::Entry> entries;
    events.reserve(spans.size());
    for (const broker::MovedSpan& span : spans) {
      if (span.to.size() != 1 || !holds(cells_[span.cell], span.from)) {
        for (const Extent& to : span.to) journal_.release(to, lsn);
        continue;
      }
      std::string& event = events.emplace_back("m");
      Writer writer(event);
      write_extent(writer, span.from);
      write_extent(writer, span.to.front());
      entries.push_back(
          {.cell = span.cell, .event = event, .payload_head = {}, .payload_rest = {}});
      move(cells_[span.cell], span.from, span.to.front(), lsn);
    }
    if (entries.empty()) return journal_.durable();
    std::vector<Extent> extents(entries.size());
    return journal_.submit(entries, Durability::kFsync, Timestamp(1000), extents);
  }

 private:
  static std::string encode(const Change& change) {
    std::string event = "a";
    Writer writer(event);
    writer.varint(change.number);
    writer.varint(change.index);
    writer.varint(change.payload);
    writer.varint(change.drop);
    return event;
  }

  static bool holds(const Cell& cell, const Extent& extent) {
    return std::ranges::any_of(cell.kept, [&](const Kept& kept) { return kept.extent == extent; });
  }

  void move(Cell& cell, const Extent& from, const Extent& to, Lsn lsn) {
    for (Kept& kept : cell.kept) {
      if (kept.extent == from) kept.extent = to;
    }
    journal_.release(from, lsn);
  }

  void compare(uint64_t id, const Cell& found, const Cell& expected) const {
    const bool same =
        found.hash == expected.hash &&
        std::ranges::equal(found.kept, expected.kept, {}, &Kept::number, &Kept::number);
    if (!same) {
      finding(fmt::format(
          "cell {} after {} commits: last {} with {} payloads, it must be {} with {}", id, last(),
          found.last, found.kept.size(), expected.last, expected.kept.size()));
    }
  }

  void read_back(CellId id, const Kept& kept, storage::PollingExecutor& executor) {
    std::optional<broker::ReadResult> answer;
    if (auto cached = journal_.read_cached(id, kept.extent)) {
      answer = std::move(*cached);
    } else {
      journal_.read(id, kept.extent,
                    [&](broker::ReadResult result) { answer = std::move(result); });
    }
    while (!answer) executor.poll(std::chrono::milliseconds(10));
    if (!*answer)
      finding(fmt::format("payload of commit {} cannot be read: {}", kept.number,
                          answer->error().message));
    if ((*answer)->size() != 1 || ByteView((*answer)->front().payload) !=
                                      payload_of(seed_, kept.number, kept.index, kept.bytes)) {
      finding(fmt::format("payload of commit {} is not what was written", kept.number));
    }
  }

  broker::Journal& journal_;
  uint64_t seed_;
  std::map<CellId, Cell> cells_;
  std::deque<std::pair<Lsn, uint64_t>> submitted_;
};

}  // namespace
}  // namespace weir

int main(int count, char** arguments) {
  using namespace weir;
  if (count != 4) {
    std::fprintf(stderr, "usage: journal_probe FOLDER SEED ACKNOWLEDGED\n");
    return 2;
  }
  const uint64_t seed = std::strtoull(arguments[2], nullptr, 10);
  const uint64_t acknowledged = std::strtoull(arguments[3], nullptr, 10);
  storage::LocalJournal::Options options;
  options.seed = seed + static_cast<uint64_t>(::getpid());
  options.file_bytes = size_t{2} << 20;
  options.checkpoint_bytes = uint64_t{6} << 20;
  options.tidy_bytes_per_second = uint64_t{1} << 30;
  options.idle_after = std::chrono::milliseconds(5);
  storage::RealDisk disk(arguments[1]);
  storage::PollingExecutor executor;
  storage::LocalJournal journal(options, disk, executor);
  Owner owner(journal, seed);
  if (const auto recovered = journal.recover(owner); !recovered)
    finding("recovery refused: " + recovered.error().message);
  if (owner.last() < acknowledged)
    finding(fmt::format("{} commits were acknowledged, {} came back", acknowledged, owner.last()));
  owner.verify(executor);
  std::printf("recovered %llu\n", static_cast<unsigned long long>(owner.last()));
  std::fflush(stdout);
  for (uint64_t next = owner.last() + 1;;) {
    while (owner.under_way() < kUnderWayMax &&
           journal.admit(broker::Admission::kData, size_t{1} << 20))
      owner.commit(next++);
    executor.poll(std::chrono::milliseconds(5));
  }
}
