#include "base/canary.h"

#ifdef WEIR_CANARIES

#include <atomic>
#include <cstdlib>
#include <utility>

#include "base/assert.h"

namespace weir {
namespace {

constexpr int kOff = -1;

constexpr std::pair<std::string_view, Canary> kNames[] = {
    {"ack-before-write", Canary::kAckBeforeWrite},
    {"reply-before-watermark", Canary::kReplyBeforeWatermark},
    {"install-unsynced-checkpoint", Canary::kInstallUnsyncedCheckpoint},
    {"free-file-early", Canary::kFreeFileEarly},
    {"skip-cell-lsn-test", Canary::kSkipCellLsnTest},
    {"compact-newest", Canary::kCompactNewest},
    {"ack-before-flush", Canary::kAckBeforeFlush},
    {"deliver-past-held", Canary::kDeliverPastHeld},
    {"end-lease-early", Canary::kEndLeaseEarly},
    {"bridge-forgets-place", Canary::kBridgeForgetsPlace},
    {"bridge-ignores-seek", Canary::kBridgeIgnoresSeek},
};

int parse(std::string_view name) {
  if (name.empty()) return kOff;
  for (const auto& [known, which] : kNames) {
    if (known == name) return static_cast<int>(which);
  }
  WEIR_ASSERT(false, "no canary of the name {}", name);
}

std::atomic<int>& active() {
  static std::atomic<int> value = [] {
    const char* name = std::getenv("WEIR_CANARY");
    return parse(name == nullptr ? "" : name);
  }();
  return value;
}

}  // namespace

bool canary(Canary which) {
  return active().load(std::memory_order_relaxed) == static_cast<int>(which);
}

void set_canary(std::string_view name) {
  active() = parse(name);
}

}  // namespace weir

#endif
