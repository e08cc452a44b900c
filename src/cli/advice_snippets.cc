#include "cli/advice_snippets.h"

#include <algorithm>
#include <iterator>

#include "base/assert.h"

namespace weir::cli {
namespace {

constexpr std::string_view kAwsSend =
    R"js(import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

const sqs = new SQSClient({});
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: '@LOG@' }));
const job = { id: crypto.randomUUID(), user: 'user-7' };
await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(job) }));
console.log(`sent ${job.id}`);
)js";

constexpr std::string_view kAwsSendInOrder =
    R"js(import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

const sqs = new SQSClient({});
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: '@LOG@' }));
const job = { id: crypto.randomUUID(), user: 'user-7' };
await sqs.send(new SendMessageCommand({
  QueueUrl,
  MessageBody: JSON.stringify(job),
  MessageGroupId: job.user,        // one after the other within the group
  MessageDeduplicationId: job.id,  // sent again within five minutes, it is still one message
}));
console.log(`sent ${job.id}`);
)js";

constexpr std::string_view kAwsWork =
    R"js(import { DeleteMessageCommand, GetQueueUrlCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

const sqs = new SQSClient({});
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: '@LOG@' }));
for (;;) {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 20 }));
  for (const { Body, ReceiptHandle } of Messages) {
    console.log(`working on ${Body}`);  // what is not deleted comes again when its lease has ended
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  }
}
)js";

constexpr std::string_view kBotoSend = R"py(import json
import uuid

import boto3

sqs = boto3.client("sqs")
queue = sqs.get_queue_url(QueueName="@LOG@")["QueueUrl"]
job = {"id": str(uuid.uuid4()), "user": "user-7"}
sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(job))
print("sent", job["id"])
)py";

constexpr std::string_view kBotoSendInOrder = R"py(import json
import uuid

import boto3

sqs = boto3.client("sqs")
queue = sqs.get_queue_url(QueueName="@LOG@")["QueueUrl"]
job = {"id": str(uuid.uuid4()), "user": "user-7"}
sqs.send_message(
    QueueUrl=queue,
    MessageBody=json.dumps(job),
    MessageGroupId=job["user"],  # one after the other within the group
    MessageDeduplicationId=job["id"],  # sent again within five minutes, it is still one message
)
print("sent", job["id"])
)py";

constexpr std::string_view kBotoWork = R"py(import boto3

sqs = boto3.client("sqs")
queue = sqs.get_queue_url(QueueName="@LOG@")["QueueUrl"]
while True:
    answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=20)
    for message in answer.get("Messages", []):
        # What is not deleted comes again when its lease has ended.
        print("working on", message["Body"], flush=True)
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
)py";

constexpr std::string_view kKafkaPublish = R"js(import { Kafka } from 'kafkajs';

const producer = new Kafka({ brokers: process.env.KAFKA_BROKERS.split(',') }).producer();
const event = { id: crypto.randomUUID(), user: 'user-7' };
await producer.connect();
await producer.send({ topic: '@LOG@', messages: [{ key: event.user, value: JSON.stringify(event) }] });
await producer.disconnect();
console.log(`sent ${event.id}`);
)js";

constexpr std::string_view kKafkaRead = R"js(import { Kafka } from 'kafkajs';

const kafka = new Kafka({ brokers: process.env.KAFKA_BROKERS.split(',') });
const consumer = kafka.consumer({ groupId: '@GROUP@' });  // members of one group share the partitions
await consumer.connect();
await consumer.subscribe({ topics: ['@LOG@'], fromBeginning: true });
await consumer.run({
  eachMessage: async ({ message }) => console.log(`@GROUP@ has read ${message.value}`),
});
)js";

constexpr std::string_view kRedisPublish = R"js(import Redis from 'ioredis';

const redis = new Redis(process.env.REDIS_URL);
const event = { id: crypto.randomUUID(), user: 'user-7' };
await redis.xadd('@LOG@', '*', 'key', event.user, 'value', JSON.stringify(event));
await redis.quit();
console.log(`sent ${event.id}`);
)js";

constexpr std::string_view kRedisRead = R"js(import Redis from 'ioredis';

const redis = new Redis(process.env.REDIS_URL);
await redis.xgroup('CREATE', '@LOG@', '@GROUP@', '0').catch((error) => {
  if (!error.message.startsWith('BUSYGROUP')) throw error;  // it is there already
});
for (;;) {
  const reply = await redis.xreadgroup('GROUP', '@GROUP@', 'reader-1', 'COUNT', 10, 'BLOCK', 5000, 'STREAMS', '@LOG@', '>');
  const [[, entries]] = Array.isArray(reply) ? reply : Object.entries(reply ?? { none: [] });
  for (const [id, fields] of entries) {
    console.log(`@GROUP@ has read ${fields[fields.indexOf('value') + 1]}`);
    await redis.xack('@LOG@', '@GROUP@', id);
  }
}
)js";

constexpr std::string_view kKcatPublish =
    R"sh(echo 'user-7:{"id":"from-kcat","user":"user-7"}' | kcat -P -b "$KAFKA_BROKERS" -t @LOG@ -K :
echo 'sent from-kcat'
)sh";

constexpr std::string_view kKcatRead =
    R"sh(kcat -b "$KAFKA_BROKERS" -G @GROUP@ -X auto.offset.reset=earliest -q -u -f '@GROUP@ has read %s\n' @LOG@
)sh";

struct Template {
  Role role;
  std::string_view client;
  std::string_view file;
  std::string_view needs;
  std::string_view code;
};

constexpr std::string_view kAwsPackage = "npm package @aws-sdk/client-sqs";
constexpr std::string_view kBotoPackage = "Python package boto3";
constexpr std::string_view kKafkaPackage = "npm package kafkajs";
constexpr std::string_view kRedisPackage = "npm package ioredis";
constexpr std::string_view kKcatPackage = "Debian package kcat";

// The first row of a role is what it falls back to. A Redis group hands an entry to whichever
// member asks first, so it keeps no order between members: not among those that read in order.
constexpr Template kTemplates[] = {
    {Role::kSend, "aws-js", "send.mjs", kAwsPackage, kAwsSend},
    {Role::kSend, "boto3", "send.py", kBotoPackage, kBotoSend},
    {Role::kSend, "kafkajs", "send.mjs", kKafkaPackage, kKafkaPublish},
    {Role::kSend, "ioredis", "send.mjs", kRedisPackage, kRedisPublish},
    {Role::kSend, "kcat", "send.sh", kKcatPackage, kKcatPublish},
    {Role::kSendInOrder, "aws-js", "send.mjs", kAwsPackage, kAwsSendInOrder},
    {Role::kSendInOrder, "boto3", "send.py", kBotoPackage, kBotoSendInOrder},
    {Role::kWork, "aws-js", "worker.mjs", kAwsPackage, kAwsWork},
    {Role::kWork, "boto3", "worker.py", kBotoPackage, kBotoWork},
    {Role::kPublish, "kafkajs", "publish.mjs", kKafkaPackage, kKafkaPublish},
    {Role::kPublish, "ioredis", "publish.mjs", kRedisPackage, kRedisPublish},
    {Role::kPublish, "kcat", "publish.sh", kKcatPackage, kKcatPublish},
    {Role::kRead, "kafkajs", "reader.mjs", kKafkaPackage, kKafkaRead},
    {Role::kRead, "ioredis", "reader.mjs", kRedisPackage, kRedisRead},
    {Role::kRead, "kcat", "reader.sh", kKcatPackage, kKcatRead},
    {Role::kReadInOrder, "kafkajs", "reader.mjs", kKafkaPackage, kKafkaRead},
    {Role::kReadInOrder, "kcat", "reader.sh", kKcatPackage, kKcatRead},
};

const Template* find(Role role, std::string_view client) {
  const auto* const found = std::ranges::find_if(
      kTemplates, [&](const Template& one) { return one.role == role && one.client == client; });
  return found == std::end(kTemplates) ? nullptr : found;
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), with);
    at += with.size();
  }
}

}  // namespace

bool can_do(Role role, std::string_view client) {
  return find(role, client) != nullptr;
}

Snippet snippet_for(Role role, std::string_view client, const SnippetNames& names) {
  const Template* chosen = find(role, client);
  if (chosen == nullptr) {
    chosen =
        std::ranges::find_if(kTemplates, [&](const Template& one) { return one.role == role; });
  }
  WEIR_ASSERT(chosen != std::end(kTemplates));
  Snippet snippet{std::string(chosen->file), std::string(chosen->client),
                  std::string(chosen->needs), std::string(chosen->code)};
  replace_all(snippet.code, "@LOG@", names.log);
  replace_all(snippet.code, "@GROUP@", names.group);
  return snippet;
}

}  // namespace weir::cli
