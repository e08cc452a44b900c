#include "protocols/kafka/messages.h"

namespace weir::kafka {

const wire::Message* find_message(int16_t key, bool is_request) {
  for (const wire::Message* message : all_messages()) {
    if (message->key == key && message->is_request == is_request) return message;
  }
  return nullptr;
}

}  // namespace weir::kafka
