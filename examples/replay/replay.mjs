// Moves a group's position, so that its next run reads again from there. The group must have no members while it is moved.
//   node replay.mjs GROUP earliest
//   node replay.mjs GROUP offset 5             every partition to offset 5
//   node replay.mjs GROUP time 2026-11-01T12:00:00Z
import { Kafka, logLevel } from 'kafkajs';

const [groupId, to, where] = process.argv.slice(2);
const topic = 'user-events';
const kafka = new Kafka({ clientId: 'replay', brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR });
const admin = kafka.admin();
await admin.connect();

if (to === 'earliest') {
  await admin.resetOffsets({ groupId, topic, earliest: true });
} else if (to === 'offset') {
  const partitions = (await admin.fetchTopicOffsets(topic)).map(({ partition }) => ({ partition, offset: where }));
  await admin.setOffsets({ groupId, topic, partitions });
} else if (to === 'time') {
  const partitions = await admin.fetchTopicOffsetsByTimestamp(topic, Date.parse(where));
  await admin.setOffsets({ groupId, topic, partitions });
} else {
  throw new Error('say earliest, offset N or time T');
}

const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] });
for (const { partition, offset } of partitions) console.log(`${groupId} is at ${partition}/${offset}`);
await admin.disconnect();
