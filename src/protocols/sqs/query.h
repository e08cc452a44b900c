#pragma once
// The Query codec: requests as form fields ("Action=SendMessage&MessageBody=…"), answers as XML.
// SDKs spoke it before they spoke JSON, and whoever writes an address by hand still does. Source:
// the SQS API reference ("Making Query API requests").
//
// Thread safety: pure functions.

#include <string>
#include <string_view>

#include "protocols/sqs/errors.h"
#include "protocols/sqs/shapes.h"
#include "protocols/sqs/value.h"

namespace weir::sqs {

struct QueryRequest {
  const Operation* operation = nullptr;
  Value input;  // as the JSON protocol would name it
};

// `form` is the body or the query string, `path` where it was sent: an action on a queue that names
// none acts on the one in the path. InvalidAction, InvalidParameterValue, InvalidMessageContents
// (no UTF-8); MissingAction, when there is none.
Outcome<QueryRequest> decode_query(std::string_view form, std::string_view path);

// The XML of an answer, which is given as JSON, and of a fault.
std::string to_xml(const Operation& operation, std::string_view json, std::string_view request_id);
std::string to_xml(const Fault& fault, std::string_view request_id);
// The same as JSON, for a request that accepts it (query_json.cc).
std::string to_wrapped_json(const Operation& operation,
                            std::string_view json,
                            std::string_view request_id);
std::string to_wrapped_json(const Fault& fault, std::string_view request_id);
// The fault's text, of which this protocol says a little more.
std::string_view query_message(const Fault& fault);

// A text as the content of an element. Characters that XML cannot hold become U+FFFD.
void append_xml(std::string_view text, std::string& out);

}  // namespace weir::sqs
