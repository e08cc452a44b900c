#include "protocols/redis/acl_log.h"

#include <algorithm>
#include <utility>

namespace weir::redis {

void AclLog::add(Entry entry, size_t entries_max) {
  entry.object.resize(std::min(entry.object.size(), kObjectBytesMax));
  entry.user.resize(std::min(entry.user.size(), kObjectBytesMax));
  const auto same = std::ranges::find_if(entries_, [&](const Entry& known) {
    return known.reason == entry.reason && known.context == entry.context &&
           known.object == entry.object && known.user == entry.user &&
           (entry.updated - known.updated).count() <= kSameMs;
  });
  if (same != entries_.end()) {
    same->count += 1;
    same->updated = entry.updated;
    same->client = std::move(entry.client);
    std::rotate(entries_.begin(), same, same + 1);
  } else {
    entry.id = next_id_++;
    entries_.push_front(std::move(entry));
  }
  while (entries_.size() > entries_max) entries_.pop_back();
}

}  // namespace weir::redis
