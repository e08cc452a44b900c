// A stream in order: updates of users, keyed by user, `node produce.mjs 120`. Equal keys go to one partition, and a partition
// keeps its order.
import { Kafka, logLevel } from 'kafkajs';

const count = Number(process.argv[2] ?? 120);
const topic = 'user-updates';
const kafka = new Kafka({ clientId: 'producer', brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR });

const admin = kafka.admin();
await admin.connect();
await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] });  // more partitions later would send keys elsewhere
await admin.disconnect();

const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });  // so that a repetition cannot overtake
await producer.connect();
for (let update = 1; update <= count; update += 1) {
  await producer.send({ topic, acks: -1, messages: [{ key: `user-${update % 8}`, value: JSON.stringify({ update }) }] });
}
await producer.disconnect();
console.log(`produced ${count}`);
