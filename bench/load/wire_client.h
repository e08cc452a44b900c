#pragma once
// A blocking connection for what happens before and after the measurement.

#include <functional>
#include <string>
#include <string_view>

namespace weir::load {

// A connected, non-delaying TCP socket; ends the program when it cannot be had.
int connect_to(const std::string& address);

class WireClient {
 public:
  explicit WireClient(const std::string& address) : descriptor_(connect_to(address)) {}
  ~WireClient();
  WireClient(const WireClient&) = delete;
  WireClient& operator=(const WireClient&) = delete;

  // Sends the request and reads until `whole` says how many bytes the first reply has (0: more is
  // needed).
  std::string ask(std::string_view request, const std::function<size_t(std::string_view)>& whole);

 private:
  int descriptor_;
  std::string in_;
};

}  // namespace weir::load
