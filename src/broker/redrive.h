#pragma once
// Sending a stored message again, to another queue: what message move tasks and operators do with
// dead letters. The caller settles the old one in the same turn, so that a message is in one place
// or the other.
//
// Thread: the state shard's.

#include <optional>

#include "broker/broker.h"

namespace weir::broker {

// Headers that a message sent anew does not bring along: it has an identity and a time of its own.
bool is_of_its_past(ByteView header);

// A new message with an identity and a time of its own: retention and the count of receives begin
// anew, and nothing tells of where it was a dead letter. `value` replaces the body. kTooLarge and
// the other errors of Broker::send.
Result<Sent> send_again(Broker& broker,
                        const Thing& target,
                        const log::ReadRecord& record,
                        std::optional<ByteView> value,
                        Timestamp now);

// When it was sent at first, before it was moved as a dead letter.
Timestamp first_sent_at(const log::ReadRecord& record);

// The queue of that namespace where the dead letter came from; null when it is none, or the queue
// is gone.
const Thing* dead_letter_source(const Broker& broker,
                                const std::string& space,
                                const log::ReadRecord& record);

}  // namespace weir::broker
