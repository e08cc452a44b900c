#pragma once
// Quotas: what of the catalog's quotas holds for a client, and how much of it is used up. KIP-13,
// KIP-55 (users and clients), KIP-124 (time), KIP-546, KIP-599 (mutations), KIP-612 (connections).
//
// Of all quotas of a kind one holds, the first of this list that exists: of the user and the client
// id; the user and any client id; the user; any user and the client id; any user and any client
// id; any user; the client id; any client id. It is shared by all connections of whom it names: a
// quota of a user by everything that he does, one of a user and a client id by that pair. A quota
// of "any" is one for each of them, not one for all. Of connections it is the quota of the address,
// then that of any address.
//
// Memory is bounded: at the limit the bucket that was not used for longest is forgotten if it is
// full; else newcomers share one for each quota, which never lets more pass.
//
// Thread: the state shard's, except for the flags.

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/catalog/access.h"
#include "protocols/kafka/quota/bucket.h"

namespace weir::kafka {

enum class Metered : uint8_t {
  kProduced,   // producer_byte_rate; bytes
  kFetched,    // consumer_byte_rate; bytes
  kHandled,    // request_percentage; seconds of the threads that handle requests
  kMutated,    // controller_mutation_rate; partitions that are made or removed
  kConnected,  // connection_creation_rate; connections of an address
};
std::string_view quota_key(Metered what);

// Whose request it is.
struct QuotaClient {
  std::string_view user;
  std::string_view client_id;
};

class Quotas {
 public:
  static constexpr size_t kTrackedMax = 20'000;

  // `access` must outlive it.
  explicit Quotas(const catalog::Access& access, size_t tracked_max = kTrackedMax);

  // Notes what was moved; for how long the client has to pause, 0 in most cases. A look at an empty
  // map where there are no quotas.
  Milliseconds charge(Metered what, const QuotaClient& client, double amount, Timestamp now);

  struct Allowance {
    Milliseconds owed{0};
    size_t burst = SIZE_MAX;  // what moves at once at most
  };
  Allowance allowance(Metered what, const QuotaClient& client, Timestamp now);

  // Notes a new connection of the address, unless it has had too many: for how long it is held up
  // before it is closed, 0 when it is welcome.
  Milliseconds connect(std::string_view address, Timestamp now);

  // Whether time is metered at all: measuring it costs every request something. Any thread may read
  // the flag; refresh() sets it and is called whenever quotas have changed.
  std::shared_ptr<const std::atomic<bool>> handles_metered() const { return handles_metered_; }
  // The same for connections, which have to ask before they are read.
  std::shared_ptr<const std::atomic<bool>> connections_metered() const {
    return connections_metered_;
  }
  void refresh();

  size_t tracked() const { return by_name_.size() + shared_.size(); }

 private:
  struct Limit {
    const catalog::QuotaEntity* entity;
    double per_second;
    bool by_user;
    bool by_client;
  };
  struct Tracked {
    std::string name;
    QuotaBucket bucket;
  };
  using Order = std::list<Tracked>;

  std::optional<Limit> limit_of(Metered what, const QuotaClient& client) const;
  std::optional<Limit> limit_of(std::string_view address) const;
  QuotaBucket* find(Metered what, const QuotaClient& client, Timestamp now);
  QuotaBucket& bucket(Metered what, std::string name, const Limit& limit, Timestamp now);
  QuotaBucket& share(Metered what, const Limit& limit, Timestamp now);

  const catalog::Access& access_;
  const size_t tracked_max_;
  Order order_;  // by last use
  absl::flat_hash_map<std::string, Order::iterator> by_name_;
  std::map<std::pair<Metered, catalog::QuotaEntity>, QuotaBucket> shared_;
  std::shared_ptr<std::atomic<bool>> handles_metered_;
  std::shared_ptr<std::atomic<bool>> connections_metered_;
};

}  // namespace weir::kafka
