#pragma once
// Health: is the process alive, and is it ready? Alive is answering at all; ready is what every
// named check says. A check runs on the shard that was asked, so it reads atomics only.

#include <functional>
#include <string>
#include <vector>

namespace weir::admin {

class Health {
 public:
  // Empty when all is well, else the reason why not, in words for the operator.
  using Check = std::function<std::string()>;

  // Before the first request.
  void add(std::string name, Check check) {
    checks_.push_back({std::move(name), std::move(check)});
  }

  bool ready() const;
  // {"ready":false,"checks":[{"name":"storage","ok":false,"reason":"the disk is full"}]}
  std::string to_json() const;
  // "ready", or the first reason.
  std::string to_text() const;

 private:
  struct Named {
    std::string name;
    Check check;
  };

  std::vector<Named> checks_;
};

}  // namespace weir::admin
