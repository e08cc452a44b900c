#include "tests/crash/powercut/recorder.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/crash/powercut/real.h"

namespace weir::powercut {
namespace {

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::abort();
}

uint64_t inode_of(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

std::string directory_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

bool all_zero(const char* bytes, uint64_t length) {
  return length == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, length - 1) == 0);
}

}  // namespace

Recorder::Recorder(const std::string& folder) : folder_(folder) {
  const std::string path = folder + "/undo.log";
  const int descriptor = real().open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0 || real().ftruncate(descriptor, kFileBytes) != 0) die(path.c_str());
  void* mapped =
      real().mmap(nullptr, kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (mapped == MAP_FAILED) die(path.c_str());
  real().close(descriptor);
  log_ = static_cast<Log*>(mapped);
  arena_ = static_cast<char*>(mapped) + kArenaAt;
  if (log_->header.magic.load() == kMagic) {
    std::fprintf(stderr, "powercut: %s is left over from a run that was not cut\n", path.c_str());
    std::abort();
  }
  for (uint64_t i = kRecordsMax; i > 0; --i) free_records_.push_back(i - 1);
  free_blocks_[0] = kArenaBytes / kArenaBlockBytes;
  log_->header.magic.store(kMagic);
}

Ticket Recorder::allocate(Kind kind, uint64_t inode) {
  const std::lock_guard lock(mutex_);
  if (free_records_.empty()) {
    log_->header.given_up.fetch_add(1);
    return {};
  }
  const Ticket ticket{free_records_.back(), log_->header.sequence.fetch_add(1) + 1};
  free_records_.pop_back();
  Record& r = record(ticket.index);
  r.kind = kind;
  r.sequence = ticket.sequence;
  r.inode = inode;
  r.offset = r.length = r.size_before = r.extends = r.ended = 0;
  r.directory = r.other_directory = r.stash = 0;
  r.before = r.path = r.other_path = {};
  books_[ticket.index] = {};
  return ticket;
}

char* Recorder::reserve(uint64_t index, Blob& blob, uint64_t length) {
  const uint64_t blocks = (length + kArenaBlockBytes - 1) / kArenaBlockBytes;
  const std::lock_guard lock(mutex_);
  for (auto at = free_blocks_.begin(); at != free_blocks_.end(); ++at) {
    if (at->second < blocks) continue;
    const uint64_t first = at->first;
    const uint64_t rest = at->second - blocks;
    free_blocks_.erase(at);
    if (rest > 0) free_blocks_[first + blocks] = rest;
    auto& owned = books_[index].blocks;
    owned.push_back(first);
    owned.push_back(blocks);
    blob = {first * kArenaBlockBytes, length};
    return arena_ + blob.at;
  }
  log_->header.given_up.fetch_add(1);
  return nullptr;
}

bool Recorder::store(uint64_t index, Blob& blob, const void* bytes, uint64_t length) {
  char* into = reserve(index, blob, length);
  if (into != nullptr) std::memcpy(into, bytes, length);
  return into != nullptr;
}

void Recorder::publish(const Ticket& ticket) {
  const std::lock_guard lock(mutex_);
  Record& r = record(ticket.index);
  Book& book = books_[ticket.index];
  book.name = r.directory != 0;
  book.offset = r.offset;
  book.length = r.length;
  book.size_before = r.size_before;
  book.extends = r.extends != 0;
  if (book.name) {
    of_directory_[r.directory].push_back(ticket.index);
    if (r.other_directory != 0) of_directory_[r.other_directory].push_back(ticket.index);
  } else {
    of_file_[r.inode].push_back(ticket.index);
  }
  r.state.store(State::kPending, std::memory_order_release);
}

// What was replaced or removed is gone for good. With its last name go the records of its bytes:
// the number of its inode may now name another file. The caller holds the mutex.
void Recorder::drop_stash(uint64_t number) {
  const std::string path = folder_ + "/stash-" + std::to_string(number);
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return;
  real().unlink(path.c_str());
  if (status.st_nlink > 1) return;
  const auto list = of_file_.find(status.st_ino);
  if (list == of_file_.end()) return;
  for (const std::vector<uint64_t> indexes = list->second; const uint64_t index : indexes)
    release(index);
}

// The caller holds the mutex.
void Recorder::release(uint64_t index) {
  Record& r = record(index);
  r.state.store(State::kFree, std::memory_order_release);
  const auto drop = [index](auto& lists, uint64_t key) {
    const auto list = lists.find(key);
    if (list == lists.end()) return;
    std::erase(list->second, index);
    if (list->second.empty()) lists.erase(list);
  };
  if (books_[index].name) {
    drop(of_directory_, r.directory);
    if (r.other_directory != 0) drop(of_directory_, r.other_directory);
    if (r.stash != 0) drop_stash(r.stash);
  } else {
    drop(of_file_, r.inode);
  }
  auto& blocks = books_[index].blocks;
  for (size_t i = 0; i < blocks.size(); i += 2) {
    auto at = free_blocks_.emplace(blocks[i], blocks[i + 1]).first;
    if (auto next = std::next(at);
        next != free_blocks_.end() && at->first + at->second == next->first) {
      at->second += next->second;
      free_blocks_.erase(next);
    }
    if (at == free_blocks_.begin()) continue;
    if (auto previous = std::prev(at); previous->first + previous->second == at->first) {
      previous->second += at->second;
      free_blocks_.erase(at);
    }
  }
  books_.erase(index);
  free_records_.push_back(index);
}

void Recorder::save_before(const Ticket& ticket, int descriptor, uint64_t offset, uint64_t length) {
  if (length == 0) return;
  std::vector<char> bytes(length);
  uint64_t have = 0;
  while (have < length) {
    const ssize_t count =
        ::pread(descriptor, bytes.data() + have, length - have, static_cast<off_t>(offset + have));
    if (count <= 0) break;
    have += static_cast<uint64_t>(count);
  }
  Record& r = record(ticket.index);
  if (!all_zero(bytes.data(), have)) store(ticket.index, r.before, bytes.data(), have);
}

Ticket Recorder::begin_write(int descriptor, uint64_t offset, uint64_t length) {
  struct stat status{};
  if (length == 0 || ::fstat(descriptor, &status) != 0) return {};
  const Ticket ticket = allocate(Kind::kWrite, status.st_ino);
  if (ticket.index == Ticket::kNone) return ticket;
  Record& r = record(ticket.index);
  const auto size = static_cast<uint64_t>(status.st_size);
  r.offset = offset;
  r.length = length;
  r.size_before = size;
  r.extends = offset + length > size ? 1 : 0;
  save_before(ticket, descriptor, offset, offset >= size ? 0 : std::min(length, size - offset));
  publish(ticket);
  return ticket;
}

Ticket Recorder::begin_resize(int descriptor, uint64_t size) {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0 || static_cast<uint64_t>(status.st_size) == size) return {};
  const Ticket ticket = allocate(Kind::kResize, status.st_ino);
  if (ticket.index == Ticket::kNone) return ticket;
  Record& r = record(ticket.index);
  r.offset = size;
  r.size_before = static_cast<uint64_t>(status.st_size);
  r.extends = 1;
  if (size < r.size_before) save_before(ticket, descriptor, size, r.size_before - size);
  publish(ticket);
  return ticket;
}

// Whether something older of the same file, not yet durable, overlaps this range, or moves the end
// that this moves too.
bool Recorder::older_pending(const std::vector<uint64_t>& list, const Ticket& ticket) const {
  const Book& mine = books_.at(ticket.index);
  return std::ranges::any_of(list, [&](uint64_t index) {
    if (index == ticket.index || log_->records[index].sequence > ticket.sequence) return false;
    const Book& other = books_.at(index);
    const bool overlap = !other.durable && other.offset < mine.offset + mine.length &&
                         mine.offset < other.offset + other.length;
    return overlap || (other.extends && mine.offset + mine.length > other.size_before);
  });
}

void Recorder::end(const Ticket& ticket, bool succeeded, bool covered) {
  if (ticket.index == Ticket::kNone) return;
  const std::lock_guard lock(mutex_);
  Record& r = record(ticket.index);
  if (!succeeded && books_[ticket.index].name) return release(ticket.index);
  // A failed write may still have changed bytes: it stays pending.
  books_[ticket.index].done = true;
  r.ended = 1;
  if (!succeeded || !covered) return;
  books_[ticket.index].durable = true;
  if (older_pending(of_file_[r.inode], ticket)) {
    r.state.store(State::kDurable, std::memory_order_release);
  } else {
    release(ticket.index);
  }
}

uint64_t Recorder::stash(const std::string& path) {
  const uint64_t number = log_->header.stashes.fetch_add(1) + 1;
  return real().link(path.c_str(), (folder_ + "/stash-" + std::to_string(number)).c_str()) == 0
             ? number
             : 0;
}

Ticket Recorder::begin_create(const std::string& path, Kind kind) {
  const Ticket ticket = allocate(kind, 0);
  if (ticket.index == Ticket::kNone) return ticket;
  Record& r = record(ticket.index);
  r.directory = inode_of(directory_of(path));
  store(ticket.index, r.path, path.data(), path.size());
  publish(ticket);
  return ticket;
}

void Recorder::set_inode(const Ticket& ticket, uint64_t inode) {
  if (ticket.index != Ticket::kNone) record(ticket.index).inode = inode;
}

Ticket Recorder::begin_unlink(const std::string& path, Kind kind) {
  const uint64_t inode = inode_of(path);
  if (inode == 0) return {};
  const Ticket ticket = allocate(kind, inode);
  if (ticket.index == Ticket::kNone) return ticket;
  Record& r = record(ticket.index);
  r.directory = inode_of(directory_of(path));
  if (kind == Kind::kUnlink) r.stash = stash(path);
  store(ticket.index, r.path, path.data(), path.size());
  publish(ticket);
  return ticket;
}

Ticket Recorder::begin_rename(const std::string& from, const std::string& to) {
  const uint64_t inode = inode_of(from);
  if (inode == 0) return {};
  const Ticket ticket = allocate(Kind::kRename, inode);
  if (ticket.index == Ticket::kNone) return ticket;
  Record& r = record(ticket.index);
  r.directory = inode_of(directory_of(from));
  r.other_directory = inode_of(directory_of(to));
  if (r.other_directory == r.directory) r.other_directory = 0;
  if (inode_of(to) != 0) r.stash = stash(to);
  store(ticket.index, r.path, from.data(), from.size());
  store(ticket.index, r.other_path, to.data(), to.size());
  publish(ticket);
  return ticket;
}

std::vector<Ticket> Recorder::begin_sync(uint64_t inode, bool directory) {
  const std::lock_guard lock(mutex_);
  std::vector<Ticket> covered;
  auto& lists = directory ? of_directory_ : of_file_;
  const auto list = lists.find(inode);
  if (list == lists.end()) return covered;
  for (const uint64_t index : list->second) {
    if (books_[index].done) covered.push_back({index, record(index).sequence});
  }
  return covered;
}

void Recorder::end_sync(const std::vector<Ticket>& covered, uint64_t inode, bool directory) {
  const std::lock_guard lock(mutex_);
  for (const Ticket& ticket : covered) {
    Record& r = record(ticket.index);
    if (r.state.load() == State::kFree || r.sequence != ticket.sequence) continue;
    if (!directory || r.other_directory == 0) {
      release(ticket.index);
      continue;
    }
    // A rename from one directory to another needs both; the one synced now is settled.
    std::erase(of_directory_[inode], ticket.index);
    if (r.directory == inode) r.directory = r.other_directory;
    r.other_directory = 0;
  }
}

void Recorder::refuse(const char* call) {
  if (log_->header.unsupported.fetch_add(1) == 0)
    std::fprintf(stderr, "powercut: %s on a followed file cannot be undone\n", call);
}

}  // namespace weir::powercut
