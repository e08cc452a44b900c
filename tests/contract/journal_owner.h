#pragma once
// An owner for tests of journals: cells are plain texts to which every event appends, with a list
// of the extents that they keep. Everything that the port asks of an owner is done in the most
// obvious way.

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/wire.h"
#include "broker/ports/journal.h"

namespace weir::storage {

// One payload that a cell keeps.
struct Kept {
  broker::Extent extent;
  bool operator==(const Kept&) const = default;
};

struct CellText {
  std::string text;
  std::vector<broker::Extent> kept;
  bool gone = false;
  bool operator==(const CellText&) const = default;
};

class TextOwner : public broker::JournalOwner {
 public:
  explicit TextOwner(broker::Journal& journal) : journal_(journal) {}

  // Events: 'a' text: append (and keep the payload, if any); 'r' n: release the n oldest payloads;
  // 'd': the cell is gone; 'm' from to...: a payload was moved.
  Lsn append(CellId cell,
             ByteView text,
             ByteView payload = {},
             Durability durability = Durability::kFsync) {
    const std::string event = "a" + std::string(text);
    return commit({{cell, event, std::string(payload)}}, durability);
  }
  Lsn release_oldest(CellId cell, uint8_t count) {
    return commit({{cell, "r" + std::string(1, static_cast<char>(count)), ""}});
  }
  Lsn drop(CellId cell) { return commit({{cell, "d", ""}}); }
  // The cell goes, and no entry says so.
  void vanish(CellId cell) {
    for (const broker::Extent& kept : cells[cell].kept) journal_.release(kept, Lsn{});
    cells.erase(cell);
  }

  struct Change {
    CellId cell;
    std::string event;
    std::string payload;
  };
  Lsn commit(const std::vector<Change>& changes, Durability durability = Durability::kFsync) {
    std::vector<broker::Entry> entries;
    for (const Change& change : changes) {
      const ByteView payload = change.payload;
      entries.push_back({.cell = change.cell,
                         .event = change.event,
                         .payload_head = payload.substr(0, payload.size() / 3),
                         .payload_rest = payload.substr(payload.size() / 3)});
    }
    std::vector<broker::Extent> extents(entries.size());
    const Lsn lsn = journal_.next_lsn();
    check(journal_.submit(entries, durability, now, extents) == lsn, "submit returned another LSN");
    committed(changes);
    for (size_t i = 0; i < changes.size(); ++i) {
      apply(lsn, changes[i].cell, changes[i].event, extents[i], false);
    }
    return lsn;
  }

  Result<void> load_image(CellId cell, ByteView image) override {
    if (!cells.empty() && cell < last_loaded_) check(false, "images out of order");
    last_loaded_ = cell;
    Reader reader(image);
    CellText& state = cells[cell];
    state.text = std::string(reader.bytes());
    for (uint64_t left = reader.count(4); left > 0; --left) {
      state.kept.push_back(read_extent(reader));
      journal_.retain(state.kept.back());
    }
    if (!reader.done()) return fail(ErrorCode::kStorageCorrupt, "bad image");
    return {};
  }

  Result<void> replay(Lsn lsn,
                      Timestamp at,
                      CellId cell,
                      ByteView event,
                      ByteView payload,
                      const broker::Extent& extent) override {
    if (lsn < last_replayed) check(false, "entries out of order");
    last_replayed = lsn;
    last_now = at;
    payload_bytes += payload.size();
    apply(lsn, cell, event, extent, true);
    return {};
  }

  void replayed() override {
    for (const CellId cell : unknown) vanish(cell);
  }

  std::optional<broker::CellImage> image(CellId cell) override {
    const auto found = cells.find(cell);
    if (found == cells.end()) return std::nullopt;
    ++images;
    broker::CellImage image;
    // The text is a big value: it is written out later.
    std::string rest;
    Writer writer(rest);
    writer.varint(found->second.kept.size());
    for (const broker::Extent& extent : found->second.kept) write_extent(writer, extent);
    Writer(image.head).varint(found->second.text.size());
    image.deferred.emplace_back([text = found->second.text](std::string& out) { out += text; });
    image.deferred.emplace_back([rest](std::string& out) { out += rest; });
    return image;
  }

  void progressed(Lsn written, Lsn durable) override {
    check(written >= announced_written, "the written watermark went back");
    check(durable >= announced_durable, "the durable watermark went back");
    check(written >= durable, "durable before it was written");
    announced_written = written;
    announced_durable = durable;
  }
  void pressed(bool on) override {
    check(on != pressure, "pressed twice the same way");
    pressure = on;
  }
  void storage_health(std::optional<Error> now_problem) override {
    problem = std::move(now_problem);
    ++health_calls;
  }

  // One cell each time; every other one is given twice.
  broker::LiveSpans live_spans(FileId file, size_t left) override {
    broker::LiveSpans found;
    if (left > 2 * cells.size()) left = 2 * cells.size();
    if (left == 0) return found;
    found.left = left - 1;
    const auto [id, state] = *std::next(cells.begin(), static_cast<ptrdiff_t>(found.left / 2));
    if (found.left % 4 == 1) return found;
    for (const broker::Extent& extent : state.kept) {
      if (extent.file == file) found.spans.emplace_back(id, extent);
    }
    return found;
  }

  Lsn moved(std::span<const broker::MovedSpan> spans) override {
    std::vector<Change> changes;
    const Lsn lsn = journal_.next_lsn();
    for (const broker::MovedSpan& span : spans) {
      const auto cell = cells.find(span.cell);
      const bool live =
          cell != cells.end() && std::ranges::count(cell->second.kept, span.from) == 1;
      if (!live || span.to.size() != 1) {
        for (const broker::Extent& to : span.to) journal_.release(to, lsn);
        continue;
      }
      std::string event = "m";
      Writer writer(event);
      write_extent(writer, span.from);
      write_extent(writer, span.to.front());
      changes.push_back({span.cell, event, ""});
    }
    if (changes.empty()) changes.push_back({CellId(0), "n", ""});
    ++moves;
    return commit(changes);
  }

  std::map<CellId, CellText> cells;
  std::set<CellId> unknown;  // cells that nothing refers to any more when all is replayed
  Timestamp now{1'000};
  Timestamp last_now;
  Lsn last_replayed;
  Lsn announced_written;
  Lsn announced_durable;
  std::optional<Error> problem;
  int health_calls = 0;
  bool pressure = false;
  int images = 0;
  int moves = 0;
  std::vector<std::string> violations;  // of the port's rules
  size_t payload_bytes = 0;

 protected:
  // A commit was submitted; its events are being applied.
  virtual void committed(const std::vector<Change>&) {}

 private:
  void check(bool holds, const char* what) {
    if (!holds) violations.emplace_back(what);
  }

  static void write_extent(Writer& writer, const broker::Extent& extent) {
    writer.varint(extent.file.value());
    writer.varint(extent.frame);
    writer.varint(extent.position);
    writer.varint(extent.length);
  }
  static broker::Extent read_extent(Reader& reader) {
    broker::Extent extent;
    extent.file = FileId(static_cast<uint32_t>(reader.varint()));
    extent.frame = static_cast<uint32_t>(reader.varint());
    extent.position = static_cast<uint32_t>(reader.varint());
    extent.length = static_cast<uint32_t>(reader.varint());
    return extent;
  }

  void apply(Lsn lsn, CellId cell, ByteView event, const broker::Extent& extent, bool replaying) {
    if (event.front() == 'd') {
      const auto found = cells.find(cell);
      if (found == cells.end()) return;
      for (const broker::Extent& kept : found->second.kept) journal_.release(kept, lsn);
      cells.erase(found);
      return;
    }
    CellText& state = cells[cell];
    if (event.front() == 'a') {
      state.text += event.substr(1);
      if (extent.length > 0) state.kept.push_back(extent);
    } else if (event.front() == 'r') {
      const auto count = std::min<size_t>(static_cast<uint8_t>(event[1]), state.kept.size());
      for (size_t i = 0; i < count; ++i) journal_.release(state.kept[i], lsn);
      state.kept.erase(state.kept.begin(), state.kept.begin() + static_cast<ptrdiff_t>(count));
      state.text += "-";
    } else if (event.front() == 'm') {
      Reader reader(event.substr(1));
      const broker::Extent from = read_extent(reader);
      const broker::Extent to = read_extent(reader);
      if (replaying) journal_.retain(to);
      journal_.release(from, lsn);
      std::ranges::replace(state.kept, from, to);
    }
  }

  broker::Journal& journal_;
  CellId last_loaded_;
};

}  // namespace weir::storage
