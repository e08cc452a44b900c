// rooms: base core/catalog core/log core/queue broker net runtime protocols/sqs
// Any bytes as a request body: either refused, or a tree that reads back the same from what is
// written of it. Message attributes, attributes of queues and tags out of it must not fail either.

#include <cstdlib>
#include <string>

#include "protocols/sqs/attributes.h"
#include "protocols/sqs/json.h"

namespace {

using weir::sqs::JsonWriter;
using weir::sqs::Value;

// Texts and maps of texts are what answers hold.
void write(JsonWriter& json, const Value& map) {
  for (const auto& [name, value] : map.members) {
    if (value.is(Value::Kind::kText)) json.member(name, value.text);
    if (value.is(Value::Kind::kInteger)) json.member(name, value.integer);
    if (!value.is(Value::Kind::kMap)) continue;
    json.begin_object(name);
    write(json, value);
    json.end_object();
  }
}

std::string written(const Value& map) {
  JsonWriter json;
  json.begin_object();
  write(json, map);
  json.end_object();
  return json.take();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::sqs;
  const auto value = decode_json({reinterpret_cast<const char*>(data), size});
  if (!value) return 0;
  const std::string text = written(*value);
  const auto again = decode_json(text);
  if (!again || written(*again) != text) std::abort();

  static_cast<void>(message_attributes(&*value));
  weir::broker::Thing thing;
  thing.name.name = value->members.size() % 2 == 0 ? "jobs" : "jobs.fifo";
  for (const auto& [name, member] : value->members) {
    static_cast<void>(
        set_queue_attribute(thing, name, member.text, {.creating = true, .bounds = {}}));
  }
  for (const auto name : queue_attribute_names()) {
    if (!queue_attribute(thing, {}, {}, name)) std::abort();
  }
  return 0;
}
