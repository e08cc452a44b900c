#pragma once
// Which numbered messages came, so that a run which lost or doubled one does not count.

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

namespace weir::load {

class Seen {
 public:
  explicit Seen(uint64_t expected) : expected_(expected), marks_(expected, false) {}

  void add(uint64_t number) {
    if (number >= marks_.size()) marks_.resize(number + 1, false);
    if (marks_[number]) ++doubled_;
    marks_[number] = true;
    ++count_;
  }
  uint64_t count() const { return count_; }
  // Everything expected has come.
  bool complete() const { return expected_ > 0 && count_ >= expected_; }

  std::string verdict() const {
    if (doubled_ > 0) return fmt::format("{} messages came twice", doubled_);
    if (expected_ > 0 && count_ < expected_)
      return fmt::format("{} of {} messages came", count_, expected_);
    return {};
  }

 private:
  uint64_t expected_;
  uint64_t count_ = 0;
  uint64_t doubled_ = 0;
  std::vector<bool> marks_;
};

}  // namespace weir::load
