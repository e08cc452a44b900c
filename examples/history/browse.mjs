// Reads a queue's log with a Kafka consumer: every job that was sent, done or not, oldest first. `node browse.mjs QUEUE`
// Reading takes nothing off the queue, and what was acknowledged stays readable until the queue's history ends.
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';

const [queue = 'jobs'] = process.argv.slice(2);
const kafka = new Kafka({ clientId: 'browse', brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId: `browse-${randomUUID()}` });
process.once('SIGTERM', async () => { await consumer.disconnect(); process.exit(0); });

await consumer.connect();
await consumer.subscribe({ topics: [queue], fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachMessage: async ({ message }) => console.log(`${message.offset} ${message.value}`),
});
