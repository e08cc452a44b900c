// Load on a topic: producers with acks=all, a group member that commits by hand, and one who looks at the group's position.
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from '../../clients/support/sdk.mjs';
import { within } from '../context.mjs';

const partitions = 3;
const auditMs = 60_000;
// A request that the broker answered with an error of the kind that says "not done".
const refusals = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'CORRUPT_MESSAGE', 'INVALID_RECORD', 'MESSAGE_TOO_LARGE', 'UNSUPPORTED_VERSION', 'INVALID_REQUEST']);
const classify = (error) => (refusals.has(error.type ?? error.cause?.type) ? 'refused' : 'unknown');

export async function load(context) {
  const topic = `${context.prefix}-log`;
  const group = `${context.prefix}-readers`;
  const kafka = (retries) => new Kafka({ clientId: 'crash', brokers: [context.broker.addresses.kafka], logLevel: logLevel.NOTHING, connectionTimeout: 2000, requestTimeout: 10_000, retry: { retries, initialRetryTime: 30, maxRetryTime: 300 } });
  const admin = kafka(50).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }] });
  await admin.disconnect();
  const logOf = (partition) => `${topic}/${partition}`;
  const closers = [];

  let numbers = 0;
  async function produce(name, random) {
    let producer;
    context.loop(async () => {
      try {
        if (!producer) {
          producer = kafka(0).producer({ allowAutoTopicCreation: false, retry: { retries: 0 } });
          await producer.connect();
        }
      } catch {
        producer = undefined;
        await sleep(20);
        return;
      }
      const partition = random.below(partitions);
      const ids = Array.from({ length: random.between(1, 20) }, () => `${name}-${(numbers += 1)}`);
      const op = context.history.begin('log.append', { log: logOf(partition), producer: `${name}/${partition}`, ids });
      const messages = ids.map((id) => ({ partition, key: id, value: JSON.stringify({ id, padding: 'y'.repeat(random.below(400)) }) }));
      const sent = await context.attempt(op, () => producer.send({ topic, acks: -1, messages }), { classify, result: ([{ baseOffset }]) => ({ offset: Number(baseOffset) }) });
      if (sent) return;
      await producer.disconnect().catch(() => {});
      producer = undefined;
    });
    closers.push(() => producer?.disconnect());
  }

  async function consume() {
    const consumer = kafka(1000).consumer({ groupId: group, sessionTimeout: 6000, heartbeatInterval: 500, maxWaitTimeInMs: 200, retry: { retries: 1000, initialRetryTime: 30, maxRetryTime: 300 } });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, heartbeat }) => {
        const records = batch.messages.map(({ offset, value }) => ({ offset: Number(offset), id: JSON.parse(value).id }));
        context.history.begin('log.read', { log: logOf(batch.partition) }).ok({ records });
        const offset = records.at(-1).offset + 1;
        const op = context.history.begin('group.commit', { group, log: logOf(batch.partition), offset });
        await context.attempt(op, () => consumer.commitOffsets([{ topic, partition: batch.partition, offset: String(offset) }]), { classify, result: () => ({}) });
        await heartbeat();
      },
    });
    closers.push(() => consumer.disconnect());
  }

  async function watch() {
    let looker;
    context.loop(async () => {
      await sleep(150);
      if (!context.up) return;
      const ops = Array.from({ length: partitions }, (_, partition) => context.history.begin('group.fetch', { group, log: logOf(partition) }));
      try {
        if (!looker) {
          looker = kafka(0).admin();
          await looker.connect();
        }
        const [{ partitions: found }] = await looker.fetchOffsets({ groupId: group, topics: [topic] });
        for (const { partition, offset } of found) ops[partition].ok({ offset: Number(offset) });
      } catch (error) {
        for (const op of ops) op.unknown(error);
        await looker?.disconnect().catch(() => {});
        looker = undefined;
      }
    });
    closers.push(() => looker?.disconnect());
  }

  await produce('p0', context.random.fork());
  await produce('p1', context.random.fork());
  await consume();
  await watch();

  async function readWhole() {
    const client = kafka(50);
    const offsets = client.admin();
    await offsets.connect();
    const ends = new Map((await offsets.fetchTopicOffsets(topic)).map(({ partition, low, high }) => [partition, { low: Number(low), high: Number(high) }]));
    await offsets.disconnect();
    const found = new Map([...ends.keys()].map((partition) => [partition, []]));
    const consumer = client.consumer({ groupId: `${group}-audit`, maxWaitTimeInMs: 100 });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const { offset, value } of batch.messages) found.get(batch.partition).push({ offset: Number(offset), id: JSON.parse(value).id });
      },
    });
    const last = (partition) => found.get(partition).at(-1)?.offset ?? ends.get(partition).low - 1;
    try {
      await within(auditMs, `all of ${topic}`, () => [...ends].every(([partition, { high }]) => last(partition) >= high - 1));
    } finally {
      await consumer.disconnect();
    }
    for (const [partition, { low, high }] of ends)
      context.history.begin('log.whole', { log: logOf(partition), low, high }).ok({ records: found.get(partition).filter(({ offset }) => offset < high) });
  }

  return {
    async audit() {
      await Promise.all(closers.map((close) => Promise.resolve(close()).catch(() => {})));
      await readWhole();
    },
    judgement: {},
  };
}
