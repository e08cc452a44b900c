#pragma once
// Composing responses: the insides of http.h.

#include <string_view>

#include "net/http.h"

namespace weir::net {

// The standard phrase of a status code.
std::string_view http_reason(int status);

// The response's bytes, with Content-Length, Date and, where needed, Connection.
Reply http_reply(HttpResponse response, const HttpFraming& framing);

}  // namespace weir::net
