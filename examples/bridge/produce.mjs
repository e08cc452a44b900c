// Produces payments: `node produce.mjs 200`. A producer of this kind repeats what it has no answer to, so each payment has an
// id, and the idempotent producer lets the broker recognise a repetition.
import { Kafka, logLevel } from 'kafkajs';

const count = Number(process.argv[2] ?? 200);
const kafka = new Kafka({ brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING, retry: { retries: 50, maxRetryTime: 500 } });
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, retry: { retries: 50, maxRetryTime: 500 } });
await producer.connect();
for (let i = 0; i < count; i += 10) {
  const messages = Array.from({ length: Math.min(10, count - i) }, (_, k) => ({ key: `account-${(i + k) % 7}`, value: JSON.stringify({ payment: i + k + 1 }) }));
  await producer.send({ topic: 'payments', acks: -1, messages });
  console.log(`produced ${i + messages.length}`);
}
await producer.disconnect();
