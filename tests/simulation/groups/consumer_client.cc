#include "simulation/groups/consumer_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::simulation {
namespace {

constexpr Milliseconds kRebalance{20'000};

}  // namespace

ConsumerClient::ConsumerClient(StormWorld& world, std::string group, size_t number, bool is_static)
    : world_(world),
      group_(std::move(group)),
      name_(fmt::format("member-{}", number)),
      instance_(is_static ? std::optional(fmt::format("instance-{}", number)) : std::nullopt),
      id_(name_ + "-0") {}

void ConsumerClient::act() {
  if (world_.now() < frozen_until_) return;
  if (!world_.calm) {
    const uint64_t dice = world_.random.below(400);
    if (dice == 0) return leave();
    if (dice == 1) return crash();
    if (dice < 4) frozen_until_ = world_.now() + Milliseconds(world_.random.below(80'000));
    if (dice < 8) haunt();
  }
  if (wanted_ && (world_.calm || world_.random.one_in(2))) give_up();
  if (epoch_ == group::kJoinEpoch || world_.random.one_in(2)) return beat();
  work();
}

bool ConsumerClient::is_in() const {
  return epoch_ > 0 && world_.coordinator->may_commit(group_, id_, instance_, epoch_, true) ==
                           kafka::KafkaError::kNone;
}

group::Partitions ConsumerClient::owned_partitions() const {
  group::Partitions partitions;
  for (const auto& [partition, position] : *owned_) partitions.push_back({world_.topic, partition});
  return partitions;
}

void ConsumerClient::beat() {
  group::ConsumerHeartbeat request;
  request.member_id = id_;
  request.instance_id = instance_;
  request.epoch = epoch_;
  request.client_id = name_;
  if (epoch_ == group::kJoinEpoch || tell_all_) {
    request.names = {world_.topic_name};
    request.rebalance_timeout = kRebalance;
  }
  if (epoch_ == group::kJoinEpoch || tell_all_ || world_.calm || world_.random.one_in(2)) {
    request.owned = owned_partitions();
  }
  const kafka::Coordinator::Beat answer = world_.coordinator->beat(group_, request);
  if (!world_.calm && world_.random.one_in(20)) {
    // The answer is lost: it asks for everything again, and takes up nothing older meanwhile.
    tell_all_ = true;
    wanted_.reset();
    return;
  }
  if (answer.error != kafka::KafkaError::kNone) {
    epoch_ = group::kJoinEpoch;
    tell_all_ = true;
    owned_->clear();
    wanted_.reset();
    return;
  }
  tell_all_ = false;
  take(answer.answer);
}

void ConsumerClient::take(const group::HeartbeatAnswer& answer) {
  epoch_ = answer.epoch;
  if (!answer.assigned) return;
  wanted_ = answer.assigned;
  for (const group::TopicPartition& own : owned_partitions()) {
    if (!std::ranges::binary_search(*wanted_, own)) return;  // gives up first, in its own time
  }
  give_up();
}

void ConsumerClient::give_up() {
  OwnedPartitions next;
  for (const group::TopicPartition& partition : *wanted_) {
    const auto had = owned_->find(partition.partition);
    next[partition.partition] =
        had == owned_->end() ? Position{.offset = -1, .turn = ++world_.turns} : had->second;
  }
  *owned_ = std::move(next);
  wanted_.reset();
}

void ConsumerClient::work() {
  if (owned_->empty()) return beat();
  auto place = owned_->begin();
  std::advance(place, static_cast<ptrdiff_t>(world_.random.below(owned_->size())));
  // Where it stands is asked in one breath with being the owner: whoever is not any more must not
  // rely on it.
  if (place->second.offset < 0 && !is_in()) return beat();
  work_on(world_, {group_, id_, instance_, epoch_}, owned_, place->first);
}

void ConsumerClient::leave() {
  if (epoch_ > 0) {
    group::ConsumerHeartbeat request;
    request.member_id = id_;
    request.instance_id = instance_;
    request.epoch =
        instance_ && world_.random.one_in(2) ? group::kStaticLeaveEpoch : group::kLeaveEpoch;
    static_cast<void>(world_.coordinator->beat(group_, request));
  }
  forget();
}

void ConsumerClient::crash() {
  ghost_ = {group_, id_, instance_, epoch_};
  haunted_ = *owned_;
  forget();
}

void ConsumerClient::haunt() {
  for (const auto& [partition, position] : haunted_) {
    if (position.offset >= 0) commit(world_, ghost_, partition, position.offset + 1, true);
  }
  haunted_.clear();
}

// Another process, hence another member id.
void ConsumerClient::forget() {
  id_ = fmt::format("{}-{}", name_, ++lives_);
  epoch_ = group::kJoinEpoch;
  tell_all_ = true;
  owned_->clear();
  wanted_.reset();
}

}  // namespace weir::simulation
