#pragma once
// Codec: how a request is read and its answer written. The JSON protocol is what handlers speak;
// every other is a codec beside it, over the same table of shapes.
//
// Thread safety: codecs have no state.

#include <string>
#include <string_view>

#include "net/http.h"
#include "protocols/sqs/call.h"

namespace weir::sqs {

struct Request {
  std::string action;
  Value input;
};

class Codec {
 public:
  virtual ~Codec() = default;
  virtual Outcome<Request> decode(const net::HttpRequest& request) const = 0;
  virtual net::HttpResponse encode(std::string_view action,
                                   Answer answer,
                                   const std::string& request_id) const = 0;
};

// The one that a request speaks: JSON by its X-Amz-Target, else Query.
const Codec& codec_of(const net::HttpRequest& request);

// A web page of somebody else made the browser send this. The Query protocol needs no header that a
// browser would ask permission for, so any page could reach a broker on its reader's machine.
bool is_of_foreign_page(const net::HttpRequest& request);

}  // namespace weir::sqs
