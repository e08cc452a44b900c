#include "runtime/this_thread.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace weir::runtime {
namespace {

// The kernel's struct sched_attr in its first version, which the C library lacks or not by its age.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;
  uint64_t deadline = 0;
  uint64_t period = 0;
};
static_assert(sizeof(SchedulingAttributes) == 48);

}  // namespace

void name_this_thread(const char* name) {
  pthread_setname_np(pthread_self(), std::string(name).substr(0, 15).c_str());
}

void set_time_slice(std::chrono::microseconds slice) {
  SchedulingAttributes attributes;
  // The niceness that the thread has stays as it is.
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != SCHED_OTHER) return;
  attributes.runtime = static_cast<uint64_t>(std::chrono::nanoseconds(slice).count());
  (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace weir::runtime
