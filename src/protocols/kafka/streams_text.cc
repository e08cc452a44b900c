#include "protocols/kafka/streams_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocols/kafka/group_text.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

using Request = StreamsGroupHeartbeatRequest;

using Refusal = std::optional<StreamsRefused>;

StreamsRefused invalid(std::string message) {
  return {KafkaError::kInvalidRequest, std::move(message)};
}

StreamsRefused wrong_topology(std::string message) {
  return {KafkaError::kStreamsInvalidTopology, std::move(message)};
}

bool is_empty(const std::optional<Bytes>& text) {
  return text && text->empty();
}

template <typename T>
bool has_any(const std::optional<std::vector<T>>& list) {
  return list && !list->empty();
}

// ---- sizes

size_t size_of(const std::vector<Request::KeyValue>& pairs) {
  size_t bytes = 0;
  for (const auto& [key, value] : pairs) bytes += key.size() + value.size();
  return bytes;
}

size_t size_of(const std::vector<Request::TopicInfo>& topics) {
  size_t bytes = 0;
  for (const auto& topic : topics) bytes += topic.name.size() + size_of(topic.topic_configs);
  return bytes;
}

size_t size_of(const std::vector<Bytes>& names) {
  size_t bytes = 0;
  for (const Bytes& name : names) bytes += name.size();
  return bytes;
}

size_t bytes_brought(const Request& request) {
  size_t bytes = request.member_id.size();
  for (const auto* text : {&request.rack_id, &request.process_id}) {
    if (*text) bytes += (*text)->size();
  }
  if (request.client_tags) bytes += size_of(*request.client_tags);
  if (request.user_endpoint) bytes += request.user_endpoint->host.size();
  if (!request.topology) return bytes;
  for (const auto& part : request.topology->subtopologies) {
    bytes += part.subtopology_id.size() + size_of(part.source_topics) +
             size_of(part.state_changelog_topics) + size_of(part.repartition_sink_topics) +
             size_of(part.repartition_source_topics);
  }
  return bytes;
}

// How many topics are named, each time that one is.
size_t topics_named(const Request::Topology& topology) {
  size_t count = 0;
  for (const auto& part : topology.subtopologies) {
    count += part.source_topics.size() + part.repartition_sink_topics.size() +
             part.state_changelog_topics.size() + part.repartition_source_topics.size();
    for (const auto& group : part.copartition_groups) {
      count += 1 + group.source_topics.size() + group.repartition_source_topics.size();
    }
  }
  return count;
}

// ---- what may not be

Refusal check_features(const Request& request) {
  if (request.instance_id) return invalid("there are no static members in streams groups");
  if (request.task_offsets || request.task_end_offsets) {
    return invalid("offsets of tasks are not asked for");
  }
  if (has_any(request.warmup_tasks)) return invalid("there are no warm-up tasks");
  if (!request.topology) return std::nullopt;
  for (const auto& part : request.topology->subtopologies) {
    if (!part.source_topic_regex.empty()) {
      return invalid("source topics are given by name, not by patterns");
    }
  }
  return std::nullopt;
}

Refusal check_join(const Request& request) {
  if (request.rebalance_timeout_ms < 0) return invalid("whoever joins says its rebalance timeout");
  if (has_any(request.active_tasks) || has_any(request.standby_tasks)) {
    return invalid("whoever joins has no tasks");
  }
  if (!request.topology) return invalid("whoever joins brings its topology");
  return std::nullopt;
}

Refusal check(const Request& request, size_t bytes_max) {
  if (auto refusal = check_features(request)) return refusal;
  if (request.member_id.empty()) return invalid("the member needs an id");
  if (request.group_id.empty()) {
    return StreamsRefused{KafkaError::kInvalidRequest, "the group needs a name"};
  }
  if (is_empty(request.rack_id)) return invalid("a rack must not be empty");
  if (request.member_epoch < group::kStaticLeaveEpoch) return invalid("there is no such epoch");
  if (request.member_epoch == group::kStaticLeaveEpoch) {
    return invalid("only a static member leaves for a while");
  }
  if (request.member_epoch == group::kJoinEpoch) {
    if (auto refusal = check_join(request)) return refusal;
  } else if (request.topology) {
    return invalid("only whoever joins brings a topology");
  }
  const bool some = request.active_tasks || request.standby_tasks || request.warmup_tasks;
  const bool all = request.active_tasks && request.standby_tasks && request.warmup_tasks;
  if (some && !all) return invalid("a member tells all kinds of its tasks or none");
  if (request.rebalance_timeout_ms < -1) return invalid("a timeout must not be negative");
  if (bytes_brought(request) > bytes_max) return invalid("the member brings too much");
  return std::nullopt;
}

// ---- the topology

std::vector<std::string> sorted(const std::vector<Bytes>& names) {
  std::vector<std::string> texts;
  texts.reserve(names.size());
  for (const Bytes& name : names) texts.push_back(text_of(name));
  std::ranges::sort(texts);
  texts.erase(std::ranges::unique(texts).begin(), texts.end());
  return texts;
}

std::expected<std::vector<group::InternalTopic>, StreamsRefused> internal_topics(
    const std::vector<Request::TopicInfo>& infos) {
  std::vector<group::InternalTopic> topics;
  for (const Request::TopicInfo& info : infos) {
    if (info.partitions < 0) {
      return std::unexpected(wrong_topology(fmt::format("the topic {} cannot have {} partitions",
                                                        info.name.view(), info.partitions)));
    }
    auto& topic = topics.emplace_back();
    topic.name = text_of(info.name);
    topic.partitions = static_cast<uint32_t>(info.partitions);
    topic.copies = info.replication_factor;
    for (const auto& [key, value] : info.topic_configs) {
      topic.settings.emplace_back(text_of(key), text_of(value));
    }
    std::ranges::sort(topic.settings);
  }
  std::ranges::sort(topics, {}, &group::InternalTopic::name);
  const auto twice = std::ranges::adjacent_find(topics, {}, &group::InternalTopic::name);
  if (twice != topics.end()) {
    return std::unexpected(wrong_topology(fmt::format("the topic {} is there twice", twice->name)));
  }
  return topics;
}

// Places in lists of the request become names.
Refusal copartitioned(const Request::Subtopology& from, group::Subtopology& part) {
  for (const auto& group : from.copartition_groups) {
    auto& names = part.copartitioned.emplace_back();
    for (const int16_t place : group.source_topics) {
      if (place < 0 || static_cast<size_t>(place) >= from.source_topics.size()) {
        return wrong_topology("a copartition group names a source topic that is not there");
      }
      names.push_back(text_of(from.source_topics[static_cast<size_t>(place)]));
    }
    for (const int16_t place : group.repartition_source_topics) {
      if (place < 0 || static_cast<size_t>(place) >= from.repartition_source_topics.size()) {
        return wrong_topology("a copartition group names a repartition topic that is not there");
      }
      names.push_back(text_of(from.repartition_source_topics[static_cast<size_t>(place)].name));
    }
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
  }
  std::ranges::sort(part.copartitioned);
  return std::nullopt;
}

std::expected<group::Subtopology, StreamsRefused> subtopology(const Request::Subtopology& from) {
  group::Subtopology part;
  part.id = text_of(from.subtopology_id);
  part.sources = sorted(from.source_topics);
  part.sinks = sorted(from.repartition_sink_topics);
  auto repartitions = internal_topics(from.repartition_source_topics);
  if (!repartitions) return std::unexpected(std::move(repartitions.error()));
  part.repartitions = std::move(*repartitions);
  auto changelogs = internal_topics(from.state_changelog_topics);
  if (!changelogs) return std::unexpected(std::move(changelogs.error()));
  part.changelogs = std::move(*changelogs);
  for (const group::InternalTopic& topic : part.changelogs) {
    if (topic.partitions == 0) continue;
    return std::unexpected(wrong_topology(fmt::format(
        "the changelog {} has a partition for each task, not {}", topic.name, topic.partitions)));
  }
  if (auto refusal = copartitioned(from, part)) return std::unexpected(std::move(*refusal));
  return part;
}

std::expected<group::Topology, StreamsRefused> topology(const Request::Topology& from) {
  if (from.subtopologies.size() > group::Topology::kPartsMax ||
      topics_named(from) > group::Topology::kTopicsMax) {
    return std::unexpected(
        wrong_topology(fmt::format("a topology has at most {} parts and names {} topics",
                                   group::Topology::kPartsMax, group::Topology::kTopicsMax)));
  }
  group::Topology topology{.epoch = from.epoch};
  for (const Request::Subtopology& one : from.subtopologies) {
    auto part = subtopology(one);
    if (!part) return std::unexpected(std::move(part.error()));
    topology.parts.push_back(std::move(*part));
  }
  std::ranges::sort(topology.parts, {}, &group::Subtopology::id);
  const auto twice = std::ranges::adjacent_find(topology.parts, {}, &group::Subtopology::id);
  if (twice != topology.parts.end()) {
    return std::unexpected(wrong_topology(fmt::format("the part {} is there twice", twice->id)));
  }
  for (const std::string& name : topics_of(topology)) {
    if (is_valid_topic_name(name)) continue;
    return std::unexpected(wrong_topology(fmt::format("{}: {}", name, kTopicNameRule)));
  }
  return topology;
}

group::NamedTasks named(const std::vector<Request::TaskIds>& tasks) {
  group::NamedTasks named;
  named.reserve(tasks.size());
  for (const auto& [part, partitions] : tasks) named.emplace_back(text_of(part), partitions);
  return named;
}

// ---- answers

using Described = StreamsGroupDescribeResponse;

std::vector<Bytes> texts(const std::vector<std::string>& names) {
  std::vector<Bytes> bytes;
  bytes.reserve(names.size());
  for (const std::string& name : names) bytes.push_back(Bytes::copy_of(name));
  return bytes;
}

std::vector<Described::TopicInfo> infos(const std::vector<group::InternalTopic>& topics,
                                        const group::TaskPlan& plan) {
  std::vector<Described::TopicInfo> infos;
  for (const group::InternalTopic& topic : topics) {
    auto& info = infos.emplace_back();
    info.name = Bytes::copy_of(topic.name);
    const auto known = plan.partitions.find(topic.name);
    const bool ready = !plan.problem && known != plan.partitions.end();
    info.partitions = static_cast<int32_t>(ready ? known->second : topic.partitions);
    info.replication_factor = topic.copies;
    for (const auto& [key, value] : topic.settings) {
      info.topic_configs.push_back({Bytes::copy_of(key), Bytes::copy_of(value)});
    }
  }
  return infos;
}

std::optional<Described::Endpoint> endpoint(const std::optional<group::Endpoint>& endpoint) {
  if (!endpoint) return std::nullopt;
  return Described::Endpoint{Bytes::copy_of(endpoint->host), static_cast<int16_t>(endpoint->port)};
}

Described::Assignment assignment(const group::Assignment& tasks, const group::Topology& topology) {
  return {to_wire<Described::TaskIds>(tasks.active, topology),
          to_wire<Described::TaskIds>(tasks.standby, topology),
          {}};
}

// What tasks read. Of a smaller topic the later tasks of a part read nothing.
std::vector<StreamsGroupHeartbeatResponse::TopicPartition> partitions_read(
    const group::Tasks& tasks, const group::StreamsGroup& group) {
  std::map<std::string, std::vector<int32_t>> read;
  const auto add = [&](const std::string& topic, uint32_t partition) {
    const auto known = group.plan().partitions.find(topic);
    if (known != group.plan().partitions.end() && partition < known->second) {
      read[topic].push_back(static_cast<int32_t>(partition));
    }
  };
  for (const group::Task& task : tasks) {
    const group::Subtopology& part = group.topology()->parts[task.part];
    for (const std::string& source : part.sources) add(source, task.partition);
    for (const group::InternalTopic& topic : part.repartitions) add(topic.name, task.partition);
  }
  std::vector<StreamsGroupHeartbeatResponse::TopicPartition> topics;
  topics.reserve(read.size());
  for (auto& [name, partitions] : read) {
    std::ranges::sort(partitions);
    topics.push_back({Bytes::copy_of(name), std::move(partitions)});
  }
  return topics;
}

}  // namespace

std::expected<group::StreamsHeartbeat, StreamsRefused> to_group(const Request& request,
                                                                size_t bytes_max) {
  if (auto refusal = check(request, bytes_max)) return std::unexpected(std::move(*refusal));
  group::StreamsHeartbeat beat;
  beat.member_id = text_of(request.member_id);
  beat.epoch = request.member_epoch;
  beat.endpoint_epoch = request.endpoint_information_epoch;
  beat.rack = text_of(request.rack_id);
  if (request.rebalance_timeout_ms >= 0) {
    beat.rebalance_timeout = Milliseconds(request.rebalance_timeout_ms);
  }
  if (request.topology) {
    auto brought = topology(*request.topology);
    if (!brought) return std::unexpected(std::move(brought.error()));
    beat.topology = std::move(*brought);
  }
  if (request.active_tasks) {
    beat.owned = {named(*request.active_tasks), named(*request.standby_tasks)};
  }
  beat.process = text_of(request.process_id);
  if (request.user_endpoint) {
    beat.endpoint = {text_of(request.user_endpoint->host),
                     static_cast<uint16_t>(request.user_endpoint->port)};
  }
  if (request.client_tags) {
    beat.tags.emplace();
    for (const auto& [key, value] : *request.client_tags) {
      beat.tags->insert_or_assign(text_of(key), text_of(value));
    }
  }
  beat.shutdown = request.shutdown_application;
  return beat;
}

std::set<std::string> topics_of(const group::Topology& topology) {
  std::set<std::string> names;
  for (const group::Subtopology& part : topology.parts) {
    names.insert(part.sources.begin(), part.sources.end());
    names.insert(part.sinks.begin(), part.sinks.end());
    for (const group::InternalTopic& topic : part.repartitions) names.insert(topic.name);
    for (const group::InternalTopic& topic : part.changelogs) names.insert(topic.name);
  }
  return names;
}

StreamsGroupHeartbeatResponse::EndpointToPartitions endpoint_row(
    const group::StreamsGroup& group, const group::StreamsGroup::Member& member) {
  StreamsGroupHeartbeatResponse::EndpointToPartitions row;
  row.user_endpoint = {Bytes::copy_of(member.endpoint->host),
                       static_cast<int16_t>(member.endpoint->port)};
  row.active_partitions = partitions_read(member.assigned.active, group);
  row.standby_partitions = partitions_read(member.assigned.standby, group);
  return row;
}

void describe(const group::StreamsGroup& streams, Described::Group& group) {
  group.group_state = wire::literal(group::to_string(streams.state()));
  group.group_epoch = streams.epoch();
  group.assignment_epoch = streams.target_epoch();
  const group::Topology& topology = *streams.topology();
  auto& described = group.topology.emplace();
  described.epoch = topology.epoch;
  described.subtopologies.emplace();
  for (const group::Subtopology& part : topology.parts) {
    described.subtopologies->push_back(
        {.subtopology_id = Bytes::copy_of(part.id),
         .source_topics = texts(part.sources),
         .repartition_sink_topics = texts(part.sinks),
         .state_changelog_topics = infos(part.changelogs, streams.plan()),
         .repartition_source_topics = infos(part.repartitions, streams.plan())});
  }
  for (const auto& [id, member] : streams.members()) {
    auto& one = group.members.emplace_back();
    one.member_id = Bytes::copy_of(id);
    one.member_epoch = member.epoch;
    one.rack_id = bytes_of(member.rack);
    one.client_id = Bytes::copy_of(member.client_id);
    one.client_host = Bytes::copy_of(member.client_host);
    one.topology_epoch = member.topology_epoch;
    one.process_id = Bytes::copy_of(member.process);
    one.user_endpoint = endpoint(member.endpoint);
    for (const auto& [key, value] : member.tags) {
      one.client_tags.push_back({Bytes::copy_of(key), Bytes::copy_of(value)});
    }
    one.assignment = assignment(member.assigned, topology);
    one.target_assignment = assignment(member.target, topology);
  }
}

}  // namespace weir::kafka
