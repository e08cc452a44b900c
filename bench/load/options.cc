#include "bench/load/options.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string_view>

namespace weir::load {
namespace {

constexpr std::string_view kHelp =
    R"(weir-load WORKLOAD --connect HOST:PORT [options]

workloads: echo
           redis-ping redis-lpush redis-rpop redis-lmove redis-xadd redis-xreadgroup (COUNT --batch, then XACK)
           sqs-send sqs-receive (ReceiveMessage --batch, then DeleteMessageBatch) sqs-fifo-send sqs-fifo-receive
           sqs-end-to-end (the first connection sends at --rate, the others wait)
           kafka-produce kafka-fetch kafka-end-to-end

--connections N   --depth N      connections, and requests under way on each
--rate R                         open loop: R requests a second at fixed moments; a late start counts as latency
--warmup S        --seconds S    what is measured begins after the warm-up
--requests N                     ends after N requests
--expect N                       receiving ends after N messages; each must come once
--first N                        sending to SQS numbers messages from N on
--bytes N         --batch N      payload of a message, messages to a request
--partitions N    --groups N     of a topic; of a FIFO queue
--name NAME       --group NAME   the queue, topic, stream or list; the consumer group
--server-pid PID  --device NAME  reads the server's CPU time, memory and the device's written bytes
--json FILE                      the result as JSON, beside the table
)";

[[noreturn]] void refuse(std::string_view what) {
  std::fprintf(stderr, "weir-load: %.*s\n%.*s", static_cast<int>(what.size()), what.data(),
               static_cast<int>(kHelp.size()), kHelp.data());
  std::exit(2);
}

}  // namespace

Options parse_options(int count, char** arguments) {
  Options options;
  const auto text = [](std::string& into) { return [&into](const char* value) { into = value; }; };
  const auto number = [](auto& into) {
    return [&into](const char* value) {
      char* end = nullptr;
      const double read = std::strtod(value, &end);
      if (end == value || *end != '\0' || read < 0) refuse(std::string("not a number: ") + value);
      into = static_cast<std::remove_reference_t<decltype(into)>>(read);
    };
  };
  const std::map<std::string_view, std::function<void(const char*)>> known = {
      {"--connect", text(options.connect)},     {"--connections", number(options.connections)},
      {"--depth", number(options.depth)},       {"--rate", number(options.rate)},
      {"--warmup", number(options.warmup_s)},   {"--seconds", number(options.seconds)},
      {"--requests", number(options.requests)}, {"--expect", number(options.expect)},
      {"--first", number(options.first)},       {"--bytes", number(options.bytes)},
      {"--batch", number(options.batch)},       {"--partitions", number(options.partitions)},
      {"--groups", number(options.groups)},     {"--name", text(options.name)},
      {"--group", text(options.group)},         {"--server-pid", number(options.server_pid)},
      {"--device", text(options.device)},       {"--json", text(options.json)},
  };
  if (count < 2 || arguments[1][0] == '-') refuse("which workload?");
  options.workload = arguments[1];
  for (int i = 2; i < count; i += 2) {
    const auto option = known.find(arguments[i]);
    if (option == known.end()) refuse(std::string("unknown option ") + arguments[i]);
    if (i + 1 == count) refuse(std::string("a value is missing after ") + arguments[i]);
    option->second(arguments[i + 1]);
  }
  if (options.connect.find(':') == std::string::npos) refuse("--connect HOST:PORT is missing");
  if (options.connections < 1 || options.depth < 1 || options.batch < 1 || options.partitions < 1 ||
      options.groups < 1)
    refuse("counts begin at 1");
  return options;
}

}  // namespace weir::load
