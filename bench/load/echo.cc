// Echo: a request of fixed length comes back. The baseline of what client, kernel and wake-ups cost
// by themselves.
#include "bench/load/workload.h"

namespace weir::load {
namespace {

class EchoDialogue : public Dialogue {
 public:
  explicit EchoDialogue(std::string payload) : payload_(std::move(payload)) {}

  Request next(std::string& out, uint64_t) override {
    out += payload_;
    return {true};
  }

  Reply take(std::string_view in) override {
    return in.size() < payload_.size() ? Reply{} : Reply{payload_.size(), 1, false, true};
  }

 private:
  std::string payload_;
};

class Echo : public Workload {
 public:
  using Workload::Workload;

  std::unique_ptr<Dialogue> dialogue(int) override {
    return std::make_unique<EchoDialogue>(filler(options_.bytes));
  }
};

}  // namespace

std::unique_ptr<Workload> make_echo(const Options& options) {
  return std::make_unique<Echo>(options);
}

}  // namespace weir::load
