#pragma once
// Call: one request on its way through the state shard: who asks, what, and the way back.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "broker/broker.h"
#include "net/http.h"
#include "protocols/sqs/credentials.h"
#include "protocols/sqs/errors.h"
#include "protocols/sqs/front_state.h"
#include "protocols/sqs/names.h"
#include "protocols/sqs/value.h"

namespace weir::sqs {

struct Reply {
  std::string json;
  broker::Depends depends;
};

struct Call {
  std::string origin;  // as the client reached us, "https://HOST", for queue URLs
  Account account;
  Value input;
  std::string_view action = {};             // lives for ever
  std::optional<Principal> principal = {};  // none: signatures are not checked
};

using Answer = Outcome<Reply>;
using Done = std::move_only_function<void(Answer)>;

// Cancels what still waits, when the client has gone.
using Cancel = std::move_only_function<void(broker::Broker&)>;

struct Environment {
  broker::Broker& broker;
  Timestamp now;
  FrontState& state;
};

// An action that answers at once.
using Handler = Answer (*)(const Environment& environment, const Call& call);

// queue_handlers.cc
Answer create_queue(const Environment& environment, const Call& call);
Answer get_queue_url(const Environment& environment, const Call& call);
Answer list_queues(const Environment& environment, const Call& call);
Answer delete_queue(const Environment& environment, const Call& call);
Answer purge_queue(const Environment& environment, const Call& call);
Answer get_queue_attributes(const Environment& environment, const Call& call);
Answer set_queue_attributes(const Environment& environment, const Call& call);
Answer list_dead_letter_source_queues(const Environment& environment, const Call& call);
// redrive.cc: whether the dead-letter queue that `attributes` name, if they do, will take what
// `queue` gives up. InvalidParameterValue.
Outcome<void> check_redrive(const Environment& environment,
                            const broker::Thing& queue,
                            const Value* attributes);
// tag_handlers.cc
Answer tag_queue(const Environment& environment, const Call& call);
Answer untag_queue(const Environment& environment, const Call& call);
Answer list_queue_tags(const Environment& environment, const Call& call);
Outcome<void> set_tag(broker::Thing& thing, const std::string& key, const std::string& value);
// send_handlers.cc
Answer send_message(const Environment& environment, const Call& call);
Answer send_message_batch(const Environment& environment, const Call& call);
// settle_handlers.cc
Answer delete_message(const Environment& environment, const Call& call);
Answer delete_message_batch(const Environment& environment, const Call& call);
Answer change_message_visibility(const Environment& environment, const Call& call);
Answer change_message_visibility_batch(const Environment& environment, const Call& call);
// move_handlers.cc
Answer start_message_move_task(const Environment& environment, const Call& call);
Answer list_message_move_tasks(const Environment& environment, const Call& call);
Answer cancel_message_move_task(const Environment& environment, const Call& call);
// permission_handlers.cc
Answer add_permission(const Environment& environment, const Call& call);
Answer remove_permission(const Environment& environment, const Call& call);

// receive_handler.cc: answers later when it waits; then it returns how to give up.
Cancel receive_message(const Environment& environment, const Call& call, Done done);

// Twenty digits that rise with the offset.
std::string sequence_number(Offset offset);

// ---- what the handlers share (call.cc)

// A text or integer parameter; MissingParameter when a required one is absent,
// InvalidParameterValue when of another type.
Outcome<std::string> required_text(const Call& call, std::string_view name);
Outcome<std::string> text_or(const Value& input, std::string_view name, std::string_view otherwise);
Outcome<int64_t> integer_or(const Value& input, std::string_view name, int64_t otherwise);
Outcome<std::vector<std::string>> texts(const Value& input, std::string_view name);

struct Queue {
  const broker::Thing* thing;
  Account account;  // that the URL named
};
// The queue of the parameter QueueUrl. QueueDoesNotExist, AccessDenied; RequestThrottled in strict
// mode.
Outcome<Queue> find_queue(const Environment& environment, const Call& call);
// AccessDenied, when signatures are checked and the caller may not do it to this queue.
Outcome<void> check_access(const Call& call, const broker::Thing& queue, const Account& owner);

// What an answer waits for. A fault waits for the names that it was decided by, and for the state
// that it tells of; one of the broker's own (a failing disk) leaves at once.
broker::Depends depends_of(const broker::Broker& broker, const Answer& answer);

// A parameter that is a map of texts (attributes, tags); null when absent.
Outcome<const Value*> text_map(const Value& input, std::string_view name);

// The entries of a batch: 1 to 10, with ids that are valid and distinct.
struct Entry {
  std::string id;
  const Value* input;
};
Outcome<std::vector<Entry>> batch_entries(const Call& call);
// {"Successful":[…],"Failed":[…]}: the failures in their form.
struct FailedEntry {
  std::string id;
  Fault fault;
};
class JsonWriter;
void write_failed(JsonWriter& json, const std::vector<FailedEntry>& failed);

}  // namespace weir::sqs
