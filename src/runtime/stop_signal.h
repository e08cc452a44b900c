#pragma once
// StopSignal: SIGTERM, SIGINT and SIGHUP as something that the main thread waits for. SIGHUP asks
// to load files again and may come any number of times. The first of the others starts the orderly
// stop; from then on all of them have their default effect again, so that a second one ends the
// process at once.
//
// Construct it in main before any thread starts: threads inherit the blocked signals.

#include <csignal>

namespace weir::runtime {

class StopSignal {
 public:
  StopSignal();

  // Blocks until a signal or request(); returns the signal's number. After SIGHUP, wait again.
  int wait();
  // The same from inside the process (a fenced journal, for example). Any thread.
  static void request();

 private:
  sigset_t signals_;
};

}  // namespace weir::runtime
