// Produces user events, keyed by user: `node produce.mjs 120 [first number]`. All events of a user go to one partition.
import { Kafka, logLevel } from 'kafkajs';

const [count = '120', first = '1'] = process.argv.slice(2);
const topic = 'user-events';
const kafka = new Kafka({ clientId: 'producer', brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR });

const admin = kafka.admin();
await admin.connect();
await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] });  // says false, and changes nothing, when it is there
await admin.disconnect();

const producer = kafka.producer({ idempotent: false });
await producer.connect();
const events = Array.from({ length: Number(count) }, (_, i) => Number(first) + i)
  .map((number) => ({ key: `user-${number % 12}`, value: JSON.stringify({ number, action: 'clicked' }), headers: { source: 'web' } }));
for (let i = 0; i < events.length; i += 25) await producer.send({ topic, acks: -1, messages: events.slice(i, i + 25) });
await producer.disconnect();
console.log(`produced ${events.length}`);
