// Sends acknowledged jobs again: `node replay.mjs QUEUE FIRST LAST` reads those offsets of the queue's log with a Kafka
// consumer and sends each body to the queue as a new job.
import { randomUUID } from 'node:crypto';
import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { Kafka, logLevel } from 'kafkajs';

const [queue, first, last] = process.argv.slice(2);
const sqs = new SQSClient({});
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: queue }));
const kafka = new Kafka({ clientId: 'replay', brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId: `replay-${randomUUID()}` });

await consumer.connect();
await consumer.subscribe({ topics: [queue], fromBeginning: true });
await new Promise((finished, failed) => {
  consumer.run({
    autoCommit: false,
    eachMessage: async ({ message }) => {
      if (BigInt(message.offset) > BigInt(last)) return;
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: String(message.value) }));
      console.log(`sent ${message.value} again`);
      if (message.offset === last) finished();
    },
  }).catch(failed);
  consumer.seek({ topic: queue, partition: 0, offset: first });
});
await consumer.disconnect();
