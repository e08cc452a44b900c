#include "protocols/kafka/fetch_sessions.h"

#include <algorithm>

namespace weir::kafka {
namespace {

constexpr int32_t kNoSession = 0;
constexpr int32_t kFirstEpoch = 0;   // a full request that wants a session
constexpr int32_t kFinalEpoch = -1;  // a full request that ends it

size_t partitions_in(const FetchRequest& request) {
  size_t count = 0;
  for (const FetchRequest::Topic& topic : request.topics) count += topic.partitions.size();
  return count;
}

}  // namespace

// ---- one session

FetchSession::Key FetchSession::key_of(const Bytes& name,
                                       const wire::Uuid& id,
                                       int32_t partition) const {
  if (!by_id_) return {std::string(name.view()), partition};
  return {std::string(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()), partition};
}

void FetchSession::update(const FetchRequest& request) {
  for (const auto& topic : request.forgotten_topics_data) {
    for (const int32_t partition : topic.partitions) {
      const auto found = entries_.find(key_of(topic.topic, topic.topic_id, partition));
      if (found == entries_.end()) continue;
      order_.erase(found->second);
      entries_.erase(found);
    }
  }
  for (const FetchRequest::Topic& topic : request.topics) {
    for (const FetchRequest::Partition& partition : topic.partitions) {
      const Key key = key_of(topic.topic, topic.topic_id, partition.partition);
      const auto found = entries_.find(key);
      if (found != entries_.end()) {
        found->second->request = partition;
      } else {
        order_.push_back({.key = key, .request = partition});
        entries_.emplace(key, std::prev(order_.end()));
      }
    }
  }
}

std::vector<FetchRequest::Topic> FetchSession::wanted() const {
  std::vector<FetchRequest::Topic> topics;
  const std::string* current = nullptr;
  for (const Entry& entry : order_) {
    const std::string& name = entry.key.first;
    if (!current || *current != name) {
      current = &name;
      FetchRequest::Topic& topic = topics.emplace_back();
      if (by_id_) {
        std::ranges::copy(name, topic.topic_id.bytes.begin());
      } else {
        topic.topic = Bytes::copy_of(name);
      }
    }
    topics.back().partitions.push_back(entry.request);
  }
  return topics;
}

// Whether the client has to be told, which is then noted.
bool FetchSession::tell(const Key& key, const FetchResponse::Partition& answer) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return true;
  Entry& entry = *found->second;
  const bool has_records = answer.records && answer.records->size() > 0;
  const bool is_new = answer.high_watermark != entry.high_watermark ||
                      answer.log_start_offset != entry.log_start || answer.error_code != 0;
  entry.high_watermark = answer.error_code == 0 ? answer.high_watermark : -1;
  entry.log_start = answer.log_start_offset;
  if (has_records) order_.splice(order_.end(), order_, found->second);
  return has_records || is_new;
}

void FetchSession::answered(FetchResponse& response, bool incremental) {
  response.session_id = id_;
  for (FetchResponse::Topic& topic : response.responses) {
    std::erase_if(topic.partitions, [&](const FetchResponse::Partition& partition) {
      const Key key = key_of(topic.topic, topic.topic_id, partition.partition_index);
      return !tell(key, partition) && incremental;
    });
  }
  std::erase_if(response.responses,
                [](const FetchResponse::Topic& topic) { return topic.partitions.empty(); });
}

// ---- all of them

FetchSessions::Opened FetchSessions::open(FetchRequest& request,
                                          bool by_id,
                                          Timestamp now,
                                          Random& random) {
  const auto found = sessions_.find(request.session_id);
  if (request.session_epoch == kFirstEpoch || request.session_epoch == kFinalEpoch) {
    if (found != sessions_.end()) remove(found);
    if (request.session_epoch == kFinalEpoch) return {};
    return {.session = make(request, by_id, now, random)};
  }
  if (found == sessions_.end()) return {.error = KafkaError::kFetchSessionIdNotFound};
  const std::shared_ptr<FetchSession> session = found->second;
  if (session->next_epoch() != request.session_epoch) {
    return {.error = KafkaError::kInvalidFetchSessionEpoch};
  }
  if (session->by_id() != by_id) return {.error = KafkaError::kFetchSessionTopicIdError};
  if (partitions_ + partitions_in(request) > limits_.partitions_max) {
    // It has grown too large to be remembered: the client begins with a full request again.
    remove(found);
    return {.error = KafkaError::kFetchSessionIdNotFound};
  }
  partitions_ -= session->partitions();
  session->update(request);
  partitions_ += session->partitions();
  session->advance(now);
  request.topics = session->wanted();
  if (session->partitions() == 0) {
    remove(found);
    return {};
  }
  return {.session = session, .incremental = true};
}

std::shared_ptr<FetchSession> FetchSessions::make(const FetchRequest& request,
                                                  bool by_id,
                                                  Timestamp now,
                                                  Random& random) {
  const size_t partitions = partitions_in(request);
  if (partitions == 0 || !make_room(partitions, now)) return nullptr;
  int32_t id = kNoSession;
  while (id == kNoSession || sessions_.contains(id)) {
    id = static_cast<int32_t>(random.below(INT32_MAX));
  }
  auto session = std::make_shared<FetchSession>(id, by_id);
  session->update(request);
  session->begin(now);
  partitions_ += session->partitions();
  sessions_.emplace(id, session);
  return session;
}

bool FetchSessions::make_room(size_t partitions, Timestamp now) {
  if (partitions > limits_.partitions_max) return false;
  const auto fits = [&] {
    return sessions_.size() < limits_.sessions_max &&
           partitions_ + partitions <= limits_.partitions_max;
  };
  while (!fits()) {
    const auto oldest = std::ranges::min_element(
        sessions_, {}, [](const auto& entry) { return entry.second->last_used(); });
    if (oldest == sessions_.end()) return false;
    if (oldest->second->last_used() + limits_.idle_before_eviction > now) return false;
    remove(oldest);
  }
  return true;
}

void FetchSessions::remove(Sessions::iterator session) {
  partitions_ -= session->second->partitions();
  sessions_.erase(session);
}

}  // namespace weir::kafka
