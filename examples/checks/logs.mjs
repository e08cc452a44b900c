// Reads whole logs through a Kafka client, for checks that count what is really stored.
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { waitFor } from '../../tests/clients/support/programs.mjs';

const client = () => new Kafka({ clientId: 'check', brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING, retry: { retries: 20, maxRetryTime: 500 } });

async function offsets(topic) {
  const admin = client().admin();
  await admin.connect();
  try {
    return await admin.fetchTopicOffsets(topic);
  } finally {
    await admin.disconnect();
  }
}

export async function topicSizes(topic) {
  return (await offsets(topic)).reduce((sum, { low, high }) => sum + Number(high) - Number(low), 0);
}

// Every record of the topic as it stands now: [{ partition, offset, key, value, headers }].
export async function readTopic(topic) {
  const ends = new Map((await offsets(topic)).filter(({ low, high }) => low !== high).map(({ partition, high }) => [partition, BigInt(high)]));
  const consumer = client().consumer({ groupId: `check-${randomUUID()}` });
  const records = [];
  const waiting = new Set(ends.keys());
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      if (BigInt(message.offset) >= (ends.get(partition) ?? 0n)) return;
      records.push({ partition, offset: message.offset, key: message.key && String(message.key), value: String(message.value), headers: message.headers });
      if (BigInt(message.offset) === ends.get(partition) - 1n) waiting.delete(partition);
    },
  });
  try {
    await waitFor(() => waiting.size === 0, 40_000, () => `all of ${topic} (${records.length} records so far)`);
  } finally {
    await consumer.disconnect();
  }
  return records;
}
