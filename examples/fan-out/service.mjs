// A service that reads the topic itself: `node service.mjs GROUP`. Each group has a place of its own in the topic and sees
// every order; members of one group share the partitions. A group that comes later begins at the start, if it wants to.
import { Kafka, logLevel } from 'kafkajs';

const groupId = process.argv[2] ?? 'billing';
const kafka = new Kafka({ clientId: groupId, brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId });
process.once('SIGTERM', async () => { await consumer.disconnect(); process.exit(0); });

await consumer.connect();
await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
await consumer.run({ eachMessage: async ({ message }) => console.log(`${groupId} saw order ${JSON.parse(message.value).order}`) });
