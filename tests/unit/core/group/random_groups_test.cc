// Clients that join, sync, beat, leave, fall silent and come again at random, all doing what real
// ones do. Whatever happens: a partition has one owner in a generation, every ticket is answered at
// most once, and once the clients are left alone the group becomes stable with all of them in it.

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/random.h"
#include "core/group/membership.h"

namespace weir::group {
namespace {

struct Client {
  std::string id;
  std::optional<std::string> instance;
  bool joined = false;  // has a generation
  int32_t generation = -1;
  std::optional<Ticket> join;
  std::optional<Ticket> sync;
  bool must_sync = false;
  std::vector<std::string> to_assign;  // as leader
  std::string assignment;
};

class World {
 public:
  explicit World(uint64_t seed)
      : random_(seed), members_({.initial_delay = Milliseconds(seed % 3 * 100)}) {
    clients_.resize(2 + random_.below(4));
    for (size_t i = 0; i < clients_.size(); ++i) {
      if (random_.one_in(3)) clients_[i].instance = "static-" + std::to_string(i);
    }
  }

  void disturb() {
    Client& client = clients_[random_.below(clients_.size())];
    const uint64_t what = random_.below(20);
    if (what == 0) {
      leave(client);
    } else if (what == 1) {
      forget(client);  // crashed and started anew
    } else if (what == 2) {
      advance(Milliseconds(static_cast<int64_t>(random_.below(8000))));
    } else {
      work(client);
    }
  }

  bool settle() {
    for (int round = 0; round < 400; ++round) {
      for (Client& client : clients_) work(client);
      advance(Milliseconds(200));
      if (settled()) return true;
    }
    return false;
  }

 private:
  bool settled() const {
    if (members_.state() != State::kStable || members_.members().size() != clients_.size())
      return false;
    for (const Client& client : clients_) {
      if (!client.joined || client.generation != members_.generation() || client.assignment.empty())
        return false;
    }
    return true;
  }

  void work(Client& client) {
    if (client.join || client.sync) return;
    if (client.must_sync) return send_sync(client);
    if (!client.joined) return send_join(client);
    const auto error = members_.heartbeat(client.id, client.instance, client.generation, now_);
    if (error == ErrorCode::kRebalanceInProgress) return send_join(client);
    if (error) forget(client);
  }

  void send_join(Client& client) {
    JoinRequest join;
    join.member_id = client.id;
    join.instance_id = client.instance;
    join.fresh_member_id = "m" + std::to_string(++fresh_);
    join.protocol_type = "consumer";
    join.protocols = {{"range", {}}};
    join.session_timeout = Milliseconds(6000);
    join.rebalance_timeout = Milliseconds(9000);
    join.id_required_first = client.id.empty() && random_.one_in(2);
    join.skip_assignment_supported = random_.one_in(2);
    client.join = ++ticket_;
    Answers answers;
    members_.join(join, ticket_, now_, answers);
    deliver(answers);
  }

  void send_sync(Client& client) {
    client.must_sync = false;
    SyncRequest sync;
    sync.member_id = client.id;
    sync.instance_id = client.instance;
    sync.generation = client.generation;
    for (size_t i = 0; i < client.to_assign.size(); ++i) {
      sync.assignments.emplace_back(client.to_assign[i], Bytes::copy_of("p" + std::to_string(i)));
    }
    client.sync = ++ticket_;
    Answers answers;
    members_.sync(sync, ticket_, now_, answers);
    deliver(answers);
  }

  void leave(Client& client) {
    if (client.id.empty()) return;
    Answers answers;
    members_.leave({client.id, client.instance}, now_, answers);
    deliver(answers);
    forget(client);
  }

  static void forget(Client& client) {
    const auto instance = client.instance;
    client = {};
    client.instance = instance;
  }

  void advance(Milliseconds by) {
    now_ = now_ + by;
    if (members_.next_deadline() > now_) return;
    Answers answers;
    members_.expire(now_, answers);
    deliver(answers);
  }

  void deliver(const Answers& answers) {
    for (const JoinAnswer& answer : answers.joins) {
      ASSERT_TRUE(answered_.insert(answer.ticket).second) << "ticket answered twice";
      for (Client& client : clients_) {
        if (client.join == answer.ticket) joined(client, answer);
      }
    }
    for (const SyncAnswer& answer : answers.syncs) {
      ASSERT_TRUE(answered_.insert(answer.ticket).second) << "ticket answered twice";
      for (Client& client : clients_) {
        if (client.sync == answer.ticket) synced(client, answer);
      }
    }
  }

  void joined(Client& client, const JoinAnswer& answer) {
    client.join.reset();
    client.joined = false;
    if (answer.id_required) {
      client.id = answer.member_id;
      return;
    }
    if (answer.error) {
      if (*answer.error != ErrorCode::kRebalanceInProgress) forget(client);
      return;
    }
    client.id = answer.member_id;
    client.generation = answer.generation;
    client.must_sync = true;
    client.to_assign.clear();
    if (answer.leader == client.id && !answer.skip_assignment) {
      for (const JoinedMember& member : answer.members)
        client.to_assign.push_back(member.member_id);
    }
  }

  void synced(Client& client, const SyncAnswer& answer) {
    client.sync.reset();
    if (answer.error) {
      client.joined = false;
      if (*answer.error != ErrorCode::kRebalanceInProgress) forget(client);
      return;
    }
    client.joined = true;
    client.assignment = std::string(answer.assignment.view());
    if (client.assignment.empty()) return;
    const std::string owner = client.instance.value_or(client.id);
    const auto [found, fresh] = owners_.try_emplace({client.generation, client.assignment}, owner);
    ASSERT_EQ(found->second, owner)
        << "two owners of " << client.assignment << " in generation " << client.generation;
  }

  Random random_;
  Membership members_;
  std::vector<Client> clients_;
  std::map<std::pair<int32_t, std::string>, std::string> owners_;
  std::set<Ticket> answered_;
  Ticket ticket_ = 0;
  int fresh_ = 0;
  Timestamp now_{1'000'000};
};

TEST(RandomGroups, OneOwnerPerPartitionAndGenerationAndStableInTheEnd) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(seed);
    for (int step = 0; step < 300; ++step) {
      world.disturb();
      if (HasFatalFailure()) return;
    }
    ASSERT_TRUE(world.settle()) << "the group does not become stable";
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace weir::group
