#include "simulation/groups/classic_client.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>
#include <utility>

namespace weir::simulation {
namespace {

constexpr Milliseconds kSession{10'000};
constexpr Milliseconds kRebalance{20'000};
constexpr Milliseconds kRequestTimeout{30'000};

// The leader's assignor: every n-th partition, as text.
Bytes share_of(size_t index, size_t members, uint32_t partitions) {
  std::string text;
  for (size_t partition = index; partition < partitions; partition += members) {
    text += fmt::format("{},", partition);
  }
  return Bytes::take(std::move(text));
}

std::vector<uint32_t> numbers_in(ByteView text) {
  std::vector<uint32_t> numbers;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    uint32_t number = 0;
    std::from_chars(text.data(), text.data() + comma, number);
    numbers.push_back(number);
    text.remove_prefix(comma + 1);
  }
  return numbers;
}

}  // namespace

ClassicClient::ClassicClient(StormWorld& world, std::string group, size_t number, bool is_static)
    : world_(world),
      group_(std::move(group)),
      name_(fmt::format("client-{}", number)),
      instance_(is_static ? std::optional(fmt::format("instance-{}", number)) : std::nullopt) {}

void ClassicClient::act() {
  if (world_.now() < frozen_until_) return;
  if (waits_) {
    if (world_.now() >= gives_up_) disconnect();
    return;
  }
  if (!world_.calm) {
    const uint64_t dice = world_.random.below(400);
    if (dice == 0) return leave();
    if (dice == 1) return crash();
    if (dice < 4) frozen_until_ = world_.now() + Milliseconds(world_.random.below(40'000));
    if (dice < 8) haunt();
  }
  switch (phase_) {
    case Phase::kOut: return join();
    case Phase::kMustSync: return sync();
    case Phase::kIn: return world_.random.one_in(2) ? beat() : work();
  }
}

uint64_t ClassicClient::begin_wait() {
  waits_ = true;
  gives_up_ = world_.now() + kRequestTimeout;
  return ++request_;
}

void ClassicClient::disconnect() {
  waits_ = false;
  ++request_;
  phase_ = Phase::kOut;
  owned_->clear();
}

void ClassicClient::join() {
  owned_->clear();
  group::JoinRequest request;
  request.member_id = id_;
  request.instance_id = instance_;
  request.client_id = name_;
  request.protocol_type = "consumer";
  request.protocols = {{"every-nth", {}}};
  request.session_timeout = kSession;
  request.rebalance_timeout = kRebalance;
  request.id_required_first = !instance_ && world_.random.one_in(2);
  request.skip_assignment_supported = world_.random.one_in(2);
  const bool lost = !world_.calm && world_.random.one_in(50);
  world_.coordinator->join(group_, std::move(request),
                           [this, number = begin_wait(), lost,
                            alive = std::weak_ptr(alive_)](const group::JoinAnswer& answer) {
                             if (alive.expired() || number != request_ || lost) return;
                             joined(answer);
                           });
}

void ClassicClient::joined(const group::JoinAnswer& answer) {
  waits_ = false;
  if (answer.id_required) {
    id_ = answer.member_id;
    return;
  }
  if (answer.error) {
    if (*answer.error != ErrorCode::kRebalanceInProgress) id_.clear();
    return;
  }
  id_ = answer.member_id;
  generation_ = answer.generation;
  phase_ = Phase::kMustSync;
  to_assign_.clear();
  if (answer.leader != id_ || answer.skip_assignment) return;
  for (const group::JoinedMember& member : answer.members) to_assign_.push_back(member.member_id);
}

void ClassicClient::sync() {
  group::SyncRequest request;
  request.member_id = id_;
  request.instance_id = instance_;
  request.generation = generation_;
  for (size_t i = 0; i < to_assign_.size(); ++i) {
    request.assignments.emplace_back(to_assign_[i],
                                     share_of(i, to_assign_.size(), world_.partitions));
  }
  const bool lost = !world_.calm && world_.random.one_in(50);
  world_.coordinator->sync(group_, request,
                           [this, number = begin_wait(), lost,
                            alive = std::weak_ptr(alive_)](const group::SyncAnswer& answer) {
                             if (alive.expired() || number != request_ || lost) return;
                             synced(answer);
                           });
}

void ClassicClient::synced(const group::SyncAnswer& answer) {
  waits_ = false;
  phase_ = Phase::kOut;
  if (answer.error) {
    if (*answer.error != ErrorCode::kRebalanceInProgress) id_.clear();
    return;
  }
  phase_ = Phase::kIn;
  for (const uint32_t partition : numbers_in(answer.assignment.view())) {
    (*owned_)[partition] = {.offset = -1, .turn = ++world_.turns};
    world_.auditor.assigned(group_, generation_, partition, instance_.value_or(id_));
  }
}

void ClassicClient::beat() {
  const auto error = world_.coordinator->heartbeat(group_, id_, instance_, generation_);
  if (!error) return;
  if (*error != ErrorCode::kRebalanceInProgress) id_.clear();
  phase_ = Phase::kOut;
}

void ClassicClient::work() {
  if (owned_->empty()) return beat();
  auto place = owned_->begin();
  std::advance(place, static_cast<ptrdiff_t>(world_.random.below(owned_->size())));
  work_on(world_, {group_, id_, instance_, generation_}, owned_, place->first);
}

void ClassicClient::leave() {
  if (!id_.empty()) static_cast<void>(world_.coordinator->leave(group_, {id_, instance_}));
  forget();
}

// Its process ends without a word, and another one begins; what the old one was about to commit
// may still arrive.
void ClassicClient::crash() {
  ghost_ = {group_, id_, instance_, generation_};
  haunted_ = *owned_;
  forget();
}

void ClassicClient::haunt() {
  for (const auto& [partition, position] : haunted_) {
    if (position.offset >= 0) commit(world_, ghost_, partition, position.offset + 1, true);
  }
  haunted_.clear();
}

void ClassicClient::forget() {
  disconnect();
  id_.clear();
  generation_ = -1;
}

}  // namespace weir::simulation
