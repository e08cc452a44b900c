#include "protocols/sqs/shapes.h"

namespace weir::sqs {
namespace {

using Type = Shape::Type;

constexpr Shape kText{.type = Type::kText};
constexpr Shape kInteger{.type = Type::kInteger};
constexpr Shape kTexts{.type = Type::kList, .item = &kText};

// Attributes of queues and of messages; tags differ in the names of their parts.
constexpr Shape kTextMap{.type = Type::kMap, .item = &kText, .key = "Name", .value = "Value"};
constexpr Shape kTags{.type = Type::kMap, .item = &kText, .key = "Key", .value = "Value"};

constexpr Field kMessageAttributeFields[] = {
    {"DataType", &kText},
    {"StringValue", &kText},
    {"BinaryValue", &kText},
    {"StringListValues", &kTexts, "StringListValue"},
    {"BinaryListValues", &kTexts, "BinaryListValue"},
};
constexpr Shape kMessageAttribute{.type = Type::kStructure, .fields = kMessageAttributeFields};
constexpr Shape kMessageAttributes{
    .type = Type::kMap, .item = &kMessageAttribute, .key = "Name", .value = "Value"};

// ---- queues

constexpr Field kQueueUrl[] = {{"QueueUrl", &kText}};
constexpr Field kCreateQueueIn[] = {
    {"QueueName", &kText}, {"Attributes", &kTextMap, "Attribute"}, {"tags", &kTags, "Tag"}};
constexpr Field kGetQueueUrlIn[] = {{"QueueName", &kText}, {"QueueOwnerAWSAccountId", &kText}};
constexpr Field kListQueuesIn[] = {
    {"QueueNamePrefix", &kText}, {"MaxResults", &kInteger}, {"NextToken", &kText}};
constexpr Field kListQueuesOut[] = {{"QueueUrls", &kTexts, "QueueUrl"}, {"NextToken", &kText}};
constexpr Field kGetQueueAttributesIn[] = {{"QueueUrl", &kText},
                                           {"AttributeNames", &kTexts, "AttributeName"}};
constexpr Field kGetQueueAttributesOut[] = {{"Attributes", &kTextMap, "Attribute"}};
constexpr Field kSetQueueAttributesIn[] = {{"QueueUrl", &kText},
                                           {"Attributes", &kTextMap, "Attribute"}};
constexpr Field kListSourcesIn[] = {
    {"QueueUrl", &kText}, {"MaxResults", &kInteger}, {"NextToken", &kText}};
constexpr Field kListSourcesOut[] = {{"queueUrls", &kTexts, "QueueUrl"}, {"NextToken", &kText}};
constexpr Field kTagQueueIn[] = {{"QueueUrl", &kText}, {"Tags", &kTags, "Tag"}};
constexpr Field kUntagQueueIn[] = {{"QueueUrl", &kText}, {"TagKeys", &kTexts, "TagKey"}};
constexpr Field kListQueueTagsOut[] = {{"Tags", &kTags, "Tag"}};
constexpr Field kAddPermissionIn[] = {{"QueueUrl", &kText},
                                      {"Label", &kText},
                                      {"AWSAccountIds", &kTexts, "AWSAccountId"},
                                      {"Actions", &kTexts, "ActionName"}};
constexpr Field kRemovePermissionIn[] = {{"QueueUrl", &kText}, {"Label", &kText}};

// ---- messages

constexpr Field kSendMessageIn[] = {
    {"QueueUrl", &kText},
    {"MessageBody", &kText},
    {"DelaySeconds", &kInteger},
    {"MessageAttributes", &kMessageAttributes, "MessageAttribute"},
    {"MessageSystemAttributes", &kMessageAttributes, "MessageSystemAttribute"},
    {"MessageDeduplicationId", &kText},
    {"MessageGroupId", &kText},
};
constexpr Field kSendMessageOut[] = {
    {"MD5OfMessageBody", &kText}, {"MD5OfMessageAttributes", &kText},
    {"MessageId", &kText},        {"MD5OfMessageSystemAttributes", &kText},
    {"SequenceNumber", &kText},
};
constexpr Field kSendEntryFields[] = {
    {"Id", &kText},
    {"MessageBody", &kText},
    {"DelaySeconds", &kInteger},
    {"MessageAttributes", &kMessageAttributes, "MessageAttribute"},
    {"MessageSystemAttributes", &kMessageAttributes, "MessageSystemAttribute"},
    {"MessageDeduplicationId", &kText},
    {"MessageGroupId", &kText},
};
constexpr Field kSentEntryFields[] = {
    {"Id", &kText},
    {"MessageId", &kText},
    {"MD5OfMessageBody", &kText},
    {"MD5OfMessageAttributes", &kText},
    {"MD5OfMessageSystemAttributes", &kText},
    {"SequenceNumber", &kText},
};
constexpr Field kSettleEntryFields[] = {
    {"Id", &kText}, {"ReceiptHandle", &kText}, {"VisibilityTimeout", &kInteger}};
constexpr Field kIdFields[] = {{"Id", &kText}};
constexpr Field kFailedEntryFields[] = {
    {"Id", &kText}, {"Code", &kText}, {"Message", &kText}, {"SenderFault", &kText}};

constexpr Shape kSendEntry{.type = Type::kStructure, .fields = kSendEntryFields};
constexpr Shape kSendEntries{.type = Type::kList, .item = &kSendEntry};
constexpr Shape kSentEntry{.type = Type::kStructure, .fields = kSentEntryFields};
constexpr Shape kSentEntries{.type = Type::kList, .item = &kSentEntry};
constexpr Shape kSettleEntry{.type = Type::kStructure, .fields = kSettleEntryFields};
constexpr Shape kSettleEntries{.type = Type::kList, .item = &kSettleEntry};
constexpr Shape kIdEntry{.type = Type::kStructure, .fields = kIdFields};
constexpr Shape kIdEntries{.type = Type::kList, .item = &kIdEntry};
constexpr Shape kFailedEntry{.type = Type::kStructure, .fields = kFailedEntryFields};
constexpr Shape kFailedEntries{.type = Type::kList, .item = &kFailedEntry};

constexpr Field kSendBatchIn[] = {{"QueueUrl", &kText},
                                  {"Entries", &kSendEntries, "SendMessageBatchRequestEntry"}};
constexpr Field kSendBatchOut[] = {
    {"Successful", &kSentEntries, "SendMessageBatchResultEntry"},
    {"Failed", &kFailedEntries, "BatchResultErrorEntry"},
};
constexpr Field kReceiveIn[] = {
    {"QueueUrl", &kText},
    {"AttributeNames", &kTexts, "AttributeName"},
    {"MessageSystemAttributeNames", &kTexts, "MessageSystemAttributeName"},
    {"MessageAttributeNames", &kTexts, "MessageAttributeName"},
    {"MaxNumberOfMessages", &kInteger},
    {"VisibilityTimeout", &kInteger},
    {"WaitTimeSeconds", &kInteger},
    {"ReceiveRequestAttemptId", &kText},
};
constexpr Field kMessageFields[] = {
    {"MessageId", &kText},
    {"ReceiptHandle", &kText},
    {"MD5OfBody", &kText},
    {"Body", &kText},
    {"Attributes", &kTextMap, "Attribute"},
    {"MD5OfMessageAttributes", &kText},
    {"MessageAttributes", &kMessageAttributes, "MessageAttribute"},
};
constexpr Shape kMessage{.type = Type::kStructure, .fields = kMessageFields};
constexpr Shape kMessages{.type = Type::kList, .item = &kMessage};
constexpr Field kReceiveOut[] = {{"Messages", &kMessages, "Message"}};
constexpr Field kDeleteIn[] = {{"QueueUrl", &kText}, {"ReceiptHandle", &kText}};
constexpr Field kDeleteBatchIn[] = {{"QueueUrl", &kText},
                                    {"Entries", &kSettleEntries, "DeleteMessageBatchRequestEntry"}};
constexpr Field kDeleteBatchOut[] = {
    {"Successful", &kIdEntries, "DeleteMessageBatchResultEntry"},
    {"Failed", &kFailedEntries, "BatchResultErrorEntry"},
};
constexpr Field kChangeIn[] = {
    {"QueueUrl", &kText}, {"ReceiptHandle", &kText}, {"VisibilityTimeout", &kInteger}};
constexpr Field kChangeBatchIn[] = {
    {"QueueUrl", &kText}, {"Entries", &kSettleEntries, "ChangeMessageVisibilityBatchRequestEntry"}};
constexpr Field kChangeBatchOut[] = {
    {"Successful", &kIdEntries, "ChangeMessageVisibilityBatchResultEntry"},
    {"Failed", &kFailedEntries, "BatchResultErrorEntry"},
};

// ---- message move tasks

constexpr Field kStartTaskIn[] = {
    {"SourceArn", &kText}, {"DestinationArn", &kText}, {"MaxNumberOfMessagesPerSecond", &kInteger}};
constexpr Field kTaskHandle[] = {{"TaskHandle", &kText}};
constexpr Field kListTasksIn[] = {{"SourceArn", &kText}, {"MaxResults", &kInteger}};
constexpr Field kTaskFields[] = {
    {"TaskHandle", &kText},
    {"Status", &kText},
    {"SourceArn", &kText},
    {"DestinationArn", &kText},
    {"MaxNumberOfMessagesPerSecond", &kInteger},
    {"ApproximateNumberOfMessagesMoved", &kInteger},
    {"ApproximateNumberOfMessagesToMove", &kInteger},
    {"FailureReason", &kText},
    {"StartedTimestamp", &kInteger},
};
constexpr Shape kTask{.type = Type::kStructure, .fields = kTaskFields};
constexpr Shape kTasks{.type = Type::kList, .item = &kTask};
constexpr Field kListTasksOut[] = {{"Results", &kTasks, "ListMessageMoveTasksResultEntry"}};
constexpr Field kCancelTaskOut[] = {{"ApproximateNumberOfMessagesMoved", &kInteger}};

constexpr Operation kOperations[] = {
    {"SendMessage", kSendMessageIn, kSendMessageOut},
    {"ReceiveMessage", kReceiveIn, kReceiveOut},
    {"DeleteMessage", kDeleteIn, {}},
    {"SendMessageBatch", kSendBatchIn, kSendBatchOut},
    {"DeleteMessageBatch", kDeleteBatchIn, kDeleteBatchOut},
    {"ChangeMessageVisibility", kChangeIn, {}},
    {"ChangeMessageVisibilityBatch", kChangeBatchIn, kChangeBatchOut},
    {"CreateQueue", kCreateQueueIn, kQueueUrl, false},
    {"DeleteQueue", kQueueUrl, {}},
    {"PurgeQueue", kQueueUrl, {}},
    {"GetQueueUrl", kGetQueueUrlIn, kQueueUrl, false},
    {"ListQueues", kListQueuesIn, kListQueuesOut, false},
    {"GetQueueAttributes", kGetQueueAttributesIn, kGetQueueAttributesOut},
    {"SetQueueAttributes", kSetQueueAttributesIn, {}},
    {"ListDeadLetterSourceQueues", kListSourcesIn, kListSourcesOut},
    {"TagQueue", kTagQueueIn, {}},
    {"UntagQueue", kUntagQueueIn, {}},
    {"ListQueueTags", kQueueUrl, kListQueueTagsOut},
    {"AddPermission", kAddPermissionIn, {}},
    {"RemovePermission", kRemovePermissionIn, {}},
    {"StartMessageMoveTask", kStartTaskIn, kTaskHandle, false},
    {"ListMessageMoveTasks", kListTasksIn, kListTasksOut, false},
    {"CancelMessageMoveTask", kTaskHandle, kCancelTaskOut, false},
};

}  // namespace

std::span<const Operation> operations() {
  return kOperations;
}

const Operation* find_operation(std::string_view name) {
  for (const Operation& operation : kOperations) {
    if (operation.name == name) return &operation;
  }
  return nullptr;
}

}  // namespace weir::sqs
