#include "protocols/sqs/query.h"

#include <algorithm>

#include "protocols/sqs/codec.h"
#include "protocols/sqs/limits.h"
#include "tests/unit/protocols/sqs/fixture.h"

namespace weir::sqs {
namespace {

// As a text that is easy to compare: {"a":"x","b":[1]}, with ? for null.
std::string shown(const Value& value) {
  std::string out;
  switch (value.kind) {
    case Value::Kind::kNull: return "?";
    case Value::Kind::kBoolean: return value.integer != 0 ? "true" : "false";
    case Value::Kind::kInteger: return std::to_string(value.integer);
    case Value::Kind::kText: return value.text;
    case Value::Kind::kList:
      for (const Value& item : value.items) out += (out.empty() ? "" : ",") + shown(item);
      return "[" + out + "]";
    case Value::Kind::kMap:
      for (const auto& [name, item] : value.members) {
        out += (out.empty() ? "" : ",") + name + ":" + shown(item);
      }
      return "{" + out + "}";
  }
  return out;
}

std::string decoded(std::string_view form, std::string_view path = "/") {
  const auto request = decode_query(form, path);
  if (!request) return request.error().query_code + ": " + request.error().message;
  return shown(request->input);
}

net::HttpRequest http(std::string method, std::string target, std::string body = "") {
  net::HttpRequest request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.body = std::move(body);
  return request;
}

TEST(Query, ListsAndMapsAreFlattenedAndOrderedByTheirNumbers) {
  EXPECT_EQ(decoded("Action=GetQueueAttributes&QueueUrl=q&AttributeName.10=c&AttributeName.2=b&"
                    "AttributeName.1=a"),
            "{QueueUrl:q,AttributeNames:[a,b,c]}");
  EXPECT_EQ(decoded("Action=CreateQueue&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1."
                    "Value=5&Tag.1.Key=team&Tag.1.Value=blue&Tag.2.Key=empty"),
            "{QueueName:q,Attributes:{DelaySeconds:5},tags:{team:blue,empty:}}");
  EXPECT_EQ(decoded("Action=SendMessageBatch&QueueUrl=q&SendMessageBatchRequestEntry.1.Id=one&"
                    "SendMessageBatchRequestEntry.1.MessageBody=b&SendMessageBatchRequestEntry.1."
                    "MessageAttribute.1.Name=n&SendMessageBatchRequestEntry.1.MessageAttribute.1."
                    "Value.DataType=String&SendMessageBatchRequestEntry.1.MessageAttribute.1."
                    "Value.StringValue=v&SendMessageBatchRequestEntry.1.DelaySeconds=3"),
            "{QueueUrl:q,Entries:[{Id:one,MessageBody:b,DelaySeconds:3,MessageAttributes:{n:{"
            "DataType:String,StringValue:v}}}]}");
}

TEST(Query, OneItemNeedsNoNumber) {
  EXPECT_EQ(decoded("Action=GetQueueAttributes&AttributeName=All", "/000000000000/q"),
            "{AttributeNames:[All],QueueUrl:/000000000000/q}");
  EXPECT_EQ(decoded("Action=SetQueueAttributes&QueueUrl=q&Attribute.Name=Policy&Attribute.Value="),
            "{QueueUrl:q,Attributes:{Policy:}}");
}

TEST(Query, AnEmptyListStandsWithoutAValue) {
  EXPECT_EQ(decoded("Action=SendMessageBatch&QueueUrl=q&SendMessageBatchRequestEntry="),
            "{QueueUrl:q,Entries:[]}");
}

TEST(Query, TextsAreDecodedAndNumbersMustBeNumbers) {
  EXPECT_EQ(decoded("Action=SendMessage&QueueUrl=q&MessageBody=a+b%26%C3%A9%0A&DelaySeconds=-1"),
            "{QueueUrl:q,MessageBody:a b&\xc3\xa9\n,DelaySeconds:-1}");
  EXPECT_EQ(decoded("Action=SendMessage&QueueUrl=q&DelaySeconds=soon"),
            "InvalidParameterValue: Value soon for parameter DelaySeconds is invalid. Reason: Must "
            "be an integer.");
  EXPECT_EQ(decoded("Action=SendMessage&QueueUrl=q&MessageBody=%FF"),
            "InvalidMessageContents: The request holds bytes that are no UTF-8.");
}

TEST(Query, ThePathNamesTheQueueUnlessAParameterDoes) {
  EXPECT_EQ(decoded("Action=PurgeQueue", "/000000000000/a%2Db/"), "{QueueUrl:/000000000000/a-b}");
  EXPECT_EQ(decoded("Action=PurgeQueue&QueueUrl=http%3A%2F%2Fh%2F1%2Fother", "/000000000000/q"),
            "{QueueUrl:http://h/1/other}");
  EXPECT_EQ(decoded("Action=PurgeQueue"), "{}");
}

TEST(Query, ActionsThatAreNotOfAQueueAreRefusedOnItsPath) {
  for (const std::string_view action : {"ListQueues", "CreateQueue", "Frobnicate"}) {
    EXPECT_EQ(decoded(fmt::format("Action={}&QueueName=n", action), "/000000000000/q"),
              fmt::format("InvalidAction: The action {} is not valid for this endpoint.", action));
  }
  EXPECT_EQ(decoded("Version=2012-11-05"),
            "UnknownOperationException: The request names no action.");
}

TEST(Query, NumberAndDepthOfParametersAreBounded) {
  std::string many = "Action=ListQueues";
  for (size_t i = 0; i < kQueryPairsMax; ++i) many += fmt::format("&p{}=1", i);
  EXPECT_TRUE(decoded(many).starts_with("InvalidParameterValue: A request has at most"));
  std::string deep = "Action=ListQueues&a";
  for (size_t i = 0; i < kQueryDepthMax; ++i) deep += ".a";
  EXPECT_EQ(decoded(deep + "=1"), "InvalidParameterValue: A parameter's name has too many parts.");
}

TEST(Query, AnswersAreXmlWithTheNamesOfTheQueryProtocol) {
  const std::string head =
      "<?xml version=\"1.0\"?><ReceiveMessageResponse "
      "xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><ReceiveMessageResult>";
  const std::string tail =
      "</ReceiveMessageResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata>"
      "</ReceiveMessageResponse>";
  EXPECT_EQ(to_xml(*find_operation("ReceiveMessage"), "{}", "id"), head + tail);
  EXPECT_EQ(
      to_xml(*find_operation("ReceiveMessage"),
             R"({"Messages":[{"MessageId":"m","Body":"<&>\"\r\n","Attributes":{"SenderId":"1"},)"
             R"("MessageAttributes":{"n":{"StringValue":"v","DataType":"String"}}}]})",
             "id"),
      head +
          "<Message><MessageId>m</MessageId><Body>&lt;&amp;&gt;&quot;&#xD;\n</Body><Attribute>"
          "<Name>SenderId</Name><Value>1</Value></Attribute><MessageAttribute><Name>n</Name>"
          "<Value><DataType>String</DataType><StringValue>v</StringValue></Value>"
          "</MessageAttribute></Message>" +
          tail);
  EXPECT_EQ(to_xml(*find_operation("DeleteQueue"), "{}", "id"),
            "<?xml version=\"1.0\"?><DeleteQueueResponse "
            "xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><ResponseMetadata><RequestId>id"
            "</RequestId></ResponseMetadata></DeleteQueueResponse>");
}

TEST(Query, WhoAcceptsJsonGetsTheSameWrapping) {
  EXPECT_EQ(to_wrapped_json(*find_operation("ReceiveMessage"), "{}", "id"),
            R"({"ReceiveMessageResponse":{"ReceiveMessageResult":{"messages":null},)"
            R"("ResponseMetadata":{"RequestId":"id"}}})");
  EXPECT_EQ(to_wrapped_json(*find_operation("GetQueueAttributes"),
                            R"({"Attributes":{"VisibilityTimeout":"30"}})", "id"),
            R"({"GetQueueAttributesResponse":{"GetQueueAttributesResult":{"Attributes":)"
            R"([{"Name":"VisibilityTimeout","Value":"30"}]},)"
            R"("ResponseMetadata":{"RequestId":"id"}}})");
  EXPECT_EQ(to_wrapped_json(*find_operation("ListQueues"), R"({"QueueUrls":["u"]})", "id"),
            R"({"ListQueuesResponse":{"ListQueuesResult":{"queueUrls":["u"],"NextToken":null},)"
            R"("ResponseMetadata":{"RequestId":"id"}}})");
  EXPECT_EQ(to_wrapped_json(*find_operation("DeleteQueue"), "{}", "id"),
            R"({"DeleteQueueResponse":{"ResponseMetadata":{"RequestId":"id"}}})");
  EXPECT_EQ(to_wrapped_json(queue_does_not_exist().error(), "id"),
            R"({"Error":{"Code":"AWS.SimpleQueueService.NonExistentQueue","Message":)"
            R"("The specified queue does not exist for this wsdl version.","Type":"Sender"},)"
            R"("RequestId":"id"})");
}

TEST(Query, FailedEntriesSayWhoseFaultItIs) {
  const std::string xml =
      to_xml(*find_operation("DeleteMessageBatch"),
             R"({"Failed":[{"Id":"a","SenderFault":true,"Code":"C","Message":"M"}]})", "id");
  EXPECT_NE(xml.find("<BatchResultErrorEntry><Id>a</Id><Code>C</Code><Message>M</Message>"
                     "<SenderFault>true</SenderFault></BatchResultErrorEntry>"),
            std::string::npos)
      << xml;
}

TEST(Query, FaultsAreXmlToo) {
  EXPECT_EQ(to_xml(queue_does_not_exist().error(), "id"),
            "<?xml version=\"1.0\"?><ErrorResponse "
            "xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type><Code>"
            "AWS.SimpleQueueService.NonExistentQueue</Code><Message>The specified queue does not "
            "exist for this wsdl version.</Message><Detail/></Error><RequestId>id</RequestId>"
            "</ErrorResponse>");
  EXPECT_EQ(to_xml(unknown_operation().error(), "id"), "<UnknownOperationException/>\n");
}

TEST(Query, CharactersThatXmlCannotHoldAreReplaced) {
  std::string out;
  append_xml(std::string_view("a\0b\x1f\xff\t", 6), out);
  EXPECT_EQ(out,
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd\xef\xbf\xbd\t");
}

TEST(Query, AnAnswerMayBeLargerThanARequest) {
  JsonWriter json;
  json.begin_object();
  json.begin_array("Messages");
  for (int i = 0; i < 6; ++i) {
    json.begin_object();
    json.member("Body", std::string(kMessageBytesMax, 'x'));
    json.end_object();
  }
  json.end_array();
  json.end_object();
  const std::string xml = to_xml(*find_operation("ReceiveMessage"), json.take(), "id");
  EXPECT_GT(xml.size(), 6 * kMessageBytesMax);
}

TEST(Codec, TheRequestTellsWhichProtocolItSpeaks) {
  const auto get = http("GET", "/000000000000/q?Action=PurgeQueue");
  const auto named = codec_of(get).decode(get);
  ASSERT_TRUE(named);
  EXPECT_EQ(named->action, "PurgeQueue");
  const auto post = http("POST", "/", "Action=ListQueues&Version=2012-11-05");
  EXPECT_EQ(codec_of(post).decode(post)->action, "ListQueues");
  auto json = http("POST", "/000000000000/q", R"({"QueueUrl":"q"})");
  json.headers = {{"x-amz-target", "AmazonSQS.PurgeQueue"},
                  {"content-type", "application/x-www-form-urlencoded"}};  // curl's
  EXPECT_EQ(codec_of(json).decode(json)->action, "PurgeQueue");
  const auto other = http("FROB", "/");
  EXPECT_EQ(codec_of(other).decode(other).error().shape, "UnsupportedOperation");
}

TEST(Codec, AQueryIsAnsweredInTheFormThatItAcceptsFirst) {
  const auto type = [](const std::string& accept) {
    auto request = http("GET", "/?Action=ListQueues");
    if (!accept.empty()) request.headers = {{"accept", accept}};
    return codec_of(request).encode("ListQueues", Reply{"{}", {}}, "id").headers.front().value;
  };
  EXPECT_EQ(type(""), "text/xml");
  EXPECT_EQ(type("*/*"), "text/xml");
  EXPECT_EQ(type("text/html,application/xhtml+xml,application/json"), "text/xml");
  EXPECT_EQ(type("application/json"), "application/json");
  EXPECT_EQ(type("application/json, text/plain, */*"), "application/json");
}

TEST(Codec, APageOfAnotherSiteIsTold) {
  const auto foreign = [](std::string name, std::string value) {
    auto request = http("GET", "/000000000000/q?Action=PurgeQueue");
    request.headers = {{"host", "localhost:4566"}, {std::move(name), std::move(value)}};
    return is_of_foreign_page(request);
  };
  EXPECT_TRUE(foreign("origin", "https://example.com"));
  EXPECT_TRUE(foreign("origin", "null"));
  EXPECT_TRUE(foreign("sec-fetch-site", "cross-site"));
  EXPECT_TRUE(foreign("sec-fetch-site", "same-site"));  // another port of this machine
  EXPECT_FALSE(foreign("origin", "http://localhost:4566"));
  EXPECT_FALSE(foreign("sec-fetch-site", "none"));  // typed by a person
  EXPECT_FALSE(foreign("user-agent", "curl"));
}

TEST(Codec, WhatActsOnAQueueNamesIt) {
  for (const Operation& operation : operations()) {
    EXPECT_EQ(std::ranges::count_if(operation.input,
                                    [](const Field& field) { return field.name == "QueueUrl"; }),
              operation.on_queue ? 1 : 0)
        << operation.name;
  }
}

}  // namespace
}  // namespace weir::sqs
