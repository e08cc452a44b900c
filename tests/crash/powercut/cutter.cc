// powercut_cutter: cuts the power of a run that was killed. Undoes in the data directory a random
// part of what no sync had covered: writes are kept, dropped or torn at sectors, each on its own,
// so that later ones may stay while earlier ones vanish; names (created, renamed, removed) are
// undone from some point on.
//
//   powercut_cutter --data DIR --log DIR --seed N [--keep none|all|random] [--explain FILE]
//
// Prints one line of what it did; --explain writes what became of each operation. The log folder is
// empty of records afterwards, ready for the next run.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "tests/crash/powercut/layout.h"

namespace weir::powercut {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "powercut_cutter: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

enum class Keep { kNone, kAll, kRandom };

struct Counts {
  int kept = 0, dropped = 0, torn = 0, names_kept = 0, names_undone = 0;
};

class Cutter {
 public:
  Cutter(fs::path data, fs::path log, uint64_t seed, Keep keep)
      : data_(std::move(data)), folder_(std::move(log)), random_(seed), keep_(keep) {
    const fs::path path = folder_ / "undo.log";
    const int descriptor = ::open(path.c_str(), O_RDWR);
    if (descriptor < 0) die(path);
    void* mapped = ::mmap(nullptr, kFileBytes, PROT_READ, MAP_SHARED, descriptor, 0);
    if (mapped == MAP_FAILED) die(path);
    ::close(descriptor);
    log_ = static_cast<const Log*>(mapped);
    arena_ = static_cast<const char*>(mapped) + kArenaAt;
  }

  const std::string& explanation() const { return explanation_; }

  // False when the run cannot be judged.
  bool cut() {
    if (log_->header.magic.load() != kMagic) {
      std::fprintf(stderr, "powercut_cutter: %s holds no run\n", folder_.c_str());
      return false;
    }
    if (log_->header.unsupported.load() > 0) {
      std::fprintf(stderr, "powercut_cutter: the program used calls that cannot be undone\n");
      return false;
    }
    std::map<uint64_t, std::vector<const Record*>> files;
    std::vector<const Record*> names;
    for (const Record& record : log_->records) {
      if (record.state.load() == State::kFree) continue;
      if (record.kind == Kind::kWrite || record.kind == Kind::kResize) {
        files[record.inode].push_back(&record);
      } else {
        names.push_back(&record);
      }
    }
    const auto older = [](const Record* a, const Record* b) { return a->sequence < b->sequence; };
    find_paths();
    for (auto& [inode, records] : files) {
      std::ranges::sort(records, older);
      if (paths_.contains(inode)) cut_file(paths_[inode], records);
    }
    std::ranges::sort(names, older);
    cut_names(names);
    std::printf(
        "unsynced writes: %d kept, %d dropped, %d torn; unsynced names: %d kept, %d undone; given "
        "up: %llu\n",
        counts_.kept, counts_.dropped, counts_.torn, counts_.names_kept, counts_.names_undone,
        static_cast<unsigned long long>(log_->header.given_up.load()));
    for (const auto& entry : fs::directory_iterator(folder_)) fs::remove(entry.path());
    return true;
  }

 private:
  void explain(const Record& record, const std::string& what, const std::string& fate) {
    explanation_ += "#" + std::to_string(record.sequence) +
                    (record.ended != 0 ? " " : " under way ") + what + ": " + fate + "\n";
  }

  void find_paths() {
    const auto add = [this](const fs::path& path) {
      struct stat status{};
      if (::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode))
        paths_[status.st_ino] = path;
    };
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.path().filename().string().starts_with("stash-")) add(entry.path());
    }
    for (const auto& entry : fs::recursive_directory_iterator(data_)) add(entry.path());
  }

  std::string text(const Blob& blob) const { return {arena_ + blob.at, blob.length}; }

  // Which of the record's sectors survive: all, none, the first few, or each by chance.
  std::vector<bool> fate(const Record& record) {
    const uint64_t first = record.offset / kSectorBytes;
    const uint64_t sectors =
        (record.offset + record.length + kSectorBytes - 1) / kSectorBytes - first;
    if (record.state.load() == State::kDurable || keep_ == Keep::kAll)
      return std::vector<bool>(sectors, true);
    if (keep_ == Keep::kNone) return std::vector<bool>(sectors, false);
    const uint64_t dice = random_.below(10);
    if (dice < 4) return std::vector<bool>(sectors, false);
    if (dice < 7) return std::vector<bool>(sectors, true);
    std::vector<bool> kept(sectors, false);
    if (dice < 9) {
      std::fill_n(kept.begin(), random_.below(sectors + 1), true);
    } else {
      for (uint64_t i = 0; i < sectors; ++i) kept[i] = random_.one_in(2);
    }
    return kept;
  }

  void count(const Record& record, const std::vector<bool>& kept) {
    if (record.state.load() == State::kDurable) return;
    const auto survivors = std::ranges::count(kept, true);
    ++(survivors == 0                  ? counts_.dropped
       : survivors == std::ssize(kept) ? counts_.kept
                                       : counts_.torn);
  }

  static void put(int descriptor, const char* bytes, uint64_t length, uint64_t offset) {
    while (length > 0) {
      const ssize_t count = ::pwrite(descriptor, bytes, length, static_cast<off_t>(offset));
      if (count <= 0) die("write");
      bytes += count;
      offset += static_cast<uint64_t>(count);
      length -= static_cast<uint64_t>(count);
    }
  }

  static std::vector<char> get(int descriptor, uint64_t length, uint64_t offset) {
    std::vector<char> bytes(length);
    uint64_t have = 0;
    while (have < length) {
      const ssize_t count = ::pread(descriptor, bytes.data() + have, length - have,
                                    static_cast<off_t>(offset + have));
      if (count <= 0) break;
      have += static_cast<uint64_t>(count);
    }
    return bytes;
  }

  // The bytes that the record's range had before it, zeros where there were none.
  std::vector<char> before(const Record& record, uint64_t length) const {
    std::vector<char> bytes(length, 0);
    std::copy_n(arena_ + record.before.at, std::min(record.before.length, length), bytes.begin());
    return bytes;
  }

  // Walks back to what was before the oldest record, remembering what each left behind; then
  // forward again over those sectors that survive.
  void cut_file(const std::string& path, const std::vector<const Record*>& records) {
    const int descriptor = ::open(path.c_str(), O_RDWR);
    if (descriptor < 0) die(path);
    std::vector<std::vector<char>> after(records.size());
    for (size_t i = records.size(); i-- > 0;) {
      const Record& record = *records[i];
      if (record.kind == Kind::kWrite) {
        after[i] = get(descriptor, record.length, record.offset);
        const std::vector<char> old = before(record, record.length);
        put(descriptor, old.data(), old.size(), record.offset);
      } else if (record.offset < record.size_before) {
        const std::vector<char> old = before(record, record.size_before - record.offset);
        put(descriptor, old.data(), old.size(), record.offset);
      }
    }
    const auto moves_end =
        std::ranges::find_if(records, [](const Record* record) { return record->extends != 0; });
    uint64_t size = moves_end == records.end() ? fs::file_size(path) : (*moves_end)->size_before;
    for (size_t i = 0; i < records.size(); ++i)
      size = forward(descriptor, *records[i], after[i], size);
    if (::ftruncate(descriptor, static_cast<off_t>(size)) != 0) die(path);
    ::close(descriptor);
  }

  uint64_t forward(int descriptor,
                   const Record& record,
                   const std::vector<char>& after,
                   uint64_t size) {
    if (record.kind == Kind::kResize) {
      const bool stays = keep_ == Keep::kAll || (keep_ == Keep::kRandom && random_.one_in(2));
      ++(stays ? counts_.kept : counts_.dropped);
      explain(record,
              "resize of " + paths_[record.inode] + " from " + std::to_string(record.size_before) +
                  " to " + std::to_string(record.offset),
              stays ? "kept" : "dropped");
      if (!stays) return size;
      if (record.offset < size) {
        const std::vector<char> zeros(size - record.offset, 0);
        put(descriptor, zeros.data(), zeros.size(), record.offset);
      }
      return record.offset;
    }
    const std::vector<bool> kept = fate(record);
    count(record, kept);
    std::string sectors;
    for (const bool stays : kept) sectors += stays ? '+' : '-';
    explain(record,
            (record.state.load() == State::kDurable ? "durable write to " : "write to ") +
                paths_[record.inode] + " at " + std::to_string(record.offset),
            sectors);
    const uint64_t first = record.offset / kSectorBytes;
    for (size_t sector = 0; sector < kept.size(); ++sector) {
      if (!kept[sector]) continue;
      const uint64_t from = std::max(record.offset, (first + sector) * kSectorBytes);
      const uint64_t to =
          std::min(record.offset + record.length, (first + sector + 1) * kSectorBytes);
      put(descriptor, after.data() + (from - record.offset), to - from, from);
      size = std::max(size, to);
    }
    return size;
  }

  // Half of the time all names from one moment on are undone, half of the time each family of names
  // has a moment of its own: a directory's changes may reach the disk without those of another
  // name.
  void cut_names(const std::vector<const Record*>& names) {
    std::unordered_map<std::string, size_t> family_of;
    std::vector<std::vector<const Record*>> families;
    const bool together = keep_ != Keep::kRandom || random_.one_in(2);
    for (const Record* record : names) {
      const std::string path = text(record->path);
      const std::string other = record->other_path.length > 0 ? text(record->other_path) : path;
      size_t family = families.size();
      if (together && !families.empty()) family = 0;
      for (const std::string& name : {path, other}) {
        if (const auto known = family_of.find(name); known != family_of.end())
          family = known->second;
      }
      if (family == families.size()) families.emplace_back();
      families[family].push_back(record);
      family_of[path] = family_of[other] = family;
    }
    std::vector<const Record*> undone;
    for (const auto& family : families) {
      const size_t kept = keep_ == Keep::kAll    ? family.size()
                          : keep_ == Keep::kNone ? 0
                                                 : random_.below(family.size() + 1);
      counts_.names_kept += static_cast<int>(kept);
      counts_.names_undone += static_cast<int>(family.size() - kept);
      undone.insert(undone.end(), family.begin() + static_cast<std::ptrdiff_t>(kept), family.end());
    }
    std::ranges::sort(undone,
                      [](const Record* a, const Record* b) { return a->sequence > b->sequence; });
    for (const Record* record : undone) undo_name(*record);
  }

  static uint64_t inode_at(const std::string& path) {
    struct stat status{};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
  }

  void restore_stash(uint64_t number, const std::string& path) {
    const std::string stash = folder_ / ("stash-" + std::to_string(number));
    if (number != 0 && inode_at(path) == 0 && ::link(stash.c_str(), path.c_str()) != 0) die(path);
  }

  // The call may not have happened: the kill can fall between the record and the call.
  void undo_name(const Record& record) {
    const std::string path = text(record.path);
    explain(record, "name " + path + " " + text(record.other_path), "undone");
    switch (record.kind) {
      case Kind::kCreate:
      case Kind::kLink: ::unlink(path.c_str()); break;
      case Kind::kMakeDirectory: fs::remove_all(path); break;
      case Kind::kUnlink: restore_stash(record.stash, path); break;
      case Kind::kRemoveDirectory: ::mkdir(path.c_str(), 0755); break;
      case Kind::kRename: {
        const std::string to = text(record.other_path);
        if (inode_at(to) != record.inode || inode_at(path) != 0) break;
        if (::rename(to.c_str(), path.c_str()) != 0) die(to);
        restore_stash(record.stash, to);
        break;
      }
      case Kind::kWrite:
      case Kind::kResize: break;
    }
  }

  fs::path data_;
  fs::path folder_;
  Random random_;
  Keep keep_;
  const Log* log_ = nullptr;
  const char* arena_ = nullptr;
  std::unordered_map<uint64_t, std::string> paths_;
  Counts counts_;
  std::string explanation_;
};

}  // namespace
}  // namespace weir::powercut

int main(int count, char** arguments) {
  using weir::powercut::Keep;
  std::map<std::string, std::string> options{{"--seed", "1"}, {"--keep", "random"}};
  for (int i = 1; i + 1 < count; i += 2) options[arguments[i]] = arguments[i + 1];
  if (!options.contains("--data") || !options.contains("--log") || count % 2 == 0) {
    std::fprintf(
        stderr,
        "usage: powercut_cutter --data DIR --log DIR [--seed N] [--keep none|all|random]\n");
    return 2;
  }
  const std::string& keep = options["--keep"];
  const Keep what = keep == "none" ? Keep::kNone : keep == "all" ? Keep::kAll : Keep::kRandom;
  weir::powercut::Cutter cutter(options["--data"], options["--log"],
                                std::strtoull(options["--seed"].c_str(), nullptr, 10), what);
  const bool done = cutter.cut();
  if (options.contains("--explain")) std::ofstream(options["--explain"]) << cutter.explanation();
  return done ? 0 : 1;
}
