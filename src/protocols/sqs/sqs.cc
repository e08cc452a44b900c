#include "protocols/sqs/sqs.h"

#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <utility>

#include "protocols/sqs/call.h"
#include "protocols/sqs/codec.h"
#include "protocols/sqs/limits.h"
#include "protocols/sqs/move_tasks.h"

namespace weir::sqs {
namespace {

constexpr std::string_view kReceive = "ReceiveMessage";
constexpr size_t kHeaderBytesMax = 16 << 10;

struct Action {
  std::string_view name;
  Handler handler;
  bool brings_data = false;
};

constexpr Action kActions[] = {
    {"SendMessage", send_message, true},
    {"DeleteMessage", delete_message},
    {"SendMessageBatch", send_message_batch, true},
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
    {"StartMessageMoveTask", start_message_move_task},
    {"ListMessageMoveTasks", list_message_move_tasks},
    {"CancelMessageMoveTask", cancel_message_move_task},
    {"AddPermission", add_permission},
    {"RemovePermission", remove_permission},
};

const Action* find_action(std::string_view name) {
  for (const Action& action : kActions) {
    if (action.name == name) return &action;
  }
  return nullptr;
}

// The scope of the signature, in the header or (a presigned request) in the address.
Account account_of(const net::HttpRequest& request) {
  const std::string_view authorization = request.header("authorization");
  if (!authorization.empty()) return parse_account(authorization);
  return parse_account("Credential=" + net::query_parameter(request.query(), "X-Amz-Credential"));
}

class Service final : public FrontEnd {
 public:
  Service(runtime::Owned<broker::Broker>& broker,
          runtime::Clock& clock,
          const Options& options,
          std::shared_ptr<const Credentials> credentials)
      : broker_(broker),
        clock_(clock),
        checks_(credentials != nullptr),
        credentials_(std::move(credentials)) {
    state_.options = options;
    broker_.call([](broker::Broker& owned) { resume_move_tasks(owned); });
  }

  void handle(net::HttpRequest request, net::HttpResponder responder) override {
    const std::string id = fmt::format("00000000-0000-4000-8000-{:012x}", requests_.fetch_add(1));
    const Codec& codec = codec_of(request);
    const auto refuse = [&](const Fault& fault) {
      responder.send(codec.encode({}, std::unexpected(fault), id));
    };
    const auto principal = authenticate(request);
    if (!principal) return refuse(principal.error());
    auto decoded = codec.decode(request);
    if (!decoded) return refuse(decoded.error());
    const Action* action = find_action(decoded->action);
    if (action == nullptr && decoded->action != kReceive) {
      return refuse(unsupported_operation(fmt::format("The action {} is not supported by this "
                                                      "broker.",
                                                      decoded->action))
                        .error());
    }
    const std::string_view host = request.header("host");
    Call call{fmt::format("{}://{}", request.scheme(), host.empty() ? request.local_address : host),
              account_of(request), std::move(decoded->input),
              action == nullptr ? kReceive : action->name, *principal};
    if (call.principal) call.account.account = call.principal->account;
    responder.set_producing(action != nullptr && action->brings_data);
    if (action == nullptr) return receive(codec, std::move(call), std::move(responder), id);
    broker_.call([this, &codec, action, call = std::move(call), id,
                  responder = std::move(responder)](broker::Broker& broker) mutable {
      Answer answer = action->handler({broker, clock_.now(), state_}, call);
      const broker::Depends depends = depends_of(broker, answer);
      responder.send(codec.encode(action->name, std::move(answer), id), depends.lsn,
                     depends.durability);
    });
  }

  Result<> reload_credentials(std::string_view text) override {
    if (!checks_) {
      return fail(ErrorCode::kInvalidArgument, "signatures are not checked: no file was given");
    }
    auto parsed = Credentials::parse(text);
    if (!parsed) return std::unexpected(parsed.error());
    const std::lock_guard lock(mutex_);
    credentials_ = std::move(*parsed);
    return {};
  }

 private:
  // As they are now; a reload takes them away from nobody who is in the middle of a check.
  std::shared_ptr<const Credentials> credentials() const {
    const std::lock_guard lock(mutex_);
    return credentials_;
  }

  // Who signed the request; nobody when signatures are not checked. AccessDenied.
  Outcome<std::optional<Principal>> authenticate(const net::HttpRequest& request) const {
    if (!checks_) {
      if (is_of_foreign_page(request)) return std::unexpected(foreign_page().error());
      return std::nullopt;
    }
    auto principal = credentials()->authenticate(request, clock_.now());
    if (!principal) return std::unexpected(principal.error());
    return std::optional(std::move(*principal));
  }

  // A receive may wait; when its client goes, it gives up what it waits for. Both sides touch this
  // on the state shard.
  struct Waiting {
    const Codec& codec;
    net::HttpResponder responder;
    Cancel cancel;
    bool answered = false;

    void answer(Answer given, const std::string& id, const broker::Depends& depends = {}) {
      if (std::exchange(answered, true)) return;
      responder.send(codec.encode(kReceive, std::move(given), id), depends.lsn, depends.durability);
    }
  };

  void receive(const Codec& codec, Call call, net::HttpResponder responder, const std::string& id) {
    auto waiting = std::make_shared<Waiting>(Waiting{codec, std::move(responder), nullptr});
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
      auto cancel = receive_message({broker, clock_.now(), state_}, call,
                                    [waiting, id, &broker](Answer answer) {
                                      const broker::Depends depends = depends_of(broker, answer);
                                      waiting->cancel = nullptr;
                                      waiting->answer(std::move(answer), id, depends);
                                    });
      waiting->cancel = std::move(cancel);
    });
  }

  runtime::Owned<broker::Broker>& broker_;
  runtime::Clock& clock_;
  const bool checks_;
  mutable std::mutex mutex_;  // guards the pointer
  std::shared_ptr<const Credentials> credentials_;
  FrontState state_;  // touched on the state shard
  std::atomic<uint64_t> requests_{1};
};

}  // namespace

Result<std::unique_ptr<FrontEnd>> make_handler(runtime::Owned<broker::Broker>& broker,
                                               runtime::Clock& clock,
                                               const Config& config) {
  if (config.message_bytes_max > kMessageBytesMost) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a message has at most {} bytes", kMessageBytesMost));
  }
  std::unique_ptr<Credentials> credentials;
  if (!config.credentials.empty()) {
    auto parsed = Credentials::parse(config.credentials);
    if (!parsed) return std::unexpected(parsed.error());
    credentials = std::move(*parsed);
  }
  const Options options{.bounds = {config.delay_seconds_max, config.message_bytes_max},
                        .strict = config.strict};
  return std::make_unique<Service>(broker, clock, options, std::move(credentials));
}

net::HttpLimits http_limits(const Config& config) {
  return {.header_bytes_max = kHeaderBytesMax,
          .body_bytes_max = kRequestBytesOfMessage * config.message_bytes_max};
}

}  // namespace weir::sqs
