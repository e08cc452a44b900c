#include "runtime/stop_signal.h"

#include <unistd.h>

#include "base/assert.h"

namespace weir::runtime {

StopSignal::StopSignal() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGHUP);
  WEIR_ASSERT(pthread_sigmask(SIG_BLOCK, &signals_, nullptr) == 0);
}

int StopSignal::wait() {
  int received = 0;
  WEIR_ASSERT(sigwait(&signals_, &received) == 0);
  if (received == SIGHUP) return received;
  WEIR_ASSERT(pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr) == 0);
  return received;
}

void StopSignal::request() {
  kill(getpid(), SIGTERM);
}

}  // namespace weir::runtime
