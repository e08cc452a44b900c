#include "protocols/sqs/sqs.h"

#include <fmt/format.h>

#include <atomic>
#include <utility>

#include "protocols/sqs/call.h"
#include "protocols/sqs/json.h"
#include "protocols/sqs/limits.h"

namespace weir::sqs {
namespace {

constexpr std::string_view kTargetPrefix = "AmazonSQS.";
constexpr std::string_view kReceive = "ReceiveMessage";
constexpr size_t kHeaderBytesMax = 16 << 10;

struct Action {
  std::string_view name;
  Handler handler;
};

constexpr Action kActions[] = {
    {"SendMessage", send_message},
    {"DeleteMessage", delete_message},
    {"SendMessageBatch", send_message_batch},
    {"DeleteMessageBatch", delete_message_batch},
    {"ChangeMessageVisibility", change_message_visibility},
    {"ChangeMessageVisibilityBatch", change_message_visibility_batch},
    {"CreateQueue", create_queue},
    {"DeleteQueue", delete_queue},
    {"PurgeQueue", purge_queue},
    {"GetQueueUrl", get_queue_url},
    {"ListQueues", list_queues},
    {"GetQueueAttributes", get_queue_attributes},
    {"SetQueueAttributes", set_queue_attributes},
    {"ListDeadLetterSourceQueues", list_dead_letter_source_queues},
    {"TagQueue", tag_queue},
    {"UntagQueue", untag_queue},
    {"ListQueueTags", list_queue_tags},
};

net::HttpResponse respond(Answer answer, const std::string& request_id) {
  net::HttpResponse response;
  response.headers.push_back({"Content-Type", "application/x-amz-json-1.0"});
  response.headers.push_back({"x-amzn-RequestId", request_id});
  if (answer) {
    response.body = std::move(answer->json);
    return response;
  }
  const Fault& fault = answer.error();
  response.status = fault.status;
  response.headers.push_back(
      {"x-amzn-query-error",
       fmt::format("{};{}", fault.query_code, fault.senders() ? "Sender" : "Receiver")});
  response.body = to_json(fault);
  return response;
}

class Service final : public net::HttpHandler {
 public:
  Service(runtime::Owned<broker::Broker>& broker, runtime::Clock& clock)
      : broker_(broker), clock_(clock) {}

  void handle(net::HttpRequest request, net::HttpResponder responder) override {
    const std::string id = fmt::format("00000000-0000-4000-8000-{:012x}", requests_.fetch_add(1));
    const std::string_view target = request.header("x-amz-target");
    if (!target.starts_with(kTargetPrefix)) {
      return responder.send(respond(
          unsupported_operation(fmt::format(
              "This port answers SQS in the AWS JSON protocol (X-Amz-Target: AmazonSQS.<Action>), "
              "which SDKs of 2024 and later send; {} {} is not of it.",
              request.method, request.path())),
          id));
    }
    const std::string_view name = target.substr(kTargetPrefix.size());
    const Action* action = nullptr;
    for (const Action& known : kActions) {
      if (known.name == name) action = &known;
    }
    if (action == nullptr && name != kReceive) {
      return responder.send(respond(unsupported_operation(fmt::format(
                                        "The action {} is not supported by this broker.", name)),
                                    id));
    }
    auto input =
        decode_json(request.body.empty() ? std::string_view("{}") : std::string_view(request.body));
    if (!input) return responder.send(respond(std::unexpected(input.error()), id));
    const std::string_view host = request.header("host");
    Call call{std::string(host.empty() ? std::string_view(request.local_address) : host),
              parse_account(request.header("authorization")), std::move(*input)};
    if (action == nullptr) return receive(std::move(call), std::move(responder), id);
    broker_.call([this, handler = action->handler, call = std::move(call), id,
                  responder = std::move(responder)](broker::Broker& broker) mutable {
      Answer answer = handler({broker, clock_.now()}, call);
      const broker::Depends depends = depends_of(broker, answer);
      responder.send(respond(std::move(answer), id), depends.lsn, depends.durability);
    });
  }

 private:
  // A receive may wait; when its client goes, it gives up what it waits for. Both sides touch this
  // on the state shard.
  struct Waiting {
    net::HttpResponder responder;
    Cancel cancel;
    bool answered = false;

    void answer(Answer given, const std::string& id, const broker::Depends& depends = {}) {
      if (std::exchange(answered, true)) return;
      responder.send(respond(std::move(given), id), depends.lsn, depends.durability);
    }
  };

  void receive(Call call, net::HttpResponder responder, const std::string& id) {
    auto waiting = std::make_shared<Waiting>(Waiting{std::move(responder), nullptr});
    waiting->responder.on_abandoned([this, waiting, id] {
      broker_.call([waiting, id](broker::Broker& broker) {
        if (waiting->cancel) std::exchange(waiting->cancel, nullptr)(broker);
        // Hardly anybody reads this; the slot still wants an answer, unless one is on its way from
        // here to the connection's shard already.
        waiting->answer(Reply{"{}", {}}, id);
      });
    });
    broker_.call([this, waiting, id, call = std::move(call)](broker::Broker& broker) {
      if (waiting->answered) return;
      auto cancel =
          receive_message({broker, clock_.now()}, call, [waiting, id, &broker](Answer answer) {
            const broker::Depends depends = depends_of(broker, answer);
            waiting->cancel = nullptr;
            waiting->answer(std::move(answer), id, depends);
          });
      waiting->cancel = std::move(cancel);
    });
  }

  runtime::Owned<broker::Broker>& broker_;
  runtime::Clock& clock_;
  std::atomic<uint64_t> requests_{1};
};

}  // namespace

std::unique_ptr<net::HttpHandler> make_handler(runtime::Owned<broker::Broker>& broker,
                                               runtime::Clock& clock) {
  return std::make_unique<Service>(broker, clock);
}

net::HttpLimits http_limits() {
  return {.header_bytes_max = kHeaderBytesMax, .body_bytes_max = kRequestBytesMax};
}

}  // namespace weir::sqs
