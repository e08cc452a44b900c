#pragma once
// Manager: which connectors run. The catalog says which there are; this starts, stops and removes
// what runs them.
//
// Thread: the state shard's; stop() also on the main thread, when the shard is still alive.
// Callbacks come on the state shard. Nothing here blocks: threads are ended beside the shard.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/error.h"
#include "broker/broker.h"
#include "connectors/postgres/runner.h"
#include "runtime/clock.h"
#include "runtime/file_work.h"
#include "runtime/owned.h"

namespace weir::connectors {

class Manager {
 public:
  Manager(runtime::Owned<broker::Broker>& broker, runtime::Clock& clock, runtime::Logger& logger);

  // Starts those of the catalog that are not paused.
  void start();
  // Ends all of them; blocks. From outside of the shard.
  void stop();

  // kInvalidArgument (the property by its name), and as Broker::create_connector. Notes: properties
  // that do nothing here.
  Result<broker::Depends> add(const std::string& name,
                              const catalog::Properties& properties,
                              std::vector<std::string>& notes);
  Result<broker::Depends> pause(const std::string& name, bool paused);
  // Reads a table once more, between changes, while the stream goes on. kNotFound,
  // kInvalidArgument (the table is not captured, the capture reads no rows), kAlreadyExists (it is
  // being read).
  Result<broker::Depends> resnapshot(const std::string& name, const std::string& table);
  // With its slot, unless that is to stay. Records stay.
  using Removed = std::move_only_function<void(Result<broker::Depends>)>;
  void remove(const std::string& name, bool keep_slot, Removed done);

  // What it does now; "paused" when nothing runs.
  postgres::Status status(const std::string& name) const;

 private:
  void begin(const std::string& name);
  // Ends its thread, then does `after` with its result on the shard.
  void end(const std::string& name,
           std::function<Result<>()> beside,
           std::move_only_function<void(Result<>)> after);

  runtime::Owned<broker::Broker>& broker_;
  runtime::Clock& clock_;
  runtime::Logger& logger_;
  std::map<std::string, std::unique_ptr<postgres::Runner>> running_;
  std::map<std::string, std::string> refused_;  // configurations that are not understood any more
  std::set<std::string> ending_;
  bool stopped_ = false;
  std::shared_ptr<postgres::Stop> stop_ = std::make_shared<postgres::Stop>();
  std::unique_ptr<runtime::FileWork> work_;
};

}  // namespace weir::connectors
