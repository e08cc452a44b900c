#pragma once
// What a thread may tell the operating system about itself. All of it is advice: a system that
// refuses it works as before.

#include <chrono>

namespace weir::runtime {

// The name that a debugger and `top -H` show; at most 15 characters count.
void name_this_thread(const char* name);

// A time slice of its own for this thread (Linux 6.12 and newer; sched_setattr(2), between 0.1 and
// 100 ms). Its share of the processor stays the same, but on a busy machine a thread with a shorter
// slice than the one that runs gets the processor as soon as it wakes, instead of when the other's
// slice (some milliseconds) is over. For threads that run briefly and for whose result clients
// wait.
void set_time_slice(std::chrono::microseconds slice);

}  // namespace weir::runtime
