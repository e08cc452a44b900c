// Sending messages of a queue on to another one: the step that `weir queue redrive` repeats. What a
// step moves is one commit: a message is in the one queue or in the other, whatever happens.

#include "broker/redrive.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "admin/api.h"
#include "base/assert.h"

namespace weir::admin {
namespace {

using broker::Broker;
using catalog::Kind;
using catalog::Thing;

constexpr size_t kMessagesMax = 256;
// What a step may read and write again.
constexpr size_t kStepBytesMax = size_t{32} << 20;

struct Message {
  Offset offset;
  std::optional<std::string> value;  // the body that it gets
};

// One step while it reads; state shard.
struct Step {
  Broker& broker;
  catalog::Name from;
  catalog::Uuid uuid;  // of the queue when the step began
  std::string to;      // empty: each where it came from
  std::vector<Message> messages;
  net::HttpResponder responder;

  void send(Answer answer) {
    responder.send(std::move(answer.response), answer.depends.lsn, answer.depends.durability);
  }
  void refuse(const Error& error) { send(refused(broker, error)); }
};

Result<Message> parse_message(const Json& json) {
  Fields fields(json);
  Message message;
  const auto offset = fields.integer("offset", 0, INT64_MAX);
  if (!offset) fields.mistake("a message is named by its offset");
  message.offset = Offset(offset.value_or(0));
  if (const std::string* text = fields.text("value")) message.value = *text;
  if (const std::string* encoded = fields.text("value_base64")) {
    auto decoded = from_base64(*encoded);
    if (!decoded) return std::unexpected(decoded.error());
    message.value = std::move(*decoded);
  }
  if (const auto read = fields.finish(); !read) return std::unexpected(read.error());
  return message;
}

Result<void> parse_body(const Json& body, Step& step) {
  Fields fields(body);
  if (const std::string* to = fields.text("to")) step.to = *to;
  const std::vector<Json>* messages = fields.list("messages");
  if (messages == nullptr) fields.mistake("messages is missing: which ones to move");
  if (const auto read = fields.finish(); !read) return std::unexpected(read.error());
  if (messages->size() > kMessagesMax) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("a step moves at most {} messages", kMessagesMax));
  }
  for (const Json& json : *messages) {
    auto message = parse_message(json);
    if (!message) return std::unexpected(message.error());
    step.messages.push_back(std::move(*message));
  }
  std::ranges::sort(step.messages, {}, &Message::offset);
  const auto twice = std::ranges::adjacent_find(step.messages, {}, &Message::offset);
  if (twice != step.messages.end()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("offset {} is there twice", twice->offset.value()));
  }
  return {};
}

Result<const Thing*> target_of(const Step& step, const Thing& from, const log::ReadRecord& record) {
  if (step.to.empty()) {
    const Thing* source = broker::dead_letter_source(step.broker, from.name.space, record);
    if (source != nullptr) return source;
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("nothing tells where message {} came from: name a queue to move to",
                            record.offset.value()));
  }
  const auto target = find_thing(step.broker, {from.name.space, step.to}, Kind::kQueue);
  if (!target) return target;
  if ((*target)->uuid == from.uuid) {
    return fail(ErrorCode::kInvalidArgument, "a queue's messages cannot be moved to itself");
  }
  if ((*target)->queue_policy.order != from.queue_policy.order) {
    return fail(ErrorCode::kInvalidArgument, "a FIFO queue's messages go to a FIFO queue only");
  }
  return target;
}

Result<void> check_size(const Thing& target, const Message& message) {
  if (!message.value || message.value->size() <= target.queue_policy.message_bytes_max) return {};
  return fail(ErrorCode::kTooLarge,
              fmt::format("a message of {} has at most {} bytes", target.name.name,
                          target.queue_policy.message_bytes_max));
}

// All of them or, after an error, none.
Result<Answer> move(Step& step, const std::vector<broker::Delivery>& records) {
  Broker& broker = step.broker;
  const auto from = find_thing(broker, step.from, Kind::kQueue);
  if (!from) return std::unexpected(from.error());
  if ((*from)->uuid != step.uuid) return fail(ErrorCode::kNotFound, "the queue was replaced");
  const CellId queue = (*from)->queue;
  const queue::Queue* state = broker.find_queue(queue, broker.now());
  struct Move {
    const Thing* target;
    const log::ReadRecord* record;
    const Message* message;
  };
  std::vector<Move> moves;
  size_t bytes = 0;
  for (const Message& message : step.messages) {
    const auto found = std::ranges::find(
        records, message.offset, [](const auto& delivery) { return delivery.record.offset; });
    const auto ready = state->ready_from(message.offset, 1);
    // Received, settled or gone meanwhile: it is not ours to move.
    if (found == records.end() || ready.empty() || ready.front() != message.offset) continue;
    const auto target = target_of(step, **from, found->record);
    if (!target) return std::unexpected(target.error());
    if (const auto fits = check_size(**target, message); !fits) {
      return std::unexpected(fits.error());
    }
    bytes += message.value ? message.value->size() : found->record.value.value_or("").size();
    moves.push_back({*target, &found->record, &message});
  }
  const Broker::Turn turn(broker, broker.now(), broker::Admission::kData, bytes);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  std::vector<Offset> moved;
  JsonList offsets;
  std::optional<Error> stopped;
  for (const Move& one : moves) {
    const auto sent =
        broker::send_again(broker, *one.target, *one.record, one.message->value, broker.now());
    if (!sent) {
      stopped = sent.error();  // the queue's limit: what was sent before is moved
      break;
    }
    moved.push_back(one.message->offset);
    offsets.raw(fmt::format("{}", one.message->offset.value()));
  }
  if (stopped && moved.empty()) return std::unexpected(*stopped);
  const auto discarded = broker.discard(queue, moved, broker.now());
  WEIR_ASSERT(discarded && discarded->done == moved.size(), "a moved message was settled already");
  JsonObject answer;
  answer.raw("moved", offsets.done());
  if (stopped) answer.text("problem", stopped->message);
  return answered(200, answer.done(), both(broker.catalog_depends(), broker.queue_depends(queue)));
}

// How much must be read for these messages.
size_t bytes_of(const log::Log& log, const std::vector<Message>& messages) {
  size_t bytes = 0;
  Offset covered(0);
  for (const Message& message : messages) {
    if (message.offset < covered) continue;
    const auto row = log.row_at(message.offset);
    if (!row) continue;
    covered = row->end();
    bytes += row->span.length;
  }
  return bytes;
}

void start(Broker& broker, const Ask& ask, net::HttpResponder responder) {
  const auto step =
      std::make_shared<Step>(Step{broker, ask.named(), {}, {}, {}, std::move(responder)});
  if (const auto parsed = parse_body(ask.body, *step); !parsed) return step->refuse(parsed.error());
  const auto from = find_thing(broker, step->from, Kind::kQueue);
  if (!from) return step->refuse(from.error());
  step->uuid = (*from)->uuid;
  const CellId log = (*from)->logs.front();
  if (bytes_of(*broker.find_log(log), step->messages) > kStepBytesMax) {
    return step->refuse({ErrorCode::kTooLarge, "too much for one step: name fewer messages"});
  }
  std::vector<Offset> offsets;
  for (const Message& message : step->messages) offsets.push_back(message.offset);
  broker.read_records(log, std::move(offsets), [step](auto records) {
    if (!records) return step->refuse(records.error());
    auto answer = move(*step, *records);
    if (!answer) return step->refuse(answer.error());
    step->send(std::move(*answer));
  });
}

}  // namespace

void add_redrive_endpoints(const Api& api) {
  api.router.add(
      "POST", "/api/v1/queues/{name}/redrive",
      [&owned = api.broker, &clock = api.clock](Request request, net::HttpResponder responder) {
        auto body = Json::parse(request.http.body);
        if (!body) return responder.send(error_response(body.error()));
        responder.set_producing(true);
        owned.call([&clock, request = std::move(request), body = std::move(*body),
                    responder = std::move(responder)](Broker& broker) mutable {
          const Ask ask{std::move(request), std::move(body), clock.now()};
          start(broker, ask, std::move(responder));
        });
      });
}

}  // namespace weir::admin
