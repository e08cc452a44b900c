// Streams groups (KIP-1071): the coordinator's part of a heartbeat. What the topology of a group
// asks for is made at once, in the name of the member that beats.

#include <fmt/format.h>

#include <algorithm>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/coordinator.h"
#include "protocols/kafka/denials.h"
#include "protocols/kafka/group_config.h"
#include "protocols/kafka/quota/mutations.h"
#include "protocols/kafka/topic_config.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

using broker::GroupCell;

class InternalTopicMaker final : public group::TopicMaker {
 public:
  InternalTopicMaker(broker::Broker& broker,
                     const Config& config,
                     const Peer& peer,
                     Mutations& mutations,
                     Timestamp now)
      : broker_(broker), config_(config), peer_(peer), mutations_(mutations), now_(now) {}

  // All or, when one may not be made, none.
  std::string make(const std::vector<group::InternalTopic>& topics) override {
    const Authorizer authorizer(broker_, config_, peer_);
    std::vector<broker::TopicSpec> specs;
    size_t partitions = 0;
    for (const group::InternalTopic& topic : topics) {
      if (!authorizer.cluster(Operation::kCreate) &&
          !authorizer.topic(Operation::kCreate, topic.name)) {
        return fmt::format("The member may not create the topic {}.", topic.name);
      }
      auto spec = specify(topic);
      if (!spec) return cannot_make(topic.name, spec.error());
      partitions += spec->partitions;
      specs.push_back(std::move(*spec));
    }
    if (!mutations_.take(partitions)) {
      return "They cannot be made: the quota controller_mutation_rate is used up.";
    }
    for (const broker::TopicSpec& spec : specs) {
      const auto made = broker_.create_topic(spec, now_);
      if (!made) return cannot_make(spec.name.name, made.error());
    }
    return {};
  }

 private:
  static std::string cannot_make(const std::string& topic, const Error& error) {
    return fmt::format("The topic {} cannot be made: {}.", topic, error.message);
  }

  Result<broker::TopicSpec> specify(const group::InternalTopic& topic) const {
    if (topic.copies > 1) {
      return fail(ErrorCode::kInvalidArgument, "there is one broker, hence one copy");
    }
    broker::TopicSpec spec = default_topic(topic.name, config_);
    spec.partitions = topic.partitions;
    for (const auto& [name, value] : topic.settings) {
      auto set = set_topic_setting(name, value, config_, spec.log, spec.properties);
      if (!set) return std::unexpected(std::move(set.error()));
    }
    return spec;
  }

  broker::Broker& broker_;
  const Config& config_;
  const Peer& peer_;
  Mutations& mutations_;
  const Timestamp now_;
};

}  // namespace

Coordinator::StreamsBeat Coordinator::beat(const std::string& group,
                                           const group::StreamsHeartbeat& request,
                                           const Peer& peer,
                                           Mutations& mutations) {
  std::optional<ErrorCode> error;
  GroupCell* cell = request.epoch == group::kJoinEpoch ? find_or_make(group, error) : find(group);
  if (error) return {.error = group_error(*error)};
  // Also whoever was in it before a restart, who begins anew then. (Apache Kafka remembers members,
  // and says GROUP_ID_NOT_FOUND to others; its clients take that for the end.)
  if (!cell) return {.error = KafkaError::kUnknownMemberId};
  if (!cell->members.members().empty() || !cell->consumers.members().empty()) {
    return {.error = KafkaError::kGroupIdNotFound,
            .message = "this is not a group of Kafka Streams"};
  }
  // Internal topics and the topology that they come from are one commit.
  const bool brings = request.topology && request.topology != cell->streams.topology();
  std::optional<broker::Broker::Turn> turn;
  if (brings) {
    turn.emplace(broker_, now());
    if (!turn->ok()) return {.error = group_error(turn->status().error().code)};
  }
  InternalTopicMaker maker(broker_, config_, peer, mutations, now());
  const auto answer = cell->streams.heartbeat(request, topics_, maker, now());
  if (brings && request.topology == cell->streams.topology()) {
    broker_.journal_event(*broker_.catalog().find_group({"", group}),
                          GroupCell::encoded(cell->streams.topology()));
  }
  arm(group, *cell);
  if (!answer) {
    forget_unused(group);
    return {.error = denial_error(answer.error().denial), .message = answer.error().detail};
  }
  cell->kind = broker::GroupKind::kStreams;
  cell->used = true;
  const Milliseconds interval = streams_heartbeat_interval(cell->settings, config_);
  return {.answer = *answer, .interval = std::min(interval, answer->again_in.value_or(interval))};
}

KafkaError Coordinator::forget_topology(const std::string& group, GroupCell& cell) {
  if (!cell.streams.topology()) return KafkaError::kNone;
  const broker::Broker::Turn turn(broker_, now(), broker::Admission::kRelease);
  if (!turn.ok()) return group_error(turn.status().error().code);
  cell.streams.restore(std::nullopt);
  broker_.journal_event(*broker_.catalog().find_group({"", group}),
                        GroupCell::encoded(std::optional<group::Topology>()));
  return KafkaError::kNone;
}

}  // namespace weir::kafka
