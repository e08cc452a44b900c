#pragma once
// Router: the admin port's HTTP handler. Paths are patterns such as "/api/v1/topics/{topic}"; a
// name in braces matches one segment and is handed to the endpoint, percent-decoded.
//
// It also guards the port against web pages of other sites, which a browser on this host may carry:
// a foreign Origin is refused, and on a port that only this host reaches so is a Host that is
// neither an address nor localhost (a name that was made to point here).
//
// Thread: add() before the first request; handle() on any shard, also on several at once.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/http.h"

namespace weir::admin {

struct Request {
  net::HttpRequest http;
  std::map<std::string, std::string, std::less<>> names;  // from the braces of the pattern

  const std::string& name(std::string_view key) const;
  bool verbose() const { return net::has_query_parameter(http.query(), "verbose"); }
};

// Runs on the connection's shard; may answer later, from any shard.
using Endpoint = std::function<void(Request request, net::HttpResponder responder)>;

class Router final : public net::HttpHandler {
 public:
  explicit Router(bool local_only) : local_only_(local_only) {}

  // `method` GET serves HEAD too.
  void add(std::string method, std::string_view pattern, Endpoint endpoint);

  void handle(net::HttpRequest request, net::HttpResponder responder) override;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    Endpoint endpoint;
  };

  static bool matches(const Route& route,
                      const std::vector<std::string>& segments,
                      Request& request);

  const bool local_only_;
  std::vector<Route> routes_;
};

// {"error":{"code":"not_found","message":"..."}}
net::HttpResponse error_response(int status, std::string_view code, std::string_view message);
// The status and code that go with an operating error.
net::HttpResponse error_response(const Error& error);

// `text` as a JSON string, quotes included; bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view text);

}  // namespace weir::admin
