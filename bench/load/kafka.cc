// Kafka workloads: produce with acks=all, fetch from the start over and over, and both at once with
// the time a record takes through the broker.

#include <fmt/format.h>

#include "bench/load/kafka_wire.h"
#include "bench/load/wire_client.h"
#include "bench/load/workload.h"

namespace weir::load {
namespace {

constexpr int16_t kTopicAlreadyExists = 36;
constexpr uint32_t kWaitMs = 500;

class ProduceDialogue : public Dialogue {
 public:
  ProduceDialogue(const Options& options, int number)
      : options_(options),
        batch_(options.batch, filler(std::max<size_t>(options.bytes, 8))),
        partition_(static_cast<uint32_t>(number)) {}

  Request next(std::string& out, uint64_t due_ns) override {
    out +=
        kafka::produce(options_.name, partition_++ % options_.partitions, batch_.stamped(due_ns));
    return {true};
  }

  Reply take(std::string_view in) override {
    const size_t length = kafka::response_length(in);
    if (length == 0) return {};
    return {length, options_.batch, kafka::produce_error(in.substr(0, length)) != 0, true};
  }

 private:
  const Options& options_;
  kafka::BatchTemplate batch_;
  uint32_t partition_;
};

class FetchDialogue : public Dialogue {
 public:
  // `through`: where to note how long each record took since its stamp; null when it reads from the
  // start again and again.
  FetchDialogue(const Options& options, uint32_t partition, Histogram* through)
      : options_(options), partition_(partition), through_(through) {}

  bool paced() const override { return through_ == nullptr; }

  Request next(std::string& out, uint64_t) override {
    if (asking_) return {false};  // the next offset is known only after the reply
    asking_ = true;
    out += kafka::fetch(options_.name, partition_, offset_, kWaitMs);
    return {true};
  }

  Reply take(std::string_view in) override {
    const size_t length = kafka::response_length(in);
    if (length == 0) return {};
    asking_ = false;
    const uint64_t now = now_ns();
    const auto note = [&](uint64_t stamp, uint64_t records) {
      for (uint64_t i = 0; i < records; ++i) through_->add(now > stamp ? now - stamp : 0);
    };
    const auto fetched = through_ == nullptr ? kafka::parse_fetch(in.substr(0, length), nullptr)
                                             : kafka::parse_fetch(in.substr(0, length), note);
    if (fetched.records > 0) offset_ = fetched.next_offset;
    if (through_ == nullptr && offset_ >= fetched.high_watermark) offset_ = 0;
    return {length, fetched.records, fetched.error != 0, through_ == nullptr};
  }

 private:
  const Options& options_;
  uint32_t partition_;
  Histogram* through_;
  uint64_t offset_ = 0;
  bool asking_ = false;
};

class Kafka : public Workload {
 public:
  using Workload::Workload;

  void prepare() override {
    WireClient client(options_.connect);
    const std::string reply =
        client.ask(kafka::create_topic(options_.name, options_.partitions), kafka::response_length);
    const int16_t error = kafka::create_topic_error(reply);
    if (error != 0 && error != kTopicAlreadyExists)
      fail_run(fmt::format("CreateTopics answered error {}", error));
    if (error == kTopicAlreadyExists && following())
      fail_run("kafka-end-to-end needs a topic of its own (--name)");
    if (following() && static_cast<uint32_t>(options_.connections) <= options_.partitions)
      fail_run("kafka-end-to-end needs a connection for each partition and one to produce");
  }

  // End to end, the first connections read a partition each and the rest produce.
  std::unique_ptr<Dialogue> dialogue(int connection) override {
    const auto number = static_cast<uint32_t>(connection);
    if (options_.workload == "kafka-produce" || (following() && number >= options_.partitions))
      return std::make_unique<ProduceDialogue>(options_, connection);
    if (options_.workload == "kafka-fetch")
      return std::make_unique<FetchDialogue>(options_, number % options_.partitions, nullptr);
    if (following()) return std::make_unique<FetchDialogue>(options_, number, &through_);
    fail_run("no workload " + options_.workload);
  }

  const Histogram* end_to_end() const override { return following() ? &through_ : nullptr; }

 private:
  bool following() const { return options_.workload == "kafka-end-to-end"; }

  Histogram through_;
};

}  // namespace

std::unique_ptr<Workload> make_kafka(const Options& options) {
  return std::make_unique<Kafka>(options);
}

}  // namespace weir::load
