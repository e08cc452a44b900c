// Publishes orders, once, whoever listens: `node publish.mjs 30 [first number]`. Every tenth is a large one.
import { Kafka, logLevel } from 'kafkajs';

const [count = '30', first = '1'] = process.argv.slice(2);
const kafka = new Kafka({ clientId: 'shop', brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR });
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
await producer.connect();
const messages = Array.from({ length: Number(count) }, (_, i) => Number(first) + i).map((number) => ({
  key: `customer-${number % 7}`,
  value: JSON.stringify({ order: number }),
  headers: { size: number % 10 === 0 ? 'large' : 'small' },
}));
await producer.send({ topic: 'orders', acks: -1, messages });
await producer.disconnect();
console.log(`published ${messages.length}`);
