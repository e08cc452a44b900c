#pragma once
// Assembly: what the process is made of, in the order in which it is built: shards, then state
// (storage and broker), then protocols and their listeners, then the admin port; and the reverse
// when it stops: stop accepting, let replies leave, stop the shards, free.
//
// Thread: start() and stop() on the main thread.

#include <memory>
#include <string>
#include <vector>

#include "admin/process.h"
#include "base/error.h"
#include "runtime/logger.h"
#include "server/settings.h"

namespace weir::server {

class Assembly {
 public:
  struct Options {
    Settings settings;
    std::string version;
    // Somebody watches: a busy default port is replaced by a free one, with a note.
    bool interactive = false;
  };

  // Everything is open and the ports file is written when it returns. The error says which option
  // to change.
  static Result<std::unique_ptr<Assembly>> start(Options options, runtime::Logger& logger);
  ~Assembly();  // stops

  void stop();
  // Certificates and credentials are read again, for connections and requests from now on. What is
  // bad stays as it was, and the log says so.
  void reload();

  const admin::Ports& ports() const;
  bool speaks_tls(const std::string& protocol) const;
  // What the user should know: replaced ports, missing IPv6, busy aliases.
  const std::vector<std::string>& notes() const;

 private:
  struct State;
  explicit Assembly(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace weir::server
