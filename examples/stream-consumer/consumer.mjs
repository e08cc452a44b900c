// A member of a consumer group: `node consumer.mjs [GROUP]`, group analytics-v2 when none is given.
//
// The group's members share the partitions; each partition has one reader, so the events of one key arrive in order.
// Offsets are committed automatically, or with COMMIT=manual after each event that is done. A member that starts again
// continues where its group had committed; a group of another name reads everything on its own.
import { Kafka, logLevel } from 'kafkajs';

const groupId = process.argv[2] ?? 'analytics-v2';
const topic = 'user-events';
const manual = process.env.COMMIT === 'manual';
const kafka = new Kafka({ clientId: groupId, brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId, heartbeatInterval: 1000 });

consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
  console.log(`assigned ${(payload.memberAssignment[topic] ?? []).sort().join(',') || 'nothing'}`);
});
process.once('SIGTERM', async () => {
  await consumer.disconnect();  // commits what is done and leaves the group, so that the others take over at once
  process.exit(0);
});

await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run({
  autoCommit: !manual,
  autoCommitInterval: 1000,
  eachMessage: async ({ partition, message }) => {
    const { number } = JSON.parse(message.value);
    console.log(`event ${number} of ${message.key} at ${partition}/${message.offset}`);
    if (manual) await consumer.commitOffsets([{ topic, partition, offset: String(BigInt(message.offset) + 1n) }]);
  },
});
