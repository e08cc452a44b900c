// A kafkajs client for the broker under test, and the little things that all tests need.
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { waitFor } from '../support/programs.mjs';

export const brokers = (process.env.KAFKA_BROKERS ?? '').split(',');

export const kafka = (clientId = 'weir-tests') => new Kafka({
  clientId,
  brokers,
  logLevel: logLevel.NOTHING,
  retry: { retries: 8, initialRetryTime: 50, maxRetryTime: 500 },
});

export const unique = (name) => `${name}-${randomUUID().slice(0, 8)}`;

export async function withAdmin(use) {
  const admin = kafka().admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

export async function makeTopic(name, numPartitions = 1, configEntries = []) {
  const topic = unique(name);
  await withAdmin((admin) => admin.createTopics({ topics: [{ topic, numPartitions, configEntries }] }));
  return topic;
}

export async function produce(topic, messages, options = {}) {
  const producer = kafka().producer(options);
  await producer.connect();
  try {
    return await producer.send({ topic, acks: -1, messages });
  } finally {
    await producer.disconnect();
  }
}

// A consumer that collects what it gets; `seen` grows while it runs.
export async function consume(topic, { groupId = unique('group'), run = {}, ...options } = {}) {
  const consumer = kafka().consumer({ groupId, heartbeatInterval: 500, maxWaitTimeInMs: 500, ...options });
  const seen = [];
  const assignments = [];
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => assignments.push(payload.memberAssignment[topic] ?? []));
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      seen.push({ partition, offset: Number(message.offset), key: message.key && String(message.key), value: message.value && String(message.value), headers: message.headers, timestamp: message.timestamp });
    },
    ...run,
  });
  return {
    consumer,
    groupId,
    seen,
    assignments,
    values: () => seen.map(({ value }) => value),
    until: (count, what = `${count} messages`) => waitFor(() => seen.length >= count, 30_000, () => `${what} (${seen.length} so far)`),
    stop: () => consumer.disconnect(),
  };
}
