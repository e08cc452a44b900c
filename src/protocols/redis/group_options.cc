#include "protocols/redis/group_options.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/numbers.h"
#include "protocols/redis/stream_arguments.h"

namespace weir::redis {
namespace {

constexpr int64_t kTimeMaxMs = int64_t{365} * 24 * 3600 * 1000;
constexpr int64_t kDeliveriesLimitMax = 1'000'000;
// Fields that a moved entry has behind its own.
constexpr ByteView kHeaderGroup = "weir.dead-letter.group";
constexpr ByteView kHeaderId = "weir.dead-letter.id";

std::string property_of(ByteView group) {
  return "redis.group." + std::string(group);
}

std::string delay_property_of(ByteView group) {
  return "redis.group-delay." + std::string(group);
}

// "redeliver deliveries name"
std::string written(const GroupOptions& options) {
  if (options.redeliver.count() == 0 && options.deliveries_max == 0) return {};
  return std::to_string(options.redeliver.count()) + " " + std::to_string(options.deliveries_max) +
         " " + options.dead_letter;
}

void show(Call& call, const GroupOptions& options) {
  call.reply.map(4);
  call.reply.bulk("redeliver");
  call.reply.integer(options.redeliver.count());
  call.reply.bulk("maxdeliveries");
  call.reply.integer(options.deliveries_max);
  call.reply.bulk("deadletter");
  call.reply.bulk(options.dead_letter);
  call.reply.bulk("delay");
  call.reply.integer(options.delay.count());
}

// One option and its value at `index`. False when the call has failed.
bool take_option(Call& call, size_t index, GroupOptions& options) {
  if (index + 1 < call.count() && call.is(index, "redeliver")) {
    const auto ms = call.integer_between(index + 1, 0, kTimeMaxMs,
                                         "ERR REDELIVER must be between 0 and 31536000000 ms");
    if (ms) options.redeliver = Milliseconds(*ms);
    return ms.has_value();
  }
  if (index + 1 < call.count() && call.is(index, "delay")) {
    const auto ms = call.integer_between(index + 1, 0, kTimeMaxMs,
                                         "ERR DELAY must be between 0 and 31536000000 ms");
    if (ms) options.delay = Milliseconds(*ms);
    return ms.has_value();
  }
  if (index + 1 < call.count() && call.is(index, "maxdeliveries")) {
    const auto count = call.integer_between(index + 1, 0, kDeliveriesLimitMax,
                                            "ERR MAXDELIVERIES must be between 0 and 1000000");
    if (count) options.deliveries_max = static_cast<uint32_t>(*count);
    return count.has_value();
  }
  if (index + 1 < call.count() && call.is(index, "deadletter")) {
    options.dead_letter = std::string(call.args[index + 1]);
    return true;
  }
  call.fail(errors::kSyntax);
  return false;
}

// What moves, while the bodies are read.
struct Move {
  Service& service;
  uint32_t database;
  std::string key;
  std::string group;
  CellId cell;
  CellId log;
};

Result<void> move_one(const Move& move,
                      const StreamKey& target,
                      const broker::Delivery& found,
                      const queue::Lease& lease,
                      Timestamp now) {
  const std::string deliveries = std::to_string(lease.deliveries);
  const std::string id = to_text(found.record.id);
  std::vector<log::RecordHeader> headers;
  for (const auto& header : found.record.headers) headers.push_back(header);
  headers.push_back({broker::kHeaderDeadLetterSource, move.key});
  headers.push_back({kHeaderGroup, move.group});
  headers.push_back({kHeaderId, id});
  headers.push_back({broker::kHeaderDeliveries, deliveries});
  broker::Broker& broker = move.service.broker();
  const auto added = broker.append_record(target.log,
                                          {.key = found.record.key,
                                           .value = found.record.value,
                                           .headers = headers,
                                           .timestamp = found.record.timestamp},
                                          now);
  if (!added) return std::unexpected(added.error());
  const queue::Queue* queue = broker.find_queue(move.cell, now);
  const Offset offsets[] = {lease.offset};
  const auto settled = broker.apply(move.cell, queue->decide_discard(offsets).events, now);
  return settled ? Result<void>() : std::unexpected(settled.error());
}

Result<void> move_all(const Move& move,
                      const std::vector<broker::Delivery>& found,
                      keyspace::Transaction& keys) {
  const StreamKey source = move.service.stream_of(move.database, move.key);
  if (!source || source.log != move.log) return {};
  const GroupOptions options = group_options(*source.thing, move.group);
  const std::string& name = options.dead_letter;
  if (options.deliveries_max == 0 || keys.find(move.database, name) != nullptr) return {};
  StreamKey target = move.service.stream_of(move.database, name);
  bool changed = false;
  for (const broker::Delivery& delivery : found) {
    const queue::Queue* queue = move.service.broker().find_queue(move.cell, keys.now());
    const auto lease = queue == nullptr ? std::nullopt : queue->lease_of(delivery.record.offset);
    if (!lease || lease->deliveries < options.deliveries_max) continue;
    if (!target) {
      const auto made = move.service.make_stream(move.database, name, keys.now());
      if (!made) return std::unexpected(made.error());
      target = *made;
    }
    if (const auto moved = move_one(move, target, delivery, *lease, keys.now()); !moved)
      return moved;
    changed = true;
  }
  if (changed) {
    move.service.stream_changed(move.database, name);
  }
  return {};
}

// What is moved to a stream is as good as added to it.
bool may_add_to(const Call& call, ByteView name) {
  const KnownUser* known = call.client.known.get();
  if (known == nullptr || name.empty()) return true;
  const ByteView words[] = {"xadd", name, "*", "f", "v"};
  return known->rules.judge({*find_command("xadd"), nullptr, words}).what == Denied::kNot;
}

}  // namespace

GroupOptions group_options(const catalog::Thing& stream, ByteView group) {
  GroupOptions options;
  if (stream.properties.empty()) return options;
  const auto delay = stream.properties.find(delay_property_of(group));
  if (delay != stream.properties.end())
    options.delay = Milliseconds(parse_integer(delay->second).value_or(0));
  const auto noted = stream.properties.find(property_of(group));
  if (noted == stream.properties.end()) return options;
  const ByteView text = noted->second;
  const size_t first = text.find(' ');
  const size_t second = text.find(' ', first + 1);
  if (first == ByteView::npos || second == ByteView::npos) return options;
  options.redeliver = Milliseconds(parse_integer(text.substr(0, first)).value_or(0));
  options.deliveries_max =
      static_cast<uint32_t>(parse_integer(text.substr(first + 1, second - first - 1)).value_or(0));
  options.dead_letter = std::string(text.substr(second + 1));
  return options;
}

void xgroup_policy(Call& call, const GroupKey& group) {
  GroupOptions options = group_options(*group.stream.thing, call.args[3]);
  if (call.count() == 4) return show(call, options);
  for (size_t i = 4; i < call.count(); i += 2) {
    if (!take_option(call, i, options)) return;
  }
  if (options.deliveries_max > 0 && options.dead_letter.empty())
    return call.fail("ERR MAXDELIVERIES needs DEADLETTER, the stream that gets the entries");
  if (options.dead_letter == call.args[2])
    return call.fail("ERR a stream cannot be its own DEADLETTER");
  if (!may_add_to(call, options.dead_letter))
    return call.fail("NOPERM No permissions to access a key");
  const catalog::Name stream = group.stream.thing->name;
  const std::string delay = options.delay.count() == 0 ? "" : std::to_string(options.delay.count());
  for (const auto& [property, value] : {std::pair(property_of(call.args[3]), written(options)),
                                        std::pair(delay_property_of(call.args[3]), delay)}) {
    const auto noted = call.service.broker().annotate(stream, property, value, call.now());
    if (!noted) return call.fail(noted.error());
  }
  // Whoever waits waits by the new options.
  call.service.group_changed(call.database(), call.args[2]);
  call.reply.ok();
}

void forget_group_options(Call& call, const catalog::Name& stream, ByteView group) {
  for (const std::string& property : {property_of(group), delay_property_of(group)}) {
    const catalog::Thing* thing = call.service.broker().catalog().find(stream);
    if (thing == nullptr || !thing->properties.contains(property)) continue;
    // A disk that refuses has refused the group's end already.
    (void)call.service.broker().annotate(stream, property, "", call.now());
  }
}

void move_dead(
    Call& call, const GroupKey& group, ByteView key, ByteView name, std::vector<Offset> offsets) {
  std::ranges::sort(offsets);
  const auto move = std::make_shared<Move>(Move{.service = call.service,
                                                .database = call.database(),
                                                .key = std::string(key),
                                                .group = std::string(name),
                                                .cell = group.cell,
                                                .log = group.stream.log});
  call.service.broker().read_records(
      group.stream.log, std::move(offsets),
      [move](const Result<std::vector<broker::Delivery>>& found) {
        if (!found || found->empty()) return;
        size_t bytes = 0;
        for (const broker::Delivery& delivery : *found) {
          bytes += delivery.record.key.value_or("").size() +
                   delivery.record.value.value_or("").size() + 256;
        }
        (void)move->service.in_turn(
            bytes, [&](keyspace::Transaction& keys) { return move_all(*move, *found, keys); });
      });
}

}  // namespace weir::redis
