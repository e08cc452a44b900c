#pragma once
// ReplyBuffer: the answers of a segment while they are made. Most are written straight into `text`;
// one that must wait for bytes from the disk leaves a hole that is filled later, and the commands
// behind it go on meanwhile. The whole is handed over when the last hole is filled.
//
// Thread: the state shard's.

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/ids.h"

namespace weir::redis {

using CompleteReply = std::move_only_function<void(std::string reply, Lsn lsn)>;

class ReplyBuffer {
  struct Shared {
    struct Hole {
      size_t position;
      std::string bytes;
      bool silent = false;
    };
    std::vector<Hole> holes;
    size_t open = 0;
    std::string text;
    Lsn lsn;
    CompleteReply complete;

    void deliver() {
      std::string whole;
      size_t from = 0;
      for (const Hole& hole : holes) {
        whole.append(text, from, hole.position - from);
        if (!hole.silent) whole.append(hole.bytes);
        from = hole.position;
      }
      whole.append(text, from);
      std::exchange(complete, {})(std::move(whole), lsn);
    }
  };

 public:
  // The duty to fill a hole, exactly once.
  class Hole {
   public:
    void fill(std::string bytes, Lsn depends) {
      WEIR_ASSERT(shared_ != nullptr);
      const std::shared_ptr<Shared> shared = std::exchange(shared_, nullptr);
      shared->holes[index_].bytes = std::move(bytes);
      shared->lsn = std::max(shared->lsn, depends);
      if (--shared->open == 0 && shared->complete) shared->deliver();
    }

   private:
    friend class ReplyBuffer;
    Hole(std::shared_ptr<Shared> shared, size_t index)
        : shared_(std::move(shared)), index_(index) {}
    std::shared_ptr<Shared> shared_;
    size_t index_;
  };

  std::string text;
  Lsn lsn;  // what the answers so far depend on

  void depends_on(Lsn other) { lsn = std::max(lsn, other); }

  Hole leave_hole() {
    if (!shared_) shared_ = std::make_shared<Shared>();
    shared_->holes.push_back({text.size(), {}, false});
    ++shared_->open;
    return Hole(shared_, shared_->holes.size() - 1);
  }

  // Where the next answer begins, and the end of all answers from there on (CLIENT REPLY OFF).
  struct Mark {
    size_t text = 0;
    size_t holes = 0;
  };
  Mark mark() const { return {text.size(), shared_ ? shared_->holes.size() : 0}; }
  void silence(Mark from) {
    text.resize(from.text);
    for (size_t i = from.holes; shared_ && i < shared_->holes.size(); ++i) {
      shared_->holes[i].silent = true;
      shared_->holes[i].position = from.text;
    }
  }

  // Hands the answers over, now or when the last hole is filled.
  void finish(CompleteReply complete) {
    if (!shared_) return complete(std::move(text), lsn);
    shared_->text = std::move(text);
    shared_->lsn = std::max(shared_->lsn, lsn);
    shared_->complete = std::move(complete);
    if (shared_->open == 0) shared_->deliver();
    shared_.reset();
  }

 private:
  std::shared_ptr<Shared> shared_;
};

}  // namespace weir::redis
