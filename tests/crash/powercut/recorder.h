#pragma once
// Keeps the undo log while the program runs. One mutex guards the books; pre-images are read
// outside of it.
//
// What counts as durable: fsync and fdatasync cover the operations on that file which had ended
// before the call began; a write with RWF_DSYNC or on an O_DSYNC descriptor covers exactly its own
// range and the end of the file that it needs; fsync of a directory covers the names in it.
// Anything else may be undone.

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/crash/powercut/layout.h"

namespace weir::powercut {

// A record that is under way; `index` is kNone when the operation is not followed.
struct Ticket {
  static constexpr uint64_t kNone = ~uint64_t{0};
  uint64_t index = kNone;
  uint64_t sequence = 0;
};

class Recorder {
 public:
  // Maps the log in `folder`, which must be outside of the data directory and on the same file
  // system.
  explicit Recorder(const std::string& folder);

  // A write or a change of size is about to happen. `descriptor` is a readable one of the file.
  Ticket begin_write(int descriptor, uint64_t offset, uint64_t length);
  Ticket begin_resize(int descriptor, uint64_t size);
  // It ended. `covered`: its own range is durable (RWF_DSYNC).
  void end(const Ticket& ticket, bool succeeded, bool covered);

  Ticket begin_create(const std::string& path, Kind kind);
  void set_inode(const Ticket& ticket, uint64_t inode);
  Ticket begin_unlink(const std::string& path, Kind kind);
  Ticket begin_rename(const std::string& from, const std::string& to);

  // What a sync that begins now will cover; hand it to end_sync once the sync has succeeded.
  std::vector<Ticket> begin_sync(uint64_t inode, bool directory);
  void end_sync(const std::vector<Ticket>& covered, uint64_t inode, bool directory);

  void refuse(const char* call);  // notes a call that the layer cannot follow

 private:
  struct Book {
    uint64_t offset = 0, length = 0, size_before = 0;
    bool name = false, done = false, extends = false, durable = false;
    std::vector<uint64_t> blocks;  // first block and count, in pairs
  };

  Record& record(uint64_t index) { return log_->records[index]; }
  Ticket allocate(Kind kind, uint64_t inode);
  bool store(uint64_t index, Blob& blob, const void* bytes, uint64_t length);
  char* reserve(uint64_t index, Blob& blob, uint64_t length);
  void publish(const Ticket& ticket);
  void release(uint64_t index);
  void drop_stash(uint64_t number);
  bool older_pending(const std::vector<uint64_t>& list, const Ticket& ticket) const;
  uint64_t stash(const std::string& path);
  void save_before(const Ticket& ticket, int descriptor, uint64_t offset, uint64_t length);

  std::string folder_;
  Log* log_ = nullptr;
  char* arena_ = nullptr;
  std::mutex mutex_;
  std::vector<uint64_t> free_records_;
  std::map<uint64_t, uint64_t> free_blocks_;  // first -> count
  std::unordered_map<uint64_t, Book> books_;
  std::unordered_map<uint64_t, std::vector<uint64_t>> of_file_;  // inode -> records, oldest first
  std::unordered_map<uint64_t, std::vector<uint64_t>>
      of_directory_;  // inode -> records, oldest first
};

}  // namespace weir::powercut
