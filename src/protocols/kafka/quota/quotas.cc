#include "protocols/kafka/quota/quotas.h"

#include <algorithm>

namespace weir::kafka {
namespace {

using catalog::QuotaEntity;
using catalog::QuotaKind;

// By so many bytes clients are told apart, whatever they call themselves.
constexpr size_t kUserBytes = 512;
constexpr size_t kClientIdBytes = 256;
// As Kafka: a pause for used time is short, and the next request meets what is still owed.
constexpr Milliseconds kHandledPauseMax{1000};
// As Kafka holds up what it will close: a window of its quotas.
constexpr Milliseconds kConnectionHeldMax{1000};

enum class Part : uint8_t { kNone, kDefault, kNamed };
struct Shape {
  Part user;
  Part client;
};
// In the order in which they are asked for.
constexpr Shape kShapes[] = {
    {Part::kNamed, Part::kNamed},   {Part::kNamed, Part::kDefault},   {Part::kNamed, Part::kNone},
    {Part::kDefault, Part::kNamed}, {Part::kDefault, Part::kDefault}, {Part::kDefault, Part::kNone},
    {Part::kNone, Part::kNamed},    {Part::kNone, Part::kDefault},
};

void add_part(QuotaEntity& entity, QuotaKind kind, Part part, std::string_view name) {
  if (part == Part::kNone) return;
  const bool is_default = part == Part::kDefault;
  entity.push_back({kind, is_default, is_default ? std::string() : std::string(name)});
}

QuotaEntity entity_of(const Shape& shape, const QuotaClient& client) {
  QuotaEntity entity;
  entity.reserve(2);
  add_part(entity, QuotaKind::kUser, shape.user, client.user);
  add_part(entity, QuotaKind::kClientId, shape.client, client.client_id);
  return entity;
}

std::optional<double> value_of(const std::map<std::string, double>& values, std::string_view key) {
  for (const auto& [name, value] : values) {
    if (name == key) return value;
  }
  return std::nullopt;
}

// A percentage is of one thread.
double per_second(Metered what, double value) {
  return what == Metered::kHandled ? value / 100 : value;
}

std::string name_of(Metered what, const QuotaClient& client, bool by_user, bool by_client) {
  std::string name(1, static_cast<char>('0' + static_cast<int>(what)));
  if (by_user) name.append("u").append(client.user.substr(0, kUserBytes));
  name += '\0';
  if (by_client) name.append("c").append(client.client_id.substr(0, kClientIdBytes));
  return name;
}

}  // namespace

std::string_view quota_key(Metered what) {
  switch (what) {
    case Metered::kProduced: return "producer_byte_rate";
    case Metered::kFetched: return "consumer_byte_rate";
    case Metered::kHandled: return "request_percentage";
    case Metered::kMutated: return "controller_mutation_rate";
    case Metered::kConnected: return "connection_creation_rate";
  }
  return "";
}

Quotas::Quotas(const catalog::Access& access, size_t tracked_max)
    : access_(access),
      tracked_max_(tracked_max),
      handles_metered_(std::make_shared<std::atomic<bool>>(false)),
      connections_metered_(std::make_shared<std::atomic<bool>>(false)) {
  refresh();
}

void Quotas::refresh() {
  const auto any = [this](Metered what) {
    return std::ranges::any_of(access_.quotas(), [what](const auto& quota) {
      return value_of(quota.second, quota_key(what)).has_value();
    });
  };
  *handles_metered_ = any(Metered::kHandled);
  *connections_metered_ = any(Metered::kConnected);
}

std::optional<Quotas::Limit> Quotas::limit_of(Metered what, const QuotaClient& client) const {
  for (const Shape& shape : kShapes) {
    const auto found = access_.quotas().find(entity_of(shape, client));
    if (found == access_.quotas().end()) continue;
    if (const auto value = value_of(found->second, quota_key(what))) {
      return Limit{.entity = &found->first,
                   .per_second = per_second(what, *value),
                   .by_user = shape.user != Part::kNone,
                   .by_client = shape.client != Part::kNone};
    }
  }
  return std::nullopt;
}

std::optional<Quotas::Limit> Quotas::limit_of(std::string_view address) const {
  const std::string name(address);
  for (const catalog::QuotaPart& part : {catalog::QuotaPart{QuotaKind::kIp, false, name},
                                         catalog::QuotaPart{QuotaKind::kIp, true, {}}}) {
    const auto found = access_.quotas().find(QuotaEntity{part});
    if (found == access_.quotas().end()) continue;
    if (const auto value = value_of(found->second, quota_key(Metered::kConnected))) {
      return Limit{
          .entity = &found->first, .per_second = *value, .by_user = false, .by_client = false};
    }
  }
  return std::nullopt;
}

QuotaBucket* Quotas::find(Metered what, const QuotaClient& client, Timestamp now) {
  if (access_.quotas().empty()) return nullptr;
  const auto limit = limit_of(what, client);
  if (!limit) return nullptr;
  return &bucket(what, name_of(what, client, limit->by_user, limit->by_client), *limit, now);
}

QuotaBucket& Quotas::bucket(Metered what, std::string name, const Limit& limit, Timestamp now) {
  if (const auto known = by_name_.find(name); known != by_name_.end()) {
    order_.splice(order_.end(), order_, known->second);
    QuotaBucket& bucket = known->second->bucket;
    bucket.set_rate(limit.per_second, now);
    return bucket;
  }
  if (by_name_.size() >= tracked_max_) {
    if (order_.empty() || !order_.front().bucket.full(now)) return share(what, limit, now);
    by_name_.erase(order_.front().name);
    order_.pop_front();
  }
  order_.push_back({std::move(name), QuotaBucket(limit.per_second, now)});
  by_name_.emplace(order_.back().name, std::prev(order_.end()));
  return order_.back().bucket;
}

QuotaBucket& Quotas::share(Metered what, const Limit& limit, Timestamp now) {
  // Those of quotas that were removed make room.
  if (shared_.size() > 3 * access_.quotas().size()) {
    std::erase_if(shared_, [this](const auto& shared) {
      return !access_.quotas().contains(shared.first.second);
    });
  }
  const auto [place, added] = shared_.try_emplace({what, *limit.entity}, limit.per_second, now);
  place->second.set_rate(limit.per_second, now);
  return place->second;
}

Milliseconds Quotas::charge(Metered what, const QuotaClient& client, double amount, Timestamp now) {
  QuotaBucket* bucket = find(what, client, now);
  if (bucket == nullptr) return Milliseconds(0);
  bucket->charge(amount, now);
  const Milliseconds owed = bucket->owed(now);
  return what == Metered::kHandled ? std::min(owed, kHandledPauseMax) : owed;
}

Quotas::Allowance Quotas::allowance(Metered what, const QuotaClient& client, Timestamp now) {
  QuotaBucket* bucket = find(what, client, now);
  if (bucket == nullptr) return {};
  constexpr double kMost = 1e18;
  return {.owed = bucket->owed(now),
          .burst = static_cast<size_t>(std::clamp(bucket->burst(), 1.0, kMost))};
}

Milliseconds Quotas::connect(std::string_view address, Timestamp now) {
  const auto limit = limit_of(address);
  if (!limit) return Milliseconds(0);
  if (limit->per_second == 0) return kConnectionHeldMax;  // nobody is welcome
  std::string name(1, static_cast<char>('0' + static_cast<int>(Metered::kConnected)));
  QuotaBucket& used = bucket(Metered::kConnected, name.append(address), *limit, now);
  // What is closed is not counted, or a storm would never end.
  if (const Milliseconds owed = used.owed(now); owed.count() > 0) {
    return std::min(owed, kConnectionHeldMax);
  }
  used.charge(1, now);
  return Milliseconds(0);
}

}  // namespace weir::kafka
