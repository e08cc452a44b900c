#pragma once
// ReplyBuffer: the answers of a segment while they are made. Most are written straight into `text`;
// one that must wait for bytes from the disk leaves a hole that is filled later, and the commands
// behind it go on meanwhile. The whole is handed over when the last hole is filled.
//
// Thread: the state shard's.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "protocols/redis/dependence.h"

namespace weir::redis {

using CompleteReply = std::move_only_function<void(std::string reply, broker::Depends depends)>;

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
    Dependence depends;
    CompleteReply complete;

    void deliver() {
      std::string whole;
      size_t bytes = text.size();
      for (const Hole& hole : holes) bytes += hole.bytes.size();
      whole.reserve(bytes);
      size_t from = 0;
      for (const Hole& hole : holes) {
        whole.append(text, from, hole.position - from);
        if (!hole.silent) whole.append(hole.bytes);
        from = hole.position;
      }
      whole.append(text, from);
      std::exchange(complete, {})(std::move(whole), depends.as_one());
    }
  };

 public:
  // The duty to fill a hole, exactly once.
  class Hole {
   public:
    void fill(std::string bytes, const Dependence& on) {
      WEIR_ASSERT(shared_ != nullptr);
      const std::shared_ptr<Shared> shared = std::exchange(shared_, nullptr);
      shared->holes[index_].bytes = std::move(bytes);
      shared->depends.add(on);
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
  Dependence depends;  // of the answers so far

  void depends_on(const Dependence& other) { depends.add(other); }

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
    if (!shared_) return complete(std::move(text), depends.as_one());
    shared_->text = std::move(text);
    shared_->depends.add(depends);
    shared_->complete = std::move(complete);
    if (shared_->open == 0) shared_->deliver();
    shared_.reset();
  }

 private:
  std::shared_ptr<Shared> shared_;
};

}  // namespace weir::redis
