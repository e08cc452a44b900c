// Produces page views: `node produce.mjs 2000 [seconds that they cover]`. Each has the time at which it happened,
// up to the minute that is now.
import { Kafka, logLevel } from 'kafkajs';

const [count = '2000', seconds = '300'] = process.argv.slice(2);
const topic = 'page-views';
const pages = ['/', '/prices', '/docs'];
const retry = { retries: 50, maxRetryTime: 500 };
const kafka = new Kafka({ clientId: 'web', brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING, retry });

const admin = kafka.admin();
await admin.connect();
await admin.createTopics({ topics: [{ topic, numPartitions: 3 }] });
await admin.disconnect();

const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, retry });
await producer.connect();
const minute = 60_000;
const began = Math.floor(Date.now() / minute) * minute - Number(seconds) * 1000;
const views = Array.from({ length: Number(count) }, (_, i) => ({
  key: `visitor-${i % 50}`,
  value: JSON.stringify({ page: pages[i % pages.length] }),
  timestamp: String(began + Math.floor((i * Number(seconds) * 1000) / Number(count))),
}));
for (let i = 0; i < views.length; i += 20) await producer.send({ topic, acks: -1, messages: views.slice(i, i + 20) });
await producer.disconnect();
console.log(`produced ${views.length} from ${new Date(began).toISOString()}`);
