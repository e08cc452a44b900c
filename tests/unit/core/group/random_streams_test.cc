// Storms of members of a streams group: they join, beat, give up slowly, lose answers, leave, fall
// silent, while topics grow, go and come back. At every moment no task is active twice, and no
// process has a task twice; when the storm is over everybody comes to rest with everything shared
// out.

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string>

#include "base/random.h"
#include "core/group/streams_group.h"
#include "tests/unit/core/group/streams_world.h"

namespace weir::group {
namespace {

struct Client {
  std::string id;
  std::string process;
  int32_t epoch = 0;
  Assignment owned;
  std::optional<Assignment> wanted;  // what it was told, while it still gives up the rest
  bool tell_all = true;

  void forget() {
    epoch = 0;
    owned = {};
    wanted.reset();
    tell_all = true;
  }
};

Tasks common(const Tasks& a, const Tasks& b) {
  Tasks both;
  std::ranges::set_intersection(a, b, std::back_inserter(both));
  return both;
}

class StreamsStorm {
 public:
  StreamsStorm(uint64_t seed, size_t clients) : random_(seed), clients_(clients) {
    topics_.put("words", 6);
    for (size_t i = 0; i < clients_.size(); ++i) {
      clients_[i].id = "m" + std::to_string(i);
      clients_[i].process = "p" + std::to_string(i % (1 + clients / 2));
    }
  }

  void step() {
    Client& client = clients_[random_.below(clients_.size())];
    const uint64_t dice = random_.below(100);
    if (dice < 75) {
      beat(client, random_.below(10) == 0);
    } else if (dice < 81) {
      leave(client);
    } else if (dice < 83) {
      topics_.remove(random_.below(2) == 0 ? "words" : "by-word");
      topics_.remove("counts");
    } else if (dice < 85) {
      resize(static_cast<uint32_t>(1 + random_.below(9)));
    } else if (dice < 87) {
      config_.standbys = static_cast<uint32_t>(random_.below(3));
      group_.configure(config_);
    } else {
      now_ = now_ + Milliseconds(static_cast<int64_t>(random_.below(6'000)));
      group_.expire(now_);
    }
    check();
  }

  void calm() {
    calm_ = true;
    config_.standbys = 1;
    group_.configure(config_);
    resize(7);
    for (int round = 0; round < 14; ++round) {
      now_ = now_ + Milliseconds(1'000);
      group_.expire(now_);
      for (Client& client : clients_) {
        beat(client, false);
        check();
      }
    }
    EXPECT_EQ(group_.state(), StreamsGroup::State::kStable);
    size_t active = 0;
    size_t standby = 0;
    size_t least = SIZE_MAX;
    size_t most = 0;
    std::set<std::string> processes;
    for (const Client& client : clients_) {
      EXPECT_EQ(client.owned, group_.members().at(client.id).assigned);
      processes.insert(client.process);
      active += client.owned.active.size();
      standby += client.owned.standby.size();
      least = std::min(least, client.owned.active.size());
      most = std::max(most, client.owned.active.size());
    }
    EXPECT_EQ(active, 14U);
    EXPECT_EQ(standby, processes.size() > 1 ? 7U : 0U);
    EXPECT_LE(most, least + 1);
  }

 private:
  void resize(uint32_t partitions) {
    for (const auto* name : {"words", "by-word", "counts"}) {
      topics_.remove(name);
      topics_.put(name, partitions);
    }
  }

  void beat(Client& client, bool lose_answer) {
    if (client.wanted && (calm_ || random_.below(2) == 0)) {
      client.owned = *client.wanted;
      client.wanted.reset();
    }
    StreamsHeartbeat request =
        client.epoch == 0 ? joining(client.id, client.process) : beating(client.id, client.epoch);
    if (client.epoch != 0 && (client.tell_all || calm_ || random_.below(2) == 0)) {
      request.owned = named(client.owned);
    }
    const auto answer = group_.heartbeat(request, topics_, maker_, now_);
    if (!answer) {
      EXPECT_TRUE(answer.error().denial == Denial::kUnknownMember ||
                  answer.error().denial == Denial::kFencedEpoch)
          << answer.error().detail;
      return client.forget();
    }
    client.tell_all = lose_answer;
    if (lose_answer) {
      // It asks for everything again, and takes up nothing older meanwhile.
      client.wanted.reset();
      return;
    }
    EXPECT_GT(answer->epoch, 0);
    client.epoch = answer->epoch;
    if (!answer->assigned) return;
    const bool gives_up =
        common(client.owned.active, answer->assigned->active) != client.owned.active ||
        common(client.owned.standby, answer->assigned->standby) != client.owned.standby;
    if (!gives_up || random_.below(2) == 0) {
      client.owned = *answer->assigned;
      client.wanted.reset();
    } else {
      client.wanted = *answer->assigned;
    }
  }

  void leave(Client& client) {
    if (client.epoch == 0) return;
    static_cast<void>(group_.heartbeat(beating(client.id, kLeaveEpoch), topics_, maker_, now_));
    client.forget();
  }

  // Of those who may still commit.
  void check() {
    std::set<Task> active;
    std::set<std::pair<std::string, Task>> in_process;
    for (const Client& client : clients_) {
      if (client.epoch == 0 || group_.may_commit(client.id, client.epoch)) continue;
      const auto& member = group_.members().at(client.id);
      if (client.epoch != member.epoch) continue;
      for (const Task& task : client.owned.active) {
        EXPECT_TRUE(active.insert(task).second) << client.id << " " << task.partition;
        EXPECT_TRUE(in_process.emplace(client.process, task).second);
        EXPECT_TRUE(member.active_since.contains(task));
      }
      for (const Task& task : client.owned.standby) {
        EXPECT_TRUE(in_process.emplace(client.process, task).second);
      }
    }
    for (const auto& [id, member] : group_.members()) {
      EXPECT_LE(member.epoch, group_.target_epoch());
      EXPECT_LE(group_.target_epoch(), group_.epoch());
      EXPECT_EQ(member.active_since.size(),
                member.assigned.active.size() + member.revoking.active.size());
    }
  }

  Random random_;
  KnownTopics topics_;
  Making maker_{topics_};
  StreamsConfig config_;
  std::vector<Client> clients_;
  StreamsGroup group_;
  Timestamp now_{1'000'000};
  bool calm_ = false;  // everybody does at once what it is told
};

TEST(RandomStreams, NoTaskIsActiveTwiceAndEverythingComesToRest) {
  for (uint64_t seed = 1; seed <= 120; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    StreamsStorm storm(seed, 1 + seed % 9);
    for (int i = 0; i < 600; ++i) storm.step();
    storm.calm();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace weir::group
