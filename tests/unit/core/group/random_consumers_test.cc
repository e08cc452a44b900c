// Storms of members: they join, beat, give up slowly, lose answers, leave, freeze, change what they
// read, while topics come and go. At every moment no partition has two members; when the storm is
// over everybody comes to rest with everything shared out.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/random.h"
#include "core/group/consumer_group.h"
#include "tests/unit/core/group/known_topics.h"

namespace weir::group {
namespace {

struct Client {
  std::string id;
  std::optional<std::string> instance;
  int32_t epoch = 0;
  Partitions owned;
  std::optional<Partitions> wanted;  // what it was told, while it still gives up the rest
  std::vector<std::string> names;
  std::string pattern;
  bool in = false;
  bool tell_all = true;

  void forget() {
    epoch = 0;
    owned.clear();
    wanted.reset();
    tell_all = true;
  }
};

class Storm {
 public:
  Storm(uint64_t seed, size_t clients) : random_(seed), clients_(clients) {
    topics_.put("t0", 12);
    topics_.put("t1", 5);
    for (size_t i = 0; i < clients_.size(); ++i) {
      clients_[i].id = "m" + std::to_string(i);
      clients_[i].names = {"t0", "t1"};
      if (i % 4 == 3) clients_[i].instance = "i" + std::to_string(i);
    }
  }

  void step() {
    Client& client = clients_[random_.below(clients_.size())];
    const uint64_t dice = random_.below(100);
    if (dice < 70) {
      beat(client, random_.below(10) == 0);
    } else if (dice < 76) {
      leave(client);
    } else if (dice < 82) {
      client.names = random_.below(2) == 0 ? std::vector<std::string>{"t0"}
                                           : std::vector<std::string>{"t0", "t1", "t2"};
      client.pattern = random_.below(3) == 0 ? "t[12]" : "";
      client.tell_all = true;
    } else if (dice < 86) {
      const std::string name = "t" + std::to_string(1 + random_.below(3));
      if (random_.below(3) == 0)
        topics_.remove(name);
      else if (!topics_.find(name))
        topics_.put(name, 1 + static_cast<uint32_t>(random_.below(9)));
      else
        topics_.put(name, topics_.find(name)->partitions + 1);
    } else {
      now_ = now_ + Milliseconds(static_cast<int64_t>(random_.below(6'000)));
      group_.expire(now_);
    }
    check();
  }

  void calm() {
    calm_ = true;
    for (Client& client : clients_) {
      client.names = {"t0", "t1"};
      client.pattern.clear();
      client.tell_all = true;
    }
    topics_.put("t1", 20);
    for (int round = 0; round < 12; ++round) {
      now_ = now_ + Milliseconds(1'000);
      group_.expire(now_);
      for (Client& client : clients_) {
        beat(client, false);
        check();
      }
    }
    EXPECT_EQ(group_.state(), ConsumerGroup::State::kStable);
    size_t total = 0;
    size_t least = SIZE_MAX;
    size_t most = 0;
    for (const Client& client : clients_) {
      EXPECT_EQ(client.owned, group_.members().at(client.id).assigned);
      total += client.owned.size();
      least = std::min(least, client.owned.size());
      most = std::max(most, client.owned.size());
    }
    EXPECT_EQ(total, topics_.find("t0")->partitions + 20U);
    EXPECT_LE(most, least + 1);
  }

 private:
  void beat(Client& client, bool lose_answer) {
    if (client.wanted && (calm_ || random_.below(2) == 0)) {
      client.owned = *client.wanted;
      client.wanted.reset();
    }
    ConsumerHeartbeat request;
    request.member_id = client.id;
    request.instance_id = client.instance;
    request.epoch = client.epoch;
    if (client.epoch == 0 || client.tell_all) {
      request.names = client.names;
      request.pattern = client.pattern;
      request.rebalance_timeout = Milliseconds(30'000);
    }
    if (client.epoch == 0 || client.tell_all || calm_ || random_.below(2) == 0) {
      request.owned = client.owned;
    }
    const auto answer = group_.heartbeat(request, topics_, now_);
    client.in = true;
    if (!answer) {
      EXPECT_NE(answer.error(), Denial::kFull);
      return client.forget();
    }
    client.tell_all = lose_answer;
    if (lose_answer) {
      // It asks for everything again, and takes up nothing older meanwhile.
      client.wanted.reset();
      return;
    }
    client.epoch = answer->epoch;
    if (!answer->assigned) return;
    Partitions kept;
    std::ranges::set_intersection(client.owned, *answer->assigned, std::back_inserter(kept));
    if (kept == client.owned || random_.below(2) == 0) {
      client.owned = *answer->assigned;
      client.wanted.reset();
    } else {
      client.wanted = *answer->assigned;
    }
  }

  void leave(Client& client) {
    if (client.epoch == 0) return;
    ConsumerHeartbeat request;
    request.member_id = client.id;
    request.instance_id = client.instance;
    request.epoch = client.instance && random_.below(2) == 0 ? kStaticLeaveEpoch : kLeaveEpoch;
    static_cast<void>(group_.heartbeat(request, topics_, now_));
    client.forget();
  }

  // Whoever may still commit owns nothing that the group has not left to it.
  void check() {
    absl::btree_map<TopicPartition, std::string> owners;
    for (const Client& client : clients_) {
      if (client.epoch == 0 || group_.may_commit(client.id, client.epoch)) continue;
      const auto& member = group_.members().at(client.id);
      for (const TopicPartition& partition : client.owned) {
        EXPECT_TRUE(std::ranges::binary_search(member.assigned, partition) ||
                    std::ranges::binary_search(member.revoking, partition))
            << client.id << " owns " << partition.partition;
        EXPECT_TRUE(owners.emplace(partition, client.id).second);
      }
    }
    for (const auto& [id, member] : group_.members()) {
      EXPECT_LE(member.epoch, group_.target_epoch());
      EXPECT_LE(group_.target_epoch(), group_.epoch());
    }
  }

  Random random_;
  KnownTopics topics_;
  std::vector<Client> clients_;
  ConsumerGroup group_;
  Timestamp now_{1'000'000};
  bool calm_ = false;  // everybody does at once what it is told
};

TEST(RandomConsumers, NoPartitionHasTwoMembersAndEverythingComesToRest) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Storm storm(seed, 2 + seed % 9);
    for (int i = 0; i < 600; ++i) storm.step();
    storm.calm();
    if (testing::Test::HasFailure()) return;
  }
}

TEST(RandomConsumers, HundredsOfMembersComeToRest) {
  Storm storm(7, 300);
  for (int i = 0; i < 6'000; ++i) storm.step();
  storm.calm();
}

}  // namespace
}  // namespace weir::group
