#include "protocols/redis/notifications.h"

#include <algorithm>
#include <iterator>

namespace weir::redis {
namespace {

struct Letter {
  char letter;
  uint32_t events;
};
// In the order in which they are shown.
constexpr Letter kOfAll[] = {{'g', notify::kGeneric}, {'$', notify::kString},
                             {'l', notify::kList},    {'s', notify::kSet},
                             {'h', notify::kHash},    {'z', notify::kSortedSet},
                             {'x', notify::kExpired}, {'e', notify::kEvicted},
                             {'t', notify::kStream},  {'d', notify::kModule}};
constexpr Letter kOthers[] = {
    {'n', notify::kNew}, {'K', notify::kKeyspace}, {'E', notify::kKeyevent}};

constexpr uint32_t all_events() {
  uint32_t events = 0;
  for (const Letter& letter : kOfAll) events |= letter.events;
  return events;
}

}  // namespace

std::optional<uint32_t> notified_events(ByteView letters) {
  uint32_t events = 0;
  for (const char c : letters) {
    const auto* found = std::ranges::find(kOfAll, c, &Letter::letter);
    const auto* other = std::ranges::find(kOthers, c, &Letter::letter);
    if (c == 'A') {
      events |= all_events();
    } else if (found != std::end(kOfAll)) {
      events |= found->events;
    } else if (other != std::end(kOthers)) {
      events |= other->events;
    } else {
      return std::nullopt;
    }
  }
  return events;
}

std::string notified_letters(uint32_t events) {
  std::string letters;
  const bool all = (events & all_events()) == all_events();
  if (all) letters += 'A';
  for (const Letter& letter : kOfAll) {
    if (!all && (events & letter.events) != 0) letters += letter.letter;
  }
  for (const Letter& letter : kOthers) {
    if ((events & letter.events) != 0) letters += letter.letter;
  }
  return letters;
}

}  // namespace weir::redis
