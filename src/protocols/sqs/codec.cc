#include "protocols/sqs/codec.h"

#include <fmt/format.h>

#include "protocols/sqs/json.h"
#include "protocols/sqs/query.h"

namespace weir::sqs {
namespace {

constexpr std::string_view kTargetPrefix = "AmazonSQS.";

class JsonCodec final : public Codec {
 public:
  Outcome<Request> decode(const net::HttpRequest& request) const override {
    const std::string_view target = request.header("x-amz-target");
    if (!target.starts_with(kTargetPrefix)) {
      return unsupported_operation(fmt::format(
          "This port answers SQS: the AWS JSON protocol (X-Amz-Target: AmazonSQS.<Action>) and the "
          "Query protocol (Action=<Action> by GET or POST); {} {} is of neither.",
          request.method, request.path()));
    }
    auto input =
        decode_json(request.body.empty() ? std::string_view("{}") : std::string_view(request.body));
    if (!input) return std::unexpected(input.error());
    return Request{std::string(target.substr(kTargetPrefix.size())), std::move(*input)};
  }

  net::HttpResponse encode(std::string_view /*action*/,
                           Answer answer,
                           const std::string& request_id) const override {
    net::HttpResponse response;
    response.headers.push_back({"Content-Type", "application/x-amz-json-1.0"});
    response.headers.push_back({"x-amzn-RequestId", request_id});
    if (answer) {
      response.body = std::move(answer->json);
      return response;
    }
    const Fault& fault = answer.error();
    response.status = fault.status;
    response.headers.push_back(
        {"x-amzn-query-error",
         fmt::format("{};{}", fault.query_code, fault.senders() ? "Sender" : "Receiver")});
    response.body = to_json(fault);
    return response;
  }
};

class QueryCodec : public Codec {
 public:
  Outcome<Request> decode(const net::HttpRequest& request) const override {
    const bool post = request.method == "POST";
    // A POST may name its action in the address, too.
    const std::string_view form =
        post && !request.body.empty() ? std::string_view(request.body) : request.query();
    auto decoded = decode_query(form, request.path());
    if (!decoded) return std::unexpected(decoded.error());
    return Request{std::string(decoded->operation->name), std::move(decoded->input)};
  }

  net::HttpResponse encode(std::string_view action,
                           Answer answer,
                           const std::string& request_id) const override {
    net::HttpResponse response;
    response.headers.push_back({"Content-Type", "text/xml"});
    response.headers.push_back({"x-amzn-RequestId", request_id});
    if (answer) {
      response.body = to_xml(*find_operation(action), answer->json, request_id);
    } else {
      response.status = answer.error().status;
      response.body = to_xml(answer.error(), request_id);
    }
    return response;
  }
};

// The Query protocol, answered in JSON.
class QueryJsonCodec final : public QueryCodec {
 public:
  net::HttpResponse encode(std::string_view action,
                           Answer answer,
                           const std::string& request_id) const override {
    net::HttpResponse response;
    response.headers.push_back({"Content-Type", "application/json"});
    response.headers.push_back({"x-amzn-RequestId", request_id});
    if (answer) {
      response.body = to_wrapped_json(*find_operation(action), answer->json, request_id);
    } else {
      response.status = answer.error().status;
      response.body = to_wrapped_json(answer.error(), request_id);
    }
    return response;
  }
};

constexpr JsonCodec kJson;
constexpr QueryCodec kQuery;
constexpr QueryJsonCodec kQueryJson;

// The first of the two that a request names; XML when it names neither.
bool accepts_json(const net::HttpRequest& request) {
  const std::string_view accept = request.header("accept");
  return accept.find("application/json") < accept.find("xml");
}

}  // namespace

const Codec& codec_of(const net::HttpRequest& request) {
  // Whoever names a target speaks JSON, whatever the type that his tool sends by itself.
  const bool named = !request.header("x-amz-target").empty();
  if (named || (request.method != "GET" && request.method != "POST")) return kJson;
  if (accepts_json(request)) return kQueryJson;
  return kQuery;
}

bool is_of_foreign_page(const net::HttpRequest& request) {
  const std::string_view site = request.header("sec-fetch-site");
  const bool own_site = site.empty() || site == "none" || site == "same-origin";
  const std::string_view origin = request.header("origin");
  const bool own_origin =
      origin.empty() || origin == fmt::format("{}://{}", request.scheme(), request.header("host"));
  return !own_site || !own_origin;
}

}  // namespace weir::sqs
